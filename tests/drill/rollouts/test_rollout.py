"""Where the load of a rollout goes, and what becomes of it while an engine of the tests replaces nothing and all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import pytest

from seatrial.drill.rollouts import rollout as module
from seatrial.drill.rollouts.rollout import RolloutOptions, rollout
from seatrial.drill.rollouts.target import target_of
from seatrial.engine.distributed import Described, since
from seatrial.model.errors import InputError, UnsupportedError
from seatrial.model.recording import EventKind, Machine, Replica


def test_a_url_names_a_target_and_what_its_host_is_called() -> None:
    target = asyncio.run(target_of("http://localhost:8080/api/items?page=2", "--url"))
    assert (target.port, target.quick_path, target.host) == (8080, "/api/items?page=2", "localhost:8080")
    plain = asyncio.run(target_of("http://[::1]", "--url"))
    assert (plain.family, plain.address, plain.port, plain.quick_path) == ("ipv6", "::1", 80, "/")


@pytest.mark.parametrize("url", ["", "api", "http://", "http://x:0/", "http://x:99999/", "http://x/a b", "ftp://x/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        asyncio.run(target_of(url, "--url"))


def test_tls_is_what_the_load_does_not_speak() -> None:
    with pytest.raises(UnsupportedError, match="speaks no TLS"):
        asyncio.run(target_of("https://localhost/", "--url"))


def test_what_was_before_the_recording_is_not_told() -> None:
    assert since(Replica("a", created=5.0, told=12.5), 10.0) == Replica("a", told=2.5)


class Played:
    """An engine that does what it is asked at once."""

    steps = ("one", "two")
    left = ""

    def __init__(self, address: str, outcome: str = "") -> None:
        self.address = address
        self.outcome = outcome
        self.asked: list[str] = []
        self.told = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.asked.append("left")

    def described(self) -> Described:
        argv = ("api", "--token", "0ption-s3cret")
        machine = Machine("played", "", 1, False)
        return Described("api", machine, argv, address=self.address, secrets=("variable-s3cret", "api"))

    async def perform(self, step: str) -> None:
        self.asked.append(step)
        self.told = time.monotonic()

    def settled(self) -> str | None:
        return self.outcome

    def replicas(self) -> tuple[Replica, ...]:
        return (Replica("a", told=self.told, ended=self.told),)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if "bad" not in self.path else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_each_step_is_asked_for_once_and_the_load_goes_on_around_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AROUND", 0.2)
    service = Played(address)
    recording = asyncio.run(rollout(service, RolloutOptions(slow_path="/slow")))
    assert service.asked == ["one", "two", "left"]
    (run,) = recording.runs
    steps = [(e.name, e.detail) for e in run.events if e.kind is EventKind.REPLACED]
    assert steps == [(name, step) for step in ("one", "two") for name in ("asked", "settled")]
    assert run.signalled == run.events[0].time and run.replicas[0].told is not None
    begun = [connection.begun for connection in run.connections]
    assert begun and min(begun) < run.signalled < run.events[-1].time < max(begun)
    assert {connection.population.value for connection in run.connections} >= {"new connections", "in flight"}


@pytest.mark.slow
def test_after_a_step_that_went_wrong_there_is_no_other(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AROUND", 0.1)
    service = Played(address, "the update is paused")
    (run,) = asyncio.run(rollout(service, RolloutOptions())).runs
    assert service.asked == ["one", "left"]
    assert (run.disturbed, run.events[-1].name) == ("the update is paused", "unsettled")


@pytest.mark.slow
def test_what_the_engine_tells_is_kept_and_shown_without_secrets(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AROUND", 0.1)
    monkeypatch.setenv("CI_TOKEN", "caller-s3cret")
    service = Played(address, "api is paused: variable-s3cret 0ption-s3cret caller-s3cret")
    steps: list[str] = []
    recording = asyncio.run(rollout(service, RolloutOptions(), lambda step: steps.append(step.text)))
    hidden = "api is paused: [redacted] [redacted] [redacted]"
    assert recording.runs[0].disturbed == hidden and hidden in steps
    assert recording.subject.argv == ("api", "--token", "[redacted]")


@pytest.mark.slow
def test_what_does_not_answer_well_is_not_replaced(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWERS_WITHIN", 0.2)
    service = Played(address)
    with pytest.raises(InputError, match="does not answer well before anything is replaced: status 503"):
        asyncio.run(rollout(service, RolloutOptions(url=f"http://{address}/bad")))
    assert service.asked == ["left"]


def test_what_publishes_nothing_needs_an_address_and_each_request_has_to_be_kept() -> None:
    with pytest.raises(InputError, match="publishes no port"):
        asyncio.run(rollout(Played(""), RolloutOptions()))
    with pytest.raises(InputError, match="each request is recorded"):
        asyncio.run(rollout(Played(""), RolloutOptions(rate=501.0)))
