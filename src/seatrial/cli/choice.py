"""Which service a command is about, and the environment that it is given besides: from the arguments and the files."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.model.errors import InputError
from seatrial.model.finding import Finding
from seatrial.model.place import Place, Sourced
from seatrial.model.project import Project
from seatrial.model.service import Service


@dataclass(frozen=True, slots=True)
class Chosen:
    """The service, the project's directory, what is wrong with its files, and the project's other services."""

    service: Service
    directory: str
    findings: tuple[Finding, ...] = ()
    others: tuple[Service, ...] = ()


def service_of(arguments: argparse.Namespace) -> Chosen:
    """The service that is meant. Raises InputError and NothingFoundError."""
    if arguments.service_command:
        return _of_command(arguments)
    project = _project(arguments)
    service = choose(project.services, arguments.service)
    if service.argv is None or not service.argv.value:
        from seatrial.cli.refusal import without_command

        raise without_command(service, project)
    return _chosen(service, project)


def service_with_image(arguments: argparse.Namespace) -> Chosen:
    """The service that is meant, for an engine that has its image: what the files don't say, the image does. A PATH
    that isn't there is the name of an image. Raises InputError and NothingFoundError."""
    named, command = arguments.project, arguments.service_command
    if named is not None and not os.path.lexists(named):
        argv = Sourced(command) if command else None
        name = re.sub(r"[^a-z0-9_.-]", "", named.partition("@")[0].rpartition("/")[2].partition(":")[0].lower())
        service = Service(name or "service", str(Path.cwd()), None, command=argv, image=Sourced(named))
        return Chosen(service, service.context)
    if command:
        raise InputError(
            "a command after -- needs an image to run in", hint="seatrial drill --engine docker IMAGE -- COMMAND"
        )
    project = _project(arguments)
    return _chosen(choose(project.services, arguments.service), project)


def _chosen(service: Service, project: Project) -> Chosen:
    others = tuple(other for other in project.services if other.name != service.name)
    return Chosen(service, project.directory, project.findings, others)


def _of_command(arguments: argparse.Namespace) -> Chosen:
    """A service that is a command alone, run in PATH (or here)."""
    for option in ("service", "file", "target", "profile"):
        if getattr(arguments, option):
            raise InputError(f"--{option} does not apply to a command after --", hint="leave one of them out")
    from seatrial.files.join.image import finish

    directory = Path(arguments.project or ".").resolve()
    if not directory.is_dir():
        hint = "seatrial drill DIRECTORY -- COMMAND"
        raise InputError("is not a directory to run a command in", place=Place(str(arguments.project), 1), hint=hint)
    argv = Sourced(arguments.service_command, None)
    name = Path(argv.value[0]).name or "command"
    service = Service(name, str(directory), argv, command=argv, workdir=Sourced(str(directory)))
    service, _ = finish(service, directory)
    return Chosen(service, str(directory))


def _project(arguments: argparse.Namespace) -> Project:
    from seatrial.files.project import read_project

    for path in (arguments.project or ".", *arguments.file):
        _require(path, "name a directory, a Dockerfile or a compose file")
    project = read_project(
        Path(arguments.project or "."),
        environment=os.environ,
        compose_files=[Path(file) for file in arguments.file],
        target=arguments.target,
        profiles=arguments.profile,
    )
    if not project.services:
        from seatrial.cli.refusal import without_services

        raise without_services(project)
    return project


def _require(path: str, hint: str) -> None:
    if not os.path.lexists(path):
        raise InputError("does not exist", place=Place(path, 1), hint=hint)


def choose(services: Sequence[Service], name: str | None) -> Service:
    """The service of this name; without one, the only service, or the only one that is built here."""
    names = ", ".join(service.name for service in services)
    if name is not None:
        found = next((service for service in services if service.name == name), None)
        if found is None:
            raise InputError(f"there is no service {name!r}", hint=f"there are: {names}")
        return found
    built = [service for service in services if service.dockerfile]
    candidates = services if len(services) == 1 else built
    if len(candidates) != 1:
        raise InputError(f"there are several services: {names}", hint=f"--service {services[0].name}")
    return candidates[0]


def environment_of(arguments: argparse.Namespace) -> dict[str, str]:
    """`--env-file` first, `--env` over it. A name alone takes its value from our own environment."""
    environment: dict[str, str] = {}
    for file in arguments.env_file:
        _require(file, "--env-file names a file with lines NAME=VALUE")
        environment |= _env_file(Path(file))
    for word in arguments.env:
        name, given, value = word.partition("=")
        if not name or "\0" in word:
            raise InputError(f"--env {word!r} has no name", hint="--env NAME=VALUE")
        if not given and name not in os.environ:
            raise InputError(f"--env {name}: there is no such variable here", hint=f"--env {name}=VALUE")
        environment[name] = value if given else os.environ[name]
    return environment


def _env_file(path: Path) -> dict[str, str]:
    from seatrial.files.compose.dotenv import EnvFileError, parse_env
    from seatrial.files.reading import read_text

    known: dict[str, str] = {}
    try:
        parse_env(read_text(path), os.environ.get, known)
    except EnvFileError as error:
        raise InputError(error.message, place=Place(str(path), error.line, error.column)) from None
    return known
