"""A configuration file for gunicorn: `gunicorn -c python:seatrial.drain.gunicorn app:app`.

In a file of your own: `from seatrial.drain.gunicorn import *`. On SIGTERM (and SIGINT) each worker fails its readiness,
serves on for SEATRIAL_LAG seconds, and only then stops accepting: at once, also while it is busy, so that new
connections are refused rather than reset. An application that is a `wsgi.Middleware` or `asgi.Middleware` already keeps
its own life, with the hooks that it declared. Works for sync, gthread and uvicorn workers.
"""

from __future__ import annotations

import math
import os
import signal
import socket
from typing import Any

from seatrial.drain.core import deadline_from
from seatrial.drain.wrapped import health_from_environment

__all__ = ["graceful_timeout", "post_worker_init", "when_ready", "worker_exit"]

graceful_timeout = math.ceil(deadline_from(os.environ.get("SEATRIAL_GRACE"))) + 1
"""gunicorn's own limit, just above the stop's."""
_ASYNCHRONOUS = ("uvicorn", "asgi")
_workers: dict[int, tuple[Any, int]] = {}


def when_ready(server: Any) -> None:
    """SIGINT like SIGTERM in the arbiter: gunicorn would drop what is in flight."""
    signal.signal(signal.SIGINT, lambda _, frame: server.signal(signal.SIGTERM, frame))


def post_worker_init(worker: Any) -> None:
    """Wrap the application, and take the worker's signals."""
    if any(word in type(worker).__module__ for word in _ASYNCHRONOUS):
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
        if callable(gunicorns):
            gunicorns(number, frame)
        _stop_listening(worker)

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


def worker_exit(_server: Any, _worker: Any) -> None:
    """The worker's requests are done: let the hooks run before the process goes."""
    life, key = _workers.pop(os.getpid(), (None, 0))
    if life is not None:
        life.stop(skip_lag=True)
        life.leave(key)
        life.ended.wait(life.machine.plan.deadline)


def _stop_listening(worker: Any) -> None:
    """Put sockets that nobody connects to in the place of the listeners.

    A closed descriptor would raise in the middle of accept(); and as long as one busy worker keeps the listener, the
    kernel goes on accepting connections that nobody serves.
    """

    def replace() -> None:
        if hasattr(worker, "set_accept_enabled"):
            worker.set_accept_enabled(False)
        for listener in worker.sockets:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as quiet:
                quiet.bind("")  # an abstract name of the kernel's choice (unix(7), autobind)
                quiet.listen(1)
                quiet.setblocking(False)
                os.dup2(quiet.fileno(), listener.fileno(), inheritable=False)

    if hasattr(worker, "method_queue"):
        worker.method_queue.defer(replace)  # gthread: in its loop, which has the listener in its poller
    else:
        replace()
