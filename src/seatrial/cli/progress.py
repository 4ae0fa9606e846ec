"""Shows a trial while it runs, on stderr: one changing line per run on a terminal, one line per step elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seatrial.report.redact import text as redact
from seatrial.report.words import clean, clip

if TYPE_CHECKING:
    from rich.text import Text

    from seatrial.drill.options import Progress

Show = Callable[["Progress"], None]


@contextmanager
def progress(*, quiet: bool, colour: bool) -> Iterator[Show]:
    """A function that takes each step and shows it until the end of the block."""
    if quiet:
        yield lambda _step: None
    elif sys.stderr.isatty() and _can_move():
        with _live(colour) as show:
            yield show
    else:
        yield _plain()


def _can_move() -> bool:
    """Whether stderr is a terminal that can move its cursor."""
    return os.environ.get("TERM", "") not in ("", "dumb")


def _said(step: Progress) -> str:
    said = clean(redact(step.text))
    return f"{step.stage.value}: {said}" if said else step.stage.value


def _plain() -> Show:
    begun = time.monotonic()

    def show(step: Progress) -> None:
        try:
            line = f"{step.time - begun:7.2f} s  {step.scenario.value}: {_said(step)}"
            print(line, file=sys.stderr, flush=True)
        except OSError:
            return  # nobody watches; the trial goes on

    return show


@contextmanager
def _live(colour: bool) -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live

    board = Board()
    console = Console(stderr=True, no_color=not colour, highlight=False, markup=False, emoji=False)
    with Live(
        console=console, refresh_per_second=8, transient=True, get_renderable=lambda: board.render(console.width)
    ):
        yield board.take


class Board:
    """The present step of each run, and since when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: dict[str, float] = {}
        self._latest: dict[str, Progress] = {}

    def take(self, step: Progress) -> None:
        """A run is at this step now."""
        self._begun.setdefault(step.scenario.value, step.time)
        self._latest[step.scenario.value] = step

    def lines(self, width: int) -> list[str]:
        """A line per run: how long it has been running, its name, its step."""
        now = self._clock()
        return [
            clip(f"{self._age(name, step, now):6.1f} s  {name:<14} {_said(step)}", max(width - 1, 10))
            for name, step in tuple(self._latest.items())
        ]

    def _age(self, name: str, step: Progress, now: float) -> float:
        end = step.time if step.stage.name == "DONE" else now
        return max(end - self._begun[name], 0.0)

    def render(self, width: int) -> Text:
        """The lines as rich draws them: as they are, without markup."""
        from rich.text import Text

        return Text("\n".join(self.lines(width)), no_wrap=True, overflow="crop")
