"""What rules ask of Amazon ECS' task definitions: one function a requirement, at most one finding a container. Pure.

Imported where there is a task definition alone (`check.manifests.of_tasks`). Whether a task is a service, a job or
behind a load balancer is said elsewhere, so these functions speak of what holds for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from seatrial.check import credentials, images, launch, patience, services
from seatrial.check.interface import Check, Context, Wrong, finding
from seatrial.check.kubernetes import is_placeholder, listed, moved
from seatrial.check.kubernetes.built import built_here
from seatrial.model.documents import Documents, Neighbour, Unit
from seatrial.model.ecs import LONGEST_STOP, Task, TaskContainer
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.kubernetes import Cluster
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced
from seatrial.model.values import dataclass

_AGENTS = ("fluent", "datadog", "agent", "xray", "otel", "cadvisor", "exporter", "envoy", "newrelic", "log_router")
"""Words in the names of sidecars that look at the others or at the machine, and may need more rights."""
_SAMPLE = pattern(r"(?:^|[/_-])your[-_]|X{4,}|^my[-_]?\w+(?::latest)?$")
_MARGIN = 5
_RANGES = (("interval", 5, 300), ("timeout", 2, 60), ("start_period", 0, 300), ("retries", 1, 10))
"""What ECS accepts of a health check, in seconds and times."""
_FIELDS = {"start_period": "startPeriod"}
_LONGEST = 300.0
_MEBI = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A container of a task, and what surrounds it."""

    task: Task
    container: TaskContainer
    cluster: Cluster
    documents: Documents

    @property
    def unit(self) -> Unit:
        """The container as a service."""
        return self.container.unit

    @property
    def image(self) -> str:
        """Its image as written, "" where that isn't known."""
        return self.unit.service.image.value if self.unit.service.image else ""

    @property
    def is_agent(self) -> bool:
        """Whether it stands beside the program, to look at it."""
        return any(word in f"{self.container.name} {self.image}".lower() for word in _AGENTS)

    @property
    def is_job(self) -> bool:
        """Whether it is meant to end."""
        words = set(self.task.family.lower().replace("_", "-").split("-"))
        return services.is_job(self.unit, ()) or bool(words & services.JOB_WORDS)

    def built(self) -> Neighbour | None:
        """The service whose Dockerfile the image is built from."""
        return built_here(self.documents, self.cluster, self.image)


Look = Callable[[Seen], Iterable[Wrong]]


def per_container(name: str, severity: Severity, look: Look) -> Check:
    """A check that looks at one container after the other, and tells of a task its errors, or the first of the rest."""

    def check(context: Context) -> Iterator[Finding]:
        cluster = context.documents.cluster
        if cluster is None:
            return
        for task in cluster.tasks:
            wrongs = (wrong for each in task.containers for wrong in look(Seen(task, each, cluster, context.documents)))
            made = (finding(name, severity, wrong, task.family) for wrong in wrongs)
            found = [each for each in made if each is not None]
            errors = [each for each in found if each.severity is Severity.ERROR]
            yield from errors or found[:1]

    return check


def grace(seen: Seen) -> Iterator[Wrong]:
    """stopTimeout: what Fargate allows, and what the program needs."""
    said = seen.unit.service.stop_grace
    if said is not None and seen.task.is_fargate and said.value > LONGEST_STOP:
        message = f"{seen.container.name}: stopTimeout is {said.value:g} s, and Fargate takes {LONGEST_STOP} s at most"
        yield Wrong(
            message, said.place, f"stopTimeout: {LONGEST_STOP}, and a program that ends within it", Severity.ERROR
        )
        return
    if said is not None and said.value < 1:
        message = f"{seen.container.name}: stopTimeout {said.value:g} kills it in the middle of its requests"
        yield Wrong(message, said.place, "stopTimeout: 30, or as long as the longest request")
        return
    found = _patience(seen)
    if found is None or found.seconds < seen.container.effective_stop:
        return
    limit = f"stopTimeout is {said.value:g} s" if said else "without stopTimeout it is killed after 30 s"
    place = said.place if said else seen.container.place
    related = (Sourced(found.by, found.place),) if found.place and found.place != place else ()
    message = f"{seen.container.name}: {found.by} gives requests {found.seconds:g} s to end, and {limit}"
    yield Wrong(message, place, f"stopTimeout: {found.seconds + _MARGIN:g}", related=related)


def _patience(seen: Seen) -> patience.Patience | None:
    service = seen.unit.service
    argv = service.argv or Sourced((), None)
    found = patience.of_command(argv.value, argv.place, service.environment)
    built = seen.built() if found is None and service.argv is None else None
    by_image = patience.of_unit(built.unit) if built else None
    if built is None or by_image is None:
        return found
    return patience.Patience(by_image.seconds, by_image.by, moved(by_image.place, built.prefix))


