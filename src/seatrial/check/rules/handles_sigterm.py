"""handles-sigterm: the program's own source handles the stop signal, and lets requests end."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch, services, source
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
_BUN_REMEDY = (
    'process.on("SIGTERM", async () => { await server.stop(); process.exit(0) }), and a timer below the grace period '
    "that exits"
)
_PYTHON_REMEDY = "run it by a server that drains (gunicorn, uvicorn, granian), or handle signal.SIGTERM"

_LIBRARY_REMEDY = "STOPSIGNAL SIGINT, at which it ends; for production a server that drains (nginx, caddy, gunicorn)"


def _look(unit: Unit) -> Iterator[Wrong]:
    if launch.library_server(unit):
        yield from _of_library(unit)
        return
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


def _of_library(unit: Unit) -> Iterator[Wrong]:
    """A server of Python's own library: that it handles nothing is known without any source."""
    signal = source.stop_signal(unit)
    if signal == "SIGINT" or launch.is_for_development(unit) or services.is_job(unit, ()):
        return
    message = f"python -m {launch.library_server(unit)} does not handle {signal}: {_consequence(unit)}"
    yield Wrong(message, launch.command_place(unit), _LIBRARY_REMEDY, confidence=Confidence.HIGH)


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
        remedy = (
            "await server.stop(); process.exit(0)" if _is_of(program, "bun") else "server.close(() => process.exit(0))"
        )
        yield Wrong(message, ended.place, remedy, related=related)
        return


def _missing(unit: Unit, program: Program, signal: str) -> Iterator[Wrong]:
    place = source.serves_at(program)
    if place is None:
        return
    other = "SIGINT" if signal != "SIGINT" else "SIGTERM"
    others = [handler for _, handler in source.handlers_of(program, other)]
    happens = _consequence(unit, "jobs" if source.is_worker(program) else "requests in flight")
    started = launch.command_place(unit)
    related = (Sourced("the command that starts it", started),) if started else ()
    if others:
        message = f"{other} is handled, and {signal}, which a stop sends, is not: {happens}"
        remedy = f'the same handler for "{signal}"'
        yield Wrong(message, others[0].place, remedy, confidence=Confidence.HIGH, related=related)
        return
    yield Wrong(f"nothing handles {signal}: {happens}", place, _remedy(program), related=related)


def _remedy(program: Program) -> str:
    if program.runner != "node":
        return _PYTHON_REMEDY
    if _is_of(program, "nest"):
        return "app.enableShutdownHooks()"
    return _BUN_REMEDY if _is_of(program, "bun") else _NODE_REMEDY


def _is_of(program: Program, kind: str) -> bool:
    return any(server.kind == kind for facts in program.files for server in facts.servers)


def _consequence(unit: Unit, lost: str = "requests in flight") -> str:
    if source.is_behind_init(unit):
        return f"behind the init it dies at once, and its {lost} with it"
    if len(launch.chain(unit)) > 1:
        return f"a stop cuts its {lost}, at once or after the whole grace period"
    return "as PID 1 it ignores the signal, so every stop takes the whole grace period and ends in SIGKILL"


_DOCKERFILE = 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n'
_SERVER = 'const http = require("http")\nconst server = http.createServer(f)\nserver.listen(3000)\n'
_HANDLER = 'process.on("SIGTERM", () => server.close(() => process.exit(0)))\n'
_AT_ONCE = 'process.on("SIGTERM", () => process.exit(0))\n'
_FLASK = "from flask import Flask\napp = Flask(__name__)\napp.run()\n"
_LIBRARY = 'FROM python:3.13\nCMD ["python", "-m", "http.server", "8000"]\n'
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
        Bad(_node(_SERVER + _AT_ONCE), "a.js:4:29", "at once"),
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
        Bad({"Dockerfile": _LIBRARY}, "Dockerfile:2:5", "http.server does not handle SIGTERM: as PID 1"),
        Bad(
            {"compose.yaml": "services:\n  web:\n    image: python:3.13\n    command: python3 -m http.server\n"},
            "compose.yaml:4:14",
            "http.server",
        ),
        Bad(
            _node(_SERVER + 'process.on("SIGTERM", () => process.emit("SIGINT"))\n' + _AT_ONCE.replace("TERM", "INT")),
            "a.js:5:28",
            "at once",
        ),
    ),
    good=(
        Good(_node(_SERVER + _HANDLER)),
        Good(
            _node(_SERVER + 'process.on("SIGTERM", () => process.emit("SIGINT"))\n' + _HANDLER.replace("TERM", "INT")),
            "what it emits is handled",
        ),
        Good(_node(_SERVER + '["SIGTERM", "SIGINT"].forEach((s) => process.on(s, stop))\n')),
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
        Good({"Dockerfile": _LIBRARY + "STOPSIGNAL SIGINT\n"}),
        Good({"Dockerfile": 'FROM python:3.13\nCMD ["python", "-m", "json.tool"]\n'}, "it doesn't serve"),
    ),
)
