"""Verdicts on a stop under somebody else's load: by what the kernel saw of its connections, and not proved beyond that.

The kernel tells exactly who was sent not one byte more before the end, who was refused, and who was closed in which
manner. Whether an answer was whole its own head tells, where it has one that was heard; what it said nobody here knows.
"""

from __future__ import annotations

from collections.abc import Callable

from seatrial.drill.judge import remedy
from seatrial.drill.judge.own_limit import cure_of_losses
from seatrial.drill.judge.reaction import root_cause
from seatrial.drill.judge.view import RACE_COUNT, count, obstacle, unproved, was_killed
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import Outside, Seen
from seatrial.model.verdict import Ruling, Verdict

LATE = "refuses-late-connections"
ENOUGH = 5
"""Requests in flight that a pass needs. By chance one of a server that is gone at once was just answered (measured: of
six stops by `_exit` under wrk with 50 connections two had a single one in flight, and that was answered)."""
SHOWN = 12
"""Lines of the command's own output that are shown."""


def by_whose_load(name: str, judge: Callable[[Recording], Verdict]) -> Callable[[Recording], Verdict]:
    """The judge of a requirement of requests: the one given, or the kernel's word where the load was not ours."""

    def judged(recording: Recording) -> Verdict:
        run = obstacle(recording, Scenario.STOP, name, calm=False)
        is_theirs = isinstance(run, Run) and run.outside is not None
        return _judge(name, recording, run) if is_theirs and isinstance(run, Run) else judge(recording)

    return judged


def _judge(name: str, recording: Recording, run: Run) -> Verdict:
    outside = run.outside
    assert outside is not None
    missed = outside.seen.missed + (outside.seen.missed_late if name == LATE else 0)
    if missed:
        reason = f"the load was too heavy to be watched: {missed} packets were missed"
        return unproved(name, reason, evidence=(_told(outside),))
    judged = {
        "in-flight-finish": _in_flight,
        "keep-alive-drained": _idle,
        LATE: _late,
    }.get(name)
    if judged is None:
        reason = f"the load was that of {outside.argv[0]}, and the kernel does not see what its answers say"
        return unproved(name, reason, cause=root_cause(recording))
    return judged(name, recording, run, outside)


def _told(outside: Outside) -> str:
    seen = outside.seen
    told = [f"{seen.early} connections before the signal, {seen.late} after it", f"{seen.resets} resets sent"]
    told += [f"{number} {word}" for number, word in _more(seen) if number]
    return "as the kernel saw it: " + ", ".join(told)


def _more(seen: Seen) -> tuple[tuple[int, str], ...]:
    return (
        (seen.overflows, "times the accept queue was full"),
        (seen.drops, "connections dropped by the listener"),
        (seen.left_by_client, "ended by the client"),
    )


def _figures(seen: Seen) -> dict[str, float]:
    return {field: float(getattr(seen, field)) for field in Seen.__slots__ if getattr(seen, field)}


def _in_flight(name: str, recording: Recording, run: Run, outside: Outside) -> Verdict:
    seen = outside.seen
    lost = seen.unanswered_fin + seen.unanswered_reset + seen.answered_cut
    evidence = (
        f"{seen.open} connections open at the signal: {seen.busy} with a request in flight, {seen.unclear} unclear",
        f"of those in flight {seen.answered} were sent something after the signal ({seen.answered_whole} wholly by its "
        f"own head, {seen.answered_cut} in part), {seen.unanswered_fin} met FIN and {seen.unanswered_reset} RST "
        "without one byte more",
        _told(outside),
        *(f"{outside.argv[0]}: {line}" for line in outside.output.strip().splitlines()[-SHOWN:]),
    )
    requests = count(seen.busy, "request")
    if seen.unanswered_fin or seen.answered_cut or lost > RACE_COUNT:
        summary = f"{lost} of {requests} in flight ended by the server before the answer was whole"
        cure = cure_of_losses(recording, run)
        return Verdict(name, Ruling.FAIL, summary, evidence, cure, _cause(recording, run), _figures(seen))
    if seen.busy == seen.answered_whole >= ENOUGH and not seen.unclear and not _crossed(seen):
        summary = f"{requests} in flight answered, each as wholly as its own head says"
        return Verdict(name, Ruling.PASS, summary, evidence, figures=_figures(seen))
    return unproved(name, _why_unproved(seen), cause=root_cause(recording), evidence=evidence)


