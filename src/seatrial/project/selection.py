"""Which services a command is about, and who waits for whom. Pure.

Rules (contract, chapter 11)
* A service that is named brings its dependencies along, unless `--no-deps`; one that is required and off is an error.
* Services are started when their dependencies have come to what the condition says, and stopped in reverse: a service
  stops when all that depend on it have stopped. Independent ones go side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from seatrial.model.deployment import Deployment, Fleet
from seatrial.model.errors import InputError
from seatrial.model.service import Dependency
from seatrial.project.waiting import COMPLETED


def select(fleet: Fleet, names: Sequence[str], *, with_dependencies: bool = True) -> tuple[Deployment, ...]:
    """The services that are meant, in file order: all without names. Raises InputError for a name that isn't there."""
    for name in names:
        if fleet.deployment(name) is None:
            raise InputError(f"no such service: {name}", hint=_known(fleet))
    wanted = set(names) or {deployment.name for deployment in fleet.deployments}
    if with_dependencies:
        wanted = _closure(fleet, wanted)
    return tuple(deployment for deployment in fleet.deployments if deployment.name in wanted)


def _known(fleet: Fleet) -> str:
    names = ", ".join(deployment.name for deployment in fleet.deployments)
    off = f"; profiles switch off {', '.join(fleet.off)} (--profile)" if fleet.off else ""
    return f"there are {names}{off}"


def _closure(fleet: Fleet, names: Collection[str]) -> set[str]:
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        deployment = fleet.deployment(name)
        if name in found or deployment is None:
            continue
        found.add(name)
        pending += [dependency.service for dependency in dependencies(deployment)]
    return found


def dependencies(deployment: Deployment) -> tuple[Dependency, ...]:
    """What a service waits for."""
    return tuple(sourced.value for sourced in deployment.service.depends_on)


def waits_for(chosen: Sequence[Deployment]) -> Mapping[str, tuple[Dependency, ...]]:
    """For each chosen service the chosen ones that it waits for; one scaled to nothing is waited for by nobody."""
    present = {deployment.name for deployment in chosen if deployment.replicas > 0}
    return {
        deployment.name: tuple(each for each in dependencies(deployment) if each.service in present)
        for deployment in chosen
    }


def jobs(fleet: Fleet) -> frozenset[str]:
    """The services whose end is what others wait for."""
    every = (each for deployment in fleet.deployments for each in dependencies(deployment))
    return frozenset(each.service for each in every if each.condition == COMPLETED)


def dependents(chosen: Sequence[Deployment]) -> Mapping[str, frozenset[str]]:
    """For each chosen service the chosen ones that depend on it: they stop before it does."""
    return {
        deployment.name: frozenset(
            other.name for other in chosen if any(each.service == deployment.name for each in dependencies(other))
        )
        for deployment in chosen
    }


def restarted_with(fleet: Fleet, names: Collection[str]) -> tuple[str, ...]:
    """The services that ask to be restarted when one of these is (`depends_on: {…: {restart: true}}`), and those that
    ask it of them, in file order."""
    found: set[str] = set(names)
    grown = True
    while grown:
        grown = False
        for deployment in fleet.deployments:
            asks = any(each.restart and each.service in found for each in dependencies(deployment))
            if asks and deployment.name not in found:
                found.add(deployment.name)
                grown = True
    return tuple(each.name for each in fleet.deployments if each.name in found and each.name not in names)


def scaled(fleet: Fleet, wanted: Mapping[str, int]) -> Fleet:
    """The project with other numbers of replicas. Raises InputError for a name that isn't there or has one name."""
    for name, number in wanted.items():
        deployment = fleet.deployment(name)
        if deployment is None:
            raise InputError(f"no such service: {name}", hint=_known(fleet))
        if number > 1 and deployment.container_name:
            raise InputError(
                f"{name} can't have {number} replicas: container_name gives it one name",
                place=deployment.place,
                hint="remove container_name",
            )
    changed = tuple(replace(each, replicas=wanted.get(each.name, each.replicas)) for each in fleet.deployments)
    return replace(fleet, deployments=changed)


def instance_name(fleet: Fleet, deployment: Deployment, number: int) -> str:
    """The name of one instance, as compose gives it: PROJECT-SERVICE-N, or its `container_name`. During a rolling
    restart there are two of those."""
    if deployment.container_name:
        return deployment.container_name if number == 1 else f"{deployment.container_name}-{number}"
    return f"{fleet.name}-{deployment.name}-{number}"
