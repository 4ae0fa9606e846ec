"""The WSGI middleware and the servers of the standard library."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from seatrial.drain import plain
from seatrial.drain.health import Health
from seatrial.drain.wsgi import Middleware
from tests.drain.conftest import ThreadLife


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Connection", "keep-alive")])
    return [b"hello"]


def requested(app: Any, path: str = "/") -> tuple[str, list[tuple[str, str]], bytes]:
    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    told: list[Any] = []
    body = app(environ, lambda status, headers, *_: told.append((status, headers)))
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    status, headers = told[0]
    return status, headers, content


@pytest.fixture
def life() -> Iterator[ThreadLife]:
    found = ThreadLife(deadline=5.0)
    yield found
    found.stop()
    found.stopped()


def test_before_a_stop_responses_are_left_as_they_are(life: ThreadLife) -> None:
    assert requested(Middleware(hello, life)) == requested(hello)


def test_during_a_stop_responses_announce_the_close(life: ThreadLife) -> None:
    life.stopping = True
    assert requested(Middleware(hello, life))[1] == [("Content-Type", "text/plain"), ("Connection", "close")]
    assert ("Connection", "close") not in requested(Middleware(hello, life, announce=False))[1]


def test_a_request_is_in_flight_until_its_body_is_closed(life: ThreadLife) -> None:
    closed: list[int] = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(len(life.open))

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Body([b"a", b"b"])

    body = Middleware(app, life)({"PATH_INFO": "/"}, lambda *_: None)
    assert (len(life.open), len(body), b"".join(body)) == (1, 2, b"ab")  # type: ignore[arg-type]
    body.close()  # type: ignore[attr-defined]
    assert (closed, life.open) == ([1], {})


def test_a_body_without_a_length_has_none(life: ThreadLife) -> None:
    body = Middleware(lambda *_: iter([b"a"]), life)({}, lambda *_: None)
    with pytest.raises(TypeError):
        len(body)  # type: ignore[arg-type]
    body.close()  # type: ignore[attr-defined]


def test_an_application_that_raises_is_not_in_flight_any_more(life: ThreadLife) -> None:
    def broken(environ: Any, start_response: Any) -> Any:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        requested(Middleware(broken, life))
    assert not life.open


def test_health_is_answered_without_the_application(life: ThreadLife) -> None:
    app = Middleware(hello, life, health=Health())
    status, _, body = requested(app, "/health/ready")
    assert (status, json.loads(body)["status"]) == ("200 OK", "up")
    life.ready = False
    status, _, body = requested(app, "/health/ready")
    assert (status, json.loads(body)["status"]) == ("503 Service Unavailable", "stopping")
    assert requested(app, "/health")[0] == "200 OK"
    assert list(app({"PATH_INFO": "/health", "REQUEST_METHOD": "HEAD"}, lambda *_: None)) == []


def test_a_plain_http_server_finishes_what_is_in_flight_and_announces_the_close() -> None:
    life, entered, gate = ThreadLife(deadline=20.0), threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            entered.set()
            gate.wait(10)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), plain.draining(Handler, life))
    codes: list[Any] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
        connection.request("GET", "/slow")
        response = connection.getresponse()
        codes.append((response.status, response.getheader("Connection"), response.read()))
        connection.close()

    def conduct() -> None:
        asking = threading.Thread(target=client)
        asking.start()
        entered.wait(10)
        life.stop()
        life.closing.wait(10)
        gate.set()
        asking.join(10)

    conductor = threading.Thread(target=conduct)
    conductor.start()
    with pytest.raises(SystemExit) as caught:
        plain.serve_forever(server, life)
    conductor.join(10)
    assert caught.value.code == 0
    assert codes == [(200, "close", b"ok")]