def _crossed(seen: Seen) -> int:
    """Who asked just after the signal and got no answer: a few cross the close of an idle connection. Where they are
    many beside those that were in flight, the end came among requests, and a few more would have been lost by it."""
    return seen.crossed if seen.crossed > max(RACE_COUNT, seen.busy // 2) else 0


def _why_unproved(seen: Seen) -> str:
    if seen.answered_whole < seen.busy:
        whole = f"{seen.answered_whole} of {seen.busy} in flight were answered wholly by their own heads"
        left = f"; {count(seen.left_by_client, 'connection')} ended by the client" if seen.left_by_client else ""
        return f"{whole}; of the others the kernel does not see it{left}"
    if seen.unclear:
        return f"of {count(seen.unclear, 'connection')} it is not clear whether a request was in flight"
    if crossed := _crossed(seen):
        return f"of {count(crossed, 'connection')} that had just asked again it is not clear whether they were heard"
    if seen.busy:
        return (
            f"only {count(seen.busy, 'request')} of {count(seen.open, 'connection')} in flight: a pass needs {ENOUGH}"
        )
    return "no request was seen in flight at the signal: the load's requests are too quick, or there were none"


def _cause(recording: Recording, run: Run) -> str:
    return root_cause(recording) or ("stops-in-time" if was_killed(run) else "")


def _idle(name: str, recording: Recording, run: Run, outside: Outside) -> Verdict:
    seen = outside.seen
    evidence = (
        f"connections without a request in flight at the signal: {seen.idle_fin} ended with FIN, {seen.idle_reset} "
        f"with RST, {seen.used_again} after another answer ({seen.used_again_cut} in the middle of it), "
        f"{seen.crossed} when they had just asked again, "
        f"{seen.unclear_ends} unclear ({seen.unclear_resets} of them with RST)",
        _told(outside),
    )
    whole = count(seen.idle_reset + seen.idle_fin, "idle connection")
    wrong = [f"{seen.idle_reset} of {whole} reset (RST)"] if seen.idle_reset else []
    if seen.used_again_cut:
        wrong.append(f"{count(seen.used_again_cut, 'request')} on reused connections cut in the middle of the answer")
    if wrong:
        cure = "close idle connections with FIN after reading what they sent, and serve what came before"
        return Verdict(name, Ruling.FAIL, "; ".join(wrong), evidence, cure, _cause(recording, run), _figures(seen))
    if was_killed(run) or not seen.idle_fin:
        reason = "SIGKILL ended the service" if was_killed(run) else "no idle connection was seen to be closed"
        return unproved(name, reason, cause=_cause(recording, run), evidence=evidence)
    if seen.unclear_resets:
        reason = f"{count(seen.unclear_resets, 'connection')} reset (RST), and whether idle or not is not clear"
        return unproved(name, reason, evidence=evidence)
    summary = f"{count(seen.idle_fin, 'idle connection')} closed with FIN"
    return Verdict(name, Ruling.PASS, summary, evidence, figures=_figures(seen))


def _late(name: str, recording: Recording, run: Run, outside: Outside) -> Verdict:
    seen = outside.seen
    evidence = (
        f"new connections after the signal: {seen.late_answered} answered ({seen.late_answered_whole} wholly, "
        f"{seen.late_answered_cut} in part), {seen.refused} refused, "
        f"{seen.late_unserved} ended by the server without one byte and {seen.late_queued} as soon as they came, "
        f"{seen.late_left} by the client",
        _told(outside),
    )
    # Clients that come back at once are all in the queue when the listener closes: as many as were there before.
    unserved = seen.late_unserved + max(0, seen.late_queued - max(RACE_COUNT, seen.open))
    lost = unserved + seen.late_answered_cut
    if unserved > RACE_COUNT or seen.late_answered_cut:
        summary = f"{lost} of {count(seen.late, 'new connection')} after the signal neither served nor refused"
        cure = remedy.of(remedy.REFUSE, recording, run)
        return Verdict(name, Ruling.FAIL, summary, evidence, cure, root_cause(recording), _figures(seen))
    if was_killed(run) or not seen.late_answered + seen.refused:
        reason = "SIGKILL ended the service" if was_killed(run) else "no new connection came after the signal"
        return unproved(name, reason, cause=_cause(recording, run), evidence=evidence)
    if unknown := seen.late_answered - seen.late_answered_whole + seen.late_left:
        reason = f"of {count(unknown, 'new connection')} after the signal it is not known whether they were served"
        return unproved(name, reason, evidence=evidence)
    summary = f"{seen.late_answered} answered, {seen.refused} refused"
    return Verdict(name, Ruling.PASS, summary, evidence, figures=_figures(seen))
