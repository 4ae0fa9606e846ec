"""Logs: one JSON object a line on stdout, through the standard `logging`.

    configure(level="INFO")

A line is one write(2): processes that share a pipe do not tear each other's lines as long as these are at most 4,096
bytes (pipe(7)); longer ones are written whole, but another process may come between. Nothing is buffered, so nothing is
lost when the process ends, however it ends. `queued=True` hands the lines to a thread, for event loops behind a slow
pipe; these are flushed by the stop and at exit, and only SIGKILL loses the last ones.
"""

from __future__ import annotations

import atexit
import contextvars
import json
import logging
import os
import queue
import re
import sys
import threading
import time
import traceback
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
    """Writes each line by one write(2) to a descriptor; goes on after a short write, or when a pipe is full."""

    def __init__(self, descriptor: int = 1) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.write(self.format(record))
        except Exception:  # logging never raises into the program: see logging.Handler.handleError
            self.handleError(record)

    def write(self, line: str) -> None:
        """Write a line whole."""
        rest = memoryview(line.encode(errors="backslashreplace") + b"\n")
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # someone made the pipe non-blocking (node does, for instance): wait for room
                time.sleep(0.001)


class QueuedHandler(LineHandler):
    """Hands lines to a thread, so that a slow pipe does not hold up an event loop. Full at 10,000 lines: then it waits,
    for losing lines is worse."""

    def __init__(self, descriptor: int = 1) -> None:
        super().__init__(descriptor)
        self._start()
        atexit.register(self.flush)
        os.register_at_fork(after_in_child=self._start)

    def _start(self) -> None:
        """Threads do not survive a fork, and lines of the parent are the parent's."""
        self._lines: queue.Queue[str] = queue.Queue(10_000)
        self._thread = threading.Thread(target=self._work, args=(self._lines,), name="seatrial-logs", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put(self.format(record))
        except Exception:
            self.handleError(record)

    def _work(self, lines: queue.Queue[str]) -> None:
        while True:
            line = lines.get()
            try:
                self.write(line)
            except OSError as error:
                print(f"seatrial.drain: a log line could not be written: {error}", file=sys.stderr)
            finally:
                lines.task_done()

    def flush(self) -> None:
        """Wait until all is written, 2 s at most."""
        until = time.monotonic() + FLUSH_SECONDS
        with self._lines.all_tasks_done:
            while self._lines.unfinished_tasks and (left := until - time.monotonic()) > 0:
                self._lines.all_tasks_done.wait(left)


def configure(level: int | str = "INFO", *, descriptor: int = 1, queued: bool = False) -> LineHandler:
    """Send the root logger's records as JSON lines to stdout, in place of the handlers that it had; warnings too."""
    handler = QueuedHandler(descriptor) if queued else LineHandler(descriptor)
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
        return self._app(environ, start_response)  # type: ignore[no-any-return]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
