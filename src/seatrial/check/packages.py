"""Calls of package managers in RUN lines: who installs a project's dependencies, and how. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seatrial.check import builds
from seatrial.model.documents import Instruction, ShellCommand, Unit
from seatrial.model.remembered import remembered
from seatrial.model.values import dataclass

_NODE = {"npm": frozenset({"install", "i", "ci", "clean-install"}), "pnpm": frozenset({"install", "i"})}
_PROGRAMS = frozenset({*_NODE, "yarn", "bun", "uv", "poetry", "pdm", "pipenv", "composer", "bundle", "corepack"})
"""Those that `_install` knows, besides Python's and pip's of all versions."""
_NAMED = ("npm", "yarn", "bun", "uv", "poetry", "pdm", "pip", "composer", "corepack", "python")
"""What is in the names of all of them."""
_GLOBAL = frozenset({"-g", "--global", "--location=global", "global"})
_TAKE_A_VALUE = frozenset(
    {"-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links"}
    | {"-t", "--target", "--prefix", "--root", "--trusted-host", "--timeout", "--retries", "--cwd", "--filter", "-F"}
    | {"--registry", "--cache", "--loglevel", "--omit", "--only", "--include", "-C", "--dir", "--fetch-timeout", "-d"}
    | {"--mutex", "--network-timeout", "--cache-folder", "--group", "--extra", "--with", "--without", "--project", "-p"}
    | {"--python", "--directory", "--jobs", "-j", "--workers", "--working-dir", "--maxsockets", "-w", "--workspace"}
)


@dataclass(frozen=True, slots=True)
class Install:
    """A command that installs what the project's own manifest or requirements file names. `words` are all of it."""

    manager: str
    verb: str
    words: tuple[str, ...]
    instruction: Instruction
    command: ShellCommand

    def has(self, *flags: str) -> bool:
        """Whether one of these stands there, also as `flag=value`."""
        return any(word in flags or word.partition("=")[0] in flags for word in self.words)

    def text(self) -> str:
        """The first words, for messages."""
        return " ".join(self.words[:3])


def installs(instructions: Iterable[Instruction]) -> Iterator[Install]:
    """Those of these instructions, in order."""
    for instruction in instructions:
        if instruction.keyword == "RUN":
            yield from _installs(instruction)


@remembered
def _installs(instruction: Instruction) -> tuple[Install, ...]:
    if not builds.may_run(instruction, _NAMED):
        return ()
    found = (_install(instruction, command) for command in builds.run_commands(instruction))
    return tuple(each for each in found if each is not None)


@remembered
def of_image(unit: Unit) -> tuple[Install, ...]:
    """Those that fill the service's image."""
    return tuple(installs(builds.instructions(unit)))


def _install(instruction: Instruction, command: ShellCommand) -> Install | None:
    words, program = command.words, command.program
    if program not in _PROGRAMS and not program.startswith(("python", "pip")):
        return None
    if program.startswith("python") and words[1:2] == ("-m",):
        words = words[2:]
        program = words[0] if words else ""
    if program == "corepack" and words[1:2]:
        words = words[1:]
        program = words[0]
    if program == "uv" and words[1:2] == ("pip",):
        words, program = words[1:], "pip"
    verb, operands = _operands(words[1:])
    manager = "pip" if program.startswith("pip") and program != "pipenv" and program != "pipx" else program
    if _GLOBAL & set(words) or not _is_install(manager, verb, operands, words):
        return None
    return Install(manager, verb, words, instruction, command)


def _operands(words: tuple[str, ...]) -> tuple[str, list[str]]:
    found: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _TAKE_A_VALUE
        else:
            found.append(word)
    return (found[0], found[1:]) if found else ("", [])


def _is_install(manager: str, verb: str, operands: list[str], words: tuple[str, ...]) -> bool:
    if manager in _NODE:
        return verb in _NODE[manager] and not operands
    if manager == "yarn":
        return verb in ("install", "") and not operands and not {"--version", "-v", "--help"} & set(words)
    if manager == "bun":
        return verb in ("install", "i") and not operands
    if manager == "pip":
        return verb == "install" and not operands and bool({"-r", "--requirement"} & {word[:13] for word in words})
    return (manager, verb) in {
        ("uv", "sync"),
        ("poetry", "install"),
        ("pdm", "install"),
        ("pdm", "sync"),
        ("pipenv", "install"),
        ("pipenv", "sync"),
        ("composer", "install"),
        ("bundle", "install"),
    } and not (manager == "pipenv" and operands)
