"""One kind of object, listed and then watched without an end, in a thread of its own.

A watch that the server ends goes on where it was; one whose place the server has forgotten (410 Gone), or whose
connection broke, begins again with a list. So nothing that is still true is missed, however the connection fares.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

AGAIN = 0.5
"""Seconds after a failure before the next try."""

OnList = Callable[[list[Mapping[str, Any]]], None]
OnChange = Callable[[str, Mapping[str, Any]], None]


class Follower:
    """Follows what `call` lists. `on_list` and `on_change` ("ADDED", "MODIFIED", "DELETED" and the object) are called
    in its thread, from `start` to `stop`."""

    def __init__(
        self, call: Callable[..., Any], arguments: Mapping[str, Any], on_list: OnList, on_change: OnChange
    ) -> None:
        from kubernetes.watch import Watch

        self._call = call
        self._arguments = arguments
        self._on_list = on_list
        self._on_change = on_change
        self._watch = Watch(return_type="object")
        self._version = ""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """List once, in the caller's thread, and follow from there on. Raises the client's errors."""
        self._list()
        self._thread.start()

    def _list(self) -> None:
        """Hand a list over; a watch goes on from its version."""
        answer = read(self._call(**self._arguments, _preload_content=False))
        self._on_list(answer.get("items") or [])
        self._version = str(answer["metadata"]["resourceVersion"])

    def stop(self) -> None:
        """Follow no longer. Idempotent."""
        self._is_over.set()
        self._watch.stop()

    def _follow(self) -> None:
        while not self._is_over.is_set():
            try:
                self._stream()
                self._list()
            except Exception:  # of the client, of HTTP or of the network: the next list shows what was missed
                self._is_over.wait(AGAIN)
                with contextlib.suppress(Exception):
                    self._list()

    def _stream(self) -> None:
        stream = self._watch.stream(
            self._call, **self._arguments, resource_version=self._version, allow_watch_bookmarks=True
        )
        for event in stream:
            if self._is_over.is_set():
                return
            if event["type"] != "BOOKMARK":
                self._on_change(event["type"], event["raw_object"])


def read(response: Any) -> dict[str, Any]:
    """The JSON of an answer that the client did not unpack into its own types, which differ by its version."""
    data = json.loads(response.data)
    assert isinstance(data, dict)
    return data
