"""The events of a project in Docker's words and shape (contract, chapter 9): the last are kept, and can be followed.

`docker events` keeps 256 for a late asker; so do we, in a file that outlives the supervisor.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

KEPT = 256
_WAITING = 10_000
"""Events that a slow follower may be behind before it loses the oldest."""


class Events:
    """The event log of one project."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._last: deque[dict[str, Any]] = deque(_read(path), KEPT)
        self._followers: set[asyncio.Queue[dict[str, Any]]] = set()
        self._written = KEPT  # forces one rewrite: what is there may be long

    def emit(self, action: str, identity: str, attributes: Mapping[str, str]) -> dict[str, Any]:
        """Keep an event and pass it to all followers."""
        now = time.time_ns()
        event = {
            "Type": "container",
            "Action": action,
            "Actor": {"ID": identity, "Attributes": dict(sorted(attributes.items()))},
            "scope": "local",
            "time": now // 1_000_000_000,
            "timeNano": now,
        }
        self._last.append(event)
        self._keep(event)
        for queue in self._followers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
        return event

    def _keep(self, event: dict[str, Any]) -> None:
        """Append to the file; once in a while write it anew with the last ones alone."""
        if self._path is None:
            return
        self._written += 1
        try:
            if self._written > 2 * KEPT:
                part = self._path.with_suffix(".part")
                part.write_text("".join(json.dumps(each) + "\n" for each in self._last), encoding="utf-8")
                part.replace(self._path)
                self._written = len(self._last)
            else:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(event) + "\n")
        except OSError:
            self._written += 1  # a full disk: memory still has them, and followers got them

    def since(self, moment: float) -> list[dict[str, Any]]:
        """The kept events from `moment` (wall-clock seconds) on."""
        return [event for event in self._last if event["timeNano"] >= moment * 1e9]

    async def follow(self, since: float | None = None) -> AsyncIterator[dict[str, Any]]:
        """The kept events from `since` on, then each as it happens."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_WAITING)
        self._followers.add(queue)
        try:
            for event in self.since(since) if since is not None else ():
                yield event
            while True:
                yield await queue.get()
        finally:
            self._followers.discard(queue)


def _read(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    found = []
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue  # the last line of one that was killed while it wrote
                if isinstance(event, dict) and "timeNano" in event:
                    found.append(event)
    except OSError:
        return []
    return found[-KEPT:]
