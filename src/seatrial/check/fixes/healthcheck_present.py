"""Fix for healthcheck-present: a check with what the image has, of an address that the source answers on, or of the
port where none is known."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch, services, source
from seatrial.check.fixes import health_commands
from seatrial.check.fixes.commands import exec_form
from seatrial.check.fixes.compose_block import with_key
from seatrial.check.fixes.dockerfile_edits import before_command
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import TODO, Value, What
from seatrial.check.interface import Context
from seatrial.check.rules import healthcheck_port as rule
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

_TIMES = {"interval": "15s", "timeout": "3s", "start_period": "30s"}
_TODO = "healthcheck-present: ask an address that says that the program is well"
_PATHS = (
    "/livez",
    "/healthz",
    "/health",
    "/health/live",
    "/live",
    "/alive",
    "/ping",
    "/status",
    "/_health",
    "/api/health",
)


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add it: unsafe, for what is unhealthy may be restarted, and what waits for it waits."""
    unit = unit_of(context, finding)
    if unit is None:
        if context.documents.cluster is not None:
            from seatrial.check.fixes.kubernetes import readiness

            yield from made(readiness(context, finding))
        return
    command, todo = _command(unit)
    if not command:
        return
    if unit.compose is not None and finding.place.file == unit.compose.file:
        section: dict[str, Value] = {"test": exec_form(("CMD", *command)), **_TIMES}
        if not services.is_taken(unit, "start_period"):
            del section["start_period"]
        what = What("add healthcheck", todo=todo)
        yield from made(with_key(context, unit, finding, {"healthcheck": section}, what))
        return
    flags = " ".join(f"--{name.replace('_', '-')}={value}" for name, value in _TIMES.items())
    lines = [f"{TODO} {todo}"] if todo else []
    lines.append(f"HEALTHCHECK {flags} CMD {exec_form(command)}")
    yield from made(before_command(context, unit, finding, lines, "add HEALTHCHECK", is_safe=False))


def _command(unit: Unit) -> tuple[tuple[str, ...], str]:
    """What asks, and what a person has to look at then."""
    base = launch.base_image(unit)
    port = _port(unit)
    path = _health_path(unit)
    if path and port:
        asking = health_commands.asking(base, f"http://127.0.0.1:{port}{path}")
        if asking:
            return asking, ""
    return (health_commands.answering(base, port), _TODO) if port else ((), "")


def _port(unit: Unit) -> int:
    """Where the program listens as its source says it, else as the files do; 0 where they contradict each other and
    it isn't sure which of several it is."""
    said = [port.value.number for port in unit.service.ports]
    listened = list(dict.fromkeys(each.value for each in source.listened(unit) or ()))
    both = [number for number in said if not listened or number in listened or rule.is_set(unit, number)]
    return both[0] if both else listened[0] if len(listened) == 1 else 0


def _health_path(unit: Unit) -> str:
    """The path of a health route that the program's own source has."""
    program = getattr(unit, "program", None)
    routes = {route.path for facts in program.files for route in facts.routes} if program else set()
    return next((path for path in _PATHS if path in routes), "")
