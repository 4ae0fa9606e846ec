"""Feeds a driver from a log file: what the shim wrote goes on to where the service's logging says.

    pump = Pump(log, driver, state_directory / "position", report=tell)
    thread = Thread(target=pump.run)        # ... pump.finish() once the log is complete, or pump.stop()

At least once: the place in the log is noted after the receiver has what came before it, so a pump that is killed
repeats the last batch and leaves out nothing. The log file is the buffer: the service is never held back by a receiver
that is slow or away. What is rotated away before it was sent is lost, and that is reported; `mode: non-blocking` drops
beyond its buffer, and counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Thread

from seatrial.engine.logs.files import Report
from seatrial.engine.logs.following import Follower, Position
from seatrial.engine.logs.interface import DeliveryError, LogDriver, LogRecord
from seatrial.engine.logs.records import Joiner
from seatrial.engine.logs.ring import Item, Ring
from seatrial.engine.logs.watching import Watch

MOST_RECORDS = 500
MOST_BYTES = 1024 * 1024
"""What is sent at most before the place is noted: so much may be repeated."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
"""Seconds before a receiver is tried again; twice as long each time."""
PATIENCE = 0.5
"""Seconds that a part of a line waits for the next one."""


class _StoppedError(Exception):
    """The pump shall end now."""


@dataclass(slots=True)
class PumpState:
    """How a pump fares. `failing` is the last error while the receiver does not take anything, else ""."""

    delivered: int = 0
    dropped: int = 0
    failing: str = ""


def read_position(path: Path) -> Position:
    """The place that was noted; the beginning where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Position(int(found["inode"]), str(found["head"]), int(found["offset"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Position()


def write_position(path: Path, position: Position) -> None:
    """Note a place: there as a whole, or the one before."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(asdict(position)) + "\n", encoding="utf-8")
    temporary.rename(path)


