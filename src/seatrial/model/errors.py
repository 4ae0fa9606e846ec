"""The kinds of bad news that are exceptions.

    SeatrialError
    ├── InputError          your file or argument is wrong            (exit code 2)
    ├── NothingFoundError   there is nothing here to work on          (exit code 3)
    └── UnsupportedError    this machine cannot                       (exit code 4)

A service that misbehaves is never an exception: that is a verdict.
"""

from __future__ import annotations

from seatrial.model.place import Place


class SeatrialError(Exception):
    """What happened, and optionally what to do about it.

    `hint` is a command or a line to paste, printed as `hint: …` below the message.
    """

    def __init__(self, message: str, *, place: Place | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class InputError(SeatrialError):
    """A file or an argument that can't be used as it is; `place` says where."""


class NothingFoundError(SeatrialError):
    """No service was found where one was looked for."""


class UnsupportedError(SeatrialError):
    """This machine lacks something that the work needs; the message says what, the hint how to get it."""
