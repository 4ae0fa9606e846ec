"""What each outcome looks like: a shape, a colour that colour-blind readers can tell from the others, and a side.

Answered requests stand above a lane's line, all others below it, so that the picture can be read in black and white.
Colours are those of Okabe and Ito; shapes are paths around the origin, ten units wide.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.model.traffic import Outcome


@dataclass(frozen=True, slots=True)
class Mark:
    """A kind of thing that can be seen in the picture. `name` is its CSS class, `label` its line in the legend."""

    name: str
    label: str
    shape: str
    above: bool = False


_CIRCLE = "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z"
_SQUARE = "M-4-4H4V4H-4Z"
_CROSS = "M-4-4L4 4M4-4L-4 4"

ANSWERED = Mark("ok", "answered", _CIRCLE, above=True)
ANNOUNCED = Mark("ok-close", "answered, close announced", "M0-5L5 0L0 5L-5 0Z", above=True)
ENDED = Mark("idle-fin", "idle connection closed (FIN)", "M0-5V5M-3-5H3M-3 5H3", above=True)
REFUSED = Mark("refused", "refused (can be retried)", _CIRCLE)
NO_ANSWER = Mark("fin", "closed without an answer (FIN)", "M-5-4H5L0 5Z")
RESET = Mark("rst", "reset (RST)", _CROSS)
CUT = Mark("cut", "truncated or malformed", "M-4-4H4L0 0L4 4H-4Z")
UNSERVED = Mark("unserved", "accepted, never served", _SQUARE)
LATE = Mark("late", "timed out", "M0-5L5 4H-5Z")
OPEN = Mark("open", "left open", "M-4-5L4 0L-4 5", above=True)
GONE = Mark("gone", "abandoned by the client", "M-4 0H4", above=True)
OUT = Mark("stdout", "line on stdout", "M0-5V0", above=True)
ERROR = Mark("stderr", "line on stderr", "M0 0V5")

MARKS = (ANSWERED, ANNOUNCED, ENDED, OPEN, REFUSED, NO_ANSWER, RESET, CUT, UNSERVED, LATE, GONE, OUT, ERROR)
"""All marks, in the order of the legend and of stacked bars."""

_BY_OUTCOME = {
    Outcome.COMPLETE: ANSWERED,
    Outcome.COMPLETE_CLOSE: ANNOUNCED,
    Outcome.FIN: NO_ANSWER,
    Outcome.RST: RESET,
    Outcome.TRUNCATED: CUT,
    Outcome.MALFORMED: CUT,
    Outcome.REFUSED: REFUSED,
    Outcome.NOT_SERVED: UNSERVED,
    Outcome.TIMED_OUT: LATE,
    Outcome.CONNECT_TIMED_OUT: LATE,
    Outcome.IDLE_FIN: ENDED,
    Outcome.IDLE_RST: RESET,
    Outcome.IDLE_OPEN: OPEN,
    Outcome.ABANDONED: GONE,
}


def mark_of(outcome: Outcome) -> Mark:
    """The mark of an outcome."""
    return _BY_OUTCOME[outcome]
