"""log-driver-readable: `docker logs` works, or somebody chose that it doesn't."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.interface import FARGATE, Bad, FixSafety, Good, Rule, Wrong, per_service, task
from seatrial.check.manifests import of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity

NAME = "log-driver-readable"
_REMOTE = frozenset({"syslog", "gelf", "fluentd", "awslogs", "splunk", "etwlogs", "gcplogs", "logentries"})


def _look(unit: Unit) -> Iterator[Wrong]:
    said = unit.service.logging
    if said is None:
        return
    if said.value.driver == "none":
        message = f"the log driver of {unit.service.name} is none: what it says when it fails is lost"
        yield Wrong(message, said.place, "driver: local keeps the last 100 MB")
    elif said.value.driver in _REMOTE and said.value.options.get("cache-disabled", "").lower() == "true":
        message = f"with {said.value.driver} and cache-disabled, `docker logs` shows nothing"
        yield Wrong(message, said.place, "leave cache-disabled out")


_WEB = "services:\n  web:\n    image: nginx:1.27\n    logging:\n      driver: {}\n"
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="`docker logs` can read what the service wrote; a driver for which it can't is a deliberate choice.",
    why="When a service fails, its last lines are what one needs. The driver `none` throws them away. Remote drivers "
    "are readable through the engine's cache since Docker 20.10, unless that is switched off. On Fargate, what a "
    "container without logConfiguration writes is kept nowhere.",
    example=_WEB.format("none"),
    instead=_WEB.format("local"),
    check=of_tasks(per_service(NAME, Severity.INFO, _look), NAME, Severity.INFO, "logs_kept"),
    fix_safety=FixSafety.NONE,
    sources=(
        "https://docs.docker.com/engine/logging/dual-logging/",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    bad=(
        Bad({"compose.yaml": _WEB.format("none")}, "compose.yaml:5:7", "lost"),
        Bad(
            {"compose.yaml": _WEB.format("gelf") + '      options:\n        cache-disabled: "true"\n'},
            "compose.yaml:5:7",
            "shows nothing",
        ),
        Bad(
            {"task.json": task('"essential": true', FARGATE)["task.json"].replace("logConf", "xlogConf")},
            "task.json:2:12",
            "kept nowhere",
        ),
    ),
    good=(
        Good({"compose.yaml": _WEB.format("local")}),
        Good({"compose.yaml": _WEB.format("gelf")}, "the engine's cache is read"),
        Good(task('"essential": true', FARGATE)),
    ),
)
