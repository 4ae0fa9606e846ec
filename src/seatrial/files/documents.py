"""Reads a project for `seatrial check`: its services, and every document that says something about them.

`read_project` gives the joined services; what stands beside them (Dockerfiles as instructions, compose entries,
manifests, entrypoint scripts, the files of the build context) is read here, once each. Raises InputError and
NothingFoundError as `read_project` does; what is wrong inside the files becomes findings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.files import disk
from seatrial.files.dockerfile import read_dockerfile
from seatrial.files.dockerignore import (
    Dockerignore,
    context_entries,
    context_files,
    dockerignore_file,
    read_dockerignore,
)
from seatrial.files.instructions import neutral
from seatrial.files.join.building import shown_path
from seatrial.files.join.locate import Located, locate
from seatrial.files.json_positions import JsonError, Lines, Node, parse
from seatrial.files.pipelines import read_pipelines, repository
from seatrial.files.project import read_located
from seatrial.files.reading import read_bytes, read_text
from seatrial.files.scripts.tree import Tree
from seatrial.files.shell_commands import last_commands, shell_commands
from seatrial.model.documents import (
    BuildContext,
    ComposeEntry,
    Dockerfile,
    Documents,
    Manifest,
    Script,
    ShellCommand,
    Stage,
    Unit,
)
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.finding import Finding, Severity
from seatrial.model.once import once
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced
from seatrial.model.project import Project
from seatrial.model.service import Service
from seatrial.model.values import replace

if TYPE_CHECKING:
    from seatrial.files.compose import ComposeProject, ComposeService
    from seatrial.files.source.start import Start
    from seatrial.model.source import Program, SourceFacts

LOCKFILES = (
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "pyproject.toml",
    "requirements.txt",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "go.sum",
    "Cargo.lock",
    "Gemfile.lock",
    "composer.lock",
)
_ALL_PROFILES = ("*",)
_FIXTURES = frozenset(
    {"test", "tests", "testing", "testdata", "test-data", "fixture", "fixtures", "e2e", "testfiles", "vendor"}
)
"""Directories of tests, whose files may be wrong by intention, and of other people's code."""
_UNSET = pattern(r"the (?:required )?variable \w+ (?:is not set|has no value)")
_INTERPRETERS = frozenset(
    {"node", "nodejs", "bun", "deno", "tsx", "ts-node", "ts-node-dev", "tsnd", "nodemon", "pm2-runtime", "nest"}
    | {"fastapi", "flask", "gunicorn", "uvicorn", "hypercorn", "granian", "daphne", "waitress-serve", "python", "pypy"}
)
"""Programs that run, or load, source in a language that is read; Python's may have a version behind the name."""
_SOURCES = (".py", *(f".{kind}{language}s{x}" for kind in ("", "c", "m") for language in "jt" for x in ("", "x")))
MAX_SCRIPT_BYTES = 256 * 1024
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})


def read_documents(
    path: Path, *, environment: Mapping[str, str], origin: str = "", manifests: bool = True
) -> Documents:
    """Everything that `seatrial check` looks at, for a directory, a Dockerfile, a compose file or a manifest.

    `origin` is where the project lies as seen from where the check began. `manifests` says whether the Kubernetes
    manifests below a directory are read with it.
    """
    if not manifests:
        return _read_documents(path, environment, origin)
    from seatrial.files.kubernetes.project import manifests_at, with_manifests

    found = manifests_at(path)
    try:
        documents = None if found and disk.is_regular(path) else _read_documents(path, environment, origin)
    except NothingFoundError:
        if found is None:
            raise
        documents = None
    directory = path.absolute() if disk.is_directory(path) else path.absolute().parent
    return with_manifests(documents or Documents(str(directory)), found)


def _read_documents(path: Path, environment: Mapping[str, str], origin: str) -> Documents:
    located = locate(path, (), environment)
    project = read_located(located, environment=environment, profiles=_ALL_PROFILES)
    documents = _Reader(located.directory, project, origin).read(_compose_entries(located, environment))
    is_fixture = not _FIXTURES.isdisjoint(origin.lower().split("/"))
    told = (each for each in _of_the_files(documents) if not is_fixture or each.requirement != "syntax")
    return replace(documents, findings=tuple(told))


def _compose_entries(located: Located, environment: Mapping[str, str]) -> Mapping[str, ComposeEntry]:
    if not located.compose_files:
        return {}
    from seatrial.files.compose import read_compose

    compose = read_compose(located.compose_files, environment, _ALL_PROFILES, located.directory)
    return {name: _entry(service, compose) for name, service in compose.services.items()}


