"""Fix for lockfile-copied: manifest and lock file are copied, then comes the install, then all the rest."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds
from seatrial.check.fixes.dockerfile_edits import Change, inside, instruction_over, preceding
from seatrial.check.fixes.ignore_lines import adding_lines
from seatrial.check.fixes.interface import made, spanned, unit_of
from seatrial.check.fixes.yaml_edits import together
from seatrial.check.interface import Context
from seatrial.model.documents import Instruction, Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

_STEPS = frozenset({"ENV", "ARG", "LABEL", "EXPOSE"})
"""What may stand between the COPY and the install without looking at what was copied."""
_NOTE = "copy manifest and lock file before the sources"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """The COPY takes the named files alone, and comes again behind the install: unsafe, for what is run by the install
    may look at more of the sources."""
    unit = unit_of(context, finding)
    copy = instruction_over(unit, finding.place) if unit else None
    install = instruction_over(unit, finding.related[0].place) if unit and finding.related else None
    if unit is None or copy is None or install is None:
        return
    follower, files = _follower(unit, copy, install), _files(context, unit, finding)
    whole = spanned(context, copy.place).rstrip()
    change = _taking(copy, whole, files)
    if follower is not None and files and change is not None and _names(install, files):
        if files[0] == "package.json" and unit.dockerfile and not unit.dockerfile.context.ignores("node_modules/x"):
            # What comes behind the install from now on must not bring modules of another platform with it.
            yield from made(adding_lines(context, unit, finding, ["node_modules"], is_safe=False))
        first = inside(context, finding, copy, [change], _NOTE, is_safe=False)
        yield from made(together(first, preceding(context, finding, follower, [whole], _NOTE, is_safe=False)))


def _follower(unit: Unit, copy: Instruction, install: Instruction) -> Instruction | None:
    """The instruction behind the install, where nothing between the two looks at the sources."""
    for stage in unit.dockerfile.stages if unit.dockerfile else ():
        found = stage.instructions
        if copy in found and install in found:
            first, last = found.index(copy), found.index(install)
            is_quiet = all(each.keyword in _STEPS for each in found[first + 1 : last])
            return found[last + 1] if is_quiet and last + 1 < len(found) else None
    return None


def _names(install: Instruction, files: tuple[str, ...]) -> bool:
    """Whether the RUN is that one command, and takes what it needs from these files."""
    commands = list(builds.run_commands(install))
    if len(commands) != 1 or install.heredocs:
        return False
    is_pip = files == ("requirements.txt",)
    words = commands[0].words
    return not is_pip or [word.rpartition("/")[2] for word in words if word.endswith(".txt")] == ["requirements.txt"]


def _taking(copy: Instruction, whole: str, files: tuple[str, ...]) -> Change | None:
    """The change of `COPY . TARGET` that makes it take these files."""
    if copy.json or copy.heredocs or len(copy.words) != 2 or "\n" in whole or copy.flags.keys() - {"chown", "link"}:
        return None
    source, target = (word.value for word in copy.words)
    written = whole.rpartition(f"{source} {target}")
    if not written[1] or written[2] or "$" in target:
        return None
    start = len(written[0])
    return Change(start, len(whole), " ".join((*files, target.rstrip("/") + "/")))


def _files(context: Context, unit: Unit, finding: Finding) -> tuple[str, ...]:
    """The manifest and the lock file, where both lie in the build context and get into the build."""
    if unit.dockerfile is None:
        return ()
    there = builds.lockfiles(unit, context.documents.lockfiles, context.documents.directory)
    named = tuple(finding.remedy.removeprefix("COPY ").partition(" ./")[0].split())
    is_there = all(name in there and not unit.dockerfile.context.ignores(name) for name in named)
    return named if is_there else ()
