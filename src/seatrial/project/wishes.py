"""What the supervisor is asked and answers with: options, its error, and questions on single instances and services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.model import codec
from seatrial.model.deployment import Deployment
from seatrial.model.errors import InputError, SeatrialError
from seatrial.project.layout import read_json
from seatrial.project.replica import Replica, deployment_file

_NOT = "not enforced"
_LEAST_MEMORY = 6 << 20


class ProjectError(SeatrialError):
    """What was asked for did not come about: a dependency failed, a hook failed, an instance would not start."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """How `up` brings a project up. `names` empty: all services. `force_recreate` is about these, `anew_deps` about
    what they depend on. `wait_limit` in seconds, 0 for none."""

    names: tuple[str, ...] = ()
    with_dependencies: bool = True
    force_recreate: bool = False
    anew_deps: bool = False
    no_recreate: bool = False
    remove_orphans: bool = False
    wait: bool = False
    wait_limit: float = 0.0
    start: bool = True


def in_force(replica: Replica) -> str:
    """The limits that are enforced, by what: "memory 64 MiB, pids 20 (cgroup2); cpuset 0 (scheduler: …)"."""
    by_means: dict[str, list[str]] = {}
    for sentence in replica.instance.enforcement if replica.instance else ():
        limit, _, means = sentence.partition(": ")
        if not means.startswith(_NOT):
            by_means.setdefault(means, []).append(limit)
    return "; ".join(f"{', '.join(found)} ({_flat(means)})" for means, found in by_means.items())


def _flat(means: str) -> str:
    """ "rlimit (for each process)" without brackets in brackets."""
    word, _, note = means.partition(" (")
    return f"{word}: {note.removesuffix(')')}" if note else word


def not_enforced(replica: Replica) -> list[str]:
    """The limits that this machine can't enforce, each with the reason."""
    return [each for each in (replica.instance.enforcement if replica.instance else ()) if f": {_NOT}" in each]


def deployment_in(directory: Path) -> Deployment | None:
    """What the instance in this directory was made from; None where that can't be read."""
    try:
        found = codec.decode(Deployment, read_json(deployment_file(directory)))
    except codec.WrongError:
        return None
    return found if isinstance(found, Deployment) else None


def refuse_without_command(chosen: Sequence[Deployment]) -> None:
    """Raises InputError, with the line to add, where nobody says what a service runs."""
    for deployment in chosen:
        service = deployment.service
        if service.argv is None or not service.argv.value:
            image = service.image.value if service.image else "an image"
            said = service.command.value if service.command else ()
            what = "its entrypoint is" if said else "what it runs is"
            command = ", ".join(said) if said else "PROGRAM, ARGUMENT"
            raise InputError(
                f"{deployment.name} has {image} and no build: {what} inside the image, and no image is used",
                place=deployment.place,
                hint=f"services: {{{deployment.name}: {{x-seatrial: {{command: [{command}]}}}}}}",
            )
        if any(not hook.command for hook in deployment.hooks.pre_start):
            raise InputError(
                f"a pre_start hook of {deployment.name} says no command: it is inside its image, and no image is used",
                place=deployment.place,
                hint="pre_start: [{command: [PROGRAM, ARGUMENT]}]",
            )


def refuse_limits(deployment: Deployment) -> None:
    """Raises InputError for limits with which Docker makes no container (moby: daemon_unix.go,
    verifyPlatformContainerResources). More CPUs than there are is none of them: they are cut, which is said."""
    limits = deployment.service.limits
    memory = limits.memory.value if limits.memory else 0
    swap = limits.memory_swap.value if limits.memory_swap else 0
    reserved = limits.memory_reservation.value if limits.memory_reservation else 0
    adjusted = limits.oom_score_adj.value if limits.oom_score_adj else 0
    found = {
        "the memory limit is below 6 MiB": 0 < memory < _LEAST_MEMORY,
        "a limit of memory and swap needs a memory limit": swap > 0 and not memory,
        "memory and swap together are less than the memory limit": 0 < swap < memory,
        "the memory reservation is above the memory limit": bool(memory) and reserved > memory,
        "the memory reservation is below 6 MiB": 0 < reserved < _LEAST_MEMORY,
        "cpus can't be negative": limits.cpus is not None and limits.cpus.value < 0,
        f"oom_score_adj {adjusted} is not between -1000 and 1000": not -1000 <= adjusted <= 1000,
    }
    for problem, is_so in found.items():
        if is_so:
            raise InputError(f"{deployment.name}: {problem}", place=deployment.place)
