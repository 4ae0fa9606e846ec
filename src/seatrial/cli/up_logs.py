"""What `up` shows while it stays: the logs of all attached instances as one stream, those made later included, and each
end."""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from seatrial.cli.project_client import name_before_lines
from seatrial.cli.streams import complain
from seatrial.project.layout import Layout


class Logs:
    """Prints from a thread of its own what instances write from a moment on, each line with its instance's name."""

    def __init__(self, layout: Layout, is_attached: Callable[[str], bool], arguments: argparse.Namespace) -> None:
        self._layout = layout
        self._is_attached = is_attached
        self._arguments = arguments
        self._known: set[str] = set()
        self._ended: dict[str, float] = {}
        self._new: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def begin(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Show these from now on."""
        self.add(rows)
        self._thread.start()

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Show those of these, too, that are not shown yet, and who has ended: what was rebuilt has another id."""
        for row in rows:
            if not self._is_attached(row["Service"]):
                continue
            if row["ID"] not in self._known:
                self._known.add(row["ID"])
                self._new.put(row)
            self._tell_end(row)

    def _tell_end(self, row: Mapping[str, Any]) -> None:
        told = self._ended.get(row["ID"], self._arguments.began / 1e9)
        if row["State"] in ("exited", "restarting") and row["FinishedAt"] > told:
            self._ended[row["ID"]] = row["FinishedAt"]
            again = " (restarting)" if row["State"] == "restarting" else ""
            complain(f"{name_before_lines(row)} exited with code {row['ExitCode']}{again}")

    def end(self) -> None:
        """Show what there is still, and end."""
        self._over.set()
        self._thread.join(5.0)

    def _show(self) -> None:
        from seatrial.engine.logs.reading import Window
        from seatrial.engine.logs.rendering import Style
        from seatrial.engine.logs.showing import END_SEEN_WITHIN, LogView, ShowOptions

        said = self._arguments
        has_color = sys.stdout.isatty() and not (said.no_color or os.environ.get("NO_COLOR"))
        style = Style(said.timestamps, False, not said.no_log_prefix, has_color)
        view = LogView([], ShowOptions(Window(since=said.began), style, follow=True))
        assert view.watch is not None
        try:
            for pieces in self._looks(view):
                for _, data in pieces:
                    sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
                view.watch.wait(END_SEEN_WITHIN)
        except BrokenPipeError:
            pass  # the reader has seen enough; the services go on
        finally:
            view.close()

    def _looks(self, view: Any) -> Iterator[Iterable[tuple[str, bytes]]]:
        """What has come, again and again; the last time after the end."""
        from seatrial.engine.logs.interface import LogSource

        while not (self._over.is_set() and view.is_over):
            while not self._new.empty():
                row = self._new.get()
                log = self._layout.log(row["Name"], row["ID"])
                view.add(LogSource(name_before_lines(row), log, self._over.is_set))
            yield view.poll(time.monotonic())
