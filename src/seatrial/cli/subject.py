"""Decides what is drilled and how: from the arguments and the project's files to a service and the drill's options."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seatrial import __version__
from seatrial.cli.choice import environment_of, service_of, service_with_image
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.scenarios import MEASURED_AT_WORK, PROVED_BY
from seatrial.drill.secrets import known_secrets
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding
from seatrial.model.recording import Recording, Scenario
from seatrial.model.service import Service
from seatrial.model.verdict import Verdict

if TYPE_CHECKING:
    from seatrial.cli.workloads import Manifests

_READY = re.compile(r"ready|readiness", re.IGNORECASE)
TOOL = f"seatrial {__version__}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What to drill. `secrets` are values that must not be printed; `others` are the project's other services, on which
    it may depend."""

    service: Service
    directory: str
    findings: tuple[Finding, ...]
    options: DrillOptions
    others: tuple[Service, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not be printed: of environment variables, command lines and files that are granted."""
        return tuple(known_secrets(self.service, self.options))


def subject_of(arguments: argparse.Namespace) -> Subject:
    """Read the project and put everything together. Raises InputError and NothingFoundError."""
    from seatrial.cli.workloads import manifests_of, with_workload
    from seatrial.files.join.granted import granted_secrets, not_mounted, with_granted

    environment = environment_of(arguments)
    chosen = service_of(arguments) if arguments.engine == "native" else service_with_image(arguments)
    manifests = manifests_of(chosen.directory)
    joined = with_workload(chosen.service, chosen.directory, manifests)
    service, *others = map(with_granted, (joined.service, *chosen.others))
    options = replace(
        _options(arguments),
        environment=environment,
        candidates=_candidates(service, chosen.directory, manifests),
        approximations=joined.notes,
        others=tuple(others),
        secrets=tuple(granted_secrets((service, *others))),
    )
    findings = (*chosen.findings, *not_mounted(service))
    return Subject(service, chosen.directory, findings, options, options.others)


def _options(arguments: argparse.Namespace) -> DrillOptions:
    """The options that were given, over the drill's own defaults."""
    given = {
        name: getattr(arguments, name)
        for name in (
            "rate",
            "connections",
            "quick_path",
            "slow_path",
            "stream_path",
            "websocket_path",
            "grace",
            "lag",
            "ready_timeout",
            "job",
            "job_state",
            "port",
        )
        if getattr(arguments, name) is not None
    }
    only, skip = scenarios(arguments.only, arguments.skip)
    given["load_from"] = _load_from(arguments.load_from)
    return DrillOptions(**given, only=only, skip=skip, tool=TOOL)


def _load_from(text: str | None) -> tuple[str, ...]:
    """The words of a load command. Raises InputError for one that can't be run here."""
    if text is None:
        return ()
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"--load-from {text!r}: {error}", hint="--load-from 'wrk -d60s {url}'") from None
    if not words:
        raise InputError("--load-from names no command", hint="--load-from 'wrk -d60s {url}'")
    if shutil.which(words[0]) is None:
        raise InputError(f"--load-from: {words[0]} is not installed here", hint=f"install {words[0]}, or leave it out")
    return words


def scenarios(
    only: Sequence[str] | None, skip: Sequence[str] | None
) -> tuple[frozenset[Scenario], frozenset[Scenario]]:
    """The runs that the chosen requirements need. A run is skipped by its own name, or with all that it proves."""
    needed = frozenset(run for name in only or () for run in (*_runs_of(name), *_of_job(name)))
    spared = frozenset(
        run for name in skip or () for run in _runs_of(name) if is_run(name) or _is_spared(run, skip or ())
    )
    return needed, spared


def _is_spared(run: Scenario, skip: Sequence[str]) -> bool:
    """Whether nothing that this run proves is wanted; most is proved by the stop."""
    return run is not Scenario.STOP and all(name in skip for name, runs in PROVED_BY.items() if run in runs)


def is_run(name: str) -> bool:
    """Whether this is the name of a run, not of a requirement."""
    return any(scenario.value == name for scenario in Scenario)


def _runs_of(name: str) -> tuple[Scenario, ...]:
    return (Scenario(name),) if is_run(name) else PROVED_BY.get(name, (Scenario.STOP,))


def _of_job(requirement: str) -> tuple[Scenario, ...]:
    return (Scenario.WORK,) if requirement in MEASURED_AT_WORK else ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The verdicts that are asked for: by `only` and `skip`, names of requirements and runs."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    @classmethod
    def of(cls, recording: Recording, only: Sequence[str] | None = (), skip: Sequence[str] | None = ()) -> Choice:
        """What was asked for when it was recorded, and left out then or now; `only` asks for other ones instead."""
        if only:
            return cls(tuple(only), tuple(skip or ()))
        return cls(recording.only, (*recording.skip, *(skip or ())))

    def among(self, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
        """Those of the verdicts that are asked for."""
        return tuple(verdict for verdict in verdicts if self._has(verdict.requirement))

    def _has(self, requirement: str) -> bool:
        """By its own name or its run's."""
        names = {requirement, *(run.value for run in _runs_of(requirement))}
        return (not self.only or not names.isdisjoint(self.only)) and names.isdisjoint(self.skip)


def _candidates(service: Service, directory: str, manifests: Manifests | None) -> Candidates:
    """Request targets from the service's sources, sorted by what they seem to be good for."""
    from seatrial.files.routes import service_routes

    found = service_routes(service, directory)

    def of(*hints: str) -> Iterator[Candidate]:
        for hint in hints:
            for route in found:
                if route.hint == hint:
                    by = f"found in {route.place.file}:{route.place.line}"
                    yield Candidate(route.path, by, health=hint == "health")

    from seatrial.cli.probe_paths import probe_paths

    alive, ready = probe_paths(service, manifests)
    healthy = tuple(of("health"))
    deep = tuple(each for each in healthy if _READY.search(each.path))
    return Candidates(
        quick=(*of(""), *healthy),
        slow=tuple(of("slow")),
        stream=tuple(of("stream")),
        websocket=tuple(of("websocket")),
        liveness=(*alive, *(each for each in healthy if each not in deep)),
        readiness=(*ready, *deep),
    )
