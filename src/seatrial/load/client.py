"""One client connection: its requests, what became of each, and how the connection closed.

What it records is what was seen, judged by nobody yet: only `record` and `classify` turn it into the recording's words.
It never opens a second connection and never decides when to send: that is the populations' part.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from seatrial.load.protocols import reader_of
from seatrial.load.wire import Wire
from seatrial.model.traffic import Exchange, Outcome, Population, Target

BODY_BEGUN = b"Content-Type: application/json\r\nContent-Length: 64\r\n\r\n{"
"""The end of a head, and less of a body than it says."""
WITHHELD = 2
"""How many bytes of a held request are kept back: the line end of the empty line that ends its head."""
_PATIENCE = 1.0
"""A connection still not accepted after this long at a run's end timed out; before, nobody can tell."""
MAX_BODY = 1 << 32
MAX_STRAY = 1 << 20
"""Beyond these a connection is given up: nothing more can be learned from bytes that are only counted."""
_SHOWN = 64
SLOW_PACE = 1.0
"""Seconds between two bytes of a slow client."""
_LOCAL = frozenset({"127.0.0.1", "::1"})


@dataclass(slots=True)
class Attempt:
    """A request under way; the mutable shape of `Exchange`."""

    path: str
    mark: str
    begun: float
    reused: bool
    outcome: Outcome | None = None
    sent: float | None = None
    first_byte: float | None = None
    ended: float | None = None
    status: int | None = None
    body_bytes: int = 0
    detail: str = ""
    keep_alive: float = 0.0
    unframed: bool = False

    def exchange(self) -> Exchange:
        """The frozen form."""
        return Exchange(
            path=self.path,
            outcome=self.outcome or Outcome.ABANDONED,
            begun=round(self.begun, 6),
            sent=rounded(self.sent),
            first_byte=rounded(self.first_byte),
            ended=rounded(self.ended),
            status=self.status,
            reused=self.reused,
            body_bytes=self.body_bytes,
            detail=self.detail,
            mark=self.mark,
            keep_alive=self.keep_alive,
            unframed=self.unframed,
        )


def rounded(moment: float | None) -> float | None:
    """A moment to the microsecond."""
    return None if moment is None else round(moment, 6)


def host_of(target: Target) -> str:
    """What the Host header says: what the target wants there, else `localhost` for a loopback address, which
    applications that check it accept."""
    if target.host:
        return target.host
    if target.family == "unix":
        return "localhost"
    if target.address in _LOCAL:
        return f"localhost:{target.port}"
    return f"[{target.address}]:{target.port}" if target.family == "ipv6" else f"{target.address}:{target.port}"


def _nobody(_client: Client) -> None:
    """Tell nobody."""


