"""What a recording advises to write into the files: a number for each setting, and the figure that it stands on. Pure.

Nothing is guessed: where nothing was measured the advice says so, and why. Proposals have room above what was seen,
because a drill's load is light and its machine is not production's; each factor stands here with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import ceil

from seatrial.model import memory
from seatrial.model.measured import Measured, measured
from seatrial.model.memory import mib
from seatrial.model.recording import WORKER, EventKind, Recording, Run, Scenario
from seatrial.model.served import is_new_error, is_unclear
from seatrial.model.traffic import COMPLETE, Outcome, Population
from seatrial.model.values import dataclass

START_ROOM, LEAST_START_ROOM = 3.0, 1.5
"""A start in production meets a cold disk, a limited processor and neighbours that start, too."""
ALIKE = 1.0
"""Starts that differ by less than these seconds, or than the room that is given, are of one kind; more is a machine
that had other things to do."""
STOP_ROOM, LEAST_STOP_ROOM = 1.5, 1.2
"""Requests in production may take longer than the drill's."""
STEP = 5.0
"""Seconds are proposed in whole steps, so that two trials of one service propose the same."""
DESCRIPTOR_ROOM = 4
"""Production has more connections at once than the drill."""
USUAL_NOFILE = 1024
"""The soft limit where nobody says one: systemd's, and containerd's since 2.0."""
BALANCER = 60.0
"""The idle time-out of balancers where nobody changes it (AWS, nginx): the server has to keep connections longer."""
BEYOND = 5.0


