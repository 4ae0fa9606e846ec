"""What can't be judged of a service whose load went through a published port.

Behind one there is a proxy of the engine's, or another machine: it may accept a connection that nobody serves, and ends
each in its own way. A whole answer is the service's all the same; how a connection ended without one is anybody's.
"""

from __future__ import annotations

from seatrial.drill.judge.view import unproved
from seatrial.model.recording import Recording, Run
from seatrial.model.verdict import Ruling, Verdict

_BY_ENDS = frozenset({"keep-alive-drained", "refuses-late-connections", "tolerates-lb-lag"})
"""Judged by how connections end."""
_BY_LOSS = frozenset(
    {"in-flight-finish", "second-signal-safe", "handles-sigint", "rollout-drops-nothing", "grace-period-fits"}
)
"""Judged by answers that came, or did not: that all came is proved."""
WHY = "load went through a published port: what ended a connection may be the engine, and not the service"


def without_proxy(verdict: Verdict, recording: Recording) -> Verdict:
    """The verdict, or that it can't be told."""
    if not any(_is_published(run) for run in recording.runs):
        return verdict
    is_told = verdict.ruling is Ruling.PASS if verdict.requirement in _BY_LOSS else verdict.requirement not in _BY_ENDS
    if is_told or verdict.ruling in (Ruling.NOT_PROVED, Ruling.SKIPPED):
        return verdict
    return unproved(verdict.requirement, WHY, evidence=(f"seen from outside: {verdict.summary}", *verdict.evidence))


def _is_published(run: Run) -> bool:
    return run.target is not None and run.target.published