def restarting(seen: Seen) -> Iterator[Wrong]:
    """A restart loop inside the container, besides that of ECS."""
    from seatrial.check.rules.single_restart_loop import inside

    wrong = inside(seen.container.name, seen.unit.service.argv, "ECS") if seen.container.is_essential else None
    if wrong is not None:
        yield wrong


def memory(seen: Seen) -> Iterator[Wrong]:
    """A hard limit, and what fits into it."""
    from seatrial.check.rules import memory_limit

    limits = seen.unit.service.limits
    limit = limits.memory or seen.task.memory
    if limit is None:
        reserved = limits.memory_reservation
        if reserved is not None and seen.container.is_essential and not (seen.is_job or seen.is_agent):
            message = f"{seen.container.name} has a memoryReservation and no limit: a leak takes the instance down"
            yield Wrong(
                message, reserved.place, "memory, with what was measured, beside the memoryReservation", Severity.INFO
            )
        return
    for heap, place in memory_limit.heaps(seen.unit):
        if 0 < limit.value <= heap:
            shown = f"{heap // _MEBI} MiB, and memory is {limit.value // _MEBI} MiB"
            message = (
                f"{seen.container.name}: the heap may grow to {shown}: it is killed before it collects its garbage"
            )
            related = (Sourced("the limit", limit.place),) if limit.place else ()
            yield Wrong(
                message, place, "give the heap about three quarters of the limit", Severity.ERROR, related=related
            )
            return
    argv = seen.unit.service.argv
    wrong = memory_limit.too_many(argv, seen.unit.service.environment, limit) if argv else None
    if wrong is not None:
        yield wrong


def dependencies(seen: Seen) -> Iterator[Wrong]:
    """Conditions that no container of the task can meet."""
    others = {each.name: each for each in seen.task.containers}
    for wait in seen.unit.service.depends_on:
        other = others.get(wait.value.service)
        if wait.value.condition == "HEALTHY" and other is not None and other.unit.service.healthcheck is None:
            message = f"{seen.container.name} waits until {other.name} is HEALTHY, which has no healthCheck: refused"
            related = (Sourced(other.name, other.place),)
            yield Wrong(
                message, wait.place, f"a healthCheck for {other.name}, or START", Severity.ERROR, related=related
            )
            return


def health_present(seen: Seen) -> Iterator[Wrong]:
    """A HEALTHCHECK of the image, which ECS never looks at."""
    built = seen.built() if seen.unit.service.healthcheck is None and seen.container.is_essential else None
    check = built.unit.service.healthcheck if built else None
    if built is None or check is None or check.is_disabled or check.test.place is None:
        return
    where = moved(check.test.place, built.prefix)
    message = f"{seen.container.name}: ECS never looks at the HEALTHCHECK of its image, and the task has no healthCheck"
    related = (Sourced("the HEALTHCHECK", where),) if where else ()
    yield Wrong(message, seen.container.place, "healthCheck: the same command, as CMD-SHELL", related=related)


def health_timing(seen: Seen) -> Iterator[Wrong]:
    """Times that ECS refuses, or with which a hang lasts long."""
    check = seen.unit.service.healthcheck
    if check is None or check.is_disabled:
        return
    for name, least, most in _RANGES:
        said: Sourced[float] = getattr(check, name)
        if said.place is not None and not least <= said.value <= most:
            message = f"{_FIELDS.get(name, name)} is {said.value:g}, and ECS takes {least} to {most} alone"
            yield Wrong(message, said.place, f"a number from {least} to {most}", Severity.ERROR)
            return
    interval, timeout, retries = check.interval.value or 30, check.timeout.value or 5, check.retries.value or 3
    place = check.interval.place or check.retries.place
    if retries * (interval + timeout) > _LONGEST and place is not None:
        sum_shown = f"{retries} × ({interval:g} + {timeout:g}) s"
        minutes = retries * (interval + timeout) / 60
        message = f"a container that hangs is noticed after up to {minutes:.0f} min: {sum_shown}"
        yield Wrong(message, place, "check every 10 to 30 s, with a timeout of some seconds")


def user(seen: Seen) -> Iterator[Wrong]:
    """Root, where somebody asked for it."""
    said = seen.unit.service.user
    is_root = said is not None and said.value.partition(":")[0] in ("root", "0")
    if said is None or not is_root or seen.is_agent or seen.is_job or seen.task.is_windows:
        return
    message = f"{seen.container.name}: user {said.value} is root, whatever the image says"
    yield Wrong(message, said.place, 'user: "10001"', confidence=Confidence.MEDIUM)


