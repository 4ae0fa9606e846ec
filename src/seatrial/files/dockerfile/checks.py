"""What BuildKit refuses in an instruction that could be split into words: counts, flags, names, durations.

One function per instruction; each raises BrokenError with a message, the place and a remedy for the first thing
wrong. Nothing is expanded here, so nothing is said about values that hold variables unless BuildKit says it at this
point, too. Source: buildkit's instructions/parse.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum

from seatrial.files.dockerfile.durations import parse_duration
from seatrial.files.dockerfile.heredocs import is_heredoc
from seatrial.files.dockerfile.syntax import Flag, Instruction, Word
from seatrial.model.patterns import pattern
from seatrial.model.place import Place

KEYWORDS = frozenset(
    {"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"}
    | {"ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
)
STAGE_NAME = pattern(r"[a-z][a-z0-9\-_.]*", re.ASCII)


class BrokenError(Exception):
    """Docker refuses the instruction."""

    def __init__(self, message: str, place: Place, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.remedy = remedy


class _Kind(Enum):
    TEXT = "takes one value"
    MANY = "takes a value each time"
    SWITCH = "is true or false"


_COPY_FLAGS = {"chown": _Kind.TEXT, "chmod": _Kind.TEXT, "link": _Kind.SWITCH, "exclude": _Kind.MANY}
_DURATIONS = ("interval", "timeout", "start-period", "start-interval")
_FLAGS: Mapping[str, Mapping[str, _Kind]] = {
    "ADD": {**_COPY_FLAGS, "keep-git-dir": _Kind.SWITCH, "checksum": _Kind.TEXT, "unpack": _Kind.SWITCH},
    "COPY": {**_COPY_FLAGS, "from": _Kind.TEXT, "parents": _Kind.SWITCH},
    "FROM": {"platform": _Kind.TEXT},
    "HEALTHCHECK": {**dict.fromkeys(_DURATIONS, _Kind.TEXT), "retries": _Kind.TEXT},
    "RUN": {"mount": _Kind.MANY, "network": _Kind.TEXT, "security": _Kind.TEXT, "device": _Kind.MANY},
}
_FLAGS_IGNORED = frozenset({"ARG", "STOPSIGNAL"})
"""BuildKit never looks at the flags of these."""


def check(instruction: Instruction) -> None:
    """Raises BrokenError if Docker refuses this instruction."""
    checker = _CHECKERS.get(instruction.keyword)
    if checker is None:
        shown = instruction.written[:40]
        raise BrokenError(f"unknown instruction: {shown}", instruction.keyword_place)
    checker(instruction)
    if not instruction.flags:
        return
    is_none = instruction.keyword == "HEALTHCHECK" and instruction.words[0].text.upper() == "NONE"
    if instruction.keyword not in _FLAGS_IGNORED and not is_none:
        _check_flags(instruction)


def suggestion(keyword: str) -> str:
    """What may have been meant instead of an unknown keyword; "" if nothing is near."""
    from difflib import get_close_matches  # late: only for files that are wrong

    near = get_close_matches(keyword[:20], sorted(KEYWORDS), 1)
    return (
        f"Did you mean {near[0]}?"
        if near
        else "If the line goes on from the one before, that one has to end in a backslash."
    )


def _check_flags(instruction: Instruction) -> None:
    known = _FLAGS.get(instruction.keyword, {})
    seen: set[str] = set()
    for flag in instruction.flags:
        kind = known.get(flag.name)
        if kind is None:
            takes = ", ".join(f"--{name}" for name in sorted(known)) or "none"
            raise BrokenError(f"unknown flag --{flag.name}", flag.place, f"{instruction.keyword} takes {takes}.")
        if flag.name in seen and kind is not _Kind.MANY:
            raise BrokenError(f"--{flag.name} is given twice", flag.place, "Remove one of them.")
        seen.add(flag.name)
        _check_flag_value(flag, kind)
    if instruction.keyword == "HEALTHCHECK":
        _check_health_flags(instruction)


def _check_flag_value(flag: Flag, kind: _Kind) -> None:
    if flag.value is None:
        if kind is not _Kind.SWITCH:
            raise BrokenError(f"--{flag.name} needs a value", flag.place, f"Write --{flag.name}=…")
    elif kind is _Kind.SWITCH and flag.value.lower() not in ("true", "false"):
        raise BrokenError(f"--{flag.name} is true or false, not {flag.value!r}", flag.place, f"Write --{flag.name}.")


def _check_health_flags(instruction: Instruction) -> None:
    for flag in instruction.flags:
        try:
            if flag.name in _DURATIONS:
                health_seconds(flag)
            else:
                health_retries(flag)
        except ValueError as error:
            raise BrokenError(f"--{flag.name}: {error}", flag.value_place or flag.place) from error


def health_seconds(flag: Flag) -> float:
    """The value of a duration flag in seconds; 0 means Docker's default. Raises ValueError."""
    seconds = parse_duration(flag.value) if flag.value else 0.0
    if seconds != 0 and seconds < 0.001:
        raise ValueError("can't be less than 1ms")
    return seconds


