"""Which edits write measured advice into the files of the service that was drilled. Pure.

Only what the files say less of than the advice's least is changed: a generous limit is nobody's mistake. What they
don't say where is left to a person. The edits are made and kept by the same machinery as those of the rules' fixes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import ceil

from seatrial.check.fixes.compose_block import limit_path, service_spot
from seatrial.check.fixes.dockerfile_edits import Change, inside, instruction_over, replacing
from seatrial.check.fixes.interface import spanned
from seatrial.check.fixes.kubernetes import container_spot, pod_spot
from seatrial.check.fixes.pre_stop_delay import sleep_of
from seatrial.check.fixes.yaml_edits import What, adding, node, together
from seatrial.check.fixes.yaml_edits import setting as setting_to
from seatrial.check.interface import Context
from seatrial.check.kubernetes import Seen, seen
from seatrial.model.advice import Advice, Setting
from seatrial.model.documents import Documents, Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding, Severity
from seatrial.model.kubernetes import Container
from seatrial.model.memory import MIB, mib
from seatrial.model.place import Place
from seatrial.model.recording import Subject
from seatrial.model.redaction import REDACTED
from seatrial.model.service import Ulimit, signal_name, signal_number
from seatrial.model.values import replace


def concerns(documents: Documents, service: str) -> bool:
    """Whether these files describe the service of this name."""
    return bool(_units(documents, service) or _containers(documents, service))


def edits(documents: Documents, service: str, advice: Iterable[Advice]) -> Iterator[Edit]:
    """The edits that follow from the advice, each once."""
    context = Context(documents)
    told = {each.setting: each for each in advice if each.value is not None}
    found = [
        _OF_UNITS[setting](context, unit, each)
        for unit in _units(documents, service)
        for setting, each in told.items()
        if setting in _OF_UNITS
    ]
    for each, container in _containers(documents, service):
        found += _of_container(context, each, container, told)
    yield from dict.fromkeys(edit for edit in found if edit is not None)


def _of_container(
    context: Context, each: Seen, container: Container, told: Mapping[Setting, Advice]
) -> Iterator[Edit | None]:
    """A sleep that is added takes its time from the grace period."""
    delay = told.get(Setting.PRE_STOP_DELAY)
    sleep = _pre_stop(context, each, container, delay) if delay else None
    yield sleep
    more = delay.value or 0.0 if sleep and delay else 0.0
    for setting, advice in told.items():
        if setting is Setting.STOP_GRACE:
            wanted = replace(advice, value=(advice.value or 0.0) + more, least=advice.least + more)
            yield _pod_grace(context, each, container, wanted)
        elif setting in _OF_CONTAINERS:
            yield _OF_CONTAINERS[setting](context, each, container, advice)


def differences(documents: Documents, subject: Subject) -> tuple[str, ...]:
    """What the files say otherwise than they did when the service was recorded."""
    return tuple(text for unit in _units(documents, subject.name) for text in _differences(unit, subject))


def _differences(unit: Unit, subject: Subject) -> Iterator[str]:
    service = unit.service
    argv = service.argv.value if service.argv else ()
    if argv != subject.argv and not any(REDACTED in word for word in subject.argv):
        yield f"the command was {' '.join(subject.argv)}, and is {' '.join(argv)}"
    if service.effective_grace != subject.grace:
        yield f"the stop grace was {subject.grace:g} s, and is {service.effective_grace:g} s"
    memory = service.limits.memory.value if service.limits.memory else 0
    if memory != subject.memory:
        yield f"the memory limit was {_size(subject.memory)}, and is {_size(memory)}"
    if _signal(service.effective_stop_signal) != subject.stop_signal:
        yield f"the stop signal was {subject.stop_signal}, and is {service.effective_stop_signal}"
    check = service.healthcheck.test.value if service.healthcheck else ()
    if check != subject.healthcheck and not any(REDACTED in word for word in subject.healthcheck):
        yield "the health check is another one"


def _signal(text: str) -> str:
    try:
        return signal_name(signal_number(text))
    except ValueError:
        return text


def _size(value: int) -> str:
    return mib(value) if value else "none"


def _units(documents: Documents, service: str) -> list[Unit]:
    return [unit for unit in documents.units if unit.service.name == service]


def _containers(documents: Documents, service: str) -> list[tuple[Seen, Container]]:
    """The containers of workloads that run the service: by their name, the workload's, or the image that is built."""

    def is_it(each: Seen, container: Container) -> bool:
        neighbour = each.unit_of(container)
        names = [container.name, *([neighbour.unit.service.name] if neighbour else [])]
        if len(each.workload.pod.mains) == 1:
            names.append(each.workload.name)
        return service in names

    if documents.cluster is None:
        return []
    found = seen(Context(documents))
    return [(each, container) for each in found for container in each.workload.pod.mains if is_it(each, container)]


