"""handles-sigterm: the program's own source handles the stop signal, and lets requests end."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch, source
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.place import Sourced
from seatrial.model.source import Program

NAME = "handles-sigterm"
_NODE_REMEDY = (
    'process.on("SIGTERM", () => server.close(() => process.exit(0))); server.closeIdleConnections() after the '
    "last response, and a timer below the grace period that exits"
)
_PYTHON_REMEDY = "run it by a server that drains (gunicorn, uvicorn, granian), or handle signal.SIGTERM"


def _look(unit: Unit) -> Iterator[Wrong]:
    program = source.program_of(unit)
    if program is None or not source.is_own_program(program):
        return
    signal = source.stop_signal(unit)
    if program.runner == "python" and signal == "SIGINT":
        return  # Python raises KeyboardInterrupt
    if any(True for _ in source.handlers_of(program, signal)):
        yield from _cut_off(program, signal)
    elif not source.may_handle(program, signal):
        yield from _missing(unit, program, signal)


def _cut_off(program: Program, signal: str) -> Iterator[Wrong]:
    """A handler that ends the program without waiting for what is in flight."""
    if program.runner != "node" or source.serves_at(program) is None or source.is_worker(program):
        return
    for facts, handler in source.handlers_of(program, signal):
        ended = handler.actions.exit
        if facts.language == "python" or ended is None or not ended.at_once:
            continue
        after = "right behind server.close(), which doesn't wait" if handler.actions.closes else "at once"
        message = f"the handler of {signal} exits {after}: every request in flight is cut"
        related = (Sourced("the handler", handler.place),) if handler.place != ended.place else ()
        yield Wrong(message, ended.place, "server.close(() => process.exit(0))", related=related)
        return


def _missing(unit: Unit, program: Program, signal: str) -> Iterator[Wrong]:
    place = source.serves_at(program)
    if place is None:
        return
    other = "SIGINT" if signal != "SIGINT" else "SIGTERM"
    others = [handler for _, handler in source.handlers_of(program, other)]
    happens = _consequence(unit, program)
    started = launch.command_place(unit)
    related = (Sourced("the command that starts it", started),) if started else ()
    if others:
        message = f"{other} is handled, and {signal}, which a stop sends, is not: {happens}"
        remedy = f'the same handler for "{signal}"'
        yield Wrong(message, others[0].place, remedy, confidence=Confidence.HIGH, related=related)
        return
    is_nest = any(server.kind == "nest" for facts in program.files for server in facts.servers)
    remedy = "app.enableShutdownHooks()" if is_nest else _NODE_REMEDY
    message = f"nothing handles {signal}: {happens}"
    yield Wrong(message, place, remedy if program.runner == "node" else _PYTHON_REMEDY, related=related)


def _consequence(unit: Unit, program: Program) -> str:
    lost = "jobs" if source.is_worker(program) else "requests in flight"
    if source.is_behind_init(unit):
        return f"behind the init it dies at once, and its {lost} with it"
    if len(launch.chain(unit)) > 1:
        return f"a stop cuts its {lost}, at once or after the whole grace period"
    return "as PID 1 it ignores the signal, so every stop takes the whole grace period and ends in SIGKILL"


_DOCKERFILE = 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n'
_SERVER = 'const http = require("http")\nconst server = http.createServer(f)\nserver.listen(3000)\n'
_HANDLER = 'process.on("SIGTERM", () => server.close(() => process.exit(0)))\n'
_FLASK = "from flask import Flask\napp = Flask(__name__)\napp.run()\n"
_START = '{"scripts": {"start": "node a.js"}}'


def _node(source_text: str, command: str = _DOCKERFILE) -> dict[str, str]:
    return {"Dockerfile": command, "a.js": source_text}


RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The program's source has a handler for the stop signal that lets requests end, or its server has one.",
    why="The kernel gives PID 1 no signal that it has no handler for: `docker stop` waits for the whole grace period "
    "and kills, with every request in flight, on each deployment. Behind an init the same program dies at once, with "
    "the same loss. A handler that calls process.exit() straight away loses them, too.",
    example=_SERVER,
    instead=_SERVER + _HANDLER,
    check=per_service(NAME, Severity.WARNING, _look, Confidence.MEDIUM),
    confidence=Confidence.MEDIUM,
    fix_safety=FixSafety.UNSAFE,
    fix_note="What has to end before the program may is known to its author.",
    sources=(
        "https://man7.org/linux/man-pages/man7/pid_namespaces.7.html",
        "https://nodejs.org/api/process.html#signal-events",
    ),
    bad=(
        Bad(_node(_SERVER), "a.js:3:1", "as PID 1 it ignores the signal"),
        Bad(_node(_SERVER + 'process.on("SIGINT", stop)\n'), "a.js:4:1", "SIGINT is handled, and SIGTERM"),
        Bad(_node(_SERVER + 'process.on("SIGTERM", () => process.exit(0))\n'), "a.js:4:29", "at once"),
        Bad(
            _node(_SERVER + 'process.on("SIGTERM", () => { server.close(); process.exit() })\n'),
            "a.js:4:47",
            "right behind server.close()",
        ),
        Bad(
            {**_node(_SERVER, 'FROM node:22\nCMD ["npm", "start"]\n'), "package.json": _START},
            "a.js:3:1",
            "a stop cuts",
        ),
        Bad({"Dockerfile": 'FROM python:3.13\nCMD ["python", "a.py"]\n', "a.py": _FLASK}, "a.py:3:1", "SIGTERM"),
        Bad(
            {"Dockerfile": _DOCKERFILE.replace("a.js", "dist/a.js"), "src/a.ts": _SERVER},
            "src/a.ts:3:1",
            "nothing handles",
        ),
    ),
    good=(
        Good(_node(_SERVER + _HANDLER)),
        Good({**_node('require("./stop")\n' + _SERVER), "stop.js": _HANDLER}, "another file of the program's"),
        Good(_node(_SERVER + 'for (const s of ["SIGTERM", "SIGINT"]) process.on(s, stop)\n')),
        Good(_node('const { createTerminus } = require("@godaddy/terminus")\n' + _SERVER), "a library does"),
        Good(_node("require(plugin)\n" + _SERVER), "what is loaded isn't known"),
        Good(_node('console.log("done")\n'), "it doesn't serve"),
        Good({"Dockerfile": 'FROM python:3.13\nCMD ["gunicorn", "a:app"]\n', "a.py": _FLASK}, "gunicorn has a handler"),
        Good(_node(_SERVER + 'process.on("SIGINT", stop)\n', _DOCKERFILE + "STOPSIGNAL SIGINT\n")),
        Good(
            {"Dockerfile": 'FROM python:3.13\nSTOPSIGNAL SIGINT\nCMD ["python", "a.py"]\n', "a.py": _FLASK},
            "Python itself has a handler for SIGINT",
        ),
    ),
)