def read_only(seen: Seen) -> Iterator[Wrong]:
    """A root filesystem that can be written to, of an image of one's own."""
    if seen.unit.service.read_only is not None or seen.task.is_windows or seen.is_job or seen.is_agent:
        return
    is_privileged = seen.container.privileged is not None and seen.container.privileged.value
    if not is_privileged and seen.built() is not None:
        message = f"{seen.container.name} can write to its whole filesystem, and so can whoever breaks into it"
        remedy = "readonlyRootFilesystem: true, with volumes for what it has to write"
        yield Wrong(message, seen.container.place, remedy, confidence=Confidence.MEDIUM)


def secrets(seen: Seen) -> Iterator[Wrong]:
    """Credentials among the variables. No value is ever told."""
    from seatrial.check.kubernetes.credentials import holds

    found = [(name, each) for name, each in seen.unit.service.environment.items() if holds(name, each.value)]
    if not found:
        return
    is_sure = any(credentials.shape(each.value) for _, each in found)
    more = f" (and {len(found) - 3} more)" if found[3:] else ""
    names = listed(name for name, _ in found[:3])
    message = f"{seen.container.name}: the value of {names}{more} stands in the task definition itself"
    remedy = "secrets: [{name, valueFrom}], with the ARN of a secret or a parameter; change it now"
    related = tuple(Sourced(name, each.place) for name, each in found[1:3])
    yield Wrong(message, found[0][1].place, remedy, Severity.ERROR if is_sure else Severity.WARNING, related=related)


def logs_kept(seen: Seen) -> Iterator[Wrong]:
    """Logs that nobody keeps."""
    said = seen.unit.service.logging
    if said is None and seen.task.is_fargate:
        message = f"{seen.container.name} has no logConfiguration: on Fargate what it writes is kept nowhere"
        yield Wrong(message, seen.container.place, "logConfiguration: {logDriver: awslogs, …}", Severity.WARNING)
    elif said is not None and said.value.driver == "none":
        message = f"the log driver of {seen.container.name} is none: what it says when it fails is lost"
        yield Wrong(message, said.place, "logDriver: awslogs")


def logs_rotated(seen: Seen) -> Iterator[Wrong]:
    """Logs that grow for ever on the container instance."""
    said = seen.unit.service.logging
    is_plain = said is None or (said.value.driver == "json-file" and "max-size" not in said.value.options)
    if is_plain and not seen.task.is_fargate and not seen.task.is_windows:
        message = f"the log of {seen.container.name} is never rotated unless the instance's daemon is set up to"
        place = said.place if said else seen.container.place
        yield Wrong(message, place, "logDriver: awslogs, or json-file with max-size", confidence=Confidence.MEDIUM)


def tag(seen: Seen) -> Iterator[Wrong]:
    """An image without a version, unless a pipeline puts it in."""
    image, where = seen.image, seen.unit.service.image
    reference = images.parse(image)
    if (
        where is None
        or is_placeholder(image)
        or _SAMPLE.search(image)
        or reference.digest
        or reference.tag not in ("", "latest")
    ):
        return
    if not reference.tag and ".dkr.ecr." in image:
        return  # whoever deploys it says which
    if any("render-task-definition" in text for text in seen.documents.pipelines.values()):
        return
    says = "the tag latest" if reference.tag else "no tag, which means latest"
    message = f"{seen.container.name}: {reference.repository} has {says}: each task runs what it happened to pull"
    yield Wrong(message, where.place, f"image: {image.removesuffix(':latest')}:VERSION")


def init(seen: Seen) -> Iterator[Wrong]:
    """Two inits, one inside the other."""
    said = seen.unit.service.init
    built = seen.built() if seen.unit.service.entrypoint is None else None
    links = (*launch.chain(seen.unit), *(launch.chain(built.unit) if built else ()))
    inner = next((link for link in links if link.program in launch.SMALL_INITS), None)
    if said is not None and said.value and inner is not None:
        message = f"initProcessEnabled puts an init in front of {inner.program}, which is one already"
        yield Wrong(message, said.place, "take one of them out")


def security(seen: Seen) -> Iterator[Wrong]:
    """privileged: all rights on the instance, and what Fargate refuses."""
    said = seen.container.privileged
    if said is None or not said.value or seen.task.is_windows:
        return
    if seen.task.is_fargate:
        message = f"{seen.container.name}: privileged is refused on Fargate"
        yield Wrong(message, said.place, "leave privileged out", Severity.ERROR)
    elif not seen.is_agent:
        message = f"{seen.container.name}: privileged gives whoever breaks into it the whole instance"
        yield Wrong(message, said.place, "linuxParameters.capabilities.add, with what it needs")
