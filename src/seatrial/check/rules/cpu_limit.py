"""cpu-limit: a service has a CPU limit, share or reservation."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import services
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, over
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity

NAME = "cpu-limit"


def _look(unit: Unit) -> Iterator[Wrong]:
    limits, entry = unit.service.limits, unit.compose
    if entry is None or limits.cpus or limits.cpu_shares or limits.cpuset or entry.reserved_cpus:
        return
    if not entry.open_keys.isdisjoint(("cpus", "cpu_shares", "cpuset")):
        return
    message = f"{unit.service.name} has no CPU limit or reservation: when it spins, its neighbours starve"
    old = "" if entry.is_stack else 'cpus: "1.0", or '
    yield Wrong(message, entry.place, f"{old}deploy.resources.limits.cpus")


_WEB = "services:\n  web:\n    image: nginx:1.27\n    mem_limit: 128m\n"
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="A service has a CPU limit, or a share or reservation of its own.",
    why="Containers share all cores; one that spins takes them from its neighbours, and their health checks time out.",
    example=_WEB,
    instead=_WEB + '    cpus: "1.0"\n',
    check=over(NAME, Severity.INFO, services.production, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="How much it needs can't be known from the files.",
    sources=("https://docs.docker.com/engine/containers/resource_constraints/#cpu",),
    consequence_of=("memory-limit",),
    many="{count} services have no CPU limit or reservation: {names}",
    bad=(Bad({"compose.yaml": _WEB}, "compose.yaml:2:3", "CPU"),),
    good=(
        Good({"compose.yaml": _WEB + '    cpus: "0.5"\n'}),
        Good({"compose.yaml": _WEB + "    cpu_shares: 512\n"}),
        Good({"compose.yaml": _WEB + "    cpus: ${CORES}\n"}, "whoever runs it says so"),
        Good({"compose.yaml": _WEB + "    deploy:\n      resources:\n        reservations:\n          cpus: '0.5'\n"}),
    ),
)
