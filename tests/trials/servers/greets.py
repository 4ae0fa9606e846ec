"""A service whose /ready says HELLO to what it depends on, and wants ANSWER; it needs no client library."""

import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

URL = urlsplit(os.environ["DEPENDENCY_URL"])
HELLO, ANSWER = (bytes.fromhex(os.environ[name]) for name in ("HELLO", "ANSWER"))


def greets() -> bool:
    """Whether it answers as it should, within a moment."""
    said = b""
    try:
        with socket.create_connection((URL.hostname, int(os.environ["AT"])), 0.7) as connection:
            connection.sendall(HELLO)
            while ANSWER not in said and (data := connection.recv(4096)):
                said += data
    except OSError as error:
        print(error, flush=True)
    return ANSWER in said


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/ready" and not greets() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


ThreadingHTTPServer(("", 3000), Handler).serve_forever()
