"""WebSockets, HTTP/2, slow readers and heavy loads: what each judge makes of what became of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge import JUDGES
from seatrial.model.recording import Exit, Recording
from seatrial.model.traffic import Bulk, Connection, Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import END, SIGNAL, STOP, changed, connection, exchange, idle, new, recording, slow, slow_clients

O, P = Outcome, Population  # noqa: E741 - one letter for a column of a table
PASS, FAIL, UNKNOWN = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED
RESPONSES = (P.IN_FLIGHT, P.HELD, P.KEEP_ALIVE, P.OPEN_LOOP)
SOON = SIGNAL + 0.02


def found(told: Recording, requirement: str) -> Verdict:
    return JUDGES[requirement](told)


def websocket(outcome: Outcome = O.COMPLETE_CLOSE, told: float | None = SOON, number: int = 0) -> Connection:
    """A WebSocket that stood at the signal, with the end that it came to."""
    one = exchange(outcome, 1.0, SOON, path="/ws", status=101, first_byte=1.01)
    detail = "closed with 1001" if told else ""
    return connection(P.WEBSOCKET, number, one, closed=SOON, announced=told, detail=detail)


def http2(population: Population, told: float | None = SOON, ending: Outcome = O.IDLE_FIN) -> Connection:
    """An HTTP/2 connection: in flight its answer came after the signal, idle it was closed soon."""
    if population is P.HTTP2:
        outcome = O.COMPLETE_CLOSE if told else O.COMPLETE
        one = exchange(outcome, SIGNAL - 0.2, END - 0.1, path="/slow")
        return connection(P.HTTP2, 0, one, closed=END, ending=ending, announced=told)
    one = exchange(O.COMPLETE, 1.0, 1.01)
    return connection(P.HTTP2_IDLE, 0, one, closed=SIGNAL + 0.05, ending=ending, announced=told)


@pytest.mark.parametrize(
    ("connections", "ruling", "words"),
    [
        ((websocket(), http2(P.HTTP2), http2(P.HTTP2_IDLE)), PASS, "1 WebSocket told before the close; 2 HTTP/2"),
        ((websocket(), websocket(O.TRUNCATED, None, 1)), FAIL, "1 of 2 WebSockets closed without a close frame"),
        ((websocket(O.COMPLETE, None),), FAIL, "1 of 1 WebSocket closed without a close frame"),
        ((http2(P.HTTP2_IDLE, None), http2(P.HTTP2)), FAIL, "1 of 2 HTTP/2 connections closed without GOAWAY"),
        ((websocket(O.ABANDONED, None),), UNKNOWN, "no response began after the signal"),
    ],
)
def test_other_protocols_announce_the_close_in_their_own_words(
    connections: tuple[Connection, ...], ruling: Ruling, words: str
) -> None:
    run = changed(without=RESPONSES, plus=connections)
    verdict = found(recording(run), "announces-close")
    assert verdict.ruling is ruling, verdict
    assert words in verdict.summary
    assert bool(verdict.remedy) == (ruling is FAIL)


def test_a_silent_response_and_an_untold_websocket_are_both_told() -> None:
    silent = slow(O.COMPLETE, number=9)
    verdict = found(recording(changed(plus=(silent, websocket(O.TRUNCATED, None)))), "announces-close")
    assert verdict.ruling is FAIL
    assert "1 of 5 responses" in verdict.summary
    assert "1 of 1 WebSocket" in verdict.summary
    assert any("WebSocket: 1 truncated" in line for line in verdict.evidence)


def test_a_request_over_http2_that_is_cut_is_a_loss_and_an_open_websocket_is_none() -> None:
    cut = connection(P.HTTP2, 0, exchange(O.TRUNCATED, SIGNAL - 0.2, SOON, path="/slow"))
    verdict = found(recording(changed(plus=(cut, websocket(O.TRUNCATED, None)))), "in-flight-finish")
    assert verdict.ruling is FAIL
    assert "1 of 4 requests in flight lost" in verdict.summary


def test_a_request_over_http2_alone_proves_that_what_is_in_flight_finishes() -> None:
    run = changed(without=(P.IN_FLIGHT, P.STREAM, P.HELD), plus=(http2(P.HTTP2),))
    verdict = found(recording(run), "in-flight-finish")
    assert verdict.ruling is PASS
    assert "1 of 1 request in flight finished" in verdict.summary


@pytest.mark.parametrize(("ending", "ruling"), [(O.IDLE_FIN, PASS), (O.IDLE_RST, FAIL)])
def test_an_idle_http2_connection_is_drained_as_any_other(ending: Outcome, ruling: Ruling) -> None:
    run = changed(without=(P.IDLE,), plus=(http2(P.HTTP2_IDLE, ending=ending),))
    assert found(recording(run), "keep-alive-drained").ruling is ruling


@pytest.mark.parametrize(("killed", "ruling"), [(False, PASS), (True, FAIL)])
def test_a_slow_reader_counts_among_the_slow_clients(killed: bool, ruling: Ruling) -> None:
    one = exchange(O.ABANDONED, 1.0, None, path="/large", first_byte=1.1)
    reader = connection(P.SLOW_READER, 0, one, closed=None)
    run = slow_clients(connections=(reader,), exit=Exit(12.01, 137, 9, killed=True) if killed else Exit(END, 0))
    verdict = found(recording(STOP, run), "slow-clients-bounded")
    assert verdict.ruling is ruling
    assert "1 slow reader" in verdict.summary


BULK = Bulk(P.KEEP_ALIVE, False, 1.0, 64, 9000, 9000, 0, 0, 0, 0, 0, (0.001, 0.002, 0.004, 0.01), 0.02)


def test_a_heavy_load_is_told_with_the_verdicts_that_it_bears_on() -> None:
    late = replace(BULK, population=P.OPEN_LOOP, after=True, answered=100, refused=900, lost=2)
    told = recording(replace(STOP, bulk=(BULK, late)))
    (line,) = (line for line in found(told, "in-flight-finish").evidence if "heavy" in line)
    assert line == (
        "heavy load before the signal: 9000 requests on 64 busy keep-alive connections, 9000 answered, half within "
        "1 ms, 99 % within 4 ms"
    )
    (line,) = (line for line in found(told, "refuses-late-connections").evidence if "heavy" in line)
    assert "900 connections refused, 2 without a whole answer" in line


@pytest.mark.parametrize(("rate", "ruling"), [(50.0, FAIL), (2000.0, PASS)])
def test_at_high_rates_the_queue_of_a_closing_listener_holds_more(rate: float, ruling: Ruling) -> None:
    queued = [new(SIGNAL + 0.001 * n, O.RST) for n in range(1, 9)]
    run = changed(plus=queued, rate=rate)
    assert found(recording(run), "refuses-late-connections").ruling is ruling


def test_what_an_overloaded_service_had_in_its_queue_says_nothing_about_its_stop() -> None:
    queued = [new(SIGNAL - 0.5 + 0.001 * n, O.RST, 0.6) for n in range(40)]
    before = replace(BULK, population=P.OPEN_LOOP, requests=400, answered=300, lost=100)
    told = recording(changed(plus=queued, rate=2000.0, bulk=(before,)))
    assert found(told, "in-flight-finish").ruling is UNKNOWN
    assert found(told, "refuses-late-connections").ruling is UNKNOWN
    assert "could not keep up with 2000" in found(told, "refuses-late-connections").summary
    keeps_up = recording(changed(plus=queued, rate=2000.0, bulk=(replace(before, answered=400, lost=0),)))
    assert found(keeps_up, "in-flight-finish").ruling is FAIL


def test_a_good_stop_is_as_good_with_all_populations() -> None:
    run = changed(plus=(websocket(), http2(P.HTTP2), http2(P.HTTP2_IDLE), idle(7)))
    for name in ("in-flight-finish", "keep-alive-drained", "announces-close", "refuses-late-connections"):
        assert found(recording(run), name).ruling is PASS, name
