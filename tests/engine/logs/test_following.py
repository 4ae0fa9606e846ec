"""A log that is being written is read through rotation, packing, truncation and pauses: each record once, in order."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.engine.logs.compression import compress_rotated
from seatrial.engine.logs.files import open_files
from seatrial.engine.logs.following import Follower, Position
from seatrial.engine.logs.reading import LogReader, Window

from .writer import START, Writer, record_bytes

MakeWriter = Callable[..., Writer]
Follow = Callable[..., Follower]


@pytest.fixture
def follow(reported: list[str]) -> Iterator[Follow]:
    """Makes followers, and closes them at the end."""
    made: list[Follower] = []

    def make(path: Path, position: Position | None = None) -> Follower:
        made.append(Follower(path, reported.append, position))
        return made[-1]

    yield make
    for follower in made:
        follower.close()


def texts(follower: Follower) -> list[str]:
    return [record.text for record in follower.poll()]


def test_half_a_record_waits_for_its_other_half(follow: Follow, make_writer: MakeWriter, reported: list[str]) -> None:
    writer = make_writer()
    follower = follow(writer.path)
    raw = record_bytes("whole\n")
    writer.raw(raw[:20])
    assert texts(follower) == []
    writer.raw(raw[20:])
    assert texts(follower) == ["whole\n"]
    assert reported == []


def test_log_that_is_not_there_yet_is_awaited(follow: Follow, tmp_path: Path, reported: list[str]) -> None:
    follower = follow(tmp_path / "nowhere" / "web.log")
    assert texts(follower) == []
    (tmp_path / "nowhere").mkdir()
    writer = Writer(tmp_path / "nowhere" / "web.log")
    writer.write("a\n")
    assert texts(follower) == ["a\n"]
    writer.close()


@pytest.mark.parametrize("files", [1, 2, 4])
def test_reader_follows_through_a_rotation(
    follow: Follow, files: int, make_writer: MakeWriter, reported: list[str]
) -> None:
    writer = make_writer(files)
    follower = follow(writer.path)
    writer.write("a\n")
    assert texts(follower) == ["a\n"]
    writer.write("b\n")
    writer.rotate()
    writer.write("c\n")
    assert texts(follower) == ["b\n", "c\n"]
    assert reported == []


def test_several_rotations_between_two_looks_lose_nothing(
    follow: Follow, make_writer: MakeWriter, reported: list[str]
) -> None:
    writer = make_writer(5)
    follower = follow(writer.path)
    writer.write("0\n")
    assert texts(follower) == ["0\n"]
    for number in range(1, 5):
        writer.write(f"{number}\n")
        writer.rotate()
        compress_rotated(writer.path.parent, writer.path.name)
    writer.write("5\n")
    assert texts(follower) == [f"{number}\n" for number in range(1, 6)]
    assert reported == []


def test_files_that_were_rotated_away_unread_are_reported(
    follow: Follow, make_writer: MakeWriter, reported: list[str]
) -> None:
    writer = make_writer(3)
    follower = follow(writer.path)
    writer.write("first\n")
    assert texts(follower) == ["first\n"]
    for number in range(5):
        writer.write(f"{number}\n")
        writer.rotate()
    # What was in the open file is still read; the next ones are gone.
    assert texts(follower) == ["0\n", "3\n", "4\n"]
    assert reported == ["web.log was rotated faster than it was read; lines are missing here"]


def test_file_that_somebody_cut_is_read_anew_and_reported(
    follow: Follow, make_writer: MakeWriter, reported: list[str]
) -> None:
    writer = make_writer()
    writer.write("before\n")
    follower = follow(writer.path)
    assert texts(follower) == ["before\n"]
    with writer.path.open("r+b") as file:
        file.truncate(0)
    assert texts(follower) == []
    writer.write("after\n")
    assert texts(follower) == ["after\n"]
    assert len(reported) == 1
    assert "cut" in reported[0]


def test_garbage_is_left_out_and_counted(follow: Follow, make_writer: MakeWriter, reported: list[str]) -> None:
    writer = make_writer()
    writer.write("a\n")
    writer.raw(b"garbage\n\0\0\0\0\n" + record_bytes("torn")[:30] + record_bytes("b\n", START + 5))
    writer.write("c\n")
    assert texts(follow(writer.path)) == ["a\n", "b\n", "c\n"]
    assert reported == ["web.log: 3 lines are no records and were skipped"]


def test_line_without_end_takes_no_memory(
    follow: Follow, make_writer: MakeWriter, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatrial.engine.logs.files.LONGEST_RECORD", 1000)
    monkeypatch.setattr("seatrial.engine.logs.files.BLOCK", 512)
    writer = make_writer()
    writer.write("a\n")
    writer.raw(b"x" * 10_000)
    writer.raw(b"\n")
    writer.write("b\n")
    assert texts(follow(writer.path)) == ["a\n", "b\n"]
    assert [record.text for record in LogReader(writer.path, Window(tail=2), reported.append).history()] == [
        "a\n",
        "b\n",
    ]


def test_position_is_found_again_in_a_packed_file(follow: Follow, make_writer: MakeWriter, reported: list[str]) -> None:
    writer = make_writer(4)
    for text in ("a\n", "b\n", "c\n"):
        writer.write(text)
    follower = follow(writer.path)
    assert next(follower.poll()).text == "a\n"
    position = follower.position
    follower.close()
    writer.rotate()
    compress_rotated(writer.path.parent, writer.path.name)
    writer.write("d\n")
    assert texts(follow(writer.path, position)) == ["b\n", "c\n", "d\n"]
    # Docker's own packed files don't say which inode they had, and a copy has another.
    copy = writer.path.parent / "copy"
    copy.mkdir()
    for file in writer.path.parent.glob("web.log*"):
        shutil.copy(file, copy)
    assert texts(follow(copy / "web.log", position)) == ["b\n", "c\n", "d\n"]
    assert reported == []


def test_position_that_is_gone_is_reported(follow: Follow, make_writer: MakeWriter, reported: list[str]) -> None:
    writer = make_writer(2)
    writer.write("a\n")
    assert texts(follow(writer.path, Position(1, "no such head", 10))) == ["a\n"]
    assert len(reported) == 1
    assert "is gone" in reported[0]


def test_files_are_opened_as_they_were_at_one_moment(make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation between two opens: no file is there twice, and none is left out."""
    writer = make_writer(4)
    for number in range(3):
        writer.write(f"{number}\n")
        writer.rotate()
    writer.write("3\n")
    real, calls = Writer.rotate, 0

    def rotating(path: Path, packed: bool) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            real(writer)
            writer.write("4\n")
        return opening(path, packed)

    from seatrial.engine.logs import files

    opening = files.open_file
    monkeypatch.setattr(files, "open_file", rotating)
    opened = open_files(writer.path)
    found = [line.decode() for file in opened for _, line in file.lines()]
    assert [text[8] for text in found] == ["1", "2", "3", "4"]
    assert calls > 4
    for file in opened:
        file.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 40)),
        st.tuples(st.just("half"), st.integers(1, 40)),
        st.tuples(st.just("rotate"), st.just(0)),
        st.tuples(st.just("pack"), st.just(0)),
        st.tuples(st.just("poll"), st.just(0)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(STEPS, st.integers(2, 5))
def test_no_history_of_a_log_loses_or_repeats_a_record(steps: list[tuple[str, int]], files: int) -> None:
    """Any order of writes, halves of writes, rotations, packing, looks, and readers that end and begin again: as long
    as nothing was rotated away unread."""
    with TemporaryDirectory() as folder:
        writer = Writer(Path(folder) / "web.log", files)
        reported: list[str] = []
        follower = Follower(writer.path, reported.append)
        seen: list[str] = []
        rotations, rest = 0, b""
        for step, number in [*steps, ("poll", 0)]:
            if step == "write":
                writer.raw(rest)
                rest = b""
                writer.write(f"{writer.count}{'x' * number}\n")
            elif step == "half":
                writer.raw(rest)
                writer.count += 1
                raw = record_bytes(f"{writer.count - 1}\n", START + writer.count)
                writer.raw(raw[:number])
                rest = raw[number:]
            elif step == "rotate":
                writer.raw(rest)  # the writer never rotates within a record
                rest = b""
                if rotations == files - 1:
                    seen += texts(follower)
                    rotations = 0
                writer.rotate()
                rotations += 1
            elif step == "pack":
                compress_rotated(writer.path.parent, writer.path.name)
            elif step == "reopen":
                position = follower.position
                follower.close()
                follower = Follower(writer.path, reported.append, position)
            else:
                seen += texts(follower)
                rotations = 0
        whole = writer.count - bool(rest)
        follower.close()
        writer.close()
        assert [int(text.rstrip("x\n")) for text in seen] == list(range(whole))
        assert reported == []
