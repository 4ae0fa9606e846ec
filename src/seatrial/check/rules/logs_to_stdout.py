"""logs-to-stdout: logs are written to stdout and stderr, and not into files of the container."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from seatrial.check import launch, source
from seatrial.check.interface import Bad, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.place import Sourced
from seatrial.model.source import LogFile

NAME = "logs-to-stdout"
_FLAGS = {"gunicorn": ("--access-logfile", "--error-logfile", "--log-file"), "hypercorn": ("--access-logfile",)}
_OUTPUTS = ("-", "/dev/stdout", "/dev/stderr", "/proc/")
_REMEDY = "write to stdout, and leave files to the log driver"


def _look(unit: Unit) -> Iterator[Wrong]:
    if launch.is_for_development(unit):
        return
    flagged = _flagged(unit)
    if flagged is not None:
        yield flagged
        return
    program = source.program_of(unit)
    found = [
        each
        for facts in (program.files if program else ())
        for each in facts.log_files
        if each.path and not each.conditional and not _is_mounted(unit, each.path)
    ]
    if found:
        yield _wrong(found)


def _wrong(found: list[LogFile]) -> Wrong:
    first, *others = found
    more = f", and {len(others)} more" if others else ""
    message = f"logs go into {first.path}{more} ({first.by}): they grow inside the container, and go with it"
    return Wrong(message, first.place, _REMEDY, related=tuple(Sourced(each.path, each.place) for each in others[:5]))


def _flagged(unit: Unit) -> Wrong | None:
    """A server's own option that names a file."""
    for link in launch.chain(unit):
        for index, word in enumerate(link.argv):
            name, equals, value = word.partition("=")
            if name not in _FLAGS.get(link.program, ()):
                continue
            path = value if equals else next(iter(link.argv[index + 1 : index + 2]), "")
            if path and not path.startswith(_OUTPUTS) and "$" not in path and not _is_mounted(unit, path):
                message = f"{link.program} {name} writes into {path}: it grows inside the container, and goes with it"
                return Wrong(message, link.place, f"{name}=-")
    return None


def _is_mounted(unit: Unit, path: str) -> bool:
    """Whether the file lies on a volume: then somebody meant it."""
    whole = posixpath.normpath(posixpath.join(unit.service.workdir.value or "/", path))
    targets = [mount.value.target for mount in unit.service.mounts]
    targets += [
        word.value
        for stage in unit.stages
        for each in stage.instructions
        if each.keyword == "VOLUME"
        for word in each.words
    ]
    return any(whole == target or whole.startswith(target.rstrip("/") + "/") for target in targets if target)


_FILES = {"Dockerfile": 'FROM node:22-slim\nWORKDIR /app\nCOPY . .\nCMD ["node", "a.js"]\n'}
_HEAD = 'const winston = require("winston")\n'
_BAD = _HEAD + 'winston.createLogger({ transports: [new winston.transports.File({ filename: "app.log" })] })\n'
_GOOD = _HEAD + "winston.createLogger({ transports: [new winston.transports.Console()] })\n"
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The program writes its logs to stdout and stderr.",
    why="A file inside the container grows until the disk of the host is full: no rotation of the engine's sees it. "
    "`docker logs` and every collector miss it, and at the next deployment it is gone. On a read-only root filesystem "
    "the program doesn't even start.",
    example=_BAD,
    instead=_GOOD,
    check=per_service(NAME, Severity.WARNING, _look, Confidence.MEDIUM),
    confidence=Confidence.MEDIUM,
    sources=("https://12factor.net/logs", "https://docs.docker.com/engine/logging/"),
    bad=(
        Bad({**_FILES, "a.js": _BAD}, "a.js:2:37", "app.log"),
        Bad(
            {
                "Dockerfile": 'FROM python:3.13\nCOPY . .\nCMD ["python", "a.py"]\n',
                "a.py": 'import logging\nh = logging.FileHandler("/var/log/a.log")\n',
            },
            "a.py:2:5",
            "/var/log/a.log (FileHandler)",
        ),
        Bad(
            {"Dockerfile": 'FROM python:3.13\nCMD ["gunicorn", "--access-logfile", "/a.log", "a:b"]\n'},
            "Dockerfile:2:5",
            "--access-logfile writes into /a.log",
        ),
    ),
    good=(
        Good({**_FILES, "a.js": _GOOD}),
        Good({**_FILES, "a.js": 'require("pino")(pino.destination("/dev/stdout"))\n'}),
        Good(
            {**_FILES, "a.js": _BAD, "compose.yaml": "services:\n  a:\n    build: .\n    volumes: ['logs:/app']\n"},
            "on a volume",
        ),
        Good({**_FILES, "a.js": "if (process.env.LOG_FILE) {\n" + _BAD + "}\n"}, "only if somebody asks for it"),
        Good({"Dockerfile": 'FROM python:3.13\nCMD ["gunicorn", "--access-logfile=-", "a:b"]\n'}),
    ),
)
