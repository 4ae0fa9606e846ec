"""pids-limit: a service has a limit of processes."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import services
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, over
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity

NAME = "pids-limit"


def _look(unit: Unit) -> Iterator[Wrong]:
    if unit.compose is None or unit.service.limits.pids is not None:
        return
    if not unit.compose.open_keys.isdisjoint(("pids_limit", "pids")):
        return
    message = f"{unit.service.name} has no limit of processes: a fork loop or a heap of zombies takes the machine's own"
    key = "deploy.resources.limits.pids" if unit.compose.is_stack else "pids_limit"
    yield Wrong(message, unit.compose.place, f"{key}: 200{services.since(unit, 'pids')}")


_WEB = "services:\n  web:\n    image: nginx:1.27\n    mem_limit: 128m\n"
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="A service has a limit of processes and threads.",
    why="Process numbers are the whole machine's. A program that forks without end, or leaves zombies, takes them all, "
    "and then nobody can log in to stop it.",
    example=_WEB,
    instead=_WEB + "    pids_limit: 200\n",
    check=over(NAME, Severity.INFO, services.production, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="Programs with many threads (Java, .NET) need a larger one.",
    sources=("https://docs.docker.com/reference/compose-file/services/#pids_limit",),
    consequence_of=("memory-limit",),
    many="{count} services have no limit of processes: {names}",
    bad=(Bad({"compose.yaml": _WEB}, "compose.yaml:2:3", "processes"),),
    good=(
        Good({"compose.yaml": _WEB + "    pids_limit: 100\n"}),
        Good({"compose.yaml": _WEB + "    deploy:\n      resources:\n        limits:\n          pids: 100\n"}),
    ),
)
