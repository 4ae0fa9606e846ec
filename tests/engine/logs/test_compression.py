"""Rotated files are packed as Docker packs them, and neither a crash nor a rotation in between takes a record away."""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.engine.logs.compression import compress_rotated
from seatrial.engine.logs.files import open_files, packed_header
from seatrial.engine.logs.reading import LogReader, Window

from .writer import START, Writer

MakeWriter = Callable[..., Writer]


def pack(writer: Writer) -> int:
    return compress_rotated(writer.path.parent, writer.path.name)


def everything(writer: Writer) -> list[str]:
    """All lines, without their ends."""
    reported: list[str] = []
    lines = [record.line for record in LogReader(writer.path, Window(), reported.append).history()]
    assert reported == []
    return lines


def names(writer: Writer) -> list[str]:
    """The files of the log that are seen."""
    return sorted(path.name for path in writer.path.parent.glob(f"{writer.path.name}*"))


def hidden(writer: Writer) -> list[str]:
    """What packing left behind, but its lock."""
    return [path.name for path in writer.path.parent.glob(".*") if not path.name.endswith(".packing")]


def filled(make_writer: MakeWriter, rotations: int = 2) -> Writer:
    """A log with a line in each of its files: 0, 1, 2 …"""
    writer = make_writer(5)
    for number in range(rotations):
        writer.write(f"{number}\n")
        writer.rotate()
    writer.write(f"{rotations}\n")
    return writer


def test_rotated_files_are_packed_and_the_current_one_is_not(make_writer: MakeWriter) -> None:
    writer = filled(make_writer)
    assert pack(writer) == 2
    assert names(writer) == ["web.log", "web.log.1.gz", "web.log.2.gz"]
    assert everything(writer) == ["0", "1", "2"]
    assert pack(writer) == 0
    assert hidden(writer) == []
    assert (writer.path.parent / "web.log.1.gz").stat().st_mode & 0o777 == 0o640


def test_header_has_the_time_of_the_last_record_as_docker_writes_it(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for text in ("a\n", "b\n"):
        writer.write(text)
    inode = writer.path.stat().st_ino
    raw = writer.path.read_bytes()
    writer.rotate()
    pack(writer)
    packed = writer.path.parent / "web.log.1.gz"
    assert gzip.decompress(packed.read_bytes()) == raw
    assert b'\x1f\x8b\x08\x14\0\0\0\0\0\xff-\0{"lastTime":"2025-11-21T14:00:00.000000002Z"}' in packed.read_bytes()
    with packed.open("rb") as file:
        assert packed_header(file) == (START + 2, inode)


def test_empty_file_is_packed_too(make_writer: MakeWriter) -> None:
    writer = make_writer()
    writer.rotate()
    assert pack(writer) == 1
    assert everything(writer) == []


def test_full_disk_changes_nothing(make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = filled(make_writer)

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            pack(writer)
    assert names(writer) == ["web.log", "web.log.1", "web.log.2"]
    assert hidden(writer) == []
    assert pack(writer) == 2


@pytest.mark.parametrize("operation", ["rename", "unlink", "open"])
@pytest.mark.parametrize("number", range(4))
def test_crash_at_any_step_loses_nothing(
    operation: str, number: int, make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends before its n-th operation of a kind; what it left is read, and the next one cleans it up."""
    writer = filled(make_writer)
    real, calls = getattr(Path, operation), 0

    def crashing(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls > number:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Path, operation, crashing)
        try:
            pack(writer)
        except KeyboardInterrupt:
            assert everything(writer) == ["0", "1", "2"]
    pack(writer)
    assert everything(writer) == ["0", "1", "2"]
    assert names(writer) == ["web.log", "web.log.1.gz", "web.log.2.gz"]
    assert hidden(writer) == []


@pytest.mark.parametrize("rotations", [1, 2, 3])
def test_rotation_meanwhile_loses_nothing(
    rotations: int, make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shim asks nobody: it rotates while a file is being packed, and that has another name then, or none at all."""
    writer = filled(make_writer)
    real = os.fsync

    def rotating(file: int) -> None:
        real(file)
        monkeypatch.undo()
        for number in range(rotations):
            writer.rotate()
            writer.write(f"{3 + number}\n")

    monkeypatch.setattr(os, "fsync", rotating)
    pack(writer)
    expected = [str(number) for number in range(3 + rotations)][-5:]
    assert everything(writer) == expected
    pack(writer)
    assert everything(writer) == expected
    assert names(writer) == ["web.log", *(f"web.log.{each}.gz" for each in range(1, len(expected)))]
    assert hidden(writer) == []


def test_writer_and_packer_at_work_together_lose_nothing(make_writer: MakeWriter) -> None:
    writer = make_writer(200)
    done = threading.Event()

    def packing() -> None:
        while not done.is_set():
            pack(writer)

    thread = threading.Thread(target=packing)
    thread.start()
    try:
        for number in range(24):
            writer.write(f"{number}\n")
            writer.rotate()
            if number % 8 == 7:
                assert everything(writer) == [str(each) for each in range(number + 1)]
    finally:
        done.set()
        thread.join(30)
    pack(writer)
    assert everything(writer) == [str(each) for each in range(24)]
    assert len(names(writer)) == 25


def test_two_at_once_do_the_work_once(make_writer: MakeWriter) -> None:
    writer = filled(make_writer)
    with (writer.path.parent / ".web.log.packing").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert pack(writer) == 0
    assert pack(writer) == 2


def test_packed_file_that_is_cut_short_is_reported_and_the_rest_is_read(
    make_writer: MakeWriter, reported: list[str]
) -> None:
    writer = filled(make_writer)
    pack(writer)
    packed = writer.path.parent / "web.log.1.gz"
    packed.write_bytes(packed.read_bytes()[:-12])
    for window in (Window(), Window(tail=10)):
        lines = [record.line for record in LogReader(writer.path, window, reported.append).history()]
        assert lines[0] == "0"
        assert lines[-1] == "2"
        assert "web.log.1.gz can't be read to its end" in reported.pop()


def test_plain_file_is_preferred_to_a_packed_one_that_may_be_unfinished(make_writer: MakeWriter) -> None:
    writer = filled(make_writer)
    (writer.path.parent / "web.log.1.gz").write_bytes(b"\x1f\x8b\x08")
    opened = open_files(writer.path)
    assert [file.packed for file in opened] == [False, False, False]
    for file in opened:
        file.close()
    assert everything(writer) == ["0", "1", "2"]
