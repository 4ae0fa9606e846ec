"""Started where it can't work: its port is taken, its settings are missing, or what it depends on is not there.

It should say what is wrong and end with an error, so that an engine and whoever reads its log know. It may also come up
without its settings, or wait for what it depends on and say so. What it must not do is hang in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from seatrial.drill.acts.interface import Act, Known, port_of
from seatrial.drill.acts.stand_in import take
from seatrial.drill.exercise import Exercise
from seatrial.drill.surroundings import ANY, behind
from seatrial.model.service import Service

BOUND = 10.0
"""Seconds in which it has to end, or to be ready; one that starts slowly gets three times its start."""
_KEPT = ("PATH", "HOME", "PORT", "HOST", "HOSTNAME", "TZ", "TERM", "USER", "SHELL", "VIRTUAL_ENV", "NODE_ENV")
_KEPT_BEGIN = ("LANG", "LC_", "LD_", "PYTHON", "NODE_", "npm_", "JAVA_", "UV_", "PIP_")


def bound(known: Known) -> float:
    """For how long it is watched."""
    return max(BOUND, 3.0 * known.ready_seconds)


# --- the port is taken ---


def _no_port(service: Service, known: Known) -> str:
    if known.target is not None and known.target.family == "unix":
        return "it listens on a Unix socket, and on no port that could be taken"
    return "" if port_of(service, known) else "it is not known on which port it listens"


def _waiting_for_the_thief(service: Service, known: Known) -> Service:
    """The same command, behind a shell that waits until something listens on its port, and becomes the command."""
    return behind(service, [(ANY, port_of(service, known))])


async def _perform_taken(exercise: Exercise, known: Known) -> None:
    taken = await take(exercise, port_of(exercise.service, known))
    is_over = taken and await exercise.ends_within(bound(known))
    if taken and not is_over and known.target is None and _others(exercise, known):
        exercise.disturbed = "it listens on another port than its files say"
    await exercise.note_end()


def _others(exercise: Exercise, known: Known) -> bool:
    """Whether something listens besides what took the port."""
    assert exercise.watcher is not None
    exercise.watcher.look()
    return any(found.port != port_of(exercise.service, known) for found in exercise.watcher.listening)


# --- the settings are missing ---


def is_setting(name: str) -> bool:
    """Whether a variable is the service's own, and not one of its runtime or of every process."""
    return name not in _KEPT and not name.startswith(_KEPT_BEGIN)


def _no_settings(service: Service, _known: Known) -> str:
    if any(is_setting(name) for name in service.environment):
        return ""
    return "its files set no environment variable of its own that could be missing"


def _without_settings(service: Service, _known: Known) -> Service:
    return replace(service, environment={k: v for k, v in service.environment.items() if not is_setting(k)})


def _without(environment: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in environment.items() if not is_setting(name)}


# --- what it depends on is missing ---


def _no_dependency(_service: Service, known: Known) -> str:
    return "" if known.dependencies else known.why_alone or "its files name nothing that it depends on"


async def _perform_missing(exercise: Exercise, _known: Known) -> None:
    """Whether it got ready, or ended, is all that is asked."""


PORT_TAKEN = Act(_perform_taken, _no_port, _waiting_for_the_thief, waits=False)
NO_DEPENDENCY = Act(_perform_missing, _no_dependency, limit=bound, idles=True)
NO_SETTINGS = Act(_perform_missing, _no_settings, _without_settings, environment=_without, limit=bound, well=True)