def _finding(advice: Advice, place: Place, service: str) -> Finding:
    """What an edit is made for."""
    return Finding(advice.requirement, Severity.INFO, advice.figure, place, service=service)


def _what(advice: Advice, words: str) -> What:
    return What(f"{words} ({advice.figure})", is_safe=True)


def _compose_finding(unit: Unit, advice: Advice) -> Finding:
    assert unit.compose is not None
    return _finding(advice, unit.compose.place, unit.service.name)


# --- compose and Dockerfile ---


def _start_period(context: Context, unit: Unit, advice: Advice) -> Edit | None:
    check = unit.service.healthcheck
    if check is None or check.is_disabled or _waits(unit, advice):
        return None
    seconds = f"{advice.value:g}s"
    what = _what(advice, f"give it a start period of {seconds}")
    said = check.start_period.place
    instruction = instruction_over(unit, said or check.test.place)
    if instruction is not None:
        finding = _finding(advice, instruction.place, unit.service.name)
        if said is not None:
            return replacing(context, finding, instruction, said, seconds, (what.note, True))
        head = len(spanned(context, instruction.place)) - len(spanned(context, instruction.place)[11:].lstrip())
        change = Change(head, head, f"--start-period={seconds} ")
        return inside(context, finding, instruction, [change], what.note, is_safe=True)
    spot = service_spot(unit)
    if spot is None or unit.compose is None or not unit.compose.has_healthcheck:
        return None
    return adding(context, _compose_finding(unit, advice), spot, ("healthcheck", "start_period"), seconds, what)


def _memory(context: Context, unit: Unit, advice: Advice) -> Edit | None:
    spot = service_spot(unit)
    if spot is None or _has_memory(unit, advice):
        return None
    size = f"{(advice.value or 0) / MIB:.0f}"
    path = limit_path(context, unit, "mem_limit", "memory")
    what = _what(advice, f"limit the memory to {size} MiB")
    finding = _compose_finding(unit, advice)
    limited = adding(context, finding, spot, path, f"{size}{'M' if path[1:] else 'm'}", what)
    swap = unit.service.limits.memory_swap
    # Unsaid, swap would be as much again, which the run at that limit did not have; and it may not be less than memory.
    is_open = swap is None and path == ("mem_limit",)
    if not is_open and (swap is None or not 0 < swap.value < (advice.value or 0)):
        return limited
    return together(limited, adding(context, finding, spot, ("memswap_limit",), f"{size}m", what))


def _grace(context: Context, unit: Unit, advice: Advice) -> Edit | None:
    spot = service_spot(unit)
    if spot is None or _has_grace(unit, advice):
        return None
    what = _what(advice, f"give it {advice.value:g} s to stop")
    return adding(context, _compose_finding(unit, advice), spot, ("stop_grace_period",), f"{advice.value:g}s", what)


def _nofile(context: Context, unit: Unit, advice: Advice) -> Edit | None:
    """Where the engine's own limit was too low, or the one that is said."""
    spot = service_spot(unit)
    said = _said_nofile(unit)
    if spot is None or _has_nofile(unit, advice):
        return None
    finding, number = _compose_finding(unit, advice), f"{advice.value:.0f}"
    what = _what(advice, f"allow {number} open files")
    there = node(context, spot.below("ulimits", "nofile", "soft"))
    if there is None or said is None:
        return adding(context, finding, spot, ("ulimits", "nofile"), number, what)
    raised = [setting_to(context, finding, spot.below("ulimits", "nofile", "soft"), number, what)]
    if 0 <= said.hard < (advice.value or 0):
        raised.append(setting_to(context, finding, spot.below("ulimits", "nofile", "hard"), number, what))
    return together(*raised)


# --- Kubernetes ---


def _initial_delay(context: Context, each: Seen, container: Container, advice: Advice) -> Edit | None:
    """Of the liveness probe, where no startup probe waits: a restart during the start is what has to be kept off."""
    probe, spot = container.liveness, container_spot(context, container)
    if probe is None or spot is None or _is_kept_off(each, container, advice):
        return None
    seconds = f"{advice.value:.0f}"
    what = _what(advice, f"let the liveness probe wait for {seconds} s")
    finding = _finding(advice, container.place, each.workload.name)
    return adding(context, finding, spot, ("livenessProbe", "initialDelaySeconds"), seconds, what)


def _container_memory(context: Context, each: Seen, container: Container, advice: Advice) -> Edit | None:
    spot = container_spot(context, container)
    requested = container.resources.requests.get("memory")
    if spot is None or _may_take(each, container, advice):
        return None
    if requested is not None and requested.value > (advice.value or 0):
        return None
    size = mib(advice.value or 0).replace(" MiB", "Mi")
    what = _what(advice, f"limit the memory to {size}")
    finding = _finding(advice, container.place, each.workload.name)
    return adding(context, finding, spot, ("resources", "limits", "memory"), size, what)


