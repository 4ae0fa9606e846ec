"""Run the notes API under uvicorn, with a stop that ends in exit code 0 whether or not an init is PID 1.

uvicorn drains well, but raises the signal again when it is done: as PID 1 that is ignored and the exit code is 0,
under an init it is 143. The server below takes the signals itself, so that both ends are the same.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from notes.app import app, log, state

DELAY = float(os.environ.get("STOP_DELAY", "1"))
"""Seconds for which a balancer may still send: its interval times its threshold."""


class Server(uvicorn.Server):
    """uvicorn's server, which begins its drain on SIGTERM or SIGINT and does nothing more on a second one."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.begin_stop, number)
        yield

    def begin_stop(self, number: int) -> None:
        if not state.stopping:
            state.stopping = True  # readiness fails, and each response announces the close
            log("info", "stopping", signal=signal.Signals(number).name)
            asyncio.get_running_loop().call_later(DELAY, setattr, self, "should_exit", True)


config = uvicorn.Config(
    app,
    host="0.0.0.0",
    port=int(os.environ.get("PORT", "8000")),
    http="httptools",  # the parser with which uvicorn announces `Connection: close` during the drain
    log_config=None,
    access_log=False,
    timeout_keep_alive=65,  # longer than the 60 s for which a load balancer keeps a connection
    timeout_graceful_shutdown=12,  # below stop_grace_period
)
asyncio.run(Server(config).serve())
