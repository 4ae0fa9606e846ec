"""uvicorn's own worker processes (`--workers`), for `python -m seatrial.drain -- uvicorn …`.

Each worker has the middleware, and holds its own lag. What uvicorn lacks is in its parent: that keeps the listener open
until all workers have ended, and resets what came meanwhile (`uvicorn/supervisors/multiprocess.py`). Here the parent
closes its copy at the signal, as gunicorn's does, so that the last worker is the last to close.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

STOPS = (signal.SIGTERM, signal.SIGINT)


def wanted(parameters: Mapping[str, Any]) -> int:
    """How many workers uvicorn would start for these parameters of its command."""
    return int(parameters.get("workers") or os.environ.get("WEB_CONCURRENCY") or 1)


def run(parameters: Mapping[str, Any]) -> int:
    """Run uvicorn's parent process; the exit code: of the worker that ended worst, 0 if each ended by its signal."""
    configured = import_module("uvicorn.config").Config
    if parameters.get("app_dir") is not None:
        sys.path.insert(0, parameters["app_dir"])
    options = {name: value for name, value in parameters.items() if name in signature(configured).parameters}
    options["headers"] = [header.split(":", 1) for header in options.get("headers") or ()]
    if options.get("log_config") is None:
        options.pop("log_config", None)
    config = configured(**options)
    parent = _parent()(config, sockets=[config.bind_socket()])
    try:
        parent.run()
    finally:
        if config.uds:
            Path(config.uds).unlink(missing_ok=True)
    return worst(process.process.exitcode for process in parent.processes)


def worst(codes: Iterable[int | None]) -> int:
    """One exit code for all workers. One that ended by the signal ended well: uvicorn sends it to itself at its end."""
    told = [128 - code if code < 0 else code for code in codes if code and -code not in STOPS]
    return max(told, default=0)


def _parent() -> Any:
    """uvicorn's supervisor, with a stop of our own."""
    supervisor = import_module("uvicorn.supervisors.multiprocess").Multiprocess

    class Parent(supervisor):  # type: ignore[misc, valid-type]  # a class of uvicorn's, known only at run time
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.told: set[int] = set()
            for number in STOPS:
                signal.signal(number, self.stop)

        def stop(self, *_: object) -> None:
            """Hand each signal on at once: the second hurries, the third ends. uvicorn looks every half second, and
            not at all while it waits for its workers. No lock is taken here."""
            self.signal_queue.append(signal.SIGTERM)
            self.stop_listening()  # first: the workers have the listener as well, and close it last
            for process in self.processes:
                self.told.add(process.pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)

        def stop_listening(self) -> None:
            for listener in self.sockets:
                listener.close()

        def terminate_all(self) -> None:
            """Tell those that began meanwhile."""
            self.stop_listening()
            for process in self.processes:
                if process.pid not in self.told:
                    process.terminate()

    return Parent
