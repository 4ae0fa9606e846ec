"""What the project's Kubernetes manifests say of the service that is drilled: what simply can be is followed, and what
isn't is told. A workload is the service's where its pods run for ever and their image is built from the service's
Dockerfile, as `check` joins them.

A compose file says how its service runs: beside one, and where several workloads run the service or patches change the
one, nothing is followed. Raises nothing for what files hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.model.documents import Unit
from seatrial.model.errors import SeatrialError
from seatrial.model.kubernetes import Cluster, Container, Workload
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Service

MOST_DIRECTORIES = 200
_MOST_TOLD = 3
_LEAST_MEMORY = 6 * 1024 * 1024
"""Docker's: what is below it is a mistake ("128m" is an eighth of a byte)."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The service with what was followed, and what a report says of each of its workloads."""

    service: Service
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifests:
    """What the manifests near a project's root say; `is_alone` where one Dockerfile only lies there."""

    cluster: Cluster
    is_alone: bool


def manifests_of(directory: str) -> Manifests | None:
    """The manifests below a project's directory, None where there are none."""
    from seatrial.files.discovery import candidates

    root = Path(directory).absolute()
    found = candidates(root, limit=MOST_DIRECTORIES)
    if not found.manifests:
        return None
    from seatrial.files.kubernetes import read_manifests

    is_alone = len(found.dockerfiles) == 1 and not found.left_out
    return Manifests(read_manifests(root, found.manifests).cluster, is_alone)


def with_workload(service: Service, directory: str, manifests: Manifests | None) -> Joined:
    """The service as the one workload runs that is built from its Dockerfile, as far as that can be followed."""
    found = _running(service, directory, manifests) if manifests is not None and service.dockerfile else []
    if not found:
        return Joined(service)
    told = ", ".join(_shown(workload) for workload, _ in found[:_MOST_TOLD])
    more = f" and {len(found) - _MOST_TOLD} more" if found[_MOST_TOLD:] else ""
    marked = replace(service, workload=Sourced(told + more, found[0][0].place))
    if len(found) == 1 and not found[0][0].patched and not service.compose_file:
        return _followed(marked, directory, *found[0])
    notes = (_note(workload, [], _differences(service, workload, each, ())) for workload, each in found[:_MOST_TOLD])
    return Joined(marked, (*notes, *([f"{more.removeprefix(' and ')} of its workloads are not followed"] * bool(more))))


def _running(service: Service, directory: str, manifests: Manifests) -> list[tuple[Workload, Container]]:
    """The containers that are built from the service's Dockerfile, each with its workload."""
    import os

    from seatrial.check.kubernetes.built import is_built_from
    from seatrial.files.documents import read_documents

    try:
        documents = read_documents(Path(directory), environment=os.environ, manifests=False)
    except SeatrialError:  # other files than those that were named: they say nothing of this service
        return []
    unit = next((each for each in documents.units if _is_of(each, service)), None)
    if unit is None:
        return []
    documents = replace(documents, cluster=manifests.cluster, is_alone=manifests.is_alone)
    is_built = is_built_from(documents, manifests.cluster, unit)
    return [
        (workload, each)
        for workload in manifests.cluster.workloads
        if workload.is_long_running
        for each in workload.pod.mains
        if each.image is not None and each.image.value and is_built(each.image.value)
    ]


def _is_of(unit: Unit, service: Service) -> bool:
    return (unit.service.name, unit.service.dockerfile) == (service.name, service.dockerfile)


def _followed(service: Service, directory: str, workload: Workload, container: Container) -> Joined:
    """With the command, the time to stop and the memory limit of the one container that runs it."""
    followed: list[str] = []
    grace = workload.pod.grace
    if service.stop_grace is None:
        said = Sourced(float(max(0, workload.pod.effective_grace)), grace.place if grace else workload.place)
        service = replace(service, stop_grace=said)
        followed.append("terminationGracePeriodSeconds" if grace else f"the {said.value:g} s that a pod has to stop")
    memory = container.resources.limits.get("memory")
    if memory is not None and memory.value >= _LEAST_MEMORY and service.limits.memory is None:
        service = replace(service, limits=replace(service.limits, memory=Sourced(int(memory.value), memory.place)))
        followed.append("limits.memory")
    if container.argv and "$(" not in " ".join(container.argv):
        service = _with_command(service, directory, container)
        followed += [name for name, said in _words(container) if said is not None]
    return Joined(service, (_note(workload, followed, _differences(service, workload, container, followed)),))


def _with_command(service: Service, directory: str, container: Container) -> Service:
    """`command` takes the place of ENTRYPOINT and CMD, `args` alone that of CMD."""
    from seatrial.files.join.image import finish, with_argv

    is_entrypoint = container.command is not None and bool(container.command.value)
    if is_entrypoint:
        service = replace(service, entrypoint=container.command, command=container.arguments)
    else:
        service = replace(service, command=container.arguments)
    has_shell = service.shell_form and bool(service.entrypoint and service.entrypoint.value) and not is_entrypoint
    service = with_argv(service, entrypoint_shell_form=has_shell, command_shell_form=False)
    return finish(service, Path(directory))[0]


def _words(container: Container) -> tuple[tuple[str, Sourced[tuple[str, ...]] | None], ...]:
    return ("command", container.command), ("args", container.arguments)


def _note(workload: Workload, followed: list[str], differences: Iterator[str]) -> str:
    left = ", ".join(differences)
    parts = [f"followed: {', '.join(followed)}" if followed else "", f"not followed: {left}" if left else ""]
    said = "; ".join(each for each in parts if each) or "no pod runs here"
    return f"{_shown(workload)} runs it in Kubernetes; {said} (--engine kubernetes drills it as it runs there)"


def _shown(workload: Workload) -> str:
    return f"{workload.kind} {workload.name} ({_at(workload.place)})"


def _at(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _differences(
    service: Service, workload: Workload, container: Container, followed: list[str] | tuple[str, ...]
) -> Iterator[str]:
    """What the manifest says and the drill doesn't do."""
    yield from (name for name, said in _words(container) if said is not None and name not in followed)
    if container.directory is not None and container.directory.value != service.workdir.value:
        yield "workingDir"
    if names := list(_variables(service, container)):
        yield f"env ({', '.join(names)})"
    yield from (f"limits.{name}" for name in container.resources.limits if f"limits.{name}" not in followed)
    probes = {"livenessProbe": container.liveness, "readinessProbe": container.readiness}
    yield from (name for name, probe in (probes | {"startupProbe": container.startup}).items() if probe is not None)
    yield from (name for name, hook in (("preStop", container.pre_stop), ("postStart", container.post_start)) if hook)
    grace = workload.pod.grace
    if grace is not None and "terminationGracePeriodSeconds" not in followed:
        yield "terminationGracePeriodSeconds"


def _variables(service: Service, container: Container) -> Iterator[str]:
    """The names of the variables that the image has not, or has with another value. A value may be a secret."""
    for each in container.environment:
        own = service.environment.get(each.name)
        if each.value is None or own is None or own.value != each.value.value:
            yield each.name
