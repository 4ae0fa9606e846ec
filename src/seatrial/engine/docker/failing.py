"""What an engine's refusal to start a container means. Pure."""

from __future__ import annotations

import re

from seatrial.engine.contract import exit_codes
from seatrial.engine.interface import StartError

_EXECUTION = re.compile(r'exec: "(?P<program>[^"]*)": (?P<why>[^:]+(?:: [^:]+)?)|exec (?P<path>/\S+): (?P<reason>.+)')
_LIMIT = "error setting rlimit"
_TOO_HIGH = "its `ulimits` ask for more than the engine itself may have: lower them"
_MORE = "docker events, and the engine's own log, say more"
_NOT_FOUND = ("not found", "no such file or directory", "not a directory")
_NOT_EXECUTABLE = ("permission denied", "is a directory", "exec format error", "operation not permitted")


def start_failure(text: str) -> tuple[int, str]:
    """The exit code and the reason where the command could not be executed. StartError where the engine failed."""
    found = _EXECUTION.search(text)
    if found is None:
        raise StartError("start", text, hint=_TOO_HIGH if _LIMIT in text else _MORE)
    words = found.group("why") or found.group("reason")
    program = found.group("program") or found.group("path")
    if any(word in words for word in _NOT_FOUND):
        return exit_codes.NOT_FOUND, f"{program}: {words}"
    if any(word in words for word in _NOT_EXECUTABLE):
        return exit_codes.NOT_EXECUTABLE, f"{program}: {words}"
    return exit_codes.START_FAILED, f"{program}: {words}"