def _of_the_files(documents: Documents) -> Iterator[Finding]:
    """What reading found, without what a repository leaves to the machine: variables and `.env` files that git doesn't
    have, and values that are wrong only for want of them."""
    binary = {file for file, text in documents.texts.items() if "\0" in text}
    for file in sorted(binary):
        yield Finding("syntax", Severity.ERROR, "is no text: it holds NUL bytes", Place(file, 1), "take the file away")
    unset = {finding.place.file for finding in documents.findings if _UNSET.match(finding.message)}
    for finding in documents.findings:
        if finding.requirement == "syntax" and finding.place.file in binary:
            continue
        if finding.message.endswith("is not defined") and _is_to_be_completed(documents.directory):
            continue
        is_missing = "env" in finding.message and finding.message.endswith("cannot be read: No such file or directory")
        text = documents.texts.get(finding.place.file, "") if finding.place.file in unset else ""
        lines = text.split("\n")[finding.place.line - 1 : finding.place.line]
        is_empty = bool(text) and ("$" in "".join(lines) or "has neither an image nor a build" in finding.message)
        if finding.requirement != "syntax" or not (is_missing or is_empty):
            yield finding


def _is_to_be_completed(directory: str) -> bool:
    """Whether a sample of an override file lies there, which whoever runs the project copies and fills in."""
    starts = ("compose.override.", "docker-compose.override.")
    names = [name for name, _ in disk.entries(directory)]
    return any(name.startswith(starts) and not name.endswith((".yml", ".yaml")) for name in names)


def _entry(said: ComposeService, compose: ComposeProject) -> ComposeEntry:
    policy = said.restart_policy
    return ComposeEntry(
        said.name,
        said.place.file if said.place else (compose.files[0] if compose.files else ""),
        said.place,
        said.image,
        said.build is not None,
        said.build.target.value if said.build and said.build.target else None,
        said.command,
        said.healthcheck is not None,
        Sourced(policy.value.condition, policy.place) if policy else None,
        said.replicas,
        said.reserved_cpus,
        tuple(profile.value for profile in said.profiles),
        said.network_mode.value if said.network_mode else "",
        said.privileged,
        said.environment,
        tuple(said.build.args) if said.build else (),
        said.rollout,
        said.rollback,
        said.open_keys,
        compose.is_stack,
        compose.stack_minor,
    )


