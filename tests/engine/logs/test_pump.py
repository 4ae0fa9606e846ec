"""A pump takes each line to its driver at least once: through failures, restarts, rotations; and counts what it
drops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seatrial.engine.logs import pump as pumping
from seatrial.engine.logs.interface import DeliveryError, LogRecord
from seatrial.engine.logs.pump import Pump, pieces, read_position
from seatrial.engine.logs.watching import Watch

from .writer import START, Writer, record_bytes

MakeWriter = Callable[..., Writer]


class Receiver:
    """A driver that keeps what it gets, fails when told to, and can be held."""

    longest = 64 * 1024
    interval = 0.0
    refused = ""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.delivered: list[str] = []
        self.failures = 0
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        self.is_closed = False

    def write(self, record: LogRecord) -> None:
        self.asked.set()
        self.open.wait(30)
        if self.failures:
            self.failures -= 1
            self.kept.clear()
            raise DeliveryError("receiver: connection refused")
        self.kept.append(record.line)

    def flush(self) -> None:
        self.delivered += self.kept
        self.kept = []

    def close(self) -> None:
        self.is_closed = True


@contextmanager
def running(pump: Pump) -> Iterator[threading.Thread]:
    """A pump at work in a thread of its own, stopped at the end."""
    thread = threading.Thread(target=pump.run)
    thread.start()
    try:
        yield thread
    finally:
        pump.stop()
        thread.join(30)
        assert not thread.is_alive()


def eventually(condition: Callable[[], bool], within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.001)


def finished(pump: Pump) -> None:
    """Let a pump send all there is."""
    with running(pump) as thread:
        pump.finish()
        thread.join(30)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receivers are tried again at once."""
    monkeypatch.setattr(pumping, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(pumping, "LONGEST_WAIT", 0.002)


def make(writer: Writer, driver: Receiver, reported: list[str], buffer: int = 0) -> Pump:
    return Pump(writer.path, driver, writer.path.parent / "position", buffer=buffer, report=reported.append)


@pytest.mark.parametrize("buffer", [0, 1000])
def test_lines_arrive_as_they_are_written_whole_and_in_order(
    buffer: int, make_writer: MakeWriter, reported: list[str]
) -> None:
    writer, receiver = make_writer(5), Receiver()
    pump = make(writer, receiver, reported, buffer)
    with running(pump) as thread:
        for number in range(4):
            writer.write(f"{number}\n")
            eventually(lambda wanted=number + 1: len(receiver.delivered) == wanted)
            writer.rotate()
        writer.raw(
            record_bytes("a" * 9, START + 100) + record_bytes("b\n", START + 100) + record_bytes("end", START + 101)
        )
        pump.finish()
        thread.join(30)
    assert receiver.delivered == ["0", "1", "2", "3", "aaaaaaaaab", "end"]
    assert receiver.is_closed
    assert reported == []
    assert pump.state.delivered == 6


def test_next_pump_goes_on_where_the_last_one_was(make_writer: MakeWriter, reported: list[str]) -> None:
    writer, receiver = make_writer(5), Receiver()
    for number in range(3):
        writer.write(f"{number}\n")
        finished(make(writer, receiver, reported))
        writer.write(f"then {number}\n")
        writer.rotate()
    finished(make(writer, receiver, reported))
    assert receiver.delivered == ["0", "then 0", "1", "then 1", "2", "then 2"]
    assert reported == []


def test_receiver_that_is_away_gets_everything_later(quick: None, make_writer: MakeWriter, reported: list[str]) -> None:
    writer, receiver = make_writer(), Receiver()
    for number in range(5):
        writer.write(f"{number}\n")
    receiver.failures = 3
    pump = make(writer, receiver, reported)
    finished(pump)
    assert receiver.delivered == ["0", "1", "2", "3", "4"]
    assert reported == [
        "log driver: receiver: connection refused; trying again, nothing is forgotten",
        "the log driver's receiver takes lines again",
    ]
    assert pump.state.failing == ""


def test_pump_that_is_killed_repeats_and_leaves_out_nothing(make_writer: MakeWriter, reported: list[str]) -> None:
    """The place is noted after the receiver has the lines: between the two nothing is lost, and the last batch comes
    twice."""
    writer, receiver = make_writer(), Receiver()
    writer.write("a\n")
    finished(make(writer, receiver, reported))
    writer.write("b\n")
    noted = (writer.path.parent / "position").read_bytes()
    finished(make(writer, receiver, reported))
    (writer.path.parent / "position").write_bytes(noted)  # as if it had ended just before it noted the second
    writer.write("c\n")
    finished(make(writer, receiver, reported))
    assert receiver.delivered == ["a", "b", "b", "c"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"inode":"x","head":"","offset":0}'])
def test_place_that_can_not_be_read_is_the_beginning(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "position").write_bytes(damage)
    assert read_position(tmp_path / "position").offset == 0


def test_stop_does_not_wait_for_a_receiver_that_is_away(make_writer: MakeWriter, reported: list[str]) -> None:
    writer, receiver = make_writer(), Receiver()
    receiver.failures = 10**9
    writer.write("a\n")
    pump = make(writer, receiver, reported)
    with running(pump):
        eventually(lambda: pump.state.failing != "")
    assert receiver.delivered == []
    assert receiver.is_closed
    pump.finish()  # after its end nothing happens any more


def test_non_blocking_drops_beyond_the_buffer_counts_and_says_so(make_writer: MakeWriter, reported: list[str]) -> None:
    writer, receiver = make_writer(), Receiver()
    receiver.open.clear()
    pump = make(writer, receiver, reported, buffer=10)
    with running(pump) as thread:
        writer.write("held\n")
        eventually(receiver.asked.is_set)
        for number in range(10):
            writer.write(f"{number}234\n")  # five bytes each: two find room
        eventually(lambda: pump.state.dropped == 8)
        receiver.open.set()
        eventually(lambda: len(receiver.delivered) == 3)
        writer.write("after\n")
        pump.finish()
        thread.join(30)
    assert receiver.delivered == ["held", "0234", "1234", "after"]
    assert pump.state.dropped == 8
    assert [text.split()[0] for text in reported] == ["1", "2", "4", "8"]


def test_line_is_cut_where_the_receiver_takes_no_more_and_never_within_a_character() -> None:
    record = LogRecord(1, "stdout", "é" * 10 + "😀" * 3 + "\n")
    parts = list(pieces(record, 7))
    assert "".join(part.text for part in parts) == record.text
    assert all(len(part.text.encode()) <= 7 for part in parts)
    assert [part.continues for part in parts] == [False] + [True] * (len(parts) - 1)


def test_driver_with_an_interval_gets_batches(make_writer: MakeWriter, reported: list[str]) -> None:
    writer, receiver = make_writer(), Receiver()
    receiver.interval = 0.02
    pump = make(writer, receiver, reported)
    with running(pump):
        writer.write("a\n")
        eventually(lambda: receiver.delivered == ["a"])
    receiver.interval = 10**6
    pump = make(writer, receiver, reported)
    with running(pump):
        writer.write("b\n")
        eventually(lambda: receiver.kept == ["b"])
        assert receiver.delivered == ["a"]
        pump.finish()
        eventually(lambda: receiver.delivered == ["a", "b"])


@pytest.mark.parametrize("buffer", [0, 1000])
def test_end_that_comes_just_before_the_look_is_not_slept_through(
    buffer: int, make_writer: MakeWriter, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, receiver = make_writer(), Receiver()
    pump = make(writer, receiver, reported, buffer)
    real = Watch.clear

    def clear(watch: Watch) -> None:
        pump.finish()
        real(watch)

    monkeypatch.setattr(Watch, "clear", clear)
    writer.write("a\n")
    with running(pump) as thread:
        thread.join(30)
        assert receiver.delivered == ["a"]


def test_full_disk_and_missing_descriptors_are_told_and_survived(
    quick: None, make_writer: MakeWriter, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, receiver = make_writer(), Receiver()
    pump = make(writer, receiver, reported)
    (writer.path.parent / "position.new").mkdir()  # where the place would be noted
    real, failures = pump._follower.poll, 2

    def poll() -> Iterator[LogRecord]:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(24, "Too many open files")
        return real()

    monkeypatch.setattr(pump._follower, "poll", poll)
    writer.write("a\n")
    receiver.refused = "too old"
    finished(pump)
    assert receiver.delivered == ["a"]
    assert ["Too many open files" in text for text in reported] == [True, False, False]
    assert "refused lines for good: too old" in reported[1]
    assert "can't be noted" in reported[2]
