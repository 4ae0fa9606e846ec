"""The door to a compose project: which files, which environment, which name, which services are on."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from seatrial.files.compose.assembling import load
from seatrial.files.compose.checks import check_service, check_top_level, is_for_swarm, stack_minor
from seatrial.files.compose.dependencies import check_dependencies
from seatrial.files.compose.fields import Fields
from seatrial.files.compose.interpolation import Lookup
from seatrial.files.compose.loading import Loader
from seatrial.files.compose.nodes import Scalar, Table, is_null
from seatrial.files.compose.problems import Problems
from seatrial.files.compose.services import Context, named_files, read_service
from seatrial.files.compose.surroundings import EnvFile, is_project_name, normalized_name, read_env_files
from seatrial.files.compose.types import ComposeProject, ComposeService
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.values import dataclass

_SERVICE_NAME = pattern(r"[a-zA-Z0-9._-]+")


def read_compose(
    paths: Sequence[Path],
    environment: Mapping[str, str],
    profiles: Collection[str] = (),
    project_directory: Path | None = None,
    named: Collection[str] = (),
) -> ComposeProject:
    """The project that these compose files (at least one) describe together, the later ones overriding the earlier.

    `environment` is what compose would see as its own; the `.env` file of the project directory is read below it. The
    project directory is that of the first file unless given. `profiles` are turned on; without any, COMPOSE_PROFILES
    decides; services that are `named` turn their own on. Places are relative to the project directory. Never raises
    for what the files hold, nor for missing ones.
    """
    return _project(_merge(paths, environment, project_directory), profiles, named)


def read_normal(
    paths: Sequence[Path],
    environment: Mapping[str, str],
    profiles: Collection[str] = (),
    project_directory: Path | None = None,
) -> tuple[ComposeProject, dict[str, object]]:
    """The same project, and its normal form where no error was found: what `config` prints."""
    from seatrial.files.compose.normal import normal_document

    read = _merge(paths, environment, project_directory)
    project = _project(read, profiles, ())
    is_wrong = any(finding.severity is Severity.ERROR for finding in project.findings)
    return project, {} if is_wrong else normal_document(project, read.tree)


def _project(read: _Merged, profiles: Collection[str], named: Collection[str]) -> ComposeProject:
    loader, variables = read.loader, read.variables
    problems = loader.problems
    project = Fields(read.tree, problems, "the file")
    services = _services(loader, project, variables.get)
    own = {profile.value for name in named if name in services for profile in services[name].profiles}
    enabled, disabled = _split(services, _active(profiles, variables) | own)
    for service in enabled.values():
        check_service(service, project)
    unread = set(getattr(read.tree.table("services"), "entries", {})) - set(services)
    check_dependencies(enabled, disabled, unread, problems)
    return ComposeProject(
        name=read.name,
        directory=loader.directory,
        services=enabled,
        disabled=disabled,
        findings=problems.findings,
        files=tuple(loader.files),
        extensions=project.extensions(),
        is_stack=is_for_swarm(project),
        stack_minor=stack_minor(project),
    )


@dataclass(frozen=True, slots=True)
class _Merged:
    name: str
    loader: Loader
    variables: dict[str, str]
    tree: Table


def _merge(paths: Sequence[Path], environment: Mapping[str, str], project_directory: Path | None) -> _Merged:
    directory = os.path.abspath(project_directory or paths[0].parent)  # noqa: PTH100 — links stay as they are
    loader = Loader(directory, Problems())
    variables = _variables(loader, environment)
    files = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    name = _project_name(loader, files, variables)
    variables["COMPOSE_PROJECT_NAME"] = name
    return _Merged(name, loader, variables, load(loader, files, directory, variables.get))


def _variables(loader: Loader, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment on top of the `.env` files that count."""
    named = [path for path in environment.get("COMPOSE_ENV_FILES", "").split(",") if path]
    if named:
        paths = [os.path.abspath(path) for path in named]  # noqa: PTH100
        files = [EnvFile(path, loader.shown(path), Place(loader.shown(path), 1)) for path in paths]
    else:
        files = [EnvFile(os.path.join(loader.directory, ".env"), ".env")]  # noqa: PTH118 — a text
    return {**read_env_files(loader.problems, files, environment.get), **environment}


def _project_name(loader: Loader, files: Sequence[str], variables: Mapping[str, str]) -> str:
    said = variables.get("COMPOSE_PROJECT_NAME", "")
    if said:
        if not is_project_name(said):
            message = f"COMPOSE_PROJECT_NAME is {said!r}: a name has lower-case letters, digits, - and _"
            loader.problems.error(message, Place(loader.shown(files[0]), 1))
        return normalized_name(said) or "default"
    found = ""
    for path in files:
        for document in loader.documents(path, loader.directory, None):
            found = _said_name(loader, document, variables) or found
    return found or normalized_name(os.path.basename(loader.directory)) or "default"  # noqa: PTH119 — a text


def _said_name(loader: Loader, document: Table, variables: Mapping[str, str]) -> str:
    entry = document.entries.get("name")
    if entry is None:
        return ""
    value = loader.interpolated(document.with_entries({"name": entry}), variables.get).get("name")
    return normalized_name(value.value) if isinstance(value, Scalar) and isinstance(value.value, str) else ""


def _services(loader: Loader, project: Fields, lookup: Lookup) -> dict[str, ComposeService]:
    check_top_level(project)
    project.text("name")
    services = project.sub("services")
    if services is None:
        if not project.says("services") and not project.problems.findings:
            project.problems.error("there are no services", Place(next(iter(loader.files), ""), 1), "add services:")
        return {}
    found: dict[str, ComposeService] = {}
    for name, entry in services.table.entries.items():
        if not _SERVICE_NAME.fullmatch(name):
            message = f"{name[:60]!r} can't be a service's name; letters, digits, . _ and - can"
            project.problems.error(message, entry.place)
            continue
        fields = _service_fields(services, name)
        if fields is not None:
            shown = {path: loader.shown(path) for path in named_files(fields.table)}
            found[name] = read_service(name, entry.place, fields, Context(project, lookup, shown))
    return found


def _service_fields(services: Fields, name: str) -> Fields | None:
    node = services.table.get(name)
    if is_null(node):
        place = services.table.entries[name].place
        services.problems.error(f"services.{name} is empty", place, "indent what belongs to it")
        return None
    fields = services.sub(name)
    return Fields(fields.table, fields.problems, f"services.{name}") if fields else None


def _active(profiles: Collection[str], variables: Mapping[str, str]) -> set[str]:
    return set(profiles) or {word.strip() for word in variables.get("COMPOSE_PROFILES", "").split(",")} - {""}


def _split(
    services: Mapping[str, ComposeService], active: Collection[str]
) -> tuple[dict[str, ComposeService], dict[str, ComposeService]]:
    enabled: dict[str, ComposeService] = {}
    disabled: dict[str, ComposeService] = {}
    for name, service in services.items():
        said = {profile.value for profile in service.profiles}
        (enabled if not said or "*" in active or not said.isdisjoint(active) else disabled)[name] = service
    return enabled, disabled