class _Reader:
    """One reading of a project; remembers what it has read."""

    def __init__(self, directory: Path, project: Project, origin: str) -> None:
        self.origin = origin
        self.directory = directory
        self.project = project
        self.texts: dict[str, str] = {}
        self.dockerfiles: dict[str, Dockerfile] = {}
        self.manifests: dict[str, Manifest] = {}
        self.scripts: dict[tuple[str, str], Script] = {}
        self.lockfiles: dict[str, None] = {}
        self.sources: dict[str, tuple[SourceFacts, int]] = {}
        self._listed: set[str] = set()

    def read(self, entries: Mapping[str, ComposeEntry]) -> Documents:
        for file in self.project.files:
            self._text(f"{self.directory}/{file}", file)
        # A Dockerfile that no service builds may have the name of one: it is no part of the compose file.
        units = tuple(
            self._unit(each, entries.get(each.name) if each.compose_file else None) for each in self.project.services
        )
        root = repository(self.directory)

        @once
        def pipelines() -> dict[str, str]:
            return read_pipelines(root, self.directory, self._text)

        return Documents(
            str(self.directory),
            units,
            tuple(self.dockerfiles.values()),
            tuple(self.manifests.values()),
            tuple(self.scripts.values()),
            tuple(self.lockfiles),
            self.texts,
            self.project.findings,
            str(root),
            pipelines,
        )

    def _text(self, path: Path | str, shown: str, limit: int = 4 * 1024 * 1024) -> str | None:
        if shown not in self.texts:
            try:
                self.texts[shown] = read_text(path, shown, limit=limit).removeprefix("\ufeff")
            except InputError:
                return None  # what matters of it is a finding of reading already
        return self.texts[shown]

    def _unit(self, service: Service, entry: ComposeEntry | None) -> Unit:
        dockerfile = self._dockerfile(service)
        stages = dockerfile.chain(entry.target if entry else None) if dockerfile else ()
        tree = self._tree(service)
        script = self._script(service, tree, stages)
        health = _health(service, stages)
        manifests = self._manifests_of(service)
        start = _source_start(service, tree)

        @once
        def program() -> Program | None:
            return self._program(start, tree) if start else None

        found = start is not None
        return Unit(service, dockerfile, stages, entry, script, manifests, health, self.origin, found, program)

    def _program(self, start: Start, tree: Tree) -> Program:
        # Imported where source is read: most projects that are checked have none that a service runs.
        from seatrial.files.source.program import read_program

        return read_program(start, tree, self._source)

    def _source(self, path: Path, shown: str, language: str) -> tuple[SourceFacts, int]:
        from seatrial.files.source import language_of, read_source
        from seatrial.model.source import SourceFacts

        if shown not in self.sources:
            try:
                data = read_bytes(path, shown)
            except InputError as error:
                return SourceFacts(shown, language or language_of(shown), skipped=error.message), 0
            self.sources[shown] = facts, _ = read_source(shown, data, language), len(data)
            if facts.says_something:  # no finding can point into the others, and there may be thousands
                self.texts.setdefault(shown, data.decode("utf-8", "replace").removeprefix("\ufeff"))
        return self.sources[shown]

    def _dockerfile(self, service: Service) -> Dockerfile | None:
        shown = service.dockerfile
        if not shown or shown == service.compose_file or shown.endswith((".yml", ".yaml")):
            return None  # an inline Dockerfile has no file of its own
        if shown not in self.dockerfiles:
            file = os.path.join(self.directory, shown)  # noqa: PTH118  # a text; each of many projects has one
            text = self._text(file, shown)
            if text is None:
                return None
            context = self._context(self._context_of(service), file)
            self.dockerfiles[shown] = neutral(read_dockerfile(text, shown), context)
        return self.dockerfiles[shown]

    def _context_of(self, service: Service) -> Path:
        return self.directory if service.context == str(self.directory) else Path(service.context)

    def _context(self, directory: Path, dockerfile: str) -> BuildContext:
        ignore_file = dockerignore_file(directory, dockerfile)

        @once
        def ignore() -> Dockerignore:
            try:
                return read_dockerignore(read_text(ignore_file) if ignore_file else "")
            except InputError:
                return Dockerignore()

        @once
        def list_files() -> tuple[str, ...]:
            return tuple(context_files(directory, ignore()))

        @once
        def list_entries() -> tuple[str, ...]:
            return tuple(context_entries(directory, ignore()))

        shown = shown_path(ignore_file, self.directory) if ignore_file else ""
        return BuildContext(str(directory), list_files, shown, list_entries, lambda path: ignore().excludes(path))

    def _tree(self, service: Service) -> Tree:
        context = self._context_of(service)
        below = shown_path(context, self.directory)
        return Tree(context, service.workdir.value, service.copies, "" if below == "." else below + "/")

    def _script(self, service: Service, tree: Tree, stages: tuple[Stage, ...]) -> Script | None:
        """The shell script of the project that the command starts with, behind an init at most."""
        argvs = [service.argv.value] if service.argv else []
        argvs += [hop.argv for hop in service.hops if hop.by.value.rpartition("/")[2] in ("tini", "dumb-init")]
        for argv in argvs:
            for path in _script_paths(argv):
                file = tree.program(path) or tree.find(tree.absolute(path))
                script = self._read_script(file, path, tree) if file else _written_script(stages, path, tree)
                if script is not None:
                    return script
        return None

    def _read_script(self, file: Path, path: str, tree: Tree) -> Script | None:
        shown = tree.name(file)
        if (shown, path) not in self.scripts:
            text = self._text(file, shown, MAX_SCRIPT_BYTES)
            if text is None or not (text.startswith("#!") or file.suffix in (".sh", ".bash", "")):
                return None
            first = text.partition("\n")[0]
            self.scripts[shown, path] = _script(first, shown, path, text, is_executable=disk.is_executable(file))
        return self.scripts[shown, path]

    def _manifests_of(self, service: Service) -> tuple[Manifest, ...]:
        context = self._context_of(service)
        below = shown_path(context, self.directory)
        prefix = "" if below == "." else below + "/"
        if prefix not in self._listed:
            self._listed.add(prefix)
            names = _names_in(context)
            self.lockfiles.update({prefix + name: None for name in LOCKFILES if name in names})
        shown = prefix + "package.json"
        if shown in self.lockfiles and shown not in self.manifests:
            text = self._text(context / "package.json", shown)
            manifest = _package_json(text, shown) if text is not None else None
            if manifest is not None:
                self.manifests[shown] = manifest
        found = (shown, self._pyproject(context, prefix))
        return tuple(self.manifests[name] for name in found if name in self.manifests)

    def _pyproject(self, context: Path, prefix: str) -> str:
        shown = prefix + "pyproject.toml"
        if shown in self.lockfiles and shown not in self.manifests:
            import tomllib  # late: 4 ms that only such a project pays

            try:
                data = tomllib.loads(self._text(context / "pyproject.toml", shown) or "")
            except (tomllib.TOMLDecodeError, RecursionError):
                return shown
            self.manifests[shown] = Manifest(shown, data)
        return shown