def health_retries(flag: Flag) -> int:
    """The value of --retries; 0 means Docker's default. Raises ValueError."""
    if not flag.value:
        return 0
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", flag.value):
        raise ValueError(f"{flag.value!r} is not a number")
    number = int(flag.value)
    if not 0 <= number < 2**31:
        raise ValueError(f"{flag.value} is out of range")
    return number


def _at_least_one(instruction: Instruction) -> None:
    if not instruction.words:
        raise BrokenError(f"{instruction.keyword} needs at least one argument", instruction.place)


def _exactly_one(instruction: Instruction) -> None:
    if len(instruction.words) != 1:
        raise BrokenError(f"{instruction.keyword} needs exactly one argument", instruction.place)


def _names(instruction: Instruction) -> None:
    _at_least_one(instruction)
    for pair in instruction.pairs:
        if not pair.name.text:
            raise BrokenError(f"{instruction.keyword} names can't be blank", pair.place)


def _copy(instruction: Instruction) -> None:
    if len(instruction.words) < 2:
        message = f"{instruction.keyword} needs a source and a destination"
        raise BrokenError(message, instruction.place, f"Write {instruction.keyword} source destination.")
    if is_heredoc(instruction.words[-1].text):
        raise BrokenError(f"{instruction.keyword} can't have a heredoc as its destination", instruction.words[-1].place)


def _from(instruction: Instruction) -> None:
    words = instruction.words
    if len(words) == 3 and words[1].text.lower() == "as":
        if not STAGE_NAME.fullmatch(words[2].text.lower()):
            message = f"invalid stage name {words[2].text[:60]!r}"
            raise BrokenError(
                message, words[2].place, "It begins with a letter, then letters, digits, - _ and . follow."
            )
    elif len(words) != 1:
        raise BrokenError(
            "FROM takes one or three arguments", instruction.place, "Write FROM image, or FROM image AS name."
        )


def _onbuild(instruction: Instruction) -> None:
    _at_least_one(instruction)
    trigger = instruction.trigger
    assert trigger is not None
    if trigger.keyword in ("ONBUILD", "MAINTAINER", "FROM"):
        raise BrokenError(f"{trigger.keyword} can't be triggered by ONBUILD", trigger.keyword_place)


def _volume(instruction: Instruction) -> None:
    _at_least_one(instruction)
    for word in instruction.words:
        if not word.text.strip():
            raise BrokenError("VOLUME can't be an empty string", word.place)


def _shell(instruction: Instruction) -> None:
    if not instruction.words:
        raise BrokenError("SHELL needs at least one argument", instruction.place)
    if not instruction.json:
        raise BrokenError(
            "SHELL takes the JSON form only", instruction.words[0].place, 'Write SHELL ["/bin/bash", "-c"].'
        )


def _healthcheck(instruction: Instruction) -> None:
    _at_least_one(instruction)
    kind: Word = instruction.words[0]
    if kind.text.upper() == "NONE":
        if len(instruction.words) > 1:
            raise BrokenError("HEALTHCHECK NONE takes no arguments", instruction.words[1].place)
    elif kind.text.upper() != "CMD":
        message = f"HEALTHCHECK can't be of type {kind.text[:40]!r}"
        raise BrokenError(message, kind.place, "Write HEALTHCHECK CMD command, or HEALTHCHECK NONE.")
    elif len(instruction.words) < 2:
        raise BrokenError("HEALTHCHECK CMD needs a command", instruction.place)


def _nothing(_instruction: Instruction) -> None:
    """CMD, ENTRYPOINT and RUN may even be empty."""


_CHECKERS: Mapping[str, Callable[[Instruction], None]] = {
    "ADD": _copy,
    "ARG": _names,
    "CMD": _nothing,
    "COPY": _copy,
    "ENTRYPOINT": _nothing,
    "ENV": _names,
    "EXPOSE": _at_least_one,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _names,
    "MAINTAINER": _exactly_one,
    "ONBUILD": _onbuild,
    "RUN": _nothing,
    "SHELL": _shell,
    "STOPSIGNAL": _exactly_one,
    "USER": _exactly_one,
    "VOLUME": _volume,
    "WORKDIR": _exactly_one,
}
