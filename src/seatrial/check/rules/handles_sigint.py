"""handles-sigint: Ctrl-C stops the program as the stop signal does."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Bad, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity

NAME = "handles-sigint"


def _look(unit: Unit) -> Iterator[Wrong]:
    program = source.program_of(unit)
    if program is None or program.runner != "node" or source.stop_signal(unit) != "SIGTERM":
        return
    handled = [handler for _, handler in source.handlers_of(program, "SIGTERM") if handler.by == "process.on"]
    if not handled or source.may_handle(program, "SIGINT") or source.serves_at(program) is None:
        return
    message = (
        "SIGTERM is handled, and SIGINT is not: Ctrl-C on `docker run -it` does nothing, or cuts what is in flight"
    )
    yield Wrong(message, handled[0].place, 'the same handler for "SIGINT"')


_DOCKERFILE = 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n'
_SERVER = 'const http = require("http")\nconst server = http.createServer(f)\nserver.listen(3000)\n'
_TERM = 'process.on("SIGTERM", stop)\n'


def _files(text: str) -> dict[str, str]:
    return {"Dockerfile": _DOCKERFILE, "a.js": text}


RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="A program that handles the stop signal handles SIGINT in the same way.",
    why="On a terminal Ctrl-C sends SIGINT. As PID 1 a program without a handler doesn't get it, so that "
    "`docker run -it` can't be stopped from its own terminal; elsewhere it dies in the middle of its requests.",
    example=_SERVER + _TERM,
    instead=_SERVER + 'for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, stop)\n',
    check=per_service(NAME, Severity.INFO, _look, Confidence.MEDIUM),
    confidence=Confidence.MEDIUM,
    sources=("https://nodejs.org/api/process.html#signal-events",),
    consequence_of=("handles-sigterm",),
    bad=(Bad(_files(_SERVER + _TERM), "a.js:4:1", "SIGINT is not"),),
    good=(
        Good(_files(_SERVER + _TERM + _TERM.replace("TERM", "INT"))),
        Good(_files(_SERVER + 'for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, stop)\n')),
        Good(_files(_SERVER + '["SIGTERM", "SIGINT"].forEach((s) => process.on(s, stop))\n')),
        Good(_files(_SERVER + _TERM + 'process.on("SIGINT", () => process.emit("SIGTERM"))\n')),
        Good(_files(_SERVER), "that nothing is handled is another requirement's"),
    ),
)
