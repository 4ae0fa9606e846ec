"""memory-limit: a service has a memory limit, and the heap that it is given fits in."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch, services
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, over
from seatrial.check.manifests import also
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

NAME = "memory-limit"
_MEBI = 1024 * 1024
_NODE_HEAP = pattern(r"--max[-_]old[-_]space[-_]size=(\d{1,7})(?!\d)")
_JAVA_HEAP = pattern(r"(?<![\w-])-Xmx(\d{1,7})([kKmMgG]?)(?!\w)")
_GO_LIMIT = pattern(r"\s*(\d{1,15})((?:[KMGT]i)?B)?\s*")
_GO_UNITS = {None: 1, "B": 1, "KiB": 1024, "MiB": _MEBI, "GiB": 1024 * _MEBI, "TiB": 1024 * 1024 * _MEBI}
_UNITS = {"": 1, "k": 1024, "m": _MEBI, "g": 1024 * _MEBI}
VARIABLES = ("NODE_OPTIONS", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "GOMEMLIMIT")


def _look(unit: Unit) -> Iterator[Wrong]:
    limit = unit.service.limits.memory
    if unit.compose is None:
        return
    if limit is None:
        message = f"{unit.service.name} has no memory limit: a leak in it takes the whole machine down"
        yield Wrong(message, unit.compose.place, "mem_limit: 512m, or deploy.resources.limits.memory")
        return
    for heap, place in _heaps(unit):
        if limit.value > 0 and heap >= limit.value:
            shown = f"{heap // _MEBI} MiB, and the memory limit is {limit.value // _MEBI} MiB"
            message = f"the heap may grow to {shown}: it is killed before it collects its garbage"
            related = (Sourced("the limit", limit.place),) if limit.place else ()
            yield Wrong(message, place, "give the heap about three quarters of the limit", related=related)
            return


def _heaps(unit: Unit) -> Iterator[tuple[int, Place | None]]:
    """The heap sizes that somebody gives, in bytes."""
    said: list[Sourced[str]] = [value for name, value in unit.service.environment.items() if name in VARIABLES]
    said += [Sourced(" ".join(link.argv), link.place) for link in launch.chain(unit)]
    for each in said:
        yield from heaps_in(each)


def heaps_in(text: Sourced[str]) -> Iterator[tuple[int, Place | None]]:
    """The heap sizes that options in this text give."""
    for found in _NODE_HEAP.finditer(text.value):
        yield int(found.group(1)) * _MEBI, text.place
    for found in _JAVA_HEAP.finditer(text.value):
        yield int(found.group(1)) * _UNITS[found.group(2).lower()], text.place
    if go := _GO_LIMIT.fullmatch(text.value):
        yield int(go.group(1)) * _GO_UNITS[go.group(2)], text.place


_WEB = "services:\n  web:\n    image: node:22\n    command: node a.js\n"
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A service has a memory limit, and the heap of its runtime fits into it.",
    why="Without a limit one leaking service takes all memory of the machine, and the kernel chooses whom to kill. A "
    "heap that may grow beyond the limit is never collected in time: the kernel kills first.",
    example=_WEB,
    instead=_WEB + "    mem_limit: 512m\n",
    check=also(over(NAME, Severity.WARNING, services.production, _look), NAME, Severity.WARNING, "memory.look"),
    fix_safety=FixSafety.UNSAFE,
    fix_note="How much it needs is measured by the drill; too little is worse than no limit.",
    sources=(
        "https://docs.docker.com/engine/containers/resource_constraints/",
        "https://go.dev/doc/gc-guide#Memory_limit",
    ),
    many="{count} services have no memory limit: {names}",
    bad=(
        Bad({"compose.yaml": _WEB}, "compose.yaml:2:3", "no memory limit"),
        Bad(
            {"compose.yaml": _WEB.replace("a.js", "--max-old-space-size=4096 a.js") + "    mem_limit: 512m\n"},
            "compose.yaml:4:14",
            "4096 MiB",
        ),
        Bad(
            {"web.yaml": _POD + "        resources: {requests: {cpu: 100m, memory: 1Gi}}\n"},
            "web.yaml:10:9",
            "no memory limit",
        ),
        Bad(
            {
                "web.yaml": _POD + "        env: [{name: JAVA_TOOL_OPTIONS, value: -Xmx2g}]\n"
                "        resources: {limits: {memory: 1.5Gi}}\n"
            },
            "web.yaml:10:48",
            "2048 MiB, and the memory limit is 1536 MiB",
        ),
        Bad(
            {"compose.yaml": _WEB + "    environment: {GOMEMLIMIT: 1GiB}\n    mem_limit: 512m\n"},
            "compose.yaml:5:31",
            "1024 MiB",
        ),
    ),
    good=(
        Good({"compose.yaml": _WEB + "    mem_limit: 512m\n"}),
        Good({"compose.yaml": _WEB + "    environment: {GOMEMLIMIT: 460MiB}\n    mem_limit: 512m\n"}),
        Good({"web.yaml": _POD + "        resources: {limits: {memory: 512Mi}}\n"}),
        Good({"web.yaml": _POD}, "resources-set says so"),
        Good({"compose.yaml": _WEB + "    deploy:\n      resources:\n        limits:\n          memory: 256M\n"}),
        Good({"compose.yaml": _WEB + "    volumes: ['.:/app']\n"}, "development"),
        Good({"Dockerfile": 'FROM node:22\nCMD ["node", "a.js"]\n'}, "not the image's affair"),
    ),
)
