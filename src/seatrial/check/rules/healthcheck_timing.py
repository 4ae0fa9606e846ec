"""healthcheck-timing: interval, time-out and retries fit one another."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service, task
from seatrial.check.manifests import also, of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.place import Place
from seatrial.model.service import Healthcheck

NAME = "healthcheck-timing"
_DEFAULT_SECONDS = 30.0
_DEFAULT_RETRIES = 3
NOTICED_SOON = 120.0
"""Seconds up to which it does no harm that a check may last longer than the pause between two."""
LONGEST = 300.0
"""Seconds after which a service that hangs should have been noticed."""


def _look(unit: Unit) -> Iterator[Wrong]:
    check = unit.service.healthcheck
    if check is None or check.is_disabled or launch.is_for_development(unit):
        return
    interval = check.interval.value or _DEFAULT_SECONDS
    timeout = check.timeout.value or _DEFAULT_SECONDS
    retries = check.retries.value or _DEFAULT_RETRIES
    noticed = retries * (interval + timeout)
    if timeout > interval and noticed > NOTICED_SOON and check.timeout.place and check.interval.place:
        message = (
            f"the time-out ({timeout:g} s) is longer than the interval ({interval:g} s): "
            f"a service that hangs is noticed after {noticed:.0f} s"
        )
        yield Wrong(message, check.timeout.place, "let the time-out be shorter than the interval")
        return
    place = _longest_place(check)
    if noticed > LONGEST and place is not None:
        sum_shown = f"{retries} × ({interval:g} + {timeout:g}) s"
        message = f"a service that hangs is noticed after up to {noticed / 60:.0f} min: {sum_shown}"
        yield Wrong(message, place, "check every 10 to 30 s, with a time-out of some seconds")


def _longest_place(check: Healthcheck) -> Place | None:
    return check.interval.place or check.timeout.place or check.retries.place


_FROM = "FROM node:22\nHEALTHCHECK {} CMD curl -f http://localhost/\n"
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
    "        livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 60, failureThreshold: TIMES}\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="The time-out is shorter than the interval, and a hung service is noticed within some minutes.",
    why="The next check begins an interval after the last has ended, so a long time-out makes every check rare just "
    "when the service hangs. Interval and time-out times retries is how long a dead service is sent requests.",
    example=_FROM.format("--interval=5m --timeout=30s"),
    instead=_FROM.format("--interval=15s --timeout=3s --start-period=20s"),
    check=of_tasks(
        also(per_service(NAME, Severity.INFO, _look), NAME, Severity.INFO, "health.timing"),
        NAME,
        Severity.INFO,
        "health_timing",
    ),
    fix_safety=FixSafety.UNSAFE,
    fix_note="The drill measures how long the service needs, and proposes times for it.",
    sources=(
        "https://docs.docker.com/reference/dockerfile/#healthcheck",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    consequence_of=("healthcheck-detects-failure", "healthcheck-tool-present"),
    bad=(
        Bad({"Dockerfile": _FROM.format("--interval=15s --timeout=30s")}, "Dockerfile:2:38", "after 135 s"),
        Bad({"Dockerfile": _FROM.format("--interval=5m")}, "Dockerfile:2:24", "min"),
        Bad(
            task('"healthCheck": {"command": ["CMD-SHELL", "b || exit 1"], "timeout": 90}'),
            "task.json:3:69",
            "takes 2 to 60",
        ),
        Bad(
            task('"healthCheck": {"command": ["CMD-SHELL", "b || exit 1"], "interval": 300}'),
            "task.json:3:70",
            "15 min",
        ),
        Bad({"web.yaml": _POD.replace("TIMES", "10")}, "web.yaml:10:63", "after up to 10 min: 10 × 60 s"),
    ),
    good=(
        Good({"Dockerfile": _FROM.format("--interval=10s --timeout=3s")}),
        Good({"Dockerfile": _FROM.format("--interval=3s --timeout=5s")}, "noticed after 24 s all the same"),
        Good({"Dockerfile": _FROM.format("--interval=10s")}, "the default time-out is nobody's word"),
        Good({"Dockerfile": _FROM.format("")}),
        Good(task('"healthCheck": {"command": ["CMD-SHELL", "b || exit 1"], "interval": 15, "startPeriod": 60}')),
        Good({"web.yaml": _POD.replace("TIMES", "3")}),
    ),
)
