"""What the kernel shows of other people's connections needs a right; without it that is said and nothing is guessed."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from seatrial.load import witness
from seatrial.load.interface import LoadError
from seatrial.load.witness import Witness, counters
from seatrial.model.recording import Seen
from tests.requirements import require

from . import servers


def test_without_the_right_to_see_packets_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_flags: int) -> socket.socket:
        raise PermissionError

    async def watch() -> None:
        Witness(1)

    monkeypatch.setattr(witness, "_packets", refused)
    with pytest.raises(LoadError, match="can't be watched here") as failure:
        asyncio.run(watch())
    assert "CAP_NET_RAW" in (failure.value.hint or "")


def test_the_kernels_counters_are_read_by_name() -> None:
    assert set(counters()) == {"OutRsts", "ListenOverflows", "ListenDrops"}


def watched(steps) -> Seen:  # type: ignore[no-untyped-def]
    """What is seen of clients that do these steps with a listener of ours."""

    async def watch() -> Seen:
        with servers.bound("ipv4", backlog=20) as listener:
            eyes = Witness(listener.getsockname()[1])
            steps(listener, lambda: eyes.signalled(time.monotonic()))
            return eyes.testify()

    try:
        return asyncio.run(watch())
    except LoadError as error:
        require(error.message)
        raise


def connect(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]


def test_each_end_is_told_from_the_others() -> None:
    def steps(listener, signal) -> None:  # type: ignore[no-untyped-def]
        served, silent, reset, left, idle = (connect(listener) for _ in range(5))
        for client, server in (served, silent, reset, left):
            client.sendall(b"asked")
            if client is not reset[0]:
                server.recv(5)
        signal()
        served[1].sendall(b"answer")
        for _, server in (served, silent, reset, idle):
            server.close()  # what was not read makes it a reset
        left[0].close()
        late = connect(listener)
        late[1].close()
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(served[0].getpeername())
        for pair in (served, silent, reset, left, idle, late):
            for end in pair:
                end.close()

    seen = watched(steps)
    assert (seen.early, seen.open, seen.busy, seen.unclear) == (5, 5, 4, 0)
    assert (seen.answered, seen.unanswered_fin, seen.unanswered_reset, seen.left_by_client) == (1, 1, 1, 1)
    assert (seen.idle_fin, seen.late_queued, seen.refused, seen.missed) == (1, 1, 1, 0)


def test_who_waited_for_nothing_is_told_from_who_was_turned_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(listener, signal) -> None:  # type: ignore[no-untyped-def]
        signal()
        client, server = connect(listener)
        server.close()
        client.close()

    monkeypatch.setattr(witness, "QUICK", 0.0)
    assert watched(steps).late_unserved == 1


def test_a_connection_that_is_quiet_again_is_not_in_flight() -> None:
    def steps(listener, signal) -> None:  # type: ignore[no-untyped-def]
        client, server = connect(listener)
        client.sendall(b"asked")
        server.recv(5)
        server.sendall(b"answer")
        client.recv(6)
        signal()
        server.close()
        client.close()

    seen = watched(steps)
    assert (seen.open, seen.busy, seen.unclear, seen.idle_fin) == (1, 0, 0, 1)
