"""Health checks as the rules look at them: the commands, the addresses that they ask, the place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.model.documents import ShellCommand, Unit
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.values import dataclass

_ADDRESS = pattern(
    r"(https?)://(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\])(?::([^/?#\s\"']*))?(?=[/?#\s\"']|$)", re.I
)
_ALWAYS_TRUE = frozenset({"true", ":", "echo", "printf"})
_WORD = pattern(r"[^\s\"'|&;)]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """An address on this very machine that a command asks. `port` is None where a variable says it."""

    url: str
    port: int | None
    command: ShellCommand


def place(unit: Unit) -> Place | None:
    """Where the health check is written."""
    return unit.service.healthcheck.test.place if unit.service.healthcheck else None


def is_own(unit: Unit) -> bool:
    """Whether there is a check whose command the project's files say."""
    return bool(unit.health) and place(unit) is not None


def in_shell(unit: Unit) -> bool:
    """Whether a shell runs the check."""
    check = unit.service.healthcheck
    return check is not None and check.test.value[:1] == ("CMD-SHELL",)


def is_yes(command: ShellCommand) -> bool:
    """Whether this succeeds whatever came before it."""
    return command.program in _ALWAYS_TRUE or command.words == ("exit", "0")


def asked(unit: Unit) -> Iterator[Asked]:
    """The local addresses that curl, wget and the like are given."""
    for command in unit.health:
        for word in command.words[1:]:
            found = _ADDRESS.search(word)
            if found is not None:
                address = _WORD.match(word, found.start())
                yield Asked(address.group() if address else found.group(), _port(found), command)


def _port(found: re.Match[str]) -> int | None:
    text = found.group(3)
    if text is None or text == "":
        return 443 if found.group(1).lower() == "https" else 80
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
