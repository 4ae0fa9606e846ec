"""gunicorn's hooks, with a worker that is a few lines: what waits in the queue as a worker closes its listener."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from seatrial.drain import gunicorn


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listener with three connections in its queue that nobody has accepted."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as found:
        found.setblocking(False)
        yield found


@pytest.fixture
def clients(listener: socket.socket) -> Iterator[list[socket.socket]]:
    found = [socket.create_connection(listener.getsockname(), 5) for _ in range(3)]
    yield found
    for client in found:
        client.close()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    gunicorn._late.clear()
    yield
    gunicorn._late.clear()


class SyncWorker:
    """As much of gunicorn's worker as the hooks touch."""

    def __init__(self, *listeners: socket.socket) -> None:
        self.sockets = listeners

    def handle(self, listener: Any, connection: socket.socket, _: Any) -> None:
        assert connection.getblocking()
        with connection:
            connection.sendall(b"served at %d" % listener.getsockname()[1])


class Queue:
    """gthread's queue of calls into its loop; here they run at once."""

    def defer(self, call: Any) -> None:
        call()


class ThreadWorker:
    def __init__(self, *listeners: socket.socket) -> None:
        self.sockets, self.method_queue, self.told = listeners, Queue(), []  # type: ignore[var-annotated]

    def set_accept_enabled(self, enabled: bool) -> None:
        self.told.append(enabled)

    def accept(self, listener: Any) -> None:
        connection, _ = listener.accept()
        self.told.append(listener.getsockname()[1])
        with connection:
            connection.sendall(b"served")


def refused(address: Any) -> bool:
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_sync_worker_serves_what_was_in_the_queue_as_it_closed(
    listener: socket.socket, clients: list[socket.socket]
) -> None:
    worker, told, address = SyncWorker(listener), [], listener.getsockname()
    gunicorn._stop_listening(worker, lambda: told.append("then"))
    assert told == ["then"]
    assert refused(address)
    assert len(gunicorn._late) == 3
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    gunicorn._serve_late(worker)
    assert [client.recv(100) for client in clients] == [b"served at %d" % address[1]] * 3
    assert not gunicorn._late


def test_one_that_sends_nothing_is_closed_and_not_waited_for_without_a_limit(
    listener: socket.socket, clients: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn, "UNSENT", 0.01)
    worker = SyncWorker(listener)
    gunicorn._stop_listening(worker, lambda: None)
    gunicorn._serve_late(worker)
    assert [client.recv(100) for client in clients] == [b"", b"", b""]


def test_gthread_takes_what_was_in_the_queue_into_its_own_loop(
    listener: socket.socket, clients: list[socket.socket]
) -> None:
    worker, address = ThreadWorker(listener), listener.getsockname()
    gunicorn._stop_listening(worker, lambda: worker.told.append("then"))
    assert worker.told == [False, address[1], address[1], address[1], "then"]
    assert refused(address)
    assert [client.recv(100) for client in clients] == [b"served"] * 3


def test_a_queue_tells_its_length(listener: socket.socket, clients: list[socket.socket]) -> None:
    assert gunicorn._queued(listener) == len(clients)
    for _ in clients:
        listener.accept()[0].close()
    assert gunicorn._queued(listener) == 0
    with socket.socket(socket.AF_UNIX) as other:
        assert gunicorn._queued(other) == 0


def test_the_descriptor_of_a_listener_stays_and_has_nobody_to_accept(listener: socket.socket) -> None:
    number = listener.fileno()
    gunicorn._stop_listening(SyncWorker(listener), lambda: None)
    assert os.fstat(number)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_kind_of_worker_that_is_not_drained_says_so() -> None:
    class GeventWorker:
        pass

    with pytest.raises(RuntimeError, match="GeventWorker is not drained\nhint: -k sync"):
        gunicorn.post_worker_init(GeventWorker())


class Arbiter:
    """As much of gunicorn's parent process as the hooks touch."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def signal(self, number: int, _: object) -> None:
        self.told.append(f"{signal.Signals(number).name} for the arbiter")

    def kill_workers(self, number: int) -> None:
        self.told.append(f"{signal.Signals(number).name} for the workers")


def test_the_arbiter_hands_a_second_signal_on_to_its_workers() -> None:
    arbiter = Arbiter()
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        gunicorn.when_ready(arbiter)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    assert arbiter.told == ["SIGTERM for the arbiter", "SIGTERM for the workers", "SIGTERM for the workers"]
