"""The Kubernetes side of what looks at commands and health checks: containers as services of their own. Pure.

`command` takes the place of the image's ENTRYPOINT, and its CMD is gone then; `args` alone takes that of CMD. An exec
probe is a health check. What the image is made of is known where its Dockerfile is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from seatrial.check import images, launch
from seatrial.check.interface import Wrong
from seatrial.check.kubernetes import Seen
from seatrial.model.documents import Stage, Unit
from seatrial.model.kubernetes import Container, Probe
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced
from seatrial.model.service import Healthcheck, Service, shell_line_of
from seatrial.model.values import replace

_PATCHES = ("command", "args", "image")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PASSING_ON = frozenset({"node", "python", "ruby", "golang", "debian", "ubuntu", "alpine", "busybox", "php", "perl"})
"""Official images without an entrypoint, or with one that becomes whatever program it is given."""
_DEVELOPMENT = frozenset({"dev", "develop", "development", "local", "debug", "tilt", "sandbox", "test", "e2e"})
_LOOP = pattern(r"(?:^|[\s;&|(])(?:while|until|for)\s")


def exec_form(seen: Seen) -> Iterator[Wrong]:
    """Shells that stay in front of the program."""
    from seatrial.check.rules import exec_form_command

    yield from _told(seen, _launched(seen), exec_form_command.look)


def package_manager(seen: Seen) -> Iterator[Wrong]:
    """Package managers as the main process."""
    from seatrial.check.rules import package_manager_as_pid1

    yield from _told(seen, _launched(seen), package_manager_as_pid1.look)


def dev_runner(seen: Seen) -> Iterator[Wrong]:
    """Servers and runners for development."""
    from seatrial.check.rules import dev_runner_in_production

    yield from _told(seen, _launched(seen), dev_runner_in_production.look)


def can_fail(seen: Seen) -> Iterator[Wrong]:
    """Exec probes that can't fail, or can't do anything else."""
    from seatrial.check.rules import healthcheck_detects_failure

    found = _told(seen, _probed(seen), healthcheck_detects_failure.look)
    yield from (wrong for wrong in found if "by Docker" not in wrong.message)


def tools(seen: Seen) -> Iterator[Wrong]:
    """Exec probes whose program the image lacks."""
    from seatrial.check.rules import healthcheck_tool_present

    for wrong in _told(seen, _probed(seen), healthcheck_tool_present.look):
        yield replace(wrong, remedy=wrong.remedy.replace("CMD [", "command: ["))


def _told(seen: Seen, units: Iterable[Unit], look: Callable[[Unit], Iterable[Wrong]]) -> Iterator[Wrong]:
    """What is said of these containers, each named, and of each place once."""
    places = set()
    is_alone = len(seen.workload.pod.mains) == 1
    for unit in units:
        for wrong in look(unit):
            if wrong.place not in places:
                places.add(wrong.place)
                name = unit.service.name
                service = "" if is_alone else f"{seen.workload.name}/{name}"
                yield replace(wrong, message=f"{name}: {wrong.message}", service=service)


def _launched(seen: Seen) -> Iterator[Unit]:
    """The containers of a service whose manifest says what runs."""
    if not seen.is_service or seen.is_patched(*_PATCHES) or _is_for_development(seen):
        return
    for container in seen.workload.pod.mains:
        said = container.command or container.arguments
        line = shell_line_of(container.argv)
        if said is None or not container.argv or _LOOP.search(line):
            continue
        if container.command or _starts_its_arguments(seen, container):
            yield _unit(seen, container, Sourced(container.argv, said.place))


def _is_for_development(seen: Seen) -> bool:
    workload = seen.workload
    text = f"{workload.place.file}/{workload.name}/{workload.namespace}".lower()
    return not _DEVELOPMENT.isdisjoint("".join(each if each.isalnum() else " " for each in text).split())


def _starts_its_arguments(seen: Seen, container: Container) -> bool:
    """Whether the image becomes whatever it is given as arguments."""
    built = seen.unit_of(container)
    if built is not None:
        said = built.unit.service.entrypoint
        words = said.value if said else ()
        is_plain = all(word.rpartition("/")[2] in launch.INITS or word.startswith("-") for word in words)
        return is_plain and _has_no_entrypoint(launch.base_image(built.unit))
    return container.image is not None and _has_no_entrypoint(container.image.value)


def _has_no_entrypoint(image: str) -> bool:
    reference = images.parse(image)
    return reference.is_official and reference.repository in _PASSING_ON


def _probed(seen: Seen) -> Iterator[Unit]:
    """The exec probes of a workload, each as the health check of its container."""
    if not seen.workload.is_long_running or seen.is_patched(*_PROBES, "image"):
        return
    for container in seen.workload.pod.mains:
        for probe in (container.readiness, container.liveness, container.startup):
            if probe is not None and probe.handler.kind == "exec" and probe.handler.command:
                yield _with_check(_unit(seen, container, None), probe)


def _with_check(unit: Unit, probe: Probe) -> Unit:
    handler, line = probe.handler, shell_line_of(probe.handler.command)
    test = ("CMD-SHELL", line) if line else ("CMD", *handler.command)
    check = Healthcheck(Sourced(test, handler.place))
    return replace(unit, service=replace(unit.service, healthcheck=check), health=handler.commands)


def _unit(seen: Seen, container: Container, argv: Sourced[tuple[str, ...]] | None) -> Unit:
    """The container as a service, with the stages of its image where they are known."""
    built = seen.unit_of(container)
    stages: tuple[Stage, ...] = built.unit.stages if built else ()
    service = Service(
        container.name,
        "",
        argv,
        container.command,
        container.arguments,
        hops=container.hops,
        image=container.image,
        base_images=built.unit.service.base_images if built else (),
        environment={each.name: each.value for each in container.environment if each.value},
    )
    origin = seen.workload.place.file.rpartition("/")[0]
    return Unit(service, stages=stages, origin=origin)
