"""How the kernel says that a server's connections stand: who was answered, and who waits."""

from __future__ import annotations

import socket
import time

import pytest

from seatrial.load.diag import standing

from . import servers


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_who_waits_for_an_answer_is_told_from_who_got_one(family: str) -> None:
    if not servers.is_available(family):
        pytest.skip(f"this machine has no {family}")
    with servers.bound(family, backlog=5) as listener:
        address = listener.getsockname()
        clients = [socket.create_connection(address[:2]) for _ in range(3)]
        accepted = [listener.accept()[0] for _ in clients]
        _, waiting, served = clients
        waiting.sendall(b"hello")
        served.sendall(b"hello")
        assert accepted[2].recv(5) == b"hello"
        time.sleep(0.02)  # the kernel's clock ticks in milliseconds, and what falls into one tick is not told apart
        accepted[2].sendall(b"world!")
        assert served.recv(6) == b"world!"
        found = {port: how for (_, port), how in standing(address[1]).items()}
        told = [found[client.getsockname()[1]] for client in clients]
        for one in (*clients, *accepted):
            one.close()
    assert [(how.received, how.sent, how.is_busy) for how in told] == [(0, 0, False), (5, 0, True), (5, 6, False)]


def test_nobody_is_there() -> None:
    with servers.bound("ipv4", backlog=5) as listener:
        assert standing(listener.getsockname()[1]) == {}
