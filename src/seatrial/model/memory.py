"""What memory limit a recording proposes, and what became of the service at it. Pure.

The proposal has room above the peak that was seen under load. Whether the service lives with it is not computed: it was
run at that limit, under the same load, and at the next larger one where the first was not enough. Nothing is called
proved that was not run, nor refuted that a busy machine may have brought about.
"""

from __future__ import annotations

import re
from itertools import pairwise

from seatrial.model.recording import Exit, Recording, Run, Scenario, Usage
from seatrial.model.traffic import COMPLETE, Outcome
from seatrial.model.values import dataclass

MIB = 1 << 20
ROOM, LEAST_ROOM = 1.5, 1.2
"""Proposed of the peak, and the least: with less there is no room for more load than the drill's."""
STEP = 16 * MIB
LEAST = 32 * MIB
TRIES = (Scenario.MEMORY, Scenario.MORE_MEMORY)
"""The runs at a limit that the drill proposes, in their order."""
SLOWED, SLOWED_BY = 3.0, 0.1
"""Answers are slowed down that take so many times as long, and so many seconds longer: less is the machine's noise."""
SHARE = 0.95
GROWS, GROWS_BY = 0.1, 8 * MIB
"""Memory grows that rises by this part of it, and by this much, in each half of the load, in the second at least half
as much as in the first, and never falls: less is warming up, or what a collector takes back in its own time."""
LEAST_LOOKS = 6
_SHORT = re.compile(r"out of memory|OutOfMemory|MemoryError|cannot allocate memory|\bENOMEM\b", re.IGNORECASE)
"""What a program says that ends by itself for want of memory, as runtimes do that know of the limit."""


def mib(value: float) -> str:
    """Bytes for people: "57 MiB"."""
    return f"{value / MIB:.0f} MiB"


