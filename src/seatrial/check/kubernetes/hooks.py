"""What a preStop hook does, as far as its words say. Pure."""

from __future__ import annotations

from seatrial.check import images, launch
from seatrial.check.kubernetes import Seen, shell_of
from seatrial.model.kubernetes import Container, Handler
from seatrial.model.patterns import pattern
from seatrial.model.service import shell_line_of

_SLEEP = pattern(r"(?:^|[\s;&(])(?:/bin/|/usr/bin/)?sleep\s+[\"']?(\d{1,6}(?:\.\d{1,3})?)([smh]?)[\"']?(?=$|[\s;&)])")
_UNSURE = pattern(r"\b(?:while|until|for|if|case)\b|\|\||\$\(|`")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_of(hook: Handler) -> float | None:
    """How long it sleeps at least; None where that isn't known."""
    if hook.kind == "sleep":
        return float(hook.seconds)
    if hook.kind != "exec":
        return None
    line = shell_line_of(hook.command)
    if not line:
        program = hook.command[0].rpartition("/")[2] if hook.command else ""
        line = " ".join(["sleep", *hook.command[1:]]) if program == "sleep" else ""
    if _UNSURE.search(line):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _SLEEP.findall(line))


def fault(seen: Seen, container: Container, hook: Handler) -> str:
    """Why the hook can't work, "" if nothing speaks against it."""
    if hook.kind != "exec" or not hook.command:
        return ""
    program = hook.command[0]
    if " " in program and not program.startswith("/") and len(hook.command) == 1:
        return f"no program is called {program!r}: exec gets no shell that would split it"
    name = program.rpartition("/")[2]
    if name in launch.SHELLS | {"sleep"} and shell_of(seen, container) == images.NO_SHELL:
        image = container.image.value if container.image else ""
        return f"the image {image} has no {name}"
    return ""
