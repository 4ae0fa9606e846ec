"""A heavy load on a loop of its own: connections that send request after request, and new ones at a high rate.

It makes traffic and counts it exactly; it does not aim. Of all requests only those that were lost, or in flight at the
signal, are kept one by one (at most `MAX_KEPT`), so memory is bounded by the number of connections and not by that of
requests. Nothing here is asked per request that is not needed to count it: plain answers are read at a glance
(`plain.py`), all others by the same reader as everywhere.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import time
from collections import deque

from seatrial.load.client import host_of
from seatrial.load.plain import Heads
from seatrial.load.record import classify
from seatrial.load.response import ResponseReader
from seatrial.load.tally import Tally
from seatrial.load.wire import FAMILIES, REFUSALS, is_self_connected, name_of, socket_address
from seatrial.model.traffic import Bulk, Connection, Exchange, Outcome, Population, Target

MAX_KEPT = 4096
PIECE = 65536
SLICE = 0.004
"""Seconds for which one turn goes on at most, so that the aimed connections beside it are served in time."""
TICK = 0.001
SWEEP = 0.5
PAUSE = 0.1
"""How long a connection that served nothing waits for its successor."""
FIRST_NUMBER = 1_000_000
"""The numbers of its connections begin here, to be told from those of the others."""


class Member:
    """One connection of the crowd, and its request under way."""

    __slots__ = (
        "begun",
        "buffer",
        "is_kept",
        "number",
        "opened",
        "population",
        "reader",
        "request",
        "sent",
        "served",
        "socket",
        "tally",
        "unsent",
    )

    def __init__(self, population: Population, number: int, connection: socket.socket, request: bytes) -> None:
        self.population = population
        self.number = number
        self.socket = connection
        self.request = request
        self.begun = time.monotonic()
        self.opened: float | None = None
        self.sent: float | None = None
        self.served = 0
        self.buffer = b""
        self.unsent = request
        self.reader: ResponseReader | None = None
        self.is_kept = False
        self.tally: Tally | None = None


class Crowd:
    """The heavy load of one target: `begin`, `signalled`, `stop_sending`, `finish`, in this order."""

    def __init__(self, target: Target, connections: int, rate: float, limits: tuple[int, float]) -> None:
        """`limits` are the most connections that may be open, and the time that one request may take."""
        self._target = target
        self._size, self._rate = connections, rate
        self._most, self._patience = limits
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._members: dict[int, Member] = {}
        self._heads = Heads()
        self._number = FIRST_NUMBER
        self._sending = True
        self._signal: float | None = None
        self._since = time.monotonic()
        self._due = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tallies = self._fresh()
        self._earlier: tuple[dict[Population, Tally], float] | None = None
        self.kept: deque[Connection] = deque(maxlen=MAX_KEPT)
        self.lag = 0.0
        self.skipped = 0
        self._address = socket_address(target)
        self._mark = os.urandom(16).hex()
        self._request = ResponseReader().request(target.quick_path, host_of(target), self._mark)

    # --- the steps ---

    def begin(self) -> None:
        """Open all connections, and begin to open new ones at the rate."""
        self._loop.add_reader(self._epoll.fileno(), self._turn)
        for _ in range(self._size):
            self._open(Population.KEEP_ALIVE)
        if self._rate > 0:
            self._due = self._loop.time()
            self._tick()
        self._sweep()

    def signalled(self, when: float) -> None:
        """The stop signal was sent: count anew, and keep what is in flight."""
        if self._signal is not None:
            return
        self._earlier = (self._tallies, when - self._since)
        self._signal = self._since = when
        self._tallies = self._fresh()
        for member in self._members.values():
            member.is_kept = member.opened is not None
            self._tallies[member.population].connections += member.population is Population.KEEP_ALIVE

    def stop_sending(self) -> None:
        """No new connections and no new requests from now on."""
        self._sending = False
        for name in ("tick", "reopen"):
            if name in self._timers:
                self._timers.pop(name).cancel()

    async def finish(self, deadline: float) -> list[Bulk]:
        """Wait until every open request has ended, but not beyond the deadline (of the loop); then count."""
        self.stop_sending()
        while any(member.sent is not None for member in self._members.values()) and self._loop.time() < deadline:
            await asyncio.sleep(TICK)
        now = time.monotonic()
        for member in tuple(self._members.values()):
            self._end(member, now, Outcome.ABANDONED, "given up at the end of the run")
        self.close()
        return self._bulks(now)

    def close(self) -> None:
        """Let go of everything."""
        self.stop_sending()
        for timer in self._timers.values():
            timer.cancel()
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
        for member in self._members.values():
            member.socket.close()
        self._members.clear()

    # --- opening ---

    def _own_request(self) -> bytes:
        """What one connection sends again and again: the id in it is the connection's own."""
        return self._request.replace(self._mark.encode("ascii"), os.urandom(16).hex().encode("ascii"))

    def _open(self, population: Population) -> None:
        if len(self._members) >= self._most:
            self.skipped += 1
            return
        try:
            connection = socket.socket(FAMILIES[self._target.family], socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError:
            self.skipped += 1
            return
        member = Member(population, self._number, connection, self._own_request())
        self._number += 1
        code = connection.connect_ex(self._address)
        if code in (errno.EADDRNOTAVAIL, errno.EAGAIN):  # no port is left, or no room in a Unix socket's queue
            self.skipped += 1
            connection.close()
            return
        member.tally = self._tallies[population]
        member.tally.connections += 1
        self._members[connection.fileno()] = member
        if code == 0:
            self._epoll.register(connection.fileno(), select.EPOLLIN)
            self._opened(member)
        elif code == errno.EINPROGRESS:
            self._epoll.register(connection.fileno(), select.EPOLLOUT)
        else:
            self._fail(member, code)

    def _connected(self, member: Member) -> None:
        code = member.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0 and is_self_connected(member.socket):
            code = errno.ECONNREFUSED
        if code == 0:
            self._epoll.modify(member.socket.fileno(), select.EPOLLIN)
            self._opened(member)
        else:
            self._fail(member, code)

    def _fail(self, member: Member, code: int) -> None:
        """No connection. The refusal of one that was to be kept open is not asked for again at once."""
        other = Outcome.RST if code == errno.ECONNRESET else Outcome.ABANDONED
        outcome = Outcome.REFUSED if code in REFUSALS else other
        self._end(member, time.monotonic(), outcome, name_of(code))

    def _opened(self, member: Member) -> None:
        member.opened = time.monotonic()
        if self._sending:
            self._send(member)
        else:
            self._end(member, member.opened, None)

    # --- requests ---

    def _send(self, member: Member) -> None:
        try:
            count = member.socket.send(member.unsent)
        except BlockingIOError:
            count = 0
        except OSError as error:  # the close of the other side came before it
            outcome = Outcome.RST if error.errno == errno.ECONNRESET else Outcome.FIN
            self._end(member, time.monotonic(), outcome, "before the request was sent")
            return
        member.unsent = member.unsent[count:]
        if member.unsent:
            self._epoll.modify(member.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
            return
        member.sent = time.monotonic()
        assert member.tally is not None
        member.tally.requests += 1

    def _turn(self) -> None:
        """Serve what is ready."""
        until = time.monotonic() + SLICE
        members = self._members
        for descriptor, events in self._epoll.poll(0, 512):
            member = members.get(descriptor)
            if member is None:
                continue
            if member.opened is None:
                self._connected(member)
            elif events & select.EPOLLOUT and member.unsent:
                self._epoll.modify(descriptor, select.EPOLLIN)
                self._send(member)
            else:
                self._receive(member)
            if time.monotonic() > until:
                return

    def _receive(self, member: Member) -> None:
        try:
            data = member.socket.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._cut(member, True, "" if error.errno == errno.ECONNRESET else name_of(error.errno or 0))
            return
        if not data:
            self._cut(member, False, "")
        elif member.reader is not None:
            self._read(member, member.reader, data)
        elif member.sent is None:
            self._end(member, time.monotonic(), Outcome.MALFORMED, "bytes outside of a response")
        else:
            self._glance(member, data)

    def _glance(self, member: Member, data: bytes) -> None:
        """Take a plain answer; leave any other to the reader."""
        whole = member.buffer + data if member.buffer else data
        head = self._heads.read(whole)
        if head is not None and len(whole) == head.size:
            member.buffer = b""
            self._answered(member, head.status, Outcome.COMPLETE_CLOSE if head.announced else Outcome.COMPLETE)
        elif head is not None and len(whole) < head.size <= PIECE:
            member.buffer = whole
        else:
            member.buffer = b""
            reader = member.reader = ResponseReader()
            reader.request(self._target.quick_path, "localhost", "0" * 32)
            self._read(member, reader, whole)

    def _read(self, member: Member, reader: ResponseReader, data: bytes) -> None:
        reader.receive(data)
        if reader.malformed or reader.stray:
            self._end(member, time.monotonic(), Outcome.MALFORMED, reader.malformed or "bytes outside of a response")
        elif reader.complete:
            member.reader = None
            outcome = Outcome.COMPLETE_CLOSE if reader.announced else Outcome.COMPLETE
            self._answered(member, reader.status or 0, outcome)

    def _answered(self, member: Member, status: int, outcome: Outcome) -> None:
        now = time.monotonic()
        assert member.sent is not None and member.tally is not None
        member.tally.answered(now - member.sent, status, outcome)
        if member.is_kept:
            self._keep(member, now, (outcome, ""), status)
        member.served += 1
        member.sent = None
        if outcome is Outcome.COMPLETE and self._sending and member.population is Population.KEEP_ALIVE:
            member.tally = self._tallies[Population.KEEP_ALIVE]
            member.unsent = member.request
            self._send(member)
        else:
            self._end(member, now, None)

    # --- ends ---

    def _cut(self, member: Member, reset: bool, detail: str) -> None:
        now, reader = time.monotonic(), member.reader
        if reader is not None and not reset:
            reader.end()
            if reader.complete:
                self._answered(member, reader.status or 0, Outcome.COMPLETE_CLOSE)
                return
        if member.sent is None and not member.unsent:
            self._end(member, now, None)
        elif reader is not None or member.buffer:
            self._end(member, now, Outcome.TRUNCATED, "RST" if reset else "FIN")
        else:
            self._end(member, now, Outcome.RST if reset else Outcome.FIN, detail)

    def _end(self, member: Member, now: float, outcome: Outcome | None, detail: str = "") -> None:
        """Close a connection; `outcome` is that of its open request, if it has one."""
        if member.sent is None and outcome is Outcome.ABANDONED:
            outcome = None
        if outcome is not None:
            assert member.tally is not None
            member.tally.outcomes[outcome] += 1
            if outcome is not Outcome.REFUSED:
                self._keep(member, now, (outcome, detail), None)
        self._members.pop(member.socket.fileno(), None)
        member.socket.close()
        if member.population is Population.KEEP_ALIVE and self._sending and self._signal is None:
            if member.served:
                self._open(Population.KEEP_ALIVE)
            else:
                self._timers["reopen"] = self._loop.call_later(PAUSE, self._refill)

    def _refill(self) -> None:
        there = sum(member.population is Population.KEEP_ALIVE for member in self._members.values())
        for _ in range(self._size - there):
            self._open(Population.KEEP_ALIVE)

    def _keep(self, member: Member, now: float, end: tuple[Outcome, str], status: int | None) -> None:
        """Keep one exchange whole, as a connection of its population."""
        member.is_kept = False
        outcome, detail = end
        begun = member.sent if member.served and member.sent is not None else member.begun
        first = now if status is not None else None
        exchange = Exchange(
            path=self._target.quick_path,
            outcome=outcome,
            begun=round(begun, 6),
            sent=None if member.sent is None else round(member.sent, 6),
            first_byte=None if first is None else round(first, 6),
            ended=round(now, 6),
            status=status,
            reused=member.served > 0,
            detail=detail,
        )
        opened = None if member.opened is None else round(member.opened, 6)
        self.kept.append(
            classify(
                Connection(
                    member.population,
                    member.number,
                    round(member.begun, 6),
                    opened,
                    round(now, 6),
                    outcome,
                    (exchange,),
                ),
                self._signal,
            )
        )

    # --- time ---

    def _tick(self) -> None:
        """Open every connection that is due by the schedule."""
        now = self._loop.time()
        self.lag = max(self.lag, now - self._due - TICK)
        while self._due <= now:
            self._open(Population.OPEN_LOOP)
            self._due += 1.0 / self._rate
        self._timers["tick"] = self._loop.call_at(max(self._due, now + TICK), self._tick)

    def _sweep(self) -> None:
        """End what takes longer than a request may."""
        now = time.monotonic()
        for member in tuple(self._members.values()):
            if now - (member.sent or member.begun) > self._patience and (member.sent or member.opened is None):
                outcome = Outcome.TIMED_OUT if member.sent else Outcome.CONNECT_TIMED_OUT
                self._end(member, now, outcome, f"no end within {self._patience:g} s")
        self._timers["sweep"] = self._loop.call_later(SWEEP, self._sweep)

    def _fresh(self) -> dict[Population, Tally]:
        return {population: Tally(population) for population in (Population.KEEP_ALIVE, Population.OPEN_LOOP)}

    def _bulks(self, now: float) -> list[Bulk]:
        """A request belongs to the part of the run in which it was sent."""
        before, seconds = self._earlier or ({}, 0.0)
        parts = [(tally, False, seconds) for tally in before.values()]
        parts += [(tally, self._earlier is not None, now - self._since) for tally in self._tallies.values()]
        return [tally.bulk(after=after, seconds=took) for tally, after, took in parts if tally.is_used]
