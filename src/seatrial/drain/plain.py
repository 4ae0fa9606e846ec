"""Servers of the standard library: asyncio.Server, and socketserver with http.server on top.

asyncio:      life.on_close(server.close), and `with life.request(peer):` around each request
socketserver: plain.serve_forever(ThreadingHTTPServer(("", 8000), Handler), life)
"""

from __future__ import annotations

import socketserver
from http.server import BaseHTTPRequestHandler
from typing import NoReturn

from seatrial.drain.listeners import JUST_NOW, is_waiting
from seatrial.drain.threads import Life

POLL = 0.05


def serve_forever(server: socketserver.BaseServer, life: Life) -> NoReturn:
    """Run a socketserver to the end of the process: it stops accepting when it is time, and its requests finish."""

    gate = life.enter("connections just accepted")

    def main() -> None:
        try:
            server.serve_forever(poll_interval=POLL)
            if isinstance(server, socketserver.ThreadingMixIn):
                server.block_on_close = False  # the stop waits for requests; the threads may belong to idle connections
            server.timeout = 0.0
            while is_waiting((server,)):  # serve_forever leaves with the connection that woke it up
                server.handle_request()
            server.server_close()
            life.ended.wait(JUST_NOW)
        finally:
            life.leave(gate)
        life.ended.wait()

    life.on_close(server.shutdown, "socketserver")
    life.run(main)


def draining(handler: type[BaseHTTPRequestHandler], life: Life) -> type[BaseHTTPRequestHandler]:
    """A handler class whose requests are counted, and whose responses announce the close during a stop."""

    class Draining(handler):  # type: ignore[misc, valid-type]  # the class is the caller's
        key = 0

        def parse_request(self) -> bool:
            parsed: bool = super().parse_request()
            if parsed:
                self.key = life.enter(f"{self.command} {self.path}")
            return parsed

        def handle_one_request(self) -> None:
            self.key = 0
            try:
                super().handle_one_request()
                if life.stopping:
                    self.close_connection = True
            finally:
                life.leave(self.key)

        def end_headers(self) -> None:
            if life.stopping:
                self.send_header("Connection", "close")
            super().end_headers()

    return Draining
