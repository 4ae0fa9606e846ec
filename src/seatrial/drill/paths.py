"""Finding request targets on the running service: a quick one, a slow one, a stream; and which protocols it speaks.

A candidate counts by what it does, never by its name: slow is what has not answered after `SLOW`, and answers well in
the end. Trying goes on in the background, so that a drill needs not wait for a slow answer twice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from seatrial.drill.options import Candidate, DrillOptions
from seatrial.load.remote import Load
from seatrial.model.errors import SeatrialError
from seatrial.model.traffic import COMPLETE, Exchange, Outcome, Population, Target

SLOW = 0.3
"""A request that takes this long can be held in flight while a signal is sent."""
LOOK = 0.35
LATE = 0.05
"""A look that ends so much later than it should is one on a busy machine, and has seen nothing."""
QUICK_LIMIT = 2.0
LARGE = 65_536
"""A body of so many bytes does not fit between a server and a client that reads next to nothing."""
SWITCHED = 101
MOST = 8
"""Candidates of one kind that are tried."""
_NO_HTTP = frozenset({Outcome.FIN, Outcome.RST, Outcome.MALFORMED})
_PROBE_URL = re.compile(r"https?://[^/\s'\"]+(/[^\s'\"|;)]*)|['\"\s](/[A-Za-z0-9_./-]*)['\"]")


@dataclass(slots=True)
class Trial:
    """One candidate under way."""

    candidate: Candidate
    begun: float
    task: asyncio.Task[Exchange]

    def answer(self) -> Exchange | None:
        """What came of it so far; None while it runs, or if the load generator ended under it."""
        if not self.task.done() or self.task.cancelled() or self.task.exception() is not None:
            return None
        return self.task.result()

    def seconds(self) -> float:
        """How long it took; 0 if it did not answer whole (yet)."""
        answer = self.answer()
        whole = answer is not None and answer.outcome in COMPLETE and answer.ended is not None
        return answer.ended - answer.begun if whole and answer is not None and answer.ended is not None else 0.0

    def status(self) -> int:
        """The status of a whole answer; 0 if there is none (yet)."""
        answer = self.answer()
        return (answer.status or 0) if answer is not None and answer.outcome in COMPLETE else 0

    def is_good(self) -> bool:
        """Whether it answered whole and without an error."""
        answer = self.answer()
        return answer is not None and answer.outcome in COMPLETE and (answer.status or 500) < 400

    def body_bytes(self) -> int:
        """How long its body was, as far as it came."""
        answer = self.answer()
        return answer.body_bytes if answer is not None else 0

    def is_websocket(self) -> bool:
        """Whether it accepted a WebSocket."""
        answer = self.answer()
        return answer is not None and answer.status == SWITCHED

    def is_stream(self) -> bool:
        """Whether a body had begun when the client hung up."""
        answer = self.answer()
        return answer is not None and answer.outcome is Outcome.TIMED_OUT and answer.body_bytes > 0


@dataclass(slots=True)
class Found:
    """The target with its paths, and the slow one's trial, which may still be running."""

    target: Target
    trials: list[Trial]
    slow: Trial | None = None
    liveness: str = ""
    readiness: str = ""
    others: list[Trial] = field(default_factory=list)
    """Those of other protocols than HTTP/1.1."""

    def large_path(self) -> str:
        """What gave the longest body by now, if that was a large one."""
        longest = max(self.trials, key=Trial.body_bytes)
        return longest.candidate.path if longest.body_bytes() >= LARGE else ""

    def speaks_no_http(self) -> bool:
        """Whether every request was cut off, or answered in other words: a database hangs up, or complains."""
        answers = [trial.answer() for trial in (*self.trials, *self.others)]
        return bool(answers) and all(answer is not None and answer.outcome in _NO_HTTP for answer in answers)

    async def wait_slow(self, limit: float) -> None:
        """Wait for the slow one's answer: after a signal it would say nothing about the path."""
        if self.slow is not None:
            await asyncio.wait({self.slow.task}, timeout=limit)

    async def close(self) -> None:
        """Let go of what is still under way."""
        tasks = [trial.task for trial in (*self.trials, *self.others)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def quick_candidates(options: DrillOptions, probe: Sequence[str]) -> list[Candidate]:
    """What to ask for a quick answer: the caller's word, else what sources show and `/`, and last what reports health,
    because such a path may say 503 during a stop and be right."""
    probed = _probed(probe)
    known = options.candidates.quick
    healthy = {candidate.path for candidate in (*known, *probed) if candidate.health}
    if options.quick_path:
        return [Candidate(options.quick_path, "--quick-path", options.quick_path in healthy)]
    plain = [candidate for candidate in known if candidate.path not in healthy][:MOST]
    checks = [replace(candidate, health=True) for candidate in known if candidate.path in healthy][:MOST]
    root = [] if "/" in healthy else [Candidate("/", "default")]
    return [*plain, *root, *checks, *probed]


def _slow_candidates(options: DrillOptions) -> list[Candidate]:
    if options.slow_path:
        return [Candidate(options.slow_path, "--slow-path")]
    return list(options.candidates.slow[:MOST])


def _asking(known: Sequence[Candidate], probed: Sequence[Candidate]) -> list[Candidate]:
    """What may tell how the service is, each path once: what a manifest's probe asks, what the health check does, and
    last what is only named like it."""
    found: dict[str, Candidate] = {}
    for candidate in (*(each for each in known if "Probe in " in each.by), *probed, *known):
        found.setdefault(candidate.path, candidate)
    return list(found.values())[:MOST]


def _probed(probe: Sequence[str]) -> list[Candidate]:
    """The path that a health check asks for."""
    found = _PROBE_URL.finditer(" ".join(probe))
    return [Candidate(match.group(1) or match.group(2), "health check", health=True) for match in found][:1]


def _stream_candidates(options: DrillOptions) -> list[Candidate]:
    if options.stream_path:
        return [Candidate(options.stream_path, "--stream-path")]
    return list(options.candidates.stream[:MOST])


def _websocket_candidates(options: DrillOptions) -> list[Candidate]:
    if options.websocket_path:
        return [Candidate(options.websocket_path, "--ws-path")]
    return list(options.candidates.websocket[:MOST])


async def find(load: Load, target: Target, options: DrillOptions, probe: Sequence[str], limit: float) -> Found:
    """Try the candidates on the running service, all at once, for about `LOOK` seconds."""
    begun = time.monotonic()

    def try_one(candidate: Candidate, limit: float, population: Population = Population.OPEN_LOOP) -> Trial:
        task = asyncio.create_task(load.request(target, candidate.path, limit, population))
        return Trial(candidate, time.monotonic(), task)

    quick = [try_one(candidate, QUICK_LIMIT) for candidate in quick_candidates(options, probe)]
    slow = [try_one(candidate, limit) for candidate in _slow_candidates(options)]
    # A stream may never end: it is hung up on, so that it can't hold up the stop of this instance.
    streams = [try_one(candidate, SLOW) for candidate in _stream_candidates(options)]
    alive = [try_one(one, QUICK_LIMIT) for one in _asking(options.candidates.liveness, _probed(probe))]
    ready = [try_one(one, QUICK_LIMIT) for one in _asking(options.candidates.readiness, ())]
    websockets = [try_one(one, QUICK_LIMIT, Population.WEBSOCKET) for one in _websocket_candidates(options)]
    http2 = try_one(quick[0].candidate, QUICK_LIMIT, Population.HTTP2)
    trials = quick + slow + streams + alive + ready
    others = [*websockets, http2]
    await _look([*trials, *others], quick)
    _raise_failure([*trials, *others])
    best, chosen = _quick(quick), _slow(slow, begun)
    stream = options.stream_path or next((trial.candidate.path for trial in streams if trial.is_stream()), "")
    target = replace(target, quick_path=best.path, quick_by=best.by, quick_is_health=best.health, stream_path=stream)
    target = replace(
        target,
        websocket_path=next((trial.candidate.path for trial in websockets if trial.is_websocket()), ""),
        http2=bool(http2.status()),
    )
    if chosen is not None:
        by, path = chosen.candidate.by, chosen.candidate.path
        target = replace(target, slow_path=path, slow_by=by, slow_seconds=round(chosen.seconds(), 6))
        target = replace(target, slow_status=chosen.status())
    elif options.slow_path and slow:
        target = replace(target, slow_by=_too_quick(slow[0]))
    if asked := {trial.task for trial in (*alive, *ready)}:
        await asyncio.wait(asked, timeout=QUICK_LIMIT)  # on a busy machine a quick answer is not always quick
    readiness = _first_good(ready)
    # A health check may well ask the readiness path: then what else is named like liveness is that.
    liveness = _first_good([trial for trial in alive if trial.candidate.path != readiness])
    return Found(target, trials, chosen, liveness, readiness, others)


async def _look(trials: list[Trial], quick: list[Trial]) -> None:
    """Wait for all, for about `LOOK` seconds. Again where this machine is busy: our own wait was late, or no quick
    answer is there. What has not answered by then would be taken for slow."""
    deadline = time.monotonic() + QUICK_LIMIT
    while True:
        begun = time.monotonic()
        _, left = await asyncio.wait({trial.task for trial in trials}, timeout=LOOK)
        now = time.monotonic()
        is_calm = now - begun < LOOK + LATE and any(trial.task.done() for trial in quick)
        if not left or is_calm or now > deadline:
            return


def _first_good(trials: list[Trial]) -> str:
    """The path of the first that answered well; "" if none did."""
    return next((trial.candidate.path for trial in trials if trial.is_good()), "")


def _raise_failure(trials: list[Trial]) -> None:
    """A load generator that broke down is our failure, not the service's."""
    for trial in trials:
        if trial.task.done() and not trial.task.cancelled():
            error = trial.task.exception()
            if isinstance(error, SeatrialError):
                raise error


def _quick(trials: list[Trial]) -> Candidate:
    """The first that answered well; else the first that answered at all; else `/`."""
    good = [trial for trial in trials if trial.is_good() and trial.seconds() < SLOW]
    answered = [trial for trial in trials if trial.seconds() and trial.seconds() < SLOW]
    root = [trial for trial in trials if trial.candidate.path == "/"]
    return (good or answered or root or trials)[0].candidate


def _slow(trials: list[Trial], begun: float) -> Trial | None:
    """The first that is slow: still unanswered, or answered well after `SLOW`."""
    for trial in trials:
        if trial.task.done():
            if trial.is_good() and trial.seconds() >= SLOW:
                return trial
        elif time.monotonic() - begun >= SLOW:
            return trial
    return None


def _too_quick(trial: Trial) -> str:
    answer = trial.answer()
    if answer is not None and trial.is_good():
        return f"--slow-path {trial.candidate.path} is not slow: it answered in {trial.seconds():.3f} s"
    what = f"{answer.outcome.value}, status {answer.status}" if answer is not None else "no answer"
    return f"--slow-path {trial.candidate.path} is of no use: {what}"
