"""Logs: one JSON object a line on stdout, through the standard `logging`.

    configure(level="INFO")

A line is one write(2): processes that share a pipe do not tear each other's lines as long as these are at most 4,096
bytes (pipe(7)); longer ones are written whole, but another process may come between. Nothing is buffered as long as the
pipe is read, so nothing is lost when the process ends, however it ends. When it is not read, an event loop must not
stand still for that: the lines that find no room wait for a thread, and the exit for them, a little.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import os
import re
import select
import stat
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any

_NONE: Mapping[str, str] = MappingProxyType({})
correlation: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("seatrial_correlation", default=_NONE)
"""What every line of the present context carries: `trace_id` and `span_id`, or `request_id`."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
FLUSH_SECONDS = 2.0
LINES = 10_000
"""How many lines may wait."""
FULL = 0.005
"""Seconds between two looks at a full pipe that can't be waited for."""


def correlated(traceparent: str | None, request_id: str | None) -> dict[str, str]:
    """The ids in a request's headers. What is not well-formed is left out: it is the clients that write it."""
    found: dict[str, str] = {}
    if traceparent and (match := _TRACEPARENT.fullmatch(traceparent.strip())):
        found["trace_id"], found["span_id"] = match.groups()
    if request_id and _REQUEST_ID.fullmatch(request_id.strip()):
        found["request_id"] = request_id.strip()
    return found


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time, level, message, logger, what `extra` gave, correlation and exception."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "message": _message(record),
            "logger": record.name,
            **getattr(record, "seatrial_correlation", correlation.get()),
        }
        entry.update((key, value) for key, value in vars(record).items() if key not in _STANDARD and key not in entry)
        entry.pop("seatrial_correlation", None)
        if record.exc_info and record.exc_info[0] is not None:
            entry["exception"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        if record.stack_info:
            entry["stack"] = record.stack_info
        return as_line(entry)


def as_line(entry: Mapping[str, Any]) -> str:
    """JSON without a line break; what JSON does not know appears as its repr, and can't break the line."""
    try:
        return _dumped(entry)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, a circle, NaN, which is no JSON
        return _dumped({str(key): _plain(value) for key, value in entry.items()})


def _dumped(entry: Mapping[str, Any]) -> str:
    text = json.dumps(entry, ensure_ascii=False, allow_nan=False, default=_shown, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028")


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | None) else _shown(value)


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} without a repr: {type(error).__name__}>"


