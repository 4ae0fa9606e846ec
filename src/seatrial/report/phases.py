"""A load that was counted, not recorded request by request: what became of it before the signal and after it, in words.

That is the heavy part of our own load, and a load of the user's own as the kernel saw it. Pure; it rules nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from seatrial.model.recording import Run
from seatrial.model.traffic import SHARES, Bulk, Outside, Seen
from seatrial.report.words import clean, count, seconds

BEFORE, AT, AFTER = "before the signal", "open at the signal", "after the signal"
_SHOWN = {0.5: "half", 0.99: "99 %"}


@dataclass(frozen=True, slots=True)
class Phase:
    """One row: whose requests, when, and what became of them."""

    load: str
    when: str
    told: str


def phases(run: Run) -> tuple[Phase, ...]:
    """All that was counted in a run, in the order of time; nothing for most runs."""
    of_bulk = (Phase(bulk.population.value, AFTER if bulk.after else BEFORE, _bulk(bulk)) for bulk in run.bulk)
    return (*of_bulk, *(_outside(run.outside) if run.outside is not None else ()))


def _bulk(bulk: Bulk) -> str:
    pace = f" ({bulk.requests / bulk.seconds:,.0f} a second)" if bulk.seconds > 0 else ""
    ends = [
        (bulk.answered, "answered"),
        (bulk.announced, "of these with the close announced"),
        (bulk.errors, "with an error status"),
        (bulk.refused, "connections refused"),
        (bulk.abandoned, "given up by the client"),
        (bulk.lost, "lost"),
    ]
    latencies = zip(SHARES, bulk.latencies, strict=False)
    took = [f"{_SHOWN[share]} within {seconds(latency)}" for share, latency in latencies if share in _SHOWN]
    took += [f"the longest {seconds(bulk.longest)}"] if bulk.longest else []
    asked = f"{_count(bulk.requests, 'request')} on {_count(bulk.connections, 'connection')}{pace}"
    return "; ".join(filter(None, (asked, _some(ends), ", ".join(took) if bulk.answered else "")))


def _outside(outside: Outside) -> Iterator[Phase]:
    name, seen = clean(PurePosixPath(outside.argv[0]).name if outside.argv else "load"), outside.seen
    missed = f"; {seen.missed:,} packets were not seen: uncertain" if seen.missed else ""
    missed_late = f"; {seen.missed_late:,} packets were not seen" if seen.missed_late else ""
    early = _some([(seen.refused_early, "refused")])
    yield Phase(name, BEFORE, "; ".join(filter(None, (_count(seen.early, "connection"), early))) + missed)
    yield Phase(name, AT, "; ".join(_open(seen)))
    late = [
        (seen.late_answered, "answered"),
        (seen.late_answered_whole, "of these known to be whole"),
        (seen.late_answered_cut, "of these cut in the middle"),
        (seen.refused, "refused"),
        (seen.late_unserved, "ended by the server without one byte"),
        (seen.late_queued, "the same at once, as in the queue of a closing listener"),
        (seen.late_left, "left by the client"),
    ]
    yield Phase(name, AFTER, "; ".join(filter(None, (_count(seen.late, "new connection"), _some(late)))) + missed_late)


def _open(seen: Seen) -> Iterator[str]:
    yield _count(seen.open, "connection")
    busy = [
        (seen.answered, "were sent something first"),
        (seen.answered_whole, "of these known to be whole"),
        (seen.answered_cut, "of these cut in the middle"),
        (seen.unanswered_fin, "met FIN without one byte"),
        (seen.unanswered_reset, "met RST without one byte"),
    ]
    others = [
        (seen.idle_fin, "idle ones closed with FIN"),
        (seen.idle_reset, "reset"),
        (seen.used_again, "used again first"),
        (seen.used_again_cut, "of these cut in the middle of an answer"),
        (seen.crossed, "asked again while it closed"),
        (seen.unclear_ends, "unclear"),
        (seen.left_by_client, "left by the client"),
        (seen.left, "open to the end"),
    ]
    if seen.busy:
        yield f"{seen.busy:,} with a request in flight" + (f" ({told})" if (told := _some(busy)) else "")
    if told := _some(others):
        yield told


def _some(ends: Iterable[tuple[int, str]]) -> str:
    """Those counts that are not zero."""
    return ", ".join(f"{number:,} {words}" for number, words in ends if number)


def _count(number: int, noun: str) -> str:
    """ "1 request", "12,345 requests"."""
    return count(number, noun).replace(str(number), f"{number:,}", 1)