def _pod_grace(context: Context, each: Seen, container: Container, advice: Advice) -> Edit | None:
    """The sleep before the stop is part of the grace period."""
    spot = pod_spot(context, each.workload.pod.containers)
    before = _sleeps(container)
    if spot is None or _may_stop(each, container, advice):
        return None
    seconds = f"{(advice.value or 0) + before:.0f}"
    what = _what(advice, f"give it {seconds} s to stop" + (f", {before} of them before it is asked" if before else ""))
    finding = _finding(advice, container.place, each.workload.name)
    return adding(context, finding, spot, ("terminationGracePeriodSeconds",), seconds, what)


def _sleeps(container: Container) -> int:
    hook = container.pre_stop
    if hook is None:
        return 0
    last = hook.command[-1] if hook.command[:1] and hook.command[0].rpartition("/")[2] == "sleep" else ""
    return hook.seconds or (int(last) if last.isascii() and last.isdigit() else 0)


def _pre_stop(context: Context, each: Seen, container: Container, advice: Advice) -> Edit | None:
    spot = container_spot(context, container)
    if spot is None or advice.holds or _sleeps_before(each, container, advice) or not each.balanced:
        return None
    seconds = ceil(advice.value or 0.0)
    what = _what(advice, f"sleep {seconds} s before the stop")
    finding = _finding(advice, container.place, each.workload.name)
    return adding(context, finding, spot, ("lifecycle", "preStop"), sleep_of(each, container, seconds), what)


# --- what is said already ---


def _waits(unit: Unit, advice: Advice) -> bool:
    check = unit.service.healthcheck
    return check is not None and not check.is_disabled and check.start_period.value >= advice.least


def _has_memory(unit: Unit, advice: Advice) -> bool:
    limit = unit.service.limits.memory
    return limit is not None and limit.value >= advice.least


def _has_grace(unit: Unit, advice: Advice) -> bool:
    return unit.service.effective_grace >= advice.least


def _said_nofile(unit: Unit) -> Ulimit | None:
    return next((each.value for each in unit.service.limits.ulimits if each.value.name == "nofile"), None)


def _has_nofile(unit: Unit, advice: Advice) -> bool:
    said = _said_nofile(unit)
    return advice.holds if said is None else said.soft < 0 or said.soft >= advice.least


def _is_kept_off(_each: Seen, container: Container, advice: Advice) -> bool:
    probe = container.liveness
    if probe is None or container.startup is not None:
        return True
    return probe.effective_delay + probe.effective_period * (probe.effective_failures - 1) >= advice.least


def _may_take(_each: Seen, container: Container, advice: Advice) -> bool:
    limit = container.resources.limits.get("memory")
    return limit is not None and limit.value >= advice.least


def _may_stop(each: Seen, container: Container, advice: Advice) -> bool:
    return each.workload.pod.effective_grace >= advice.least + _sleeps(container)


def _sleeps_before(_each: Seen, container: Container, _advice: Advice) -> bool:
    return container.pre_stop is not None


def is_said(documents: Documents, service: str, advice: Advice) -> bool:
    """Whether the files say enough of it already, wherever they could say it."""
    of_unit, of_container = _ENOUGH_OF_UNITS.get(advice.setting), _ENOUGH_OF_CONTAINERS.get(advice.setting)
    said = [of_unit(unit, advice) for unit in _units(documents, service) if of_unit]
    said += [of_container(*found, advice) for found in _containers(documents, service) if of_container]
    return bool(said) and all(said)


_ENOUGH_OF_UNITS: Mapping[Setting, Callable[[Unit, Advice], bool]] = {
    Setting.START_PERIOD: _waits,
    Setting.MEMORY_LIMIT: _has_memory,
    Setting.STOP_GRACE: _has_grace,
    Setting.NOFILE: _has_nofile,
}
_ENOUGH_OF_CONTAINERS: Mapping[Setting, Callable[[Seen, Container, Advice], bool]] = {
    Setting.START_PERIOD: _is_kept_off,
    Setting.MEMORY_LIMIT: _may_take,
    Setting.STOP_GRACE: _may_stop,
    Setting.PRE_STOP_DELAY: _sleeps_before,
}
_OF_UNITS: Mapping[Setting, Callable[[Context, Unit, Advice], Edit | None]] = {
    Setting.START_PERIOD: _start_period,
    Setting.MEMORY_LIMIT: _memory,
    Setting.STOP_GRACE: _grace,
    Setting.NOFILE: _nofile,
}
_OF_CONTAINERS: Mapping[Setting, Callable[[Context, Seen, Container, Advice], Edit | None]] = {
    Setting.START_PERIOD: _initial_delay,
    Setting.MEMORY_LIMIT: _container_memory,
}
