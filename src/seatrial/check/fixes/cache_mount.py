"""Fix for cache-mount: the option that keeps no cache, or the cleaning at the end of the same RUN."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds
from seatrial.check.fixes.dockerfile_edits import Change, inside
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.run_lines import at_the_end, behind_word, command_at, run_over
from seatrial.check.fixes.yaml_edits import together
from seatrial.check.interface import Context
from seatrial.model.documents import Dockerfile, Instruction, ShellCommand, Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern
from seatrial.model.remembered import remembered

_OPTION = {"apk": ("add", " --no-cache"), "pip": ("install", " --no-cache-dir"), "pip3": ("install", " --no-cache-dir")}
_CLEANING = {
    "apt": "rm -rf /var/lib/apt/lists/*",
    "apt-get": "rm -rf /var/lib/apt/lists/*",
    "dnf": "dnf clean all",
    "yum": "yum clean all",
    "microdnf": "microdnf clean all",
    "npm": "npm cache clean --force",
    "yarn": "yarn cache clean",
}
_APT_INSTALL = pattern(r"\bapt(?:-get)?\s+(?:-\S+\s+)*(?:install|build-dep|upgrade|dist-upgrade|full-upgrade)\b")
_APT_UPDATE = pattern(r"\bapt(?:-get)?\s+(?:-\S+\s+)*update\b")
_MAY_INSTALL = pattern(r"\.sh\b|\bmake\b|playwright|--with-deps|\|\s*(?:bash|sh)\b")


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add it wherever the finding points to: safe, for nothing reads the cache in what is built from it."""
    unit = unit_of(context, finding)
    if unit is None:
        return
    places = [finding.place, *(each.place for each in finding.related if each.place)]
    instructions: dict[int, Instruction] = {}
    changes: dict[int, dict[Change, None]] = {}
    for place in places:
        run = run_over(unit, place)
        command = command_at(run, place) if run else None
        change = _change(context, unit, run, command) if run and command else None
        if run is None or change is None:
            return
        instructions[run.place.line] = run
        changes.setdefault(run.place.line, {})[change] = None
    note = "leave no cache in the layer"
    edits = [
        inside(context, finding, instructions[line], list(found), note, is_safe=True) for line, found in changes.items()
    ]
    yield from made(together(*edits))


def _change(context: Context, unit: Unit, run: Instruction, command: ShellCommand) -> Change | None:
    words = command.words
    while words and (words[0] in ("sudo", "env", "time", "nice") or "=" in words[0] or words[0].startswith("-")):
        words = words[1:]
    program = words[0].rpartition("/")[2] if words else ""
    if program.startswith("python"):
        program = "pip"
    if program in _OPTION:
        word, option = _OPTION[program]
        return behind_word(context, run, command, word, option)
    if program in ("apt", "apt-get") and _is_needed_later(unit, run):
        return None
    cleaning = _CLEANING.get(program)
    if cleaning and command.words[0] == "sudo":
        cleaning = "sudo " + cleaning
    return at_the_end(context, run, cleaning) if cleaning else None


def _is_needed_later(unit: Unit, run: Instruction) -> bool:
    """Whether a RUN after this one installs by the lists that this one fetched."""
    return unit.dockerfile is not None and any(each is run for each in _before_the_last_use(unit.dockerfile))


@remembered
def _before_the_last_use(dockerfile: Dockerfile) -> tuple[Instruction, ...]:
    """All RUN that stand before the last one that installs by lists which another one fetched."""
    runs = [each for stage in dockerfile.stages for each in stage.instructions if each.keyword == "RUN"]
    while runs and not _takes_lists(builds.script(runs[-1])):
        runs.pop()
    return tuple(runs[:-1])


def _takes_lists(text: str) -> bool:
    asks, fetches = _APT_INSTALL.search(text), _APT_UPDATE.search(text)
    if asks and not (fetches and fetches.start() < asks.start()):
        return True
    return not fetches and bool(_MAY_INSTALL.search(text))
