"""log-rotation: log files do not grow for ever."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import services
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, over, task
from seatrial.check.manifests import of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity

NAME = "log-rotation"
_REMEDY = 'logging: {driver: local}, or json-file with options max-size: "10m" and max-file: "3"'


def _look(unit: Unit) -> Iterator[Wrong]:
    said = unit.service.logging
    if unit.compose is None or not unit.compose.open_keys.isdisjoint(("driver", "max-size")):
        return
    if said is None:
        message = f"the log of {unit.service.name} is never rotated unless the daemon's own configuration says so"
        yield Wrong(message, unit.compose.place, _REMEDY, confidence=Confidence.MEDIUM)
        return
    driver, options = said.value.driver or "json-file", said.value.options
    if driver != "json-file" or "max-size" in options:
        return
    if "max-file" in options:
        message = "max-file does nothing without max-size: the first log file grows for ever"
        yield Wrong(message, said.place, 'add max-size: "10m"')
    else:
        message = f"the log of {unit.service.name} is never rotated unless the daemon's own configuration says so"
        yield Wrong(message, said.place or unit.compose.place, _REMEDY, confidence=Confidence.MEDIUM)


_WEB = "services:\n  web:\n    image: nginx:1.27\n"
_LOGGING = "    logging:\n      driver: json-file\n      options:\n        {}\n"
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A service logs with rotation: the driver `local`, or `json-file` with max-size and max-file.",
    why="Docker's default, json-file without options, keeps every line for ever: the disk is full one day, and then "
    "everything on the machine stops. max-file without max-size changes nothing.",
    example=_WEB,
    instead=_WEB + _LOGGING.format("{max-size: 10m, max-file: '3'}"),
    check=of_tasks(over(NAME, Severity.WARNING, services.production, _look), NAME, Severity.WARNING, "logs_rotated"),
    fix_safety=FixSafety.SAFE,
    fix_note="A logging section with max-size and max-file is added.",
    sources=(
        "https://docs.docker.com/engine/logging/drivers/json-file/",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    many="the logs of {count} services are never rotated unless the daemon's own configuration says so: {names}",
    bad=(
        Bad({"compose.yaml": _WEB}, "compose.yaml:2:3", "never rotated"),
        Bad({"compose.yaml": _WEB + _LOGGING.format('max-file: "3"')}, "compose.yaml:5:7", "max-file"),
        Bad(
            {"task.json": task('"essential": true')["task.json"].replace("logConf", "xlogConf")},
            "task.json:2:12",
            "never rotated",
        ),
    ),
    good=(
        Good({"compose.yaml": _WEB + _LOGGING.format("max-size: 10m")}),
        Good({"compose.yaml": _WEB + "    logging:\n      driver: local\n"}),
        Good({"compose.yaml": _WEB + "    logging:\n      driver: ${LOG_DRIVER}\n"}, "whoever runs it says so"),
        Good({"compose.yaml": _WEB + "    logging:\n      driver: journald\n"}),
        Good(task('"essential": true')),
    ),
)
