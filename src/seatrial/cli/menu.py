"""`up --menu`: a few keys while `up` stays in a terminal. They act at once; Ctrl-C does what it always does.

The terminal gives each key when it is pressed, and is given back as it was.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from seatrial.cli.streams import complain

_PAUSE = 0.25


class Menu:
    """The keys of a menu, each with what it is called and what it does. `with` listens; stdin is a terminal."""

    def __init__(self, keys: Mapping[str, tuple[str, Callable[[], None]]]) -> None:
        self._keys = keys
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(0)
        tty.setcbreak(0, termios.TCSANOW)
        complain("   ".join(f"{key} {name}" for key, (name, _) in self._keys.items()))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(2 * _PAUSE)
        termios.tcsetattr(0, termios.TCSADRAIN, self._before)

    def _listen(self) -> None:
        while not self._over.is_set():
            if not select.select([0], [], [], _PAUSE)[0]:
                continue
            pressed = os.read(0, 1).decode("ascii", "replace").lower()
            if not pressed:
                return  # the terminal is gone
            if pressed in self._keys:
                self._keys[pressed][1]()


def is_possible() -> bool:
    """Whether there is a terminal to press keys in, and to show it."""
    return sys.stdin.isatty() and sys.stderr.isatty()
