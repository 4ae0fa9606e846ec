"""logs-structured: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Bad, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.source import Logger, Program

NAME = "logs-structured"
_MANY = 8
"""So many bare prints are its log, and no left-overs."""
_LOGGERS = (
    *("pino", "winston", "bunyan", "log4js", "loglevel", "signale", "consola", "roarr", "tslog", "npmlog", "tracer"),
    *("logger", "logging", "structlog", "loguru", "jsonlogger", "json_log", "ecs_logging", "logbook", "opentelemetry"),
    *("applicationinsights", "dd-trace", "ddtrace", "sentry"),
)
"""Parts of the names of packages that log."""


def _look(unit: Unit) -> Iterator[Wrong]:
    program = source.program_of(unit)
    if program is None or (source.is_own_program(program) and source.serves_at(program) is None):
        return
    loggers = [each for facts in program.files for each in facts.loggers]
    plain = next((each for each in loggers if each.is_structured is False), None)
    if any(each.is_structured is not False for each in loggers):
        return
    if plain is not None:
        yield from _plain(program, plain)
    elif not any(part in name for name in program.external for part in _LOGGERS):
        yield from _printed(program)


def _plain(program: Program, logger: Logger) -> Iterator[Wrong]:
    others = {"structlog", "pythonjsonlogger", "loguru", "json_log_formatter", "ecs_logging", "opentelemetry"}
    if logger.library == "logging" and any(name.partition(".")[0] in others for name in program.external):
        return
    remedy = (
        "winston.format.json()" if logger.library == "winston" else "a JSON formatter: python-json-logger, structlog"
    )
    message = f"{logger.library} is set up to write plain text: a collector can't tell level, time and message apart"
    yield Wrong(message, logger.place, remedy)


def _printed(program: Program) -> Iterator[Wrong]:
    count = sum(facts.print_count for facts in program.files)
    first = next((facts for facts in program.files if facts.prints), None)
    if first is None or count < _MANY:
        return
    call = "print" if first.language == "python" else "console.log"
    message = f"{call} and its like are the log ({count} of them): lines of text without level or time"
    remedy = "a logger that writes JSON: pino" if first.language != "python" else "a logger that writes JSON: structlog"
    yield Wrong(message, first.prints[0], remedy)


_FILES = {"Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n'}
_SERVER = 'const http = require("http")\nconst server = http.createServer(f)\nserver.listen(3000)\n'
_PRINTS = 'console.log("a")\n' * _MANY
_WINSTON = 'const winston = require("winston")\n'
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="Each log line is one JSON object with level, time and message.",
    why="Whoever looks for the errors of one request among a million lines needs fields. A stack trace that spans "
    "thirty lines of text becomes thirty entries in a collector; a JSON object stays one.",
    example=_SERVER + 'console.log("user " + id + " logged in")\n',
    instead=_SERVER + 'const log = require("pino")()\nlog.info({ user: id }, "logged in")\n',
    check=per_service(NAME, Severity.INFO, _look, Confidence.MEDIUM),
    confidence=Confidence.MEDIUM,
    sources=("https://getpino.io/", "https://www.structlog.org/"),
    many="{count} services log lines of text without level or time: {names}",
    bad=(
        Bad({**_FILES, "a.js": _SERVER + _PRINTS}, "a.js:4:1", "8 of them"),
        Bad(
            {**_FILES, "a.js": _WINSTON + _SERVER + "winston.createLogger({ format: winston.format.simple() })\n"},
            "a.js:5:1",
            "winston is set up",
        ),
    ),
    good=(
        Good({**_FILES, "a.js": _SERVER + 'console.log("up")\n'}, "it says no more than that it is up"),
        Good({**_FILES, "a.js": 'const log = require("pino")()\n' + _SERVER + _PRINTS}),
        Good({**_FILES, "a.js": _WINSTON + _SERVER + "winston.createLogger({})\n"}, "JSON is winston's default"),
        Good({**_FILES, "a.js": _PRINTS}, "it is no server"),
    ),
)
