"""host-modules-not-copied: node_modules and .venv of the developer's machine do not get into the image."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds, launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong
from seatrial.model.documents import Documents, Instruction, Unit
from seatrial.model.finding import Confidence, Severity

NAME = "host-modules-not-copied"
_KINDS = (
    ("node_modules", "package.json", frozenset({"npm", "yarn", "pnpm", "bun"})),
    (".venv", "pyproject.toml", frozenset({"uv", "poetry", "pip", "pip3"})),
)


def _look(unit: Unit, documents: Documents) -> Iterator[Wrong]:
    dockerfile = unit.dockerfile
    if dockerfile is None or launch.is_for_development(unit):
        return
    there = builds.lockfiles(unit, documents.lockfiles, documents.directory)
    copy = _whole_copy(unit)
    if copy is None or dockerfile.context.ignores("package.json"):
        return
    for directory, manifest, managers in _KINDS:
        if dockerfile.context.ignores(directory + "/x") or manifest not in there:
            continue
        is_there = directory + "/" in dockerfile.context.list_entries()
        if not is_there and (directory != "node_modules" or not _installs(unit, managers)):
            continue  # who has no such directory loses nothing, and .venv is one name of many
        if directory == "node_modules" and _are_taken_out(unit, copy):
            continue
        verb = "is" if is_there else "of a developer's machine would be"
        message = f"{directory} {verb} copied over what is installed in the image: built for another platform"
        ignore = dockerfile.context.ignore_file.rpartition("/")[2] or ".dockerignore"
        confidence = Confidence.HIGH if is_there else Confidence.MEDIUM
        yield Wrong(message, copy.place, f"add a line `{directory}` to {ignore}", confidence=confidence)
        return


def _are_taken_out(unit: Unit, copy: Instruction) -> bool:
    """Whether `npm ci` comes behind the copy in the same stage: it begins by removing node_modules."""
    stages = unit.dockerfile.stages if unit.dockerfile else ()
    stage = next((stage for stage in stages if copy in stage.instructions), None)
    behind = stage.instructions[stage.instructions.index(copy) + 1 :] if stage else ()
    calls = (command.words for each in behind for command in builds.run_commands(each))
    return any(words[0].rpartition("/")[2] == "npm" and words[1:2] in (("ci",), ("clean-install",)) for words in calls)


def _whole_copy(unit: Unit) -> Instruction | None:
    stages = unit.dockerfile.stages if unit.dockerfile else ()
    every = (each for stage in stages for each in stage.instructions)
    return next((each for each in every if builds.takes_whole_context(each)), None)


def _installs(unit: Unit, managers: frozenset[str]) -> bool:
    """Whether a package manager is run in any stage: without one, the copied modules are the ones that are meant."""
    stages = unit.dockerfile.stages if unit.dockerfile else ()
    every = (each for stage in stages for each in stage.instructions)
    return any(command.program in managers for each in every for command in builds.run_commands(each))


_FILES = {"Dockerfile": 'FROM node:22-slim\nRUN npm ci\nCOPY . .\nCMD ["node", "a.js"]\n', "package.json": "{}"}
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The .dockerignore leaves out node_modules and .venv, so that COPY takes none from the host.",
    why="Modules of the host are built for its platform and libc, hold devDependencies, and hide what was installed in "
    "the image: it works in CI, where there are none, and breaks when it is built on a laptop. A virtual environment "
    "holds absolute paths of the host. Sending them to the builder also takes most of the time of a build.",
    example="COPY . .\n",
    instead="# .dockerignore\nnode_modules\n.venv\n",
    check=builds.per_project(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="A line is added to the .dockerignore.",
    sources=("https://docs.docker.com/build/concepts/context/#dockerignore-files",),
    consequence_of=("dockerignore-covers",),
    bad=(
        Bad(_FILES, "Dockerfile:3:1", "would be copied"),
        Bad({**_FILES, "node_modules/a/index.js": ""}, "Dockerfile:3:1", "node_modules is copied"),
        Bad({**_FILES, "node_modules/a.js": "", ".dockerignore": "*.md\n"}, "Dockerfile:3:1", "is copied"),
        Bad(
            {"Dockerfile": "FROM python:3\nCOPY . .\n", "pyproject.toml": "", ".venv/bin/python": ""},
            "Dockerfile:2:1",
            ".venv",
        ),
    ),
    good=(
        Good({**_FILES, "node_modules/a.js": "", ".dockerignore": "node_modules\n"}),
        Good({**_FILES, "node_modules/a.js": "", ".dockerignore": "**/node_modules/**\n"}),
        Good({**_FILES, ".dockerignore": "*\n!src\n"}, "only what is named gets in"),
        Good({"Dockerfile": "FROM node:22\nCOPY src src\n", "package.json": "{}", "src/a.js": ""}, "not the whole"),
        Good({"Dockerfile": "FROM node:22\nCOPY . .\n", "a.js": ""}, "no package.json"),
        Good({"Dockerfile": "FROM node:22\nCOPY . .\nRUN npm ci\n", "package.json": "{}"}, "npm ci removes them"),
    ),
)
