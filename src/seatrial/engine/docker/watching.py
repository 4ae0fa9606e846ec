"""What the engine itself tells of the containers of one trial: one stream of events, handed to those it is about."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from seatrial.engine.docker.client import post

if TYPE_CHECKING:
    from docker import APIClient

OnEvent = Callable[[str, float], None]
"""Called in the event loop's thread with what happened ("die", "oom", "health_status: healthy"; "" where the engine
tells nothing any more) and when that was heard."""


class Watch:
    """Listens from `start` to `close`."""

    def __init__(self, api: APIClient, labels: Mapping[str, str]) -> None:
        self._stream = api.events(
            decode=True,
            filters={"type": "container", "label": [f"{name}={value}" for name, value in labels.items()]},
        )
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[str, OnEvent] = {}
        self._closed = False
        threading.Thread(target=self._read, daemon=True).start()

    def add(self, container: str, on_event: OnEvent) -> None:
        """Tell of this container from now on."""
        self._listeners[container] = on_event

    def remove(self, container: str) -> None:
        """Tell of it no more."""
        self._listeners.pop(container, None)

    def _read(self) -> None:
        with contextlib.suppress(Exception):  # however the connection ends, it is over
            for event in self._stream:
                self._pass_on(event)
        post(self._loop, self._on_end)

    def _pass_on(self, event: Mapping[str, Any]) -> None:
        container = str(event.get("id") or (event.get("Actor") or {}).get("ID", ""))
        action = str(event.get("Action") or event.get("status") or "")
        if action and not action.startswith("exec_"):
            post(self._loop, self._hear, container, action, time.monotonic())

    def _hear(self, container: str, action: str, moment: float) -> None:
        if on_event := self._listeners.get(container):
            on_event(action, moment)

    def _on_end(self) -> None:
        for container in () if self._closed else tuple(self._listeners):
            self._hear(container, "", time.monotonic())

    def close(self) -> None:
        """Listen no longer. Idempotent."""
        self._closed = True
        with contextlib.suppress(Exception):  # the connection may be gone
            self._stream.close()
