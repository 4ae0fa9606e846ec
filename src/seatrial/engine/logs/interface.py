"""What a log is: records, where they lie, what takes them elsewhere. Frozen values and protocols; nothing here reads
or writes.

    source = LogSource("web", Path(".../web-1.log"), ended=instance_is_over)
    render_logs([source], ShowOptions(follow=True), write)              # showing.py: what `seatrial logs` prints
    plan = plan_logging(service.logging, subject)                       # planning.py: what the shim gets, and what a
    pump does Pump(source.path, open_driver(plan, subject), position).run()       # pump.py: to a driver that is
    elsewhere

Errors, of the kinds in `model/errors.py`:

    SeatrialError
    ├── InputError          an option or a time that can't be read; names the option
    ├── UnsupportedError    a client library is not installed; says which extra brings it
    └── DeliveryError       the receiver did not take it: try again, nothing was forgotten
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from seatrial.model.errors import SeatrialError

LONGEST_LINE = 1024 * 1024
"""Bytes of one line that are put together from its parts; what is longer goes on in the next piece."""


class DeliveryError(SeatrialError):
    """The receiver of a driver can't be reached, or refused. What was written since the last flush must be written
    again."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record: a line, or a part of one. `time` is in nanoseconds since 1970; `text` has its "\\n" where the line
    ends."""

    time: int
    stream: str
    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    continues: bool = False
    """The line began in an earlier record, so it has had its prefix."""

    @property
    def line(self) -> str:
        """The text without its end of line: what a driver sends."""
        return self.text[:-1] if self.text.endswith("\n") else self.text


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class LogSource:
    """A log: the name that stands before its lines, the path of its current json-file (rotated ones are beside it).

    `ended` says whether nothing will be written any more: the instance is over and its log complete.
    """

    name: str
    path: Path
    ended: Callable[[], bool] = _never


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose log it is: what Docker's drivers know of a container, for tags and attributes."""

    id: str
    name: str
    image_id: str = ""
    image_name: str = ""
    command: str = ""
    created: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


class LogDriver(Protocol):
    """Takes records to where they shall be. Not safe for several threads at once.

    `write` may keep a record; after `flush` returned all that was written is delivered, as far as the protocol tells.
    Either raises DeliveryError if the receiver does not take it; the driver then forgets what it kept, and connects
    again at the next write.
    """

    longest: int
    """Bytes of one message that the receiver takes."""
    interval: float
    """Seconds that a record may wait for others to be sent with it."""
    refused: str
    """What the receiver said of records that it will never take, so that they are lost; "" where there were none."""

    def write(self, record: LogRecord) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...
