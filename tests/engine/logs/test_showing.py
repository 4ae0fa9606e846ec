"""What `seatrial logs` prints: windows, tails, prefixes, several services in the order of time, following to the
end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engine.logs import files
from seatrial.engine.logs.compression import compress_rotated
from seatrial.engine.logs.interface import LogRecord, LogSource
from seatrial.engine.logs.reading import LogReader, Window
from seatrial.engine.logs.rendering import Style
from seatrial.engine.logs.showing import LogView, ShowOptions, render_logs

from .writer import START, Writer, record_bytes

MakeWriter = Callable[..., Writer]


def shown(sources: list[LogSource], options: ShowOptions) -> dict[str, str]:
    """What is printed, by stream."""
    streams = {"stdout": b"", "stderr": b""}

    def write(stream: str, data: bytes) -> None:
        streams[stream] += data

    render_logs(sources, options, write)
    return {stream: data.decode() for stream, data in streams.items()}


def over(writer: Writer, name: str = "web") -> LogSource:
    """A log that is complete."""
    return LogSource(name, writer.path, lambda: True)


def test_one_service_is_shown_as_docker_logs_does(make_writer: MakeWriter) -> None:
    writer = make_writer()
    writer.write("out\n")
    writer.write("err\n", "stderr", {"app": "x y"})
    assert shown([over(writer)], ShowOptions()) == {"stdout": "out\n", "stderr": "err\n"}
    both = ShowOptions(style=Style(timestamps=True, details=True))
    assert shown([over(writer)], both) == {
        "stdout": "2025-11-21T14:00:00.000000001Z  out\n",
        "stderr": "2025-11-21T14:00:00.000000002Z app=x+y err\n",
    }


def test_several_services_are_interleaved_by_time_with_composes_prefixes(make_writer: MakeWriter) -> None:
    web, worker = make_writer(name="web.log"), make_writer(name="worker.log")
    for number, (writer, text, stream) in enumerate(
        [
            (web, "a\n", "stdout"),
            (worker, "b\n", "stderr"),
            (web, "c\n", "stdout"),
            (worker, "unfinished", "stdout"),
            (web, "d\n", "stderr"),
        ]
    ):
        writer.raw(record_bytes(text, START + number, stream))
    sources = [over(web, "web-1"), over(worker, "worker-1")]
    plain = ShowOptions(style=Style(prefix=True))
    lines = ["web-1     | a", "worker-1  | b", "web-1     | c", "worker-1  | unfinished", "web-1     | d"]
    assert shown(sources, plain) == {"stdout": "\n".join(lines) + "\n", "stderr": ""}
    coloured = shown(sources, ShowOptions(style=Style(prefix=True, color=True)))["stdout"].splitlines()
    assert coloured[:2] == ["\x1b[36mweb-1     | \x1b[0ma", "\x1b[33mworker-1  | \x1b[0mb"]


def test_long_line_has_one_prefix_and_dockers_way_has_one_for_each_part(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for part in ("a" * 16384, "b" * 16384, "c\n"):
        writer.raw(record_bytes(part, START))
    time_shown = "2025-11-21T14:00:00.000000000Z "
    style = Style(timestamps=True)
    whole = shown([over(writer)], ShowOptions(style=style))["stdout"]
    assert whole == f"{time_shown}{'a' * 16384}{'b' * 16384}c\n"
    quirky = shown([over(writer)], ShowOptions(style=style, docker_quirks=True))["stdout"]
    assert quirky.count(time_shown) == 3


def test_unfinished_line_of_an_earlier_run_does_not_swallow_the_next_prefix(make_writer: MakeWriter) -> None:
    writer = make_writer()
    writer.write("crash")
    writer.write("again\n")
    assert shown([over(writer)], ShowOptions())["stdout"] == "crashagain\n"
    lines = shown([over(writer)], ShowOptions(style=Style(timestamps=True)))["stdout"].splitlines()
    assert [line.split(" ")[1] for line in lines] == ["crash", "again"]


@pytest.mark.parametrize("name", ["web.log", "missing.log"])
def test_log_without_lines_shows_nothing(name: str, make_writer: MakeWriter) -> None:
    writer = make_writer()
    source = LogSource("web", writer.path.with_name(name), lambda: True)
    for follow in (False, True):
        for tail in (None, 0, 3):
            assert shown([source], ShowOptions(Window(tail=tail), follow=follow)) == {"stdout": "", "stderr": ""}


def test_tail_counts_lines_and_in_dockers_way_records(make_writer: MakeWriter) -> None:
    writer = make_writer()
    writer.write("first\n")
    for part in ("a" * 16384, "b\n"):
        writer.raw(record_bytes(part, START + 10))
    writer.raw(record_bytes("last\n", START + 11))
    assert shown([over(writer)], ShowOptions(Window(tail=2)))["stdout"] == f"{'a' * 16384}b\nlast\n"
    assert shown([over(writer)], ShowOptions(Window(tail=2), docker_quirks=True))["stdout"] == "b\nlast\n"


def test_tail_comes_first_then_since_and_until_ends_it(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for text in "abcdef":
        writer.write(f"{text}\n")
    window = Window(since=START + 2, until=START + 5, tail=3)
    assert shown([over(writer)], ShowOptions(window))["stdout"] == "d\ne\n"


def test_since_filters_no_more_after_the_first_line_because_clocks_jump(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for moment, text in ((1, "a\n"), (5, "b\n"), (2, "c\n"), (6, "d\n")):
        writer.raw(record_bytes(text, START + moment))
    assert shown([over(writer)], ShowOptions(Window(since=START + 3)))["stdout"] == "b\nc\nd\n"


def test_tail_reads_only_the_end_of_a_huge_log(make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = make_writer()
    for _ in range(2000):
        writer.raw(record_bytes("x" * 500 + "\n") * 10)
    read = 0
    real = files.os.pread

    def counting(file: int, size: int, offset: int) -> bytes:
        nonlocal read
        data = real(file, size, offset)
        read += len(data)
        return data

    monkeypatch.setattr(files.os, "pread", counting)
    assert shown([over(writer)], ShowOptions(Window(tail=3)))["stdout"].count("\n") == 3
    assert read <= 2 * files.BLOCK < writer.path.stat().st_size / 10


RECORDS = st.lists(
    st.tuples(st.sampled_from(("stdout", "stderr")), st.text("ab\n", max_size=3), st.integers(0, 1), st.booleans()),
    max_size=25,
)


@given(pieces=RECORDS, wanted=st.integers(0, 12), pack=st.booleans(), block=st.integers(20, 300))
def test_tail_is_the_end_of_everything(
    pieces: list[tuple[str, str, int, bool]], wanted: int, pack: bool, block: int
) -> None:
    """Any records, parts of lines with the other stream between, in files rotated anywhere, read in small blocks."""
    with TemporaryDirectory() as name:
        writer, moment = Writer(Path(name) / "web.log", 30), START
        for stream, text, later, rotates in pieces:
            moment += later
            writer.raw(record_bytes(text, moment, stream))
            if rotates:
                writer.rotate()
        if pack:
            compress_rotated(Path(name), "web.log")
        writer.close()

        def lines(window: Window) -> list[LogRecord]:
            return list(LogReader(writer.path, window, pytest.fail).history())

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(files, "BLOCK", block)
            everything, tail = lines(Window()), lines(Window(tail=wanted))
    assert len(tail) == min(wanted, len(everything))
    for stream in ("stdout", "stderr"):
        own = [line for line in tail if line.stream == stream]
        all_own = [line for line in everything if line.stream == stream]
        assert own == all_own[len(all_own) - len(own) :]


def test_following_goes_through_rotations_until_the_instance_has_ended(make_writer: MakeWriter) -> None:
    writer = make_writer(3)
    writer.write("history\n")
    ended = threading.Event()
    got: list[bytes] = []

    def write(_stream: str, data: bytes) -> None:
        got.append(data)

    source = LogSource("web", writer.path, ended.is_set)
    thread = threading.Thread(target=render_logs, args=([source], ShowOptions(follow=True), write))
    thread.start()

    def until(count: int) -> None:
        deadline = time.monotonic() + 30
        while len(got) < count:
            assert time.monotonic() < deadline, got
            time.sleep(0.001)

    try:
        for number in range(1, 9):
            until(number)
            writer.write(f"{number}\n")
            writer.rotate()
        writer.write("last, ")
        writer.write("without an end")
    finally:
        ended.set()
        thread.join(30)
    assert b"".join(got).decode().split("\n") == ["history", *map(str, range(1, 9)), "last, without an end"]


def test_following_ends_when_until_has_passed(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for text in "abc":
        writer.write(f"{text}\n")
    source = LogSource("web", writer.path)
    assert shown([source], ShowOptions(Window(until=START + 2), follow=True))["stdout"] == "a\nb\n"


def test_tail_0_follows_from_the_end_also_within_a_line(make_writer: MakeWriter) -> None:
    writer = make_writer()
    writer.write("old\n")
    raw = record_bytes("new\n", START + 9)
    writer.raw(raw[:25])
    view = LogView([LogSource("web", writer.path)], ShowOptions(Window(tail=0), follow=True))
    try:
        assert list(view.history()) == []
        writer.raw(raw[25:])
        assert list(view.poll(0.0)) == [("stdout", b"new\n")]
    finally:
        view.close()


def test_part_of_a_line_waits_for_the_rest_but_not_forever(make_writer: MakeWriter) -> None:
    writer = make_writer()
    view = LogView([LogSource("web", writer.path)], ShowOptions(follow=True))
    try:
        assert list(view.history()) == []
        writer.raw(record_bytes("a" * 16384, START))
        assert list(view.poll(1.0)) == []
        assert view.patience is not None
        assert list(view.poll(1.2)) == []
        assert [len(data) for _, data in view.poll(2.0)] == [16384]
        writer.raw(record_bytes("rest\n", START))
        assert list(view.poll(2.1)) == [("stdout", b"rest\n")]
    finally:
        view.close()


def test_what_could_not_be_read_is_reported_with_the_service(make_writer: MakeWriter, reported: list[str]) -> None:
    writer = make_writer()
    writer.raw(b"garbage\n")
    shown([over(writer)], ShowOptions(report=reported.append))
    assert reported == ["web: web.log: 1 line is no record and was skipped"]


def test_without_inotify_it_still_follows(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("seatrial.engine.logs.watching._watch", lambda _inotify, _folder: False)
    writer = make_writer()
    writer.write("a\n")
    monkeypatch.setattr("seatrial.engine.logs.watching.FALLBACK", 0.001)
    monkeypatch.setattr("seatrial.engine.logs.showing.END_SEEN_WITHIN", 0.001)
    ended = iter([False, False, True, True])
    source = LogSource("web", writer.path, lambda: next(ended))
    assert shown([source], ShowOptions(follow=True))["stdout"] == "a\n"


def test_one_more_service_can_be_followed(make_writer: MakeWriter) -> None:
    web, worker = make_writer(name="web.log"), make_writer(name="worker.log")
    web.write("a\n")
    worker.write("b\n")
    view = LogView([LogSource("web-1", web.path)], ShowOptions(Window(tail=0), Style(prefix=True), follow=True))
    try:
        assert list(view.history()) == []
        view.add(LogSource("worker-1", worker.path))
        web.write("c\n")
        assert view.watch is not None
        view.watch.wait(30)
        assert sorted(data for _, data in view.poll(0.0)) == [b"web-1     | c\n", b"worker-1  | b\n"]
        worker.write("d\n")
        assert list(view.poll(0.1)) == [("stdout", b"worker-1  | d\n")]
    finally:
        view.close()


def test_whether_an_instance_has_ended_is_asked_now_and_then(make_writer: MakeWriter) -> None:
    writer = make_writer()
    asked = 0

    def ended() -> bool:
        nonlocal asked
        asked += 1
        return False

    view = LogView([LogSource("web", writer.path, ended)], ShowOptions(follow=True))
    try:
        assert list(view.history()) == []
        for tenth in range(20):
            assert list(view.poll(tenth / 10)) == []
    finally:
        view.close()
    assert asked == 4
