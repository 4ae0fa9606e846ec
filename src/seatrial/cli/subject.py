"""Decides what is drilled and how: from the arguments and the project's files to a service and the drill's options."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial import __version__
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding
from seatrial.model.place import Place, Sourced
from seatrial.model.recording import Scenario
from seatrial.model.service import Service

_RUNS = {
    "second-signal-safe": Scenario.SECOND_SIGNAL,
    "slow-clients-bounded": Scenario.SLOW_CLIENTS,
    "handles-sigint": Scenario.INTERRUPT,
    "init-reaps-orphans": Scenario.ORPHAN,
}
"""The run that proves a requirement, where it is not the stop."""
TOOL = f"seatrial {__version__}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What to drill. `secrets` are values that must not be printed."""

    service: Service
    directory: str
    findings: tuple[Finding, ...]
    options: DrillOptions

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values of environment variables that are named like secrets, and the secrets of the command lines."""
        from seatrial.model.redaction import argv_secrets, is_secret_name

        service = self.service
        values = {name: value.value for name, value in service.environment.items()} | dict(self.options.environment)
        named = (value for name, value in values.items() if is_secret_name(name) and name != "PWD")
        lines = [service.argv.value if service.argv else (), *(hop.argv for hop in service.hops)]
        return (*named, *(secret for line in lines for secret in argv_secrets(line)))


def subject_of(arguments: argparse.Namespace) -> Subject:
    """Read the project and put everything together. Raises InputError and NothingFoundError."""
    environment = _environment(arguments)
    if arguments.service_command:
        service, directory, findings = _of_command(arguments)
    else:
        service, directory, findings = _of_files(arguments)
    options = replace(_options(arguments), environment=environment, candidates=_candidates(service, directory))
    return Subject(service, directory, findings, options)


def _of_command(arguments: argparse.Namespace) -> tuple[Service, str, tuple[Finding, ...]]:
    """A service that is a command alone, run in PATH (or here)."""
    for option in ("service", "file", "target", "profile"):
        if getattr(arguments, option):
            raise InputError(f"--{option} does not apply to a command after --", hint="leave one of them out")
    from seatrial.files.join.image import finish

    directory = Path(arguments.project or ".").resolve()
    if not directory.is_dir():
        raise InputError("is not a directory to run a command in", place=Place(str(arguments.project), 1))
    argv = Sourced(arguments.service_command, None)
    name = Path(argv.value[0]).name or "command"
    service = Service(name, str(directory), argv, command=argv, workdir=Sourced(str(directory)))
    service, _ = finish(service, directory)
    return service, str(directory), ()


def _of_files(arguments: argparse.Namespace) -> tuple[Service, str, tuple[Finding, ...]]:
    from seatrial.files.project import read_project

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
    service = choose(project.services, arguments.service)
    if service.argv is None or not service.argv.value:
        from seatrial.cli.refusal import without_command

        raise without_command(service, project)
    return service, project.directory, project.findings


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
        raise InputError(f"there are several services: {names}", hint=f"seatrial drill --service {services[0].name}")
    return candidates[0]


def _options(arguments: argparse.Namespace) -> DrillOptions:
    """The options that were given, over the drill's own defaults."""
    given = {
        name: getattr(arguments, name)
        for name in ("rate", "quick_path", "slow_path", "stream_path", "grace", "lag", "ready_timeout", "port")
        if getattr(arguments, name) is not None
    }
    only, skip = scenarios(arguments.only, arguments.skip)
    return DrillOptions(**given, only=only, skip=skip, tool=TOOL)


def scenarios(
    only: Sequence[str] | None, skip: Sequence[str] | None
) -> tuple[frozenset[Scenario], frozenset[Scenario]]:
    """The runs that the chosen requirements need. A run is skipped by its own name, or with the one thing it proves."""
    needed = frozenset(_run_of(name) for name in only or ())
    spared = frozenset(_run_of(name) for name in skip or () if name in _RUNS or is_run(name))
    return needed, spared


def is_run(name: str) -> bool:
    """Whether this is the name of a run, not of a requirement."""
    return any(scenario.value == name for scenario in Scenario)


def _run_of(name: str) -> Scenario:
    return Scenario(name) if is_run(name) else _RUNS.get(name, Scenario.STOP)


def is_selected(requirement: str, only: Sequence[str] | None, skip: Sequence[str] | None) -> bool:
    """Whether a verdict on this requirement was asked for, by its own name or its run's."""
    names = {requirement, _RUNS.get(requirement, Scenario.STOP).value}
    return (not only or bool(names & set(only))) and not names & set(skip or ())


def _candidates(service: Service, directory: str) -> Candidates:
    """Request targets from the service's sources, sorted by what they seem to be good for."""
    from seatrial.files.routes import service_routes

    found = service_routes(service, directory)

    def of(*hints: str) -> Iterator[Candidate]:
        for hint in hints:
            for route in found:
                if route.hint == hint:
                    by = f"found in {route.place.file}:{route.place.line}"
                    yield Candidate(route.path, by, health=hint == "health")

    return Candidates(quick=tuple(of("", "health")), slow=tuple(of("slow")), stream=tuple(of("stream")))


def _environment(arguments: argparse.Namespace) -> dict[str, str]:
    """`--env-file` first, `--env` over it. A name alone takes its value from our own environment."""
    environment: dict[str, str] = {}
    for file in arguments.env_file:
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