class Client:
    """One connection of a population. `limit` is the time that one request may take, None for no limit; `over` is
    told when the connection has ended."""

    def __init__(
        self,
        target: Target,
        population: Population,
        number: int,
        limit: float | None,
        over: Callable[[Client], None] = _nobody,
    ) -> None:
        self._over = over
        self._loop = asyncio.get_running_loop()
        self.population = population
        self.number = number
        self.limit = limit
        self.begun = time.monotonic()
        self.opened: float | None = None
        self.closed: float | None = None
        self.ending: Outcome | None = None
        self.detail = ""
        self.announced: float | None = None
        self.attempts: list[Attempt] = []
        self.held = b""
        self.stray = 0
        self._host = host_of(target)
        self._reader = reader_of(population, target)
        self._wire = Wire(self._loop, target, self, SLOW_PACE if population is Population.SLOW_READER else 0.0)
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._outgoing = b""
        self._started = False

    # --- what populations ask ---

    @property
    def current(self) -> Attempt | None:
        """The request under way, if there is one."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].outcome is None else None

    @property
    def is_open(self) -> bool:
        """Whether the connection was accepted and has not ended."""
        return self.opened is not None and self.closed is None

    @property
    def is_over(self) -> bool:
        """Whether nothing more can happen: closed, refused or given up."""
        return self.closed is not None

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be sent."""
        return self.is_open and self.current is None and not self.stray and self._reader.reusable

    def connect(self) -> None:
        """Start connecting without a request."""
        self._started = True
        self._start_timer()
        self._wire.connect()

    def request(self, path: str, *, withhold: int = 0, trickle: bool = False, unfinished: bool = False) -> Attempt:
        """Start a request, on a new connection if there is none yet. `withhold` bytes wait for `release`;
        with `trickle` all do, and `release_one` sends them one by one. An `unfinished` one has a body that never comes
        whole."""
        assert self.current is None
        mark = os.urandom(16).hex()
        attempt = Attempt(path, mark, self.begun if not self._started else time.monotonic(), bool(self.attempts))
        data = self._reader.request(path, self._host, mark)
        if unfinished:
            data = data.removesuffix(b"\r\n") + BODY_BEGUN
        kept = len(data) if trickle else withhold
        self._outgoing, self.held = data[: len(data) - kept], data[len(data) - kept :]
        self.attempts.append(attempt)
        if not self._started:
            self.connect()
        elif self.is_open:
            self._start_timer()
            self._send()
        return attempt

    def release(self) -> None:
        """Send what was withheld; the request's time limit begins now."""
        if self.current is not None and self.is_open and self.held:
            self._outgoing, self.held = self.held, b""
            self._start_timer()
            self._send()

    def release_one(self) -> None:
        """Send one byte of what was withheld, and put another in its place: such a request never ends."""
        if self.current is not None and self.is_open and self.held:
            byte, self.held = self.held[:1], self.held[1:]
            if len(self.held) <= 2 * WITHHELD:
                self.held = b"x" + self.held  # goes on inside the last header's value
            self._wire.send(byte)

    def talk(self) -> None:
        """Send a message inside the exchange under way, where its protocol has such."""
        self._send_now(self._reader.talk())

    def leave(self) -> None:
        """End the exchange under way as its protocol does it, where it can from this side."""
        self._send_now(self._reader.leave())

    def abandon(self) -> None:
        """End it now on the client's own account: the end of the run, or a connection that is done with."""
        if self.closed is not None:
            return
        now = time.monotonic()
        attempt = self.current
        if attempt is not None:
            self._end_attempt(now, *self._unfinished(attempt, now))
            self._close(now, attempt.outcome)
        elif self.opened is None:
            self._close(now, self._unfinished_connect(now))
        else:
            self._close(now, Outcome.IDLE_OPEN)

    def finish_politely(self) -> None:
        """Close a connection whose last response came: it ends as the response did, or MALFORMED if more came."""
        if self.closed is None:
            self._close(time.monotonic(), Outcome.MALFORMED if self.stray else self.attempts[-1].outcome)

    def drain(self) -> None:
        """Take in what the kernel has for us already."""
        self._wire.drain()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is asked again after each step of this connection."""
        while not condition():
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    async def until_over(self, attempt: Attempt) -> None:
        """Wait until one request has come to its end, whichever that is."""
        await self.until(lambda: attempt.outcome is not None)

    # --- what the wire tells ---

    def wire_opened(self, now: float) -> None:
        """The kernel says that the connection stands."""
        self.opened = now
        if self.current is not None:
            self._send()
        else:
            self._stop_timer()
        self._wake()

    def wire_failed(self, now: float, refused: bool, detail: str) -> None:
        """No connection."""
        outcome = Outcome.REFUSED if refused else Outcome.ABANDONED
        self.detail = detail
        if self.current is not None:
            self._end_attempt(now, outcome, detail)
        self._close(now, outcome)

    def wire_sent(self, now: float) -> None:
        """The kernel has all that was to be sent."""
        attempt = self.current
        if attempt is not None and not self.held and attempt.sent is None:
            attempt.sent = now
            self._wake()

    def wire_data(self, now: float, data: bytes) -> None:
        """Bytes came."""
        attempt = self.current
        if attempt is None:
            self._take_aside(now, data)
            return
        first = attempt.first_byte is None
        before = attempt.body_bytes
        if first:
            attempt.first_byte = now
        self._reader.receive(data)
        self._respond(now)
        self._copy(attempt)
        if self._reader.malformed:
            self._end_attempt(now, Outcome.MALFORMED, self._reader.malformed)
            self._close(now, Outcome.MALFORMED)
        elif self._reader.complete:
            self._complete(now, data)
        elif self._reader.cut:
            self._end_attempt(now, Outcome.RST if attempt.status is None else Outcome.TRUNCATED, self._reader.cut)
            self._close(now, attempt.outcome)
        elif attempt.body_bytes > MAX_BODY:
            self._end_attempt(now, Outcome.ABANDONED, f"given up after {attempt.body_bytes} bytes of the body")
            self._close(now, Outcome.ABANDONED)
        elif self.population is Population.STREAM:
            self._start_timer()  # a stream may last; what is limited is its silence
        if first or not before:
            self._wake()

    def _take_aside(self, now: float, data: bytes) -> None:
        """Take bytes in that belong to no request."""
        if self._reader.receive_aside(data):
            self._respond(now)
            return
        self._note_stray(data)
        if self.stray > MAX_STRAY:
            self._close(now, Outcome.MALFORMED)

    def _respond(self, now: float) -> None:
        """Note that the close was announced, and send what the protocol itself asks for."""
        if self._reader.farewell and self.announced is None:
            self.announced, self.detail = now, self._reader.farewell
        if self.attempts and not self.held:  # before the whole request nothing else may be said
            self._send_now(self._reader.answer())

    def wire_ended(self, now: float, reset: bool, detail: str) -> None:
        """FIN or RST."""
        attempt = self.current
        if detail:
            self.detail = detail
        if attempt is None:
            self._close(now, Outcome.IDLE_RST if reset else Outcome.IDLE_FIN)
            return
        if not reset:
            self._reader.end()
            self._copy(attempt)
            attempt.unframed = self._reader.complete
        self._end_attempt(now, *self._cut(attempt, reset))
        self._close(now, attempt.outcome)

    # --- inside ---

    def _cut(self, attempt: Attempt, reset: bool) -> tuple[Outcome, str]:
        if self._reader.complete:
            return Outcome.COMPLETE_CLOSE, ""
        if attempt.first_byte is None:
            return (Outcome.RST, self.detail) if reset else (Outcome.FIN, self.detail)
        how = "RST" if reset else "FIN"
        if attempt.status is not None:
            return Outcome.TRUNCATED, f"{how} after {attempt.body_bytes} bytes of the body"
        only = f", only {self._reader.interim} interim responses" if self._reader.interim else ""
        return Outcome.TRUNCATED, f"{how} inside the head{only}"

    def _unfinished(self, attempt: Attempt, now: float) -> tuple[Outcome, str]:
        if self.opened is None:
            return self._unfinished_connect(now), f"not accepted within {now - self.begun:.3f} s"
        waited = now - (attempt.sent or attempt.begun)
        return Outcome.ABANDONED, f"given up {waited:.3f} s after it was sent" if attempt.sent else "never wholly sent"

    def _unfinished_connect(self, now: float) -> Outcome:
        return Outcome.CONNECT_TIMED_OUT if now - self.begun >= _PATIENCE else Outcome.ABANDONED

    def _complete(self, now: float, data: bytes) -> None:
        stray = self._reader.stray
        announced = self._reader.announced
        self._end_attempt(now, Outcome.COMPLETE_CLOSE if announced else Outcome.COMPLETE, "")
        if stray:
            self._note_stray(data[-stray:])
        if announced:
            self.finish_politely()  # RFC 9112, 9.6: a client that was told so closes

    def _copy(self, attempt: Attempt) -> None:
        attempt.status = self._reader.status
        attempt.body_bytes = self._reader.body_bytes
        attempt.keep_alive = self._reader.keep_alive

    def _note_stray(self, data: bytes) -> None:
        if not self.stray:
            self.detail = f"bytes outside of a response: {data[:_SHOWN]!r}"
        self.stray += len(data)

    def _send(self) -> None:
        data, self._outgoing = self._outgoing, b""
        self._send_now(data)

    def _send_now(self, data: bytes) -> None:
        if data:
            self._wire.send(data)

    def _start_timer(self) -> None:
        self._stop_timer()
        if self.limit is not None:
            self._timer = self._loop.call_later(self.limit, self._time_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        now = time.monotonic()
        outcome = Outcome.CONNECT_TIMED_OUT if self.opened is None else Outcome.TIMED_OUT
        if self.current is not None:
            self._end_attempt(now, outcome, f"no end within {self.limit:g} s")
        self._close(now, outcome)

    def _end_attempt(self, now: float, outcome: Outcome, detail: str) -> None:
        attempt = self.current
        assert attempt is not None
        self._stop_timer()
        attempt.outcome, attempt.ended = outcome, now
        attempt.detail = attempt.detail or detail
        self.held = b""
        self._wake()

    def _close(self, now: float, ending: Outcome | None) -> None:
        self._stop_timer()
        self._wire.close()
        self.closed = now
        self.ending = ending or Outcome.ABANDONED
        self._over(self)
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
