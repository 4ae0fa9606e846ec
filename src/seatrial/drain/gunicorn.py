"""A configuration file for gunicorn: `gunicorn -c python:seatrial.drain.gunicorn app:app`.

In a file of your own: `from seatrial.drain.gunicorn import *`. On SIGTERM (and SIGINT) each worker fails its readiness,
serves on for SEATRIAL_LAG seconds, and only then stops accepting: at once, also while it is busy, so that new
connections are refused rather than reset. What waits in the listener's queue by then is accepted, and served before the
worker ends. An application that is a `wsgi.Middleware` or `asgi.Middleware` already keeps its own life, with the hooks
that it declared. Works for sync, gthread and uvicorn workers.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from seatrial.drain.core import HANDLED, deadline_from
from seatrial.drain.listeners import Silence
from seatrial.drain.wrapped import health_from_environment

__all__ = ["graceful_timeout", "post_worker_init", "when_ready", "worker_exit"]

graceful_timeout = math.ceil(deadline_from(os.environ.get("SEATRIAL_GRACE"))) + 1
"""gunicorn's own limit, just above the stop's."""
_ASYNCHRONOUS = "UvicornWorker"
_THREADED = ("SyncWorker", "ThreadWorker")
_workers: dict[int, tuple[Any, int]] = {}
_late: list[tuple[Any, socket.socket, Any]] = []
"""What a sync worker took from its listeners' queues as it closed them: listener, connection, address."""
LOOKS = 100
"""How often a queue may fill again between being empty and being closed."""
UNSENT = 1.0
"""Seconds that such a connection has to send the beginning of a request."""


def when_ready(server: Any) -> None:
    """SIGINT like SIGTERM in the arbiter: gunicorn would drop what is in flight. A second and third one go on to the
    workers: gunicorn waits for these by then, and hears nothing."""
    heard: list[int] = []

    def told(number: int, frame: Any) -> None:
        heard.append(number)
        if len(heard) == 1:
            server.signal(signal.SIGTERM, frame)
        else:
            server.kill_workers(signal.SIGTERM)

    for number in HANDLED:
        signal.signal(number, told)


def post_worker_init(worker: Any) -> None:
    """Wrap the application, and take the worker's signals."""
    kinds = {kind.__name__ for kind in type(worker).__mro__}
    if not kinds & {_ASYNCHRONOUS, *_THREADED}:
        raise RuntimeError(
            f"gunicorn's {type(worker).__name__} is not drained\n"
            "hint: -k sync, -k gthread, or for ASGI -k uvicorn_worker.UvicornWorker"
        )
    if _ASYNCHRONOUS in kinds:
        from seatrial.drain import asgi

        if not isinstance(worker.wsgi, asgi.Middleware):
            worker.wsgi = asgi.Middleware(worker.wsgi, health=health_from_environment())
        return
    from seatrial.drain import threads, wsgi

    served = worker.wsgi
    if not isinstance(served, wsgi.Middleware):
        served = wsgi.Middleware(served, threads.Life(), health=health_from_environment(), announce=False)
    life = served.life
    worker.wsgi = _announcing(served, life)
    gunicorns = signal.getsignal(signal.SIGTERM)

    def stop_worker(number: int, frame: Any) -> None:
        _stop_listening(worker, lambda: gunicorns(number, frame) if callable(gunicorns) else None)

    signal.signal(signal.SIGTERM, stop_worker)
    life.attach()
    _workers[os.getpid()] = (life, life.enter("the gunicorn worker"))


def _announcing(app: Any, life: Any) -> Any:
    """Announce the close: gunicorn drops the header from an application, but its response can be told."""

    def announcing(environ: dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            response = getattr(start_response, "__self__", None)
            if life.stopping and response is not None and hasattr(response, "force_close"):
                response.force_close()
            return start_response(status, headers, *error)

        return app(environ, start)

    return announcing


def worker_exit(_server: Any, worker: Any) -> None:
    """The worker's requests are done: let the hooks run before the process goes."""
    life, key = _workers.pop(os.getpid(), (None, 0))
    if life is not None:
        _serve_late(worker)
        life.stop(skip_lag=True)
        life.leave(key)
        life.ended.wait(life.machine.plan.deadline)


def _serve_late(worker: Any) -> None:
    """Serve what a sync worker accepted as it closed its listeners: its own loop has ended by now."""
    while _late:
        listener, connection, address = _late.pop(0)
        connection.setblocking(True)
        if select.select([connection], [], [], UNSENT)[0]:  # by then gunicorn itself would wait without a limit
            worker.handle(listener, connection, address)
        else:
            connection.close()


def _stop_listening(worker: Any, then: Callable[[], Any]) -> None:
    """Accept what waits, put sockets that nobody connects to in the place of the listeners, and let the worker end.

    A closed descriptor would raise in the middle of accept(); and as long as one busy worker keeps the listener, the
    kernel goes on accepting connections that nobody serves. Whoever closes it last would reset what is in its queue
    (tcp_close → inet_csk_listen_stop): so each worker empties the queue right before.
    """

    found: list[tuple[Any, socket.socket, Any]] = []

    def replace() -> None:
        for listener in worker.sockets:
            with Silence() as silence:
                name = listener.getsockname()
                waiting = _waiting(listener)
                silence.replace(listener)  # right after: nothing may come between
            found.extend((_Closed(name), connection, address) for connection, address in waiting)

    def stop_sync() -> None:
        replace()
        _late.extend(found)
        then()

    def stop_gthread() -> None:
        worker.set_accept_enabled(False)  # first: the poller knows the listener by its descriptor
        replace()
        for accepted in found:
            worker.accept(_Accepting(*accepted))
        then()

    if hasattr(worker, "method_queue"):
        worker.method_queue.defer(stop_gthread)  # in its loop, which ends only afterwards
    else:
        stop_sync()


def _waiting(listener: Any) -> list[tuple[socket.socket, Any]]:
    """Everything in a listener's queue, accepted."""
    found, looks = [], 0
    while looks < LOOKS:
        try:
            found.append(listener.accept())
        except ConnectionAbortedError:
            continue  # this one has gone again, others may be there (accept(2))
        except BlockingIOError:
            if not _queued(listener):
                break
            looks += 1
        except OSError:
            break  # no descriptor left, say: the rest can't be had
    return found


def _queued(listener: Any) -> int:
    """How many connections wait (tcp_get_info: a listener's `tcpi_unacked`). accept() lets other threads run, and may
    come back much later than its answer was true; this does not. 0 for what is no TCP."""
    try:
        told = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
    except OSError:
        return 0
    return int.from_bytes(told[24:28], sys.byteorder)


class _Closed:
    """A listener that is closed, of which gunicorn still wants the name."""

    def __init__(self, name: Any) -> None:
        self._name = name

    def getsockname(self) -> Any:
        return self._name


class _Accepting(_Closed):
    """A listener that has one connection to accept, for gthread's own `accept`."""

    def __init__(self, closed: _Closed, connection: socket.socket, address: Any) -> None:
        super().__init__(closed.getsockname())
        self._accepted = connection, address

    def accept(self) -> tuple[socket.socket, Any]:
        return self._accepted
