"""How a command finds the supervisor of its project at any moment of that one's life."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.cli.project_client import ask
from seatrial.model.deployment import Fleet
from seatrial.project import daemon
from seatrial.project.layout import Layout, layout_of

FLEET = Fleet("shop", "/", ())


@pytest.fixture
def layout() -> Iterator[Layout]:
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as state:  # a socket's path is short
        found = layout_of("shop", {"SEATRIAL_STATE": state})
        found.make()
        yield found


def listening(layout: Layout) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(layout.socket))
    listener.listen()
    return listener


def test_one_that_listens_is_asked(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "start", lambda *_: pytest.fail("there is one already"))
    with listening(layout):
        assert ask(FLEET, layout).is_answered()


def test_one_that_is_about_to_end_is_followed_by_another(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the project, and listens no more: what is asked now must not be lost."""
    lock = layout.lock()
    listeners: list[socket.socket] = []

    def start(*_: object) -> None:
        assert not layout.is_supervised(), "a second one beside the first"
        listeners.append(listening(layout))

    monkeypatch.setattr(daemon, "start", start)
    end = threading.Timer(0.05, os.close, [lock])
    end.start()
    try:
        assert ask(FLEET, layout).is_answered()
    finally:
        end.join()
        for listener in listeners:
            listener.close()


def test_one_that_has_just_begun_is_waited_for(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "start", lambda *_: pytest.fail("it holds the project already"))
    lock = layout.lock()
    listeners: list[socket.socket] = []
    begin = threading.Timer(0.05, lambda: listeners.append(listening(layout)))
    begin.start()
    try:
        assert ask(FLEET, layout).is_answered()
    finally:
        begin.join()
        os.close(lock)
        for listener in listeners:
            listener.close()


def test_a_socket_that_a_dead_one_left_is_nobody(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    listening(layout).close()
    assert Path(layout.socket).exists()
    listeners: list[socket.socket] = []

    def start(*_: object) -> None:
        layout.socket.unlink()
        listeners.append(listening(layout))

    monkeypatch.setattr(daemon, "start", start)
    assert ask(FLEET, layout).is_answered()
    assert len(listeners) == 1
    listeners[0].close()