def _message(record: logging.LogRecord) -> str:
    """The message; arguments that don't fit are shown rather than lost."""
    try:
        return record.getMessage()
    except Exception:  # a line that is not quite right is better than none, and than an error in the program
        return f"{_shown(record.msg) if not isinstance(record.msg, str) else record.msg} {_shown(record.args)}"


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with microseconds."""
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{micro:06d}Z"


class LineHandler(logging.Handler):
    """Writes each line by one write(2) to a descriptor, at once where that can't block: nothing can lose it any more.

    Where it could, for a pipe is full that is read slowly, a thread writes it and those after it, and the program goes
    on. The stop and the exit wait for these, 2 s at most. When 10,000 wait, the oldest are given up; a line says so.
    """

    def __init__(self, descriptor: int = 1) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._descriptor = descriptor
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lines: deque[bytes] = deque(maxlen=LINES)
        self._given_up = 0
        self._writing = False  # whether a thread is at it, and lines have to queue
        self._changed = threading.Condition()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
        try:
            self._mode = os.fstat(self._descriptor).st_mode
        except OSError:  # closed: writing will say so
            self._mode = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write(self.format(record))
        except Exception:  # logging never raises into the program: see logging.Handler.handleError
            self.handleError(record)

    def write(self, line: str) -> None:
        """Write a line, or have it written."""
        if os.getpid() != self._process:  # threads do not survive a fork, and what waits is the parent's to write
            self._begin()
        content = line.encode(errors="backslashreplace") + b"\n"
        with self._changed:
            rest = content if self._writing else self._written(content)
            if not rest:
                return
            self._given_up += len(self._lines) == LINES
            self._lines.append(rest)
            if not self._writing:
                self._begin_to_write()

    def _begin_to_write(self) -> None:
        try:
            threading.Thread(target=self._work, name="seatrial-logs", daemon=True).start()
        except RuntimeError:  # the interpreter is ending, and begins no thread any more
            while self._lines:
                self._write_whole(self._lines.popleft())
        else:
            self._writing = True  # the thread waits for this lock

    def _written(self, content: bytes) -> bytes:
        """Write now, if that can't block; what is left to be written."""
        if not self._has_room(len(content)):
            return content
        try:
            return content[os.write(self._descriptor, content) :]
        except BlockingIOError:  # someone made the pipe non-blocking, and another process was faster
            return content

    def _has_room(self, size: int) -> bool:
        if stat.S_ISREG(self._mode):
            return True
        if not self._poll.poll(0):
            return False
        return size <= select.PIPE_BUF or not stat.S_ISFIFO(self._mode) or _is_empty(self._descriptor, size)

    def _work(self) -> None:
        """Write what waits, then end."""
        while content := self._next():
            try:
                self._write_whole(content)
            except OSError as error:
                with contextlib.suppress(OSError, ValueError):
                    print(f"seatrial.drain: a log line could not be written: {error}", file=sys.stderr)

    def _write_whole(self, rest: bytes) -> None:
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # a pipe that someone made non-blocking, node for instance
                time.sleep(FULL)

    def _next(self) -> bytes:
        with self._changed:
            if self._given_up:
                number, self._given_up = self._given_up, 0
                return as_line(_own(f"{number} lines were given up: nobody read them")).encode() + b"\n"
            if self._lines:
                return self._lines.popleft()
            self._writing = False
            self._changed.notify_all()
            return b""

    def flush(self) -> None:
        """Wait until all is written, 2 s at most. At exit `logging.shutdown` calls it."""
        if os.getpid() != self._process:
            return
        until = time.monotonic() + FLUSH_SECONDS
        with self._changed:
            while self._writing and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)


def _is_empty(pipe: int, size: int) -> bool:
    """Whether a pipe has nothing in it, and takes this much."""
    import fcntl
    import termios

    filled = int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
    return filled == 0 and size <= fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def _own(message: str) -> dict[str, Any]:
    return {"time": timestamp(time.time()), "level": "warning", "message": message, "logger": __name__}


def configure(level: int | str = "INFO", *, descriptor: int = 1) -> LineHandler:
    """Send the root logger's records as JSON lines to stdout, in place of the handlers that it had; warnings too."""
    handler = LineHandler(descriptor)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    logging.captureWarnings(True)
    return handler


def structlog_renderer(_logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    """The last processor for structlog, for such lines: `structlog.configure(processors=[…, structlog_renderer])`."""
    entry = {
        "time": timestamp(time.time()),
        "level": str(event.pop("level", method)),
        "message": str(event.pop("event", "")),
        "logger": str(event.pop("logger", "structlog")),
        **correlation.get(),
        **event,
    }
    return as_line(entry)


class AsgiCorrelation:
    """ASGI middleware: lines that are logged during a request carry its ids."""

    def __init__(self, app: Any) -> None:
        self._app: Callable[..., Awaitable[None]] = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        headers = {
            name: value for name, value in scope.get("headers") or () if name in (b"traceparent", b"x-request-id")
        }
        ids = correlated(*(_text(headers.get(name)) for name in (b"traceparent", b"x-request-id")))
        token = correlation.set(ids)
        try:
            await self._app(scope, receive, send)
        finally:
            correlation.reset(token)


class WsgiCorrelation:
    """WSGI middleware: lines that are logged while a request is handled carry its ids, and those of its body's iterator
    as long as the server iterates in the same thread."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Not reset: the body is iterated after this returns. The next request of the thread sets its own.
        correlation.set(correlated(environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_X_REQUEST_ID")))
        return self._app(environ, start_response)  # type: ignore[no-any-return]  # the application is anybody's


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
