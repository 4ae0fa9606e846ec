"""grace-period-fits: the time that a server gives its requests at the stop is shorter than the grace period."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.check import launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.place import Place, Sourced

NAME = "grace-period-fits"
_FLAGS = {
    "gunicorn": ("--graceful-timeout",),
    "uvicorn": ("--timeout-graceful-shutdown",),
    "hypercorn": ("--graceful-timeout",),
    "granian": ("--workers-kill-timeout",),
}
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,3})?")


@dataclass(frozen=True, slots=True)
class _Patience:
    """How long a server lets requests go on after the stop signal, in seconds, and who says so."""

    seconds: float
    by: str
    place: Place | None


def _look(unit: Unit) -> Iterator[Wrong]:
    grace = unit.service.stop_grace
    if unit.compose is None or launch.is_for_development(unit):
        return
    if grace is not None and grace.value < 1:
        message = f"a grace period of {grace.value:g} s: every stop kills the service in the middle of its requests"
        yield Wrong(message, grace.place, "stop_grace_period: 30s, or as long as the longest request")
        return
    patience = _patience(unit)
    if patience is None or patience.seconds < unit.service.effective_grace:
        return
    said = f"stop_grace_period is {grace.value:g} s" if grace else "without stop_grace_period it is killed after 10 s"
    message = f"{patience.by} gives requests {patience.seconds:g} s to end, and {said}"
    place = grace.place if grace else unit.compose.place
    related = (Sourced(patience.by, patience.place),) if patience.place and patience.place != place else ()
    yield Wrong(message, place, f"stop_grace_period: {patience.seconds + 5:g}s", related=related)


def _patience(unit: Unit) -> _Patience | None:
    links = launch.chain(unit)
    if not links:
        return None
    argv, program = links[-1].argv, links[-1].program
    if program.startswith("python") and argv[1:2] == ("-m",) and argv[2:3]:
        program = argv[2]
    for flag in _FLAGS.get(program, ()):
        seconds = _value(argv, flag)
        if seconds is not None:
            return _Patience(seconds, f"{program} {flag}", links[-1].place)
    variable = unit.service.environment.get("GUNICORN_CMD_ARGS") if program == "gunicorn" else None
    seconds = _value(tuple(variable.value.split()), "--graceful-timeout") if variable else None
    return _Patience(seconds, "GUNICORN_CMD_ARGS", variable.place) if variable and seconds is not None else None


def _value(argv: tuple[str, ...], flag: str) -> float | None:
    for index, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name == flag:
            text = value if equals else argv[index + 1] if index + 1 < len(argv) else ""
            return float(text) if _NUMBER.fullmatch(text) else None
    return None


_DOCKERFILE = 'FROM python:3.13-slim\nCMD ["gunicorn", "--graceful-timeout", "60", "a:b"]\n'
_WEB = "services:\n  web:\n    build: .\n"
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A server's own time limit for its shutdown is shorter than the grace period of the engine.",
    why="The engine sends the stop signal, waits for the grace period (10 s where compose says nothing), and kills. A "
    "server that lets requests go on for longer than that never reaches its own limit: its requests are cut in the "
    "middle, its clean-up does not run, and the exit code is 137.",
    example=_DOCKERFILE + "# compose.yaml: no stop_grace_period\n",
    instead=_WEB + "    stop_grace_period: 65s\n",
    check=per_service(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="stop_grace_period is set to the server's limit and 5 s more.",
    sources=("https://docs.docker.com/reference/compose-file/services/#stop_grace_period",),
    bad=(
        Bad({"Dockerfile": _DOCKERFILE, "compose.yaml": _WEB}, "compose.yaml:2:3", "60 s"),
        Bad(
            {"Dockerfile": _DOCKERFILE, "compose.yaml": _WEB + "    stop_grace_period: 30s\n"},
            "compose.yaml:4:24",
            "is 30 s",
        ),
        Bad(
            {
                "compose.yaml": "services:\n  web:\n    image: a:1\n    stop_grace_period: 0s\n",
            },
            "compose.yaml:4:24",
            "kills",
        ),
    ),
    good=(
        Good({"Dockerfile": _DOCKERFILE, "compose.yaml": _WEB + "    stop_grace_period: 65s\n"}),
        Good({"Dockerfile": _DOCKERFILE.replace("60", "5"), "compose.yaml": _WEB}),
        Good({"Dockerfile": _DOCKERFILE}, "who runs it says the grace period"),
    ),
)
