"""A registry on the loopback that speaks what `npm audit` asks: bulk advisories, and the packument of a bad package."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ADVISORY = {
    "id": 1094499,
    "url": "https://github.com/advisories/GHSA-p6mc-m468-83gw",
    "title": "Prototype Pollution in lodash",
    "severity": "high",
    "vulnerable_versions": "<4.17.19",
    "cwe": ["CWE-770"],
    "cvss": {"score": 7.4, "vectorString": "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:H/A:H"},
}


def packument(versions: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": "lodash",
        "dist-tags": {"latest": versions[-1]},
        "versions": {each: {"name": "lodash", "version": each} for each in versions},
    }


class Registry:
    """What it answers, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.status = 200
        self.body: Any = {"lodash": [ADVISORY]}
        self.address = ""


@contextmanager
def registry() -> Iterator[Registry]:
    """A registry that runs for as long as this does."""
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            state.asked.append((self.path, json.loads(body)))
            self.answer(state.status, state.body)

        def do_GET(self) -> None:
            self.answer(200 if self.path == "/lodash" else 404, packument(("4.17.15", "4.17.21")))

        def answer(self, status: int, value: Any) -> None:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