def proposed_memory(used: int) -> int:
    """The memory limit that fits a peak: half as much again, in whole steps."""
    return max(LEAST, -(-int(used * ROOM) // STEP) * STEP)


def peak(run: Run | None) -> int:
    """The most memory that was seen in use in a run, in bytes; 0 if none was measured."""
    return max((used.memory for used in run.usage), default=0) if run is not None else 0


def measured_by(run: Run) -> str:
    """How its peak was measured, for people."""
    is_charged = any(used.charged for used in run.usage if used.memory == peak(run))
    return "by the kernel's charge to its cgroup" if is_charged else "by the sum of its processes, shared pages once"


def growth(usage: tuple[Usage, ...]) -> str:
    """That memory was still growing when the load ended, in words; "" where it is not clear."""
    if len(usage) < LEAST_LOOKS:
        return ""
    values = [used.memory for used in usage]
    first, middle, last = (values[number] for number in (0, len(values) // 2, -1))
    least = max(GROWS * last, GROWS_BY, (middle - first) / 2)
    if middle - first < least or last - middle < least or any(now < was - MIB for was, now in pairwise(values)):
        return ""
    return f"it was still growing when the load ended ({first / MIB:.0f}, {middle / MIB:.0f}, {mib(last)})"


def still_growing(recording: Recording) -> str:
    """That it was still growing under load, in words, or "". What one job takes more and more of is no leak."""
    load = recording.run(Scenario.LOAD)
    return growth(load.usage) if load is not None else ""


@dataclass(frozen=True, slots=True)
class Try:
    """One run at a proposed limit, in bytes. `lived`: None where that was not proved; `words` say what was seen."""

    limit: int
    lived: bool | None
    words: str


def tries(recording: Recording) -> tuple[Try, ...]:
    """The runs at proposed limits, in their order."""
    load = recording.run(Scenario.LOAD)
    runs = (recording.run(scenario) for scenario in TRIES)
    return tuple(tried(run, load) for run in runs if run is not None)


def tried(run: Run, load: Run | None) -> Try:
    """What became of a service at a proposed limit, held against the same load without it."""
    when = "under load" if run.readiness.ready else "before it was ready"
    if run.exit is not None and run.exit.oom_kills:
        kills = run.exit.oom_kills
        return Try(run.memory, False, f"{kills} out-of-memory kill{'s' if kills > 1 else ''} {when}")
    if run.exit is not None and not run.exit.killed:
        return _by_end(run, run.exit, when, load)
    if not run.readiness.ready:
        return Try(run.memory, None, f"it was not ready within {run.readiness.limit:g} s")
    if run.disturbed or load is None or not _was_ended(run) or not _was_ended(load):
        return Try(run.memory, None, run.disturbed or "the run did not come to its end")
    return _by_answers(run, load)


def _by_end(run: Run, end: Exit, when: str, load: Run | None) -> Try:
    """What an end of its own tells: a refutation only where it was short of memory, and did not end without a limit."""
    said = next((line.text.strip()[:120] for line in run.log if _SHORT.search(line.text)), "")
    is_short = bool(said) or (run.charged is not None and run.charged.refused > 0)
    told = f" ({said})" if said else ""
    words = f"it ended with {end.code} {when}{told}, and nothing was killed for memory"
    return Try(run.memory, False if is_short and _was_ended(load) else None, words)


def _was_ended(run: Run | None) -> bool:
    """Whether it lived until the drill ended it."""
    return run is not None and run.exit is not None and run.exit.killed


def _by_answers(run: Run, load: Run) -> Try:
    """What its answers were like, where nothing was killed."""
    (before, failed_before), (after, failed) = _answers(load), _answers(run)
    if not before or not after or failed > failed_before:
        said = f"of {len(after) + failed} requests {failed} had no good answer, and nothing was killed for memory"
        return Try(run.memory, None, said if failed else "it answered no request")
    was, now = _share(before), _share(after)
    figures = f"p95 {_took(was)} → {_took(now)}"
    if now <= max(SLOWED * was, was + SLOWED_BY + run.load_lag):
        return Try(run.memory, True, f"no kill for memory, answers as before ({figures})")
    times = run.charged.refused if run.charged is not None else -1
    if times > 0:
        said = f"answers took longer ({figures}), and memory had to be taken back {times} times first"
        return Try(run.memory, False, said)
    return Try(run.memory, None, f"no kill for memory, but answers took longer ({figures}), and not for want of memory")


def _answers(run: Run) -> tuple[list[float], int]:
    """How long each good answer took, sorted, and how many requests had none."""
    exchanges = [exchange for connection in run.connections for exchange in connection.exchanges]
    sent = [exchange for exchange in exchanges if exchange.outcome is not Outcome.ABANDONED]
    good = [each for each in sent if each.outcome in COMPLETE and (each.status or 0) < 500]
    times = [each.ended - each.begun for each in good if each.ended is not None]
    return sorted(times), len(sent) - len(good)


def _share(times: list[float]) -> float:
    return times[int(SHARE * (len(times) - 1))]


def _took(value: float) -> str:
    return f"{value:.2f} s" if value >= 0.9995 else f"{value * 1000:.{0 if value >= 0.01 else 1}f} ms"


@dataclass(frozen=True, slots=True)
class Proposal:
    """The limit that is proposed, in bytes; None where memory was still growing, so that no peak was seen, or the
    service fell at all that were tried. `least` is with how much it would do, and `words` say what it stands on."""

    limit: int | None
    least: float
    words: str


def least_words(limit: int, used: int) -> str:
    """That a limit is the least that is proposed, and not the peak's own."""
    return f", and {mib(LEAST)} at least" if limit == LEAST > used * ROOM else ""


def proposal(recording: Recording, used: int) -> Proposal:
    """The limit that a peak proposes: as it was proved, or raised where it was refuted."""
    found, grew = tries(recording), still_growing(recording)
    fell = [each for each in found if each.lived is False]
    refuted = max((each.limit for each in fell), default=0)
    least = max(LEAST_ROOM * used, float(refuted + 1))
    said = [f"{mib(each.limit)} was not enough: {each.words}" for each in fell]
    if grew or len(fell) == len(TRIES):
        return Proposal(None, least, "; ".join(filter(None, (grew, *said))))
    proved = next((each for each in found if each.lived and each.limit >= least), None)
    limit = proved.limit if proved else max(proposed_memory(used), proposed_memory(refuted) if refuted else 0)
    if proved is not None:
        said.append(f"ran under load at that limit: {proved.words}")
    elif (unclear := next((each for each in found if each.limit == limit), None)) is not None:
        said.append(f"not proved at that limit: {unclear.words}")
    else:
        said.append(f"not run at that limit: {_why_not_run(recording, TRIES[len(fell)])}")
    return Proposal(limit, least, "; ".join(said))


def _why_not_run(recording: Recording, wanted: Scenario) -> str:
    if recording.run(wanted) is not None:
        return "the peak was another when it was measured again"
    return recording.why_skipped(wanted) or f"the {wanted.value} drill was not run"
