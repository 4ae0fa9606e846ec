"""cache-mount: package caches stay out of the layers: by a mount, or cleaned in the same RUN."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Instruction, ShellCommand, Unit
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced
from seatrial.model.remembered import remembered

NAME = "cache-mount"
_CLEANS = {
    "apt": pattern(r"/var/lib/apt|apt(?:-get)?\s+(?:-\S+\s+)*dist-?clean|/var/cache/\*|/var/lib/\{|/var/lib/cache"),
    "apk": pattern(r"/var/cache|--no-cache|/etc/apk/cache"),
    "dnf": pattern(r"clean\s+(?:all|packages|metadata)|/var/cache"),
    "pip": pattern(r"--no-cache-dir|/\.cache|PIP_NO_CACHE_DIR|cache\s+purge|\.cache/pip|/root/\.cache"),
    "npm": pattern(r"npm\s+cache\s+clean|\.npm\b|_cacache|/tmp/\*|npm_config_cache|--cache[ =]"),
    "yarn": pattern(r"yarn\s+cache\s+clean|/yarn-cache|YARN_CACHE|--cache-folder|\.cache/yarn"),
}
_REMEDY = {
    "apt": "end the RUN with && rm -rf /var/lib/apt/lists/*, or --mount=type=cache,target=/var/lib/apt,sharing=locked",
    "apk": "apk add --no-cache",
    "dnf": "end the RUN with && dnf clean all",
    "pip": "RUN --mount=type=cache,target=/root/.cache/pip pip install …, or pip install --no-cache-dir",
    "npm": "RUN --mount=type=cache,target=/root/.npm npm ci …, or end the RUN with && npm cache clean --force",
    "yarn": "RUN --mount=type=cache,target=/usr/local/share/.cache yarn …, or end the RUN with && yarn cache clean",
}
_LEFT = {
    "apt": "the package lists of apt",
    "apk": "the package index of apk",
    "dnf": "the caches of dnf",
    "pip": "the cache of pip",
    "npm": "the cache of npm",
    "yarn": "the cache of yarn",
}

_PROGRAMS = frozenset({"apt-get", "apt", "apk", "dnf", "yum", "microdnf", "pip", "pip3", "npm", "yarn"})
"""Those that `_kind` knows, besides Python."""
_PROGRAMS_OF = {
    "apt": ("apt",),
    "apk": ("apk",),
    "dnf": ("dnf", "yum"),
    "pip": ("pip",),
    "npm": ("npm",),
    "yarn": ("yarn",),
}


def _look(unit: Unit) -> Iterator[Wrong]:
    if not builds.is_service(unit):
        return
    found: dict[str, list[Sourced[str]]] = {}
    for instruction in builds.instructions(unit):
        kinds = _unclean(instruction, unit) if instruction.keyword == "RUN" else ()
        for command in builds.run_commands(instruction) if kinds else ():
            kind = _kind(command)
            if kind in kinds and not _squashes(unit):
                places = found.setdefault(kind, [])
                if not places or places[-1].place != command.place:
                    places.append(Sourced(kind, command.place))
    for kind, places in found.items():
        more = f" (in {len(places)} places)" if places[1:] else ""
        yield Wrong(
            f"{_LEFT[kind]} stays in the layer{more}".replace("lists of apt stays", "lists of apt stay").replace(
                "caches of dnf stays", "caches of dnf stay"
            ),
            places[0].place,
            _REMEDY[kind],
            related=tuple(places[1:]),
        )


def _kind(command: ShellCommand) -> str:
    words, program = command.words, command.program
    if program not in _PROGRAMS and not program.startswith("python"):
        return ""
    verbs = set(words[1:])
    if program in ("apt-get", "apt") and "update" in verbs:
        return "apt"
    if program == "apk" and "add" in verbs:
        return "apk"
    if program in ("dnf", "yum", "microdnf") and "install" in verbs:
        return "dnf"
    if program.startswith("python") and words[1:3] == ("-m", "pip"):
        program = "pip"
    if program in ("pip", "pip3") and "install" in verbs:
        return "pip"
    if program == "npm" and verbs & {"install", "i", "ci"}:
        return "npm"
    return "yarn" if program == "yarn" and words[1:2] in ((), ("install",), ("add",)) else ""


def _unclean(instruction: Instruction, unit: Unit) -> tuple[str, ...]:
    """The kinds whose caches RUN may fill, and surely leaves."""
    return tuple(
        kind
        for kind, programs in _PROGRAMS_OF.items()
        if builds.may_run(instruction, programs) and not _is_clean(kind, instruction, unit)
    )


def _is_clean(kind: str, instruction: Instruction, unit: Unit) -> bool:
    if builds.has_mount(instruction, "cache") or builds.has_mount(instruction, "tmpfs"):
        return True
    if _CLEANS[kind].search(builds.script(instruction)):
        return True
    variables = builds.variables(unit)
    if kind == "pip" and ("PIP_NO_CACHE_DIR" in variables or "PIP_CACHE_DIR" in variables):
        return True
    if kind == "npm" and any(name.lower() == "npm_config_cache" for name in variables):
        return True
    base = builds.final_base(unit)
    # an image from elsewhere may say in its environment where the caches are, or that there are none
    return kind in ("pip", "npm", "yarn") and (base is None or not base.reference.is_official)


@remembered
def _squashes(unit: Unit) -> bool:
    """Whether the Dockerfile makes its image from a directory, so that layers don't matter."""
    return any("--installroot" in text or "docker-squash" in text for text in builds.run_texts(unit))


_END = 'CMD ["a"]\n'
_APT = "FROM debian:12\nRUN apt-get update && apt-get install -y tini"
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="The caches of package managers are mounted into RUN, or removed in the RUN that fills them.",
    why="What a RUN leaves behind stays in its layer for ever, also where a later RUN removes it: package lists and "
    "downloads of tens to hundreds of MB that nothing ever reads. A cache mount keeps them on the builder, out of the "
    "image, and makes the next build faster at the same time.",
    example="RUN pip install -r requirements.txt\n",
    instead="RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt\n",
    check=per_service(NAME, Severity.INFO, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="A flag or the cleaning is added to the same RUN.",
    sources=("https://docs.docker.com/build/cache/optimize/#use-cache-mounts",),
    bad=(
        Bad({"Dockerfile": _APT + "\n" + _END}, "Dockerfile:2:5", "lists of apt"),
        Bad({"Dockerfile": "FROM alpine:3.22\nRUN apk add tini\n" + _END}, "Dockerfile:2:5", "apk"),
        Bad(
            {"Dockerfile": "FROM python:3\nRUN pip install a\nRUN pip install b\n" + _END}, "Dockerfile:2:5", "2 places"
        ),
        Bad({"Dockerfile": "FROM node:22\nRUN npm ci --omit=dev\n" + _END}, "Dockerfile:2:5", "npm"),
    ),
    good=(
        Good({"Dockerfile": _APT + " && rm -rf /var/lib/apt/lists/*\n" + _END}),
        Good({"Dockerfile": "FROM alpine:3.22\nRUN apk add --no-cache tini\n" + _END}),
        Good({"Dockerfile": "FROM python:3\nENV PIP_NO_CACHE_DIR=1\nRUN pip install a\n" + _END}),
        Good({"Dockerfile": "FROM node:22\nRUN --mount=type=cache,target=/root/.npm npm ci\n" + _END}),
        Good({"Dockerfile": "FROM node:22 AS b\nRUN npm ci\nFROM node:22\n" + _END}, "an earlier stage is left behind"),
    ),
)
