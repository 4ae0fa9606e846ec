"""Verdict announces-close: whether clients are told that their connection closes, in the words of its protocol.

HTTP/1.1 says it by `Connection: close` in a response, HTTP/2 by GOAWAY, a WebSocket by a close frame with 1001 or 1012.
"""

from __future__ import annotations

from collections import Counter

from seatrial.drill.judge import remedy
from seatrial.drill.judge.reaction import root_cause
from seatrial.drill.judge.view import REACTION, at, count, obstacle, open_at_signal, pairs, seconds, unproved
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE, Connection, Exchange, Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

_ANNOUNCING = (Population.IN_FLIGHT, Population.HELD, Population.KEEP_ALIVE)
_WEBSOCKETS = (Population.WEBSOCKET, Population.WEBSOCKET_BUSY)
_HTTP2 = (Population.HTTP2, Population.HTTP2_IDLE)
_BY_CLIENT = frozenset({Outcome.ABANDONED, Outcome.IDLE_OPEN})


def announces_close(recording: Recording) -> Verdict:
    """Whether responses sent during the drain say `Connection: close`, and other connections are told likewise."""
    name = "announces-close"
    run = obstacle(recording, Scenario.STOP, name)
    if isinstance(run, Verdict):
        return run
    said, silent, early = _responses(run)
    closed = [c for c in open_at_signal(run, *_WEBSOCKETS, *_HTTP2) if c.ending not in _BY_CLIENT]
    untold = [c for c in closed if c.announced is None]
    figures = {"answered": float(len(said) + len(silent) + len(early)), "announced": float(len(said))}
    figures |= {"silent": float(len(silent)), "connections": float(len(closed)), "untold": float(len(untold))}
    evidence = (*_response_lines(run, said, silent, len(early)), *_connection_lines(run, closed))
    if silent or untold:
        cure = remedy.of(remedy.ANNOUNCE, recording, run) if silent else ""
        cures = [cure, _cure(untold)]
        summary = "; ".join(_complaints(said, silent, closed, untold))
        lines = "; ".join(line for line in cures if line)
        return Verdict(name, Ruling.FAIL, summary, evidence, lines, root_cause(recording), figures)
    since = min((e.first_byte or 0.0 for e in said), default=0.0)
    after = sum((e.first_byte or 0.0) > since for e in early) if said else 0
    if after > len(said):  # of one that announces, few are under way when it begins to
        reason = f"{len(said)} said so, {after} after the first of them did not, all within {seconds(REACTION)}"
        return unproved(name, reason, cause=root_cause(recording), evidence=evidence)
    if not said and not closed:
        reason = f"{count(len(early), 'response')} came, all within {seconds(REACTION)} of the signal"
        reason = reason if early else "no response began after the signal"
        return unproved(name, reason, cause=root_cause(recording), evidence=evidence)
    return Verdict(name, Ruling.PASS, _praise(run, said, closed), evidence, figures=figures)


def _responses(run: Run) -> tuple[list[Exchange], list[Exchange], list[Exchange]]:
    """The HTTP/1.1 responses begun after the signal that said so, those that did not, and those of the latter that came
    too early to count."""
    assert run.signalled is not None
    populations = _ANNOUNCING + (() if _always_closes(run) else (Population.OPEN_LOOP,))
    answered = [
        e
        for _, e in pairs(run, *populations)
        if e.outcome in COMPLETE and e.first_byte is not None and e.first_byte > run.signalled
    ]
    said = [e for e in answered if e.outcome is Outcome.COMPLETE_CLOSE]
    grace = run.signalled + REACTION + run.load_lag
    without = [e for e in answered if e.outcome is Outcome.COMPLETE]
    silent = [e for e in without if (e.first_byte or 0.0) > grace]
    return said, silent, [e for e in without if (e.first_byte or 0.0) <= grace]


def _response_lines(run: Run, said: list[Exchange], silent: list[Exchange], early: int) -> list[str]:
    without = len(silent) + early
    lines = [f"responses begun after the signal: {len(said)} with `Connection: close`, {without} without"]
    if early:
        lines.append(f"{early} of those without began within {seconds(REACTION)} of the signal and are not counted")
    if silent:
        lines.append(f"{silent[0].path} answered at {at(run, silent[0].first_byte or 0.0)} without it")
    return lines


def _connection_lines(run: Run, closed: list[Connection]) -> list[str]:
    """What each kind of connection was told, and how it ended."""

    def word(connection: Connection) -> str:
        if connection.announced is not None:
            return f"{connection.detail} at {at(run, connection.announced)}"
        detail = connection.exchanges[-1].detail if connection.exchanges else ""
        return connection.ending.value + (f" ({detail})" if detail else "")

    return [
        f"{population.value}: " + ", ".join(f"{number} {text}" for text, number in words.most_common(3))
        for population in (*_WEBSOCKETS, *_HTTP2)
        if (words := Counter(word(c) for c in closed if c.population is population))
    ]


def _complaints(
    said: list[Exchange], silent: list[Exchange], closed: list[Connection], untold: list[Connection]
) -> list[str]:
    lines = []
    if silent:
        whole = count(len(silent) + len(said), "response")
        lines.append(f"{len(silent)} of {whole} during the drain did not announce the close")
    for populations, noun, how in (
        (_WEBSOCKETS, "WebSocket", "a close frame with 1001 or 1012"),
        (_HTTP2, "HTTP/2 connection", "GOAWAY"),
    ):
        some = sum(c.population in populations for c in untold)
        if some:
            whole = count(sum(c.population in populations for c in closed), noun)
            lines.append(f"{some} of {whole} closed without {how}")
    return lines


def _cure(untold: list[Connection]) -> str:
    populations = {connection.population for connection in untold}
    websockets = "send every WebSocket a close frame with 1001 (`socket.close(1001)`) when the drain begins"
    http2 = "send GOAWAY on every HTTP/2 session when the drain begins (node: `session.close()`)"
    lines = [text for group, text in ((_WEBSOCKETS, websockets), (_HTTP2, http2)) if populations & set(group)]
    return "; ".join(lines)


def _praise(run: Run, said: list[Exchange], closed: list[Connection]) -> str:
    parts = []
    if said:
        before = " (as before the signal: it keeps no connection)" if _always_closes(run) else ""
        parts.append(f"{count(len(said), 'response')} during the drain, all with `Connection: close`{before}")
    told = [
        (sum(c.population in populations for c in closed), noun)
        for populations, noun in ((_WEBSOCKETS, "WebSocket"), (_HTTP2, "HTTP/2 connection"))
    ]
    parts += [f"{count(number, noun)} told before the close" for number, noun in told if number]
    return "; ".join(parts)


def _always_closes(run: Run) -> bool:
    """Whether responses on new connections said so before the signal already: then it announces nothing."""
    before = [
        e
        for _, e in pairs(run, Population.OPEN_LOOP)
        if e.outcome in COMPLETE and run.signalled is not None and (e.first_byte or 0.0) <= run.signalled
    ]
    return bool(before) and all(e.outcome is Outcome.COMPLETE_CLOSE for e in before)
