"""What an act is: a scenario of its own that needs no load aimed at a signal. See `table.py` for all of them.

An act has an instance to itself, as each scenario has. It says first whether it applies; one that doesn't is skipped
with its reason, which is a value and no exception.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from seatrial.drill.exercise import Exercise
from seatrial.drill.programs import StandIn
from seatrial.model.recording import Run, Scenario
from seatrial.model.service import Service
from seatrial.model.traffic import Target


@dataclass(frozen=True, slots=True)
class Known:
    """What the trial knows of the service by now: where it listens (None: nowhere, or not known), with the paths that
    were found; whether it speaks HTTP there; how long it took to get ready; the commands of its processes; the paths
    that tell whether it is alive and whether it is ready; what it depends on."""

    target: Target | None = None
    is_http: bool = False
    may_be_http: bool = False
    """It did not hang up on every request."""
    ready_seconds: float = 0.0
    argvs: frozenset[tuple[str, ...]] = frozenset()
    liveness: str = ""
    readiness: str = ""
    dependencies: tuple[StandIn, ...] = ()
    job: str = ""
    job_state: str = ""
    restarts: bool = False
    """The engine starts an instance again by its policy."""
    enters: bool = True
    """A program of this machine can be run in the network of an instance."""
    why_alone: str = ""
    """Why nothing stands in for its dependencies, where it has some."""
    runs: Mapping[Scenario, Run] = field(default_factory=dict)
    """What was recorded by now."""
    is_well: bool = False
    """It answered without a server's error when it was ready, each time."""


def _as_it_is(service: Service, _known: Known) -> Service:
    return service


def _unchanged(environment: Mapping[str, str]) -> Mapping[str, str]:
    return environment


def _always(_service: Service, _known: Known) -> str:
    return ""


def _not_asked(_service: Service, _known: Known) -> bool:
    return False


def takes_requests(service: Service, known: Known) -> bool:
    """Whether it may be that it takes requests: none was answered well, but it did not hang up on all either; or it
    was not seen to listen, and its files name a port."""
    return known.may_be_http if known.target is not None else bool(service.ports)


@dataclass(frozen=True, slots=True)
class Act:
    """One scenario. `perform` is called when the instance is ready, or at once where `waits` is false.

    `why_not` says why it can't be done, or "", and `wanted` whether what it proves is asked of the service all the
    same; `changed` is the service as it is started here, `environment` what is left of the variables that the caller
    adds, `limit` how long it has to get ready (None: as long as always). One that `idles` waits for most of its time,
    and takes no place from another.
    """

    perform: Callable[[Exercise, Known], Coroutine[Any, Any, None]]
    why_not: Callable[[Service, Known], str] = _always
    changed: Callable[[Service, Known], Service] = _as_it_is
    environment: Callable[[Mapping[str, str]], Mapping[str, str]] = _unchanged
    limit: Callable[[Known], float] | None = None
    waits: bool = True
    idles: bool = False
    wanted: Callable[[Service, Known], bool] = _not_asked
    well: bool = False
    """A server's error is no answer of a service that is ready here, where it gives none as a rule."""
    restart: str = ""
    """The policy by which an engine that restarts is to start it again, where its files say none."""
    then: tuple[Scenario, ...] = ()
    """The acts that build on what this one found, and so come after it."""


def port_of(service: Service, known: Known) -> int:
    """The TCP port that it was seen to listen on, else the one that its files say; 0 if neither is known."""
    if known.target is not None and known.target.port:
        return known.target.port
    declared = next((port.value.number for port in service.ports if port.value.protocol == "tcp"), 0)
    variable = service.environment.get("PORT")
    is_number = variable is not None and variable.value.isascii() and variable.value.isdigit()
    return declared or (int(variable.value) if variable is not None and is_number else 0)
