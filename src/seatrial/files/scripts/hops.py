"""Follows a command to the program that finally runs, one hop at a time.

`npm start` → package.json → `exec node server.js`; `./entrypoint.sh npm start` → `exec "$@"` → … Reads files of the
context, runs nothing. Chains that come back to themselves end; broken files become findings.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.files.reading import is_regular, read_text
from seatrial.files.scripts import shell_line
from seatrial.files.scripts.launchers import Intent, RunFile, RunLine, RunProgram, RunScript, read_intent
from seatrial.files.scripts.tree import Tree
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Hop
from seatrial.model.values import dataclass, replace

if TYPE_CHECKING:
    from seatrial.files.scripts.manifest import Manifest

MAX_HOPS = 16
MAX_SCRIPT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Step:
    """A hop, and the directory (in the container) in which its program runs."""

    hop: Hop
    directory: str


def resolve_hops(
    command: Sourced[tuple[str, ...]], tree: Tree, environment: Mapping[str, str]
) -> tuple[tuple[Hop, ...], tuple[Finding, ...]]:
    """The hops from this command to what finally runs, and what was found broken on the way."""
    walker = _Walker(tree, environment)
    hops: list[Hop] = []
    argv, place, directory = command.value, command.place, tree.absolute(".")
    seen = {(argv, directory)}
    while len(hops) < MAX_HOPS:
        step = walker.step(argv, place, directory)
        if step is None or (step.hop.argv, step.directory) in seen:
            break
        hops.append(replace(step.hop, directory=step.directory))
        argv, place, directory = step.hop.argv, step.hop.by.place, step.directory
        seen.add((argv, directory))
    return tuple(hops), tuple(dict.fromkeys(walker.findings))


def hops_of_words(argv: tuple[str, ...], place: Place | None) -> tuple[Hop, ...]:
    """The hops that the words of a command alone tell, where no file of the image is known. All are at `place`."""
    hops: list[Hop] = []
    while len(hops) < MAX_HOPS:
        match read_intent(argv):
            case RunProgram(words, by):
                hop = Hop(words, Sourced(by, place))
            case RunLine(line, by) if (command := shell_line.last_program(line, {})) is not None:
                hop = Hop(command.words, Sourced(by, place), shell=True, execs=command.execs, line=line)
            case _:
                break
        hops.append(hop)
        argv = hop.argv
    return tuple(hops)


class _Walker:
    """One resolution: remembers what it read and what was wrong with it."""

    def __init__(self, tree: Tree, environment: Mapping[str, str]) -> None:
        self.tree = tree
        self.environment = environment
        self.findings: list[Finding] = []
        self._manifests: dict[Path, Manifest] = {}

    def step(self, argv: Sequence[str], place: Place | None, directory: str) -> Step | None:
        intent = read_intent(argv)
        if intent is None:
            return self._entrypoint(argv, place, directory) or self._own_program(argv, directory)
        return self._by_intent(intent, place, directory)

    def _by_intent(self, intent: Intent, place: Place | None, directory: str) -> Step | None:
        match intent:
            case RunProgram(argv, by):
                return Step(Hop(argv, Sourced(by, place)), directory)
            case RunLine(line, by):
                return self._line(line, Sourced(by, place), directory)
            case RunFile(path, arguments, by):
                return self._script_file(path, arguments, Sourced(by, place), directory)
            case RunScript():
                return self._script(intent, place, directory)

    def _line(self, line: str, by: Sourced[str], directory: str) -> Step | None:
        command = shell_line.last_program(line, self.environment)
        if command is None:
            return None
        inside = self.tree.absolute(shell_line.directory_after(line, self.environment), directory)
        return Step(Hop(command.words, by, shell=True, execs=command.execs, line=line), inside)

    def _script(self, intent: RunScript, place: Place | None, directory: str) -> Step | None:
        inside = self.tree.absolute(intent.directory, directory)
        manifest = self._manifest(intent, inside)
        script = manifest.scripts.get(intent.name) if manifest else None
        if manifest is None or script is None:
            return self._without_script(intent, manifest, place, inside)
        line = " ".join([script.value, *map(_quoted, intent.arguments)])
        by = Sourced(intent.by, script.place)
        step = self._line(line, by, self._container_directory(manifest, inside))
        if step is None or not intent.surrounds:
            return step
        around = {part: manifest.scripts.get(part + intent.name) for part in ("pre", "post")}
        before, after = ((found,) if found else () for found in (around["pre"], around["post"]))
        return Step(replace(step.hop, before=before, after=after), step.directory)

    def _without_script(
        self, intent: RunScript, manifest: Manifest | None, place: Place | None, directory: str
    ) -> Step | None:
        if manifest is not None and intent.name == "start" and intent.manifest == "package.json":
            # npm-start(1): without a start script, `node server.js` is run if there is such a file.
            default = Hop(("node", "server.js", *intent.arguments), Sourced(intent.by, Place(manifest.file, 1)), True)
            if is_regular(manifest.directory / "server.js"):
                return Step(default, directory)
        elif intent.alternative:
            return Step(Hop((intent.name, *intent.arguments), Sourced(intent.by, place)), directory)
        self._missing(intent, manifest)
        return None

    def _missing(self, intent: RunScript, manifest: Manifest | None) -> None:
        if manifest is not None and not manifest.problems:
            message = f'{manifest.file} has no script "{intent.name}", which `{intent.by}` runs'
            remedy = f'add "{intent.name}" to "scripts", or name the program itself in the command'
            self.findings.append(Finding("syntax", Severity.ERROR, message, Place(manifest.file, 1), remedy))

    def _manifest(self, intent: RunScript, directory: str) -> Manifest | None:
        """The manifest in this container directory or the nearest one above it."""
        while True:
            file = self.tree.find(posixpath.join(directory, intent.manifest))
            if file is not None or directory == "/":
                break
            directory = posixpath.dirname(directory)
        if file is None:
            return None
        manifest = self._read(file)
        if not intent.workspace:
            return manifest
        from seatrial.files.scripts.manifest import workspace_manifest

        return workspace_manifest(manifest, intent.workspace)

    def _read(self, file: Path) -> Manifest:
        if file not in self._manifests:
            # Imported where one is read: most services need no JSON or TOML.
            from seatrial.files.scripts.manifest import read_package_json, read_pyproject

            read = read_package_json if file.suffix == ".json" else read_pyproject
            self._manifests[file] = read(file, self.tree.name(file))
            self.findings += self._manifests[file].problems
        return self._manifests[file]

    def _container_directory(self, manifest: Manifest, directory: str) -> str:
        """npm runs a script in the package's own directory."""
        try:
            below = manifest.directory.relative_to(self.tree.context).as_posix()
        except ValueError:
            return directory
        return self.tree.absolute(below) if below != "." else directory

    def _own_program(self, argv: Sequence[str], directory: str) -> Step | None:
        """A program that the project itself installs: package.json `bin`, pyproject `[project.scripts]`."""
        if not argv or "/" in argv[0].removeprefix("./node_modules/.bin/"):
            return None
        name = argv[0].rpartition("/")[2]
        for manifest_name in ("package.json", "pyproject.toml"):
            file = self.tree.find(posixpath.join(directory, manifest_name))
            program = self._read(file).programs.get(name) if file else None
            if program is None:
                continue
            if manifest_name == "package.json":
                run: tuple[str, ...] = ("node", program.value.removeprefix("./"))
            else:
                module, _, function = program.value.partition(":")
                called = function.partition("[")[0].strip() or "main"
                run = ("python", "-c", f"from {module.strip()} import {called.partition('.')[0]}; {called}()")
            return Step(Hop((*run, *argv[1:]), Sourced(name, program.place)), directory)
        return None

    def _entrypoint(self, argv: Sequence[str], place: Place | None, directory: str) -> Step | None:
        if not argv:
            return None
        path = argv[0]
        file = self.tree.program(path, directory)
        if file is not None:
            return self._script_file(path, tuple(argv[1:]), Sourced(path, place), directory, needs_shebang=True)
        if path.rpartition("/")[2] == "docker-entrypoint.sh" and argv[1:]:
            # The official images' own entrypoints end in exec "$@"; theirs are not in the context.
            return Step(Hop(tuple(argv[1:]), Sourced("docker-entrypoint.sh", place), execs=True), directory)
        return None

    def _script_file(
        self, path: str, arguments: tuple[str, ...], by: Sourced[str], directory: str, *, needs_shebang: bool = False
    ) -> Step | None:
        file = self.tree.find(self.tree.absolute(path, directory)) or self.tree.program(path, directory)
        if file is None:
            return None
        shown = self.tree.name(file)
        try:
            text = read_text(file, shown, limit=MAX_SCRIPT_BYTES)
        except InputError:
            return None  # a large or unreadable file is no script; that it can't be read shows elsewhere
        if needs_shebang and not _is_shell_script(text):
            return None
        command = shell_line.script_hand_over(text, arguments, self.environment)
        if command is None:
            return None
        place = Place(shown, command.line, command.column)
        return Step(Hop(command.words, Sourced(by.value, place), shell=True, execs=command.execs), directory)


def _is_shell_script(text: str) -> bool:
    first = text[:200].partition("\n")[0]
    interpreter = first[2:].split()[-1:] if first.startswith("#!") else []
    names = {word.rpartition("/")[2] for word in first[2:].split()} if interpreter else set()
    return bool(names & {"sh", "bash", "dash", "ash", "zsh", "ksh"})


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