class Setting(Enum):
    """What is advised on."""

    START_PERIOD = "start_period"
    MEMORY_LIMIT = "memory limit"
    STOP_GRACE = "stop grace"
    NOFILE = "nofile"
    PRE_STOP_DELAY = "pre-stop delay"
    KEEP_ALIVE = "keep-alive timeout"


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice on one setting. `requirement` is the one whose page explains it.

    `figure` is what was measured, in words; where nothing was, `value` is None and `figure` says why. `value` is bytes
    for memory, a count for nofile, else seconds; with `least` nothing would be advised. `said` is what holds now, in
    words, and `holds` whether that is enough.
    """

    setting: Setting
    requirement: str
    figure: str
    value: float | None = None
    said: str = ""
    holds: bool = False
    least: float = 0.0

    @property
    def proposed(self) -> str:
        """The value for people: "96 MiB", "5 s", "1024"; "no figure" where nothing was measured."""
        if self.value is None:
            return "no figure"
        if self.setting is Setting.MEMORY_LIMIT:
            return mib(self.value)
        return f"{self.value:.0f}" if self.setting is Setting.NOFILE else f"{self.value:g} s"


def advise(recording: Recording) -> tuple[Advice, ...]:
    """Advice on every setting, in the order of `Setting`; none where a distributed engine ran the service."""
    if any(run.replicas for run in recording.runs):
        return ()
    found = measured(recording)
    return tuple(_ADVISERS[setting](recording, found) for setting in Setting)


def _start_period(recording: Recording, found: Measured) -> Advice:
    setting, page = Setting.START_PERIOD, "healthcheck-timing"
    longest = found.healthy_seconds or found.ready_seconds
    if longest is None and any(run.readiness.by == WORKER for run in recording.runs):
        return Advice(setting, page, "a worker without a health check doesn't say when it is ready")
    if longest is None:
        disturbed = next((run.disturbed for run in recording.runs if run.readiness.time and run.disturbed), "")
        why = f"no start was undisturbed: {disturbed}" if disturbed else "it was never ready"
        return Advice(setting, page, why)
    quickest = found.quickest_seconds or longest
    if longest > max(START_ROOM * quickest, quickest + ALIKE):
        why = f"the starts took from {_seconds(quickest)} to {_seconds(longest)}: this machine was busy"
        return Advice(setting, page, why)
    how = "healthy" if found.healthy_seconds else "ready"
    figure = f"{how} after {_seconds(longest)} at most, times {START_ROOM:g}"
    value = _step(START_ROOM * longest)
    if recording.subject.health is None:
        return Advice(setting, page, figure, value, "no health check", least=LEAST_START_ROOM * longest)
    said, least = recording.subject.start_period, LEAST_START_ROOM * longest
    return Advice(setting, page, figure, value, f"{said:g} s" if said else "nothing", said >= least, least)


def _memory(recording: Recording, found: Measured) -> Advice:
    setting, page = Setting.MEMORY_LIMIT, "memory-limit"
    limit = recording.subject.memory
    said = mib(limit) if limit else "nothing"
    own = [run for run in recording.runs if run.scenario not in memory.TRIES]
    if any(run.exit is not None and run.exit.oom_kills for run in own):
        return Advice(setting, page, "it was killed for memory: its peak is not known", said=said)
    if not any(run.readiness.ready for run in own):
        return Advice(setting, page, "it was never ready", said=said)
    load = recording.run(Scenario.LOAD)
    if load is not None and load.readiness.ready and not _answers(load):
        return Advice(setting, page, "it answered no request under load: its peak is not known", said=said)
    at_work = [run for run in own if run.scenario in (Scenario.LOAD, Scenario.WORK) and run.readiness.ready]
    used = found.memory or max((each.memory for run in at_work for each in run.samples), default=0)
    if not used:
        why = "the memory in use was not measured" + ("" if at_work else ": no run had it at work")
        return Advice(setting, page, why, said=said)
    wanted = memory.proposal(recording, used)
    peak = f"peak of {mib(used)}, times {memory.ROOM:g}{memory.least_words(wanted.limit or 0, used)}"
    figure = "; ".join(filter(None, (peak, wanted.words)))
    holds = limit >= wanted.least and not memory.still_growing(recording)
    return Advice(setting, page, figure, wanted.limit, said, holds, wanted.least)


def _answers(run: Run) -> bool:
    return any(exchange.outcome in COMPLETE for connection in run.connections for exchange in connection.exchanges)


def _grace(recording: Recording, found: Measured) -> Advice:
    setting, page, grace = Setting.STOP_GRACE, "grace-period-fits", recording.subject.grace
    run = recording.run(Scenario.STOP)
    if found.stop_seconds is None:
        killed = run is not None and run.exit is not None and run.exit.killed
        why = (
            f"SIGKILL ended it after {grace:g} s: how long it takes is not known" if killed else "no stop was measured"
        )
        return Advice(setting, page, why, said=f"{grace:g} s")
    longest = max(found.stop_seconds, found.overtime_seconds or 0.0)
    figure = f"a stop took {_seconds(found.stop_seconds)}"
    if found.overtime_seconds is not None:
        figure += f", with a request that never ends {_seconds(found.overtime_seconds)}"
    figure += f"; the longest times {STOP_ROOM:g}"
    least = LEAST_STOP_ROOM * longest
    return Advice(setting, page, figure, _step(STOP_ROOM * longest), f"{grace:g} s", grace >= least, least)


def _nofile(recording: Recording, found: Measured) -> Advice:
    setting, page = Setting.NOFILE, "nofile-limit"
    limit = next((run.nofile[0] for run in recording.runs if run.nofile[0]), 0)
    said = "unlimited" if limit < 0 else f"{limit} in force" if limit else "not known"
    if found.descriptors is None:
        return Advice(setting, page, "open descriptors were not counted", said=said)
    wanted = DESCRIPTOR_ROOM * found.descriptors
    value = float(max(USUAL_NOFILE, 1 << (wanted - 1).bit_length()))
    figure = f"at most {found.descriptors} open in one process, times {DESCRIPTOR_ROOM}"
    return Advice(setting, page, figure, value, said, limit < 0 or (limit or USUAL_NOFILE) >= wanted, wanted)


def _pre_stop(recording: Recording, _found: Measured) -> Advice:
    """Only what was lost while a balancer would have gone on sending asks for a delay: many services have none."""
    setting, page, lag = Setting.PRE_STOP_DELAY, "pre-stop-delay", recording.subject.lag
    run = recording.run(Scenario.STOP)
    until = _listens_for(run) if run is not None else None
    if run is None or until is None:
        return Advice(setting, page, "it was not seen to stop listening")
    own, listens = f"{_seconds(until)} of its own", f"it listens for {_seconds(until)} after {run.signal}"
    if not lag:
        return Advice(setting, page, f"{listens}; what a balancer's lag would cost, --lag SECONDS measures", said=own)
    if run.disturbed:
        return Advice(setting, page, f"{listens}; the run with the lag was disturbed: {run.disturbed}", said=own)
    came, served, unclear = _in_lag(run, lag)
    if not came:
        return Advice(setting, page, f"{listens}; no new connection came in the {lag:g} s of --lag", said=own)
    figure = f"{served} of {came} new connections served in the {lag:g} s after {run.signal}, as --lag says; {listens}"
    if unclear and served + unclear == came:
        why = f"{unclear} of {came} answers in the {lag:g} s of --lag were a health endpoint's or a rate limit's"
        return Advice(setting, page, f"{listens}; {why}", said=own)
    return Advice(setting, page, figure, lag, own, served == came, lag)


def _in_lag(run: Run, lag: float) -> tuple[int, int, int]:
    """How many new connections came in the time of the lag, how many were served, and how many got an answer that says
    nothing of others."""
    begin = run.signalled or 0.0
    came = [
        connection.exchanges[0]
        for connection in run.connections
        if connection.population is Population.OPEN_LOOP and begin < connection.begun <= begin + lag
        if connection.exchanges and connection.exchanges[0].outcome is not Outcome.ABANDONED
    ]
    served = sum(one.outcome in COMPLETE and not is_new_error(run, one) for one in came)
    return len(came), served, sum(is_unclear(run, one) for one in came)


def _listens_for(run: Run) -> float | None:
    """How long after the signal new connections are accepted: until the first refusal, the first look that missed the
    listener, or the end. None where it listened until SIGKILL, or there is nothing that listens."""
    if run.signalled is None or run.exit is None or run.exit.killed or run.target is None:
        return None
    seen = [event.time for event in run.events if event.kind is EventKind.NOT_LISTENING]
    opened = [each for each in run.connections if each.population is Population.OPEN_LOOP]
    refused = [each.begun for each in opened if each.ending is Outcome.REFUSED]
    after = [moment for moment in (*seen, *refused) if moment >= run.signalled]
    return max(0.0, min([run.exit.time, *after]) - run.signalled)


def _keep_alive(_recording: Recording, found: Measured) -> Advice:
    setting, page, kept = Setting.KEEP_ALIVE, "keep-alive-outlives-lb", found.keep_alive_seconds
    if kept is None:
        return Advice(setting, page, "it closed no idle connection in the time of a drill, and said no time")
    figure = f"it keeps one for {_seconds(kept)}, by {found.keep_alive_by}; balancers do for {BALANCER:g} s as a rule"
    return Advice(setting, page, figure, BALANCER + BEYOND, f"{kept:g} s of its own", kept > BALANCER, BALANCER)


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 0.0995 else f"{value:.2f} s"


def _step(value: float) -> float:
    return max(1, ceil(value / STEP)) * STEP


_ADVISERS: dict[Setting, Callable[[Recording, Measured], Advice]] = {
    Setting.START_PERIOD: _start_period,
    Setting.MEMORY_LIMIT: _memory,
    Setting.STOP_GRACE: _grace,
    Setting.NOFILE: _nofile,
    Setting.PRE_STOP_DELAY: _pre_stop,
    Setting.KEEP_ALIVE: _keep_alive,
}