def pieces(record: LogRecord, longest: int) -> Iterator[LogRecord]:
    """A record in pieces of at most so many bytes."""
    if len(record.text) * 4 <= longest:
        yield record
        return
    raw = record.text.encode("utf-8", "replace")
    begin = 0
    while len(raw) - begin > longest:
        end = begin + longest
        while end > begin + 1 and raw[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
        yield replace(record, text=raw[begin:end].decode(), continues=record.continues or begin > 0)
        begin = end
    yield replace(record, text=raw[begin:].decode(), continues=record.continues or begin > 0)


class Pump:
    """Takes one log to one driver. `run` is for a thread of its own; the other methods for any thread."""

    def __init__(
        self,
        log: Path,
        driver: LogDriver,
        position: Path,
        *,
        buffer: int = 0,
        report: Report,
        docker_quirks: bool = False,
    ) -> None:
        self.state = PumpState()
        self._driver = driver
        self._noted = position
        self._report = report
        self._follower = Follower(log, report, read_position(position))
        self._joiner = None if docker_quirks else Joiner()
        self._watch = Watch([log])
        self._ring = Ring(buffer) if buffer else None
        self._stop = Event()
        self._finishing = False
        self._unsent: list[Item] = []
        self._unsent_bytes = 0
        self._sent_at = 0.0
        self._held_since: float | None = None
        self._told = ""

    def finish(self) -> None:
        """The log is complete: send what is left, and end."""
        self._finishing = True
        self._wake()

    def stop(self) -> None:
        """End now; what was not sent is sent by the next pump."""
        self._stop.set()
        self._wake()

    def run(self) -> None:
        """Work until `stop`, or until everything was sent after `finish`."""
        reader = Thread(target=self._fill_ring, name="log-reader") if self._ring else None
        try:
            if reader and self._ring:
                reader.start()
                self._send_from(self._ring)
            else:
                self._send_directly()
        except _StoppedError:
            pass
        finally:
            self._stop.set()
            self._wake()
            if reader:
                reader.join()
            self._follower.close()
            self._driver.close()
            self._watch.close()

    def _wake(self) -> None:
        self._watch.wake()
        if self._ring:
            self._ring.wake()

    # From the log

    def _items(self, *, rest: bool) -> Iterator[Item]:
        """What is there now, as whole lines; with `rest` also an unfinished one."""
        came = False
        for record in self._follower.poll():
            came = True
            lines = self._joiner.take(record) if self._joiner else [record]
            for line in lines:
                holds = self._joiner is not None and self._joiner.holds
                yield line, None if holds else self._follower.position
        if self._joiner and (rest or self._has_waited(came=came)):
            for line in self._joiner.rest():
                yield line, None if self._joiner.holds else self._follower.position

    def _has_waited(self, *, came: bool) -> bool:
        """Whether a part of a line has waited long enough for the next."""
        assert self._joiner is not None
        now = time.monotonic()
        if not self._joiner.holds:
            self._held_since = None
        elif came or self._held_since is None:
            self._held_since = now
        return self._held_since is not None and now - self._held_since >= PATIENCE

    def _until_due(self) -> float | None:
        """Seconds until there is something to do even if nothing is written; None: no need to wake."""
        due = []
        if self._unsent:
            due.append(self._sent_at + self._driver.interval - time.monotonic())
        if self._held_since is not None:
            due.append(self._held_since + PATIENCE - time.monotonic())
        return max(0.0, min(due)) if due else None

    # Straight to the driver

    def _send_directly(self) -> None:
        while not self._stop.is_set():
            self._watch.clear()  # before the look at the flag: a wake-up in between must not be forgotten
            finishing = self._finishing
            if self._pass_on(self._send, rest=finishing):
                self._commit_if_due(now_or_never=finishing)
                if finishing:
                    return
                self._watch.wait(self._until_due())

    def _pass_on(self, take: Callable[[Item], None], *, rest: bool) -> bool:
        """Take what is there now; False if the log can't be read (no descriptors are left), after a while."""
        try:
            for item in self._items(rest=rest):
                take(item)
                if self._stop.is_set():
                    break
        except OSError as error:
            self._tell(f"the log can't be read: {error}; trying again")
            self._pause(LONGEST_WAIT / 30)
            return False
        return True

    # Through the ring

    def _fill_ring(self) -> None:
        assert self._ring is not None
        try:
            while not self._stop.is_set():
                self._watch.clear()
                finishing = self._finishing
                if self._pass_on(self._put, rest=finishing):
                    if finishing:
                        return
                    self._watch.wait(PATIENCE if self._held_since is not None else None)
        except _StoppedError:
            return
        finally:
            self._ring.close()

    def _put(self, item: Item) -> None:
        assert self._ring is not None
        if not self._ring.put(item):
            self._dropped()

    def _dropped(self) -> None:
        self.state.dropped += 1
        if self.state.dropped & (self.state.dropped - 1) == 0:  # 1, 2, 4, 8 …: told, and not each time
            self._report(f"{self.state.dropped} lines were dropped so far: the buffer is full (mode: non-blocking)")

    def _send_from(self, ring: Ring) -> None:
        while not ring.is_closed:
            if self._stop.is_set():
                return
            wait = max(0.0, self._sent_at + self._driver.interval - time.monotonic()) if self._unsent else None
            item = ring.take(wait)
            if item:
                self._send(item)
            else:
                self._commit_if_due(now_or_never=False)
        self._commit_if_due(now_or_never=True)

    # To the driver

    def _send(self, item: Item) -> None:
        if not self._unsent:
            self._sent_at = time.monotonic()
        self._unsent.append(item)
        self._unsent_bytes += len(item[0].text)
        self._attempt(lambda: self._write([item]))
        if len(self._unsent) >= MOST_RECORDS or self._unsent_bytes >= MOST_BYTES:
            self._commit()

    def _write(self, items: list[Item]) -> None:
        for record, _ in items:
            for piece in pieces(record, self._driver.longest):
                self._driver.write(piece)

    def _commit_if_due(self, *, now_or_never: bool) -> None:
        waited = time.monotonic() - self._sent_at >= self._driver.interval
        if self._unsent and (waited or now_or_never):
            self._commit()

    def _commit(self) -> None:
        """Make sure that the receiver has everything, and note the place."""
        self._attempt(self._driver.flush)
        places = [place for _, place in self._unsent if place]
        self.state.delivered += len(self._unsent)
        self._unsent.clear()
        self._unsent_bytes = 0
        if self._driver.refused:
            self._report(f"log driver: the receiver refused lines for good: {self._driver.refused}")
            self._driver.refused = ""
        if places:
            self._note(places[-1])

    def _note(self, place: Position) -> None:
        try:
            write_position(self._noted, place)
        except OSError as error:
            # A full disk: the place noted before stays, from which the next pump would repeat.
            self._tell(f"log driver: the place in the log can't be noted: {error}")

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do it, and after a failure all since the last place that was noted, until it succeeds."""
        wait = FIRST_WAIT
        while True:
            try:
                action()
            except DeliveryError as error:
                self._failed(error)
                self._pause(wait)
                wait, action = min(wait * 2, LONGEST_WAIT), self._again
                continue
            if self.state.failing:
                self.state.failing = ""
                self._report("the log driver's receiver takes lines again")
            return

    def _tell(self, text: str) -> None:
        """Report, but not what was reported last."""
        if text != self._told:
            self._report(text)
        self._told = text

    def _again(self) -> None:
        self._write(self._unsent)
        self._driver.flush()

    def _failed(self, error: DeliveryError) -> None:
        if not self.state.failing:
            self._report(f"log driver: {error}; trying again, nothing is forgotten")
        self.state.failing = str(error)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _StoppedError