def _source_start(service: Service, tree: Tree) -> Start | None:
    """Where the source of a service begins, if its program is in a language that is read."""
    argv = service.hops[-1].argv if service.hops else service.argv.value if service.argv else ()
    if not argv or not _is_interpreted(argv[0].rpartition("/")[2]):
        return None
    # Imported where there may be any: the commands of most services are no interpreters.
    from seatrial.files.source.start import find_start

    return find_start(service, tree)


def _is_interpreted(program: str) -> bool:
    name = program.rstrip("0123456789.") if program.startswith("py") else program
    return name in _INTERPRETERS or program.endswith(_SOURCES)


def _names_in(directory: Path) -> frozenset[str]:
    return frozenset(name for name, _ in disk.entries(directory))


def _health(service: Service, stages: tuple[Stage, ...]) -> tuple[ShellCommand, ...]:
    """The commands of the health check; in a Dockerfile each has its own place."""
    test = service.healthcheck.test if service.healthcheck else None
    if test is None or test.place is None:
        return ()
    place = test.place
    if test.value[:1] == ("CMD",):
        return (ShellCommand(test.value[1:], lambda: place),) if test.value[1:] else ()
    if test.value[:1] != ("CMD-SHELL",) or len(test.value) < 2:
        return ()
    for instruction in (each for stage in stages for each in stage.instructions if each.keyword == "HEALTHCHECK"):
        if instruction.place == place and instruction.shell:
            return instruction.shell
    return shell_commands(test.value[1], lambda _start, _end: place)


def _script_paths(argv: tuple[str, ...]) -> Iterator[str]:
    if not argv:
        return
    if argv[0].rpartition("/")[2] in _SHELLS:
        yield from (word for word in argv[1:2] if not word.startswith("-"))
    else:
        yield argv[0]


def _written_script(stages: tuple[Stage, ...], path: str, tree: Tree) -> Script | None:
    """The script that a heredoc of COPY writes to this path. Its lines are those of the Dockerfile."""
    for instruction in (each for stage in stages for each in stage.instructions if each.keyword == "COPY"):
        if len(instruction.heredocs) != 1 or tree.absolute(instruction.words[-1].value) != tree.absolute(path):
            continue
        said = instruction.heredocs[0]
        if said.place is not None and said.value.startswith("#!"):
            # Without quotes around its word Docker takes the backslash away that keeps a variable for the script.
            text = "\n" * (said.place.line - 1) + said.value.replace("\\$", "$")
            return _script(said.value.partition("\n")[0], said.place.file, path, text)
    return None


def _script(first: str, shown: str, path: str, text: str, *, is_executable: bool = True) -> Script:
    @once
    def read_commands() -> tuple[ShellCommand, ...]:
        return shell_commands(text, Lines(text, shown).place)

    @once
    def read_last() -> tuple[ShellCommand, ...]:
        return last_commands(text, Lines(text, shown).place)

    shebang = first.rstrip("\r") if first.startswith("#!") else ""
    return Script(shown, text, path, shebang, is_executable, "\r\n" in text, read_commands, read_last)


def _package_json(text: str, shown: str) -> Manifest | None:
    try:
        root = parse(text)
    except JsonError:
        return None
    places: dict[tuple[str, ...], Place] = {}
    data = _plain(root, Lines(text, shown), (), places)
    return Manifest(shown, data, places) if isinstance(data, dict) else None


def _plain(node: Node, lines: Lines, path: tuple[str, ...], places: dict[tuple[str, ...], Place]) -> object:
    places[path] = lines.place(node.start, node.end)
    if isinstance(node.value, dict):
        return {key: _plain(value, lines, (*path, key), places) for key, value in node.value.items()}
    if isinstance(node.value, tuple):
        return tuple(_plain(item, lines, (*path, str(index)), places) for index, item in enumerate(node.value))
    return node.value
