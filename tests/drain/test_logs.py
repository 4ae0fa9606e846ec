"""Logs: one JSON object a line, whole, with the ids of the request."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.drain import logs
from seatrial.drain.logs import (
    AsgiCorrelation,
    JsonFormatter,
    LineHandler,
    WsgiCorrelation,
    correlated,
    correlation,
    structlog_renderer,
    timestamp,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
IDS = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}


def entry(message: object, *args: object, **more: Any) -> dict[str, Any]:
    record = logging.Logger("app.part").makeRecord("app.part", 30, "x.py", 1, message, args, None, **more)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        os.close(descriptor)


def test_a_line_has_time_level_message_and_logger() -> None:
    found = entry("hello %s", "world")
    assert found.pop("time").endswith("Z")
    assert found == {"level": "warning", "message": "hello world", "logger": "app.part"}


def test_extra_fields_are_in_the_line_and_can_not_replace_ours() -> None:
    record = logging.makeLogRecord({"msg": "x", "levelname": "INFO", "user": 7, "level": "forged"})
    found = json.loads(JsonFormatter().format(record))
    assert (found["user"], found["level"]) == (7, "info")


def test_an_exception_is_a_field_of_the_same_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.makeLogRecord({"msg": "x", "exc_info": sys.exc_info()})
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "ValueError: two\nlines" in json.loads(line)["exception"]


def test_what_json_does_not_know_is_shown_as_its_repr() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    found = entry("x", extra={"data": {1}, "silent": Silent()})
    assert (found["data"], found["silent"]) == ("{1}", "<Silent without a repr: RuntimeError>")


def test_arguments_that_do_not_fit_are_shown_rather_than_lost() -> None:
    assert entry("%d items", "many")["message"] == "%d items ('many',)"


def test_what_json_can_not_hold_does_not_lose_the_line() -> None:
    circle: list[Any] = []
    circle.append(circle)
    found = entry("x", extra={"circle": circle, "keys": {(1, 2): 3}, "number": float("nan"), "user": 7})
    assert (found["circle"], found["keys"], found["number"], found["user"]) == ("[[...]]", "{(1, 2): 3}", "nan", 7)


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def test_an_argument_that_can_not_be_shown_raises_nothing_into_the_program(pipe: tuple[int, int]) -> None:
    handler = LineHandler(pipe[1])
    handler.emit(logging.makeLogRecord({"msg": "user %s", "args": (Broken(),)}))
    handler.flush()
    assert json.loads(os.read(pipe[0], 4096))["message"].startswith("user %s <tuple without a repr")


@settings(max_examples=30)
@given(st.text())
def test_any_text_is_one_line_that_reads_back(text: str) -> None:
    assert entry("%s", text)["message"] == text


def test_times_are_utc_with_microseconds() -> None:
    assert timestamp(0.9999999) == "1970-01-01T00:00:01.000000Z"
    assert timestamp(1700000000.25) == "2023-11-14T22:13:20.250000Z"


def test_lines_of_a_request_carry_its_ids() -> None:
    token = correlation.set(correlated(TRACE, "r-1"))
    try:
        found = entry("x")
    finally:
        correlation.reset(token)
    assert IDS.items() <= found.items()
    assert found["request_id"] == "r-1"


@pytest.mark.parametrize("text", ["", "00-zz-b7ad6b7169203331-01", TRACE.replace("0af7", "\n"), "ff" + TRACE[2:], None])
def test_a_malformed_traceparent_is_left_out(text: str | None) -> None:
    assert correlated(text, None) == {}


@pytest.mark.parametrize("text", ["", "a b", "x" * 129, 'a\n"', "ü"])
def test_a_malformed_request_id_is_left_out(text: str) -> None:
    assert correlated(None, text) == {}


def test_asgi_requests_do_not_see_each_others_ids() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        seen[scope["path"]] = correlation.get().get("request_id")

    async def main() -> None:
        wrapped = AsgiCorrelation(app)
        scopes = [{"path": p, "headers": [(b"x-request-id", p.encode())]} for p in ("a", "b")]
        await asyncio.gather(*(wrapped(scope, None, None) for scope in scopes))

    asyncio.run(main())
    assert seen == {"a": "a", "b": "b"}
    assert correlation.get() == {}


def test_wsgi_requests_carry_their_ids_into_the_body() -> None:
    def app(environ: Any, start: Any) -> Iterator[bytes]:
        yield correlation.get()["request_id"].encode()

    def run() -> list[bytes]:
        return list(WsgiCorrelation(app)({"HTTP_X_REQUEST_ID": "r-9"}, None))

    results: list[list[bytes]] = []
    thread = threading.Thread(target=lambda: results.append(run()))
    thread.start()
    thread.join(10)
    assert results == [[b"r-9"]]


def test_structlog_gives_the_same_fields() -> None:
    found = json.loads(structlog_renderer(None, "info", {"event": "hello", "user": 1, "level": "info"}))
    assert found.pop("time").endswith("Z")
    assert found == {"level": "info", "message": "hello", "logger": "structlog", "user": 1}


def emitted(handler: LineHandler, *messages: str) -> None:
    for message in messages:
        handler.emit(logging.makeLogRecord({"msg": message}))


def small(pipe: tuple[int, int]) -> LineHandler:
    """A handler that writes to a pipe with room for 4,096 bytes."""
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 4096)
    return LineHandler(pipe[1])


def read_to(descriptor: int, last: str) -> list[str]:
    """The messages of all lines up to this one."""
    got = b""
    while not got.endswith(b"\n") or json.loads(got.splitlines()[-1])["message"] != last:
        got += os.read(descriptor, 65536)
    return [json.loads(line)["message"] for line in got.splitlines()]


@pytest.mark.parametrize("blocking", [True, False])
def test_a_line_is_written_whole_through_a_full_pipe(blocking: bool, pipe: tuple[int, int]) -> None:
    handler = small(pipe)
    os.set_blocking(pipe[1], blocking)
    handler.write(text := "x" * 20_000)
    got = b""
    while not got.endswith(b"\n"):
        got += os.read(pipe[0], 4096)
    assert got == text.encode() + b"\n"
    handler.flush()


def test_as_long_as_somebody_reads_there_is_no_thread_and_nothing_waits(pipe: tuple[int, int]) -> None:
    handler = LineHandler(pipe[1])
    for message in ("short", "x" * 20_000, "short again"):
        emitted(handler, message)
        assert json.loads(os.read(pipe[0], 65536))["message"] == message
    assert "seatrial-logs" not in {thread.name for thread in threading.enumerate()}


def test_a_reader_that_stops_reading_does_not_stop_the_event_loop_and_gets_all_lines_later(
    pipe: tuple[int, int],
) -> None:
    handler, names = small(pipe), [f"line {number}" for number in range(500)]
    turns: list[int] = []

    async def turn() -> None:
        while len(turns) < 100:
            turns.append(1)
            await asyncio.sleep(0)

    async def main() -> None:
        turning = asyncio.create_task(turn())
        for name in names:  # ten times what the pipe takes: one that blocked would never come back
            emitted(handler, name)
            await asyncio.sleep(0)
        await turning

    asyncio.run(asyncio.wait_for(main(), 20))
    assert len(turns) == 100
    assert read_to(pipe[0], names[-1]) == names
    handler.flush()
    emitted(handler, "written at once again")
    assert read_to(pipe[0], "written at once again") == ["written at once again"]


def test_the_oldest_lines_are_given_up_when_nobody_reads_at_all_and_a_line_says_so(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LINES", 10)
    handler, names = small(pipe), [f"line {number}" for number in range(200)]
    emitted(handler, *names)
    messages = read_to(pipe[0], names[-1])
    told = [message for message in messages if "given up" in message]
    messages = [message for message in messages if message not in told]
    assert sum(int(message.split()[0]) for message in told) == len(names) - len(messages) > 0
    assert messages[-10:] == names[-10:]
    assert messages == sorted(messages, key=names.index)


def test_a_flush_waits_no_longer_than_its_time(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FLUSH_SECONDS", 0.01)
    handler = small(pipe)
    emitted(handler, *(["x" * 1000] * 10), "last")
    handler.flush()
    assert handler._writing
    assert read_to(pipe[0], "last")[-1] == "last"
    monkeypatch.undo()
    handler.flush()
    assert not handler._writing


def test_where_no_thread_begins_any_more_lines_are_written_all_the_same(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    handler = LineHandler(pipe[1])
    monkeypatch.setattr(handler, "_has_room", lambda _: False)
    monkeypatch.setattr(threading.Thread, "start", refused)
    emitted(handler, "one", "two")
    assert read_to(pipe[0], "two") == ["one", "two"]


def test_a_lone_surrogate_does_not_lose_the_line(pipe: tuple[int, int]) -> None:
    LineHandler(pipe[1]).emit(logging.makeLogRecord({"msg": "a\udc80b"}))
    assert "a" in json.loads(os.read(pipe[0], 4096))["message"]


@pytest.mark.slow
@pytest.mark.parametrize("end", ["raise SystemExit(3)", "os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_no_line_is_lost_at_any_end(end: str) -> None:
    code = (
        "import logging, os\nfrom seatrial.drain import logs\nlogs.configure()\n"
        f"for n in range(500): logging.info('line %d', n)\n{end}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == [f"line {n}" for n in range(500)]


SLOWLY_READ = """
import logging, os, sys
from seatrial.drain import logs
logs.configure()
for number in range(2000): logging.info("line %d " + "x" * 100, number)
print("logged", file=sys.stderr, flush=True)
"""


@pytest.mark.slow
def test_lines_that_wait_for_a_slow_reader_are_there_after_the_exit() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOWLY_READ], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "logged\n"  # although nobody has read anything yet
        out, _ = process.communicate(timeout=60)
    assert [int(json.loads(line)["message"].split()[1]) for line in out.splitlines()] == list(range(2000))


@pytest.mark.slow
def test_a_reader_that_never_reads_does_not_keep_the_process() -> None:
    reading, writing = os.pipe()
    try:
        done = subprocess.run([sys.executable, "-c", SLOWLY_READ], stdout=writing, timeout=60, check=False)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 0


@pytest.mark.slow
def test_lines_of_several_processes_do_not_tear() -> None:
    code = (
        "import logging, os\nfrom seatrial.drain import logs\nlogs.configure()\n"
        "for _ in range(3): os.fork()\n"
        "for n in range(200): logging.info('x' * 2000)\nlogging.root.handlers[0].flush()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) >= 200
    assert {line["message"] for line in lines} == {"x" * 2000}
