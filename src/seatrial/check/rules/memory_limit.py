"""memory-limit: a service has a memory limit, and the heap that it is given fits in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.check import launch, services
from seatrial.check.interface import FARGATE, Bad, FixSafety, Good, Rule, Wrong, over, task
from seatrial.check.manifests import also, of_tasks
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
_COUNT = pattern(r"[0-9]{1,4}")
_PYTHON_SERVERS = frozenset({"gunicorn", "uvicorn", "granian", "hypercorn"})
_LEAST_WORKER = 20 * _MEBI
"""What an interpreter with a server and an empty application has for itself; real ones have several times that."""
VARIABLES = ("NODE_OPTIONS", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "GOMEMLIMIT")


def _look(unit: Unit) -> Iterator[Wrong]:
    limit = unit.service.limits.memory
    if unit.compose is None:
        return
    yield from _swap(unit)
    if limit is None:
        if unit.compose.open_keys.isdisjoint(("mem_limit", "memory")):
            message = f"{unit.service.name} has no memory limit: a leak in it takes the whole machine down"
            old = "" if unit.compose.is_stack else "mem_limit: 512m, or "
            yield Wrong(message, unit.compose.place, f"{old}deploy.resources.limits.memory")
        return
    for heap, place in heaps(unit):
        if limit.value > 0 and heap >= limit.value:
            shown = f"{heap // _MEBI} MiB, and the memory limit is {limit.value // _MEBI} MiB"
            message = f"the heap may grow to {shown}: it is killed before it collects its garbage"
            related = (Sourced("the limit", limit.place),) if limit.place else ()
            yield Wrong(message, place, "give the heap about three quarters of the limit", related=related)
            return
    for link in launch.chain(unit):
        wrong = too_many(Sourced(link.argv, link.place), unit.service.environment, limit)
        if wrong is not None:
            yield wrong
            return


def _swap(unit: Unit) -> Iterator[Wrong]:
    """Swap that somebody set: what Docker refuses, and what takes the limit its meaning."""
    memory, total = unit.service.limits.memory, unit.service.limits.memory_swap
    if total is None or total.value == 0:
        return
    if memory is None:
        message = "memswap_limit without mem_limit is refused by Docker: it is the sum of memory and swap"
        yield Wrong(message, total.place, "set mem_limit to the same value", Severity.ERROR)
    elif 0 < total.value < memory.value:
        message = "memswap_limit is below mem_limit, which Docker refuses: it is the sum of memory and swap"
        yield Wrong(message, total.place, "set it to the value of mem_limit", Severity.ERROR)
    elif total.value < 0:
        name = unit.service.name
        message = (
            f"beyond its limit {name} may swap all that the machine has: it gets slow for minutes, and does not fail"
        )
        yield Wrong(message, total.place, "memswap_limit: the value of mem_limit, so that it can't swap", Severity.INFO)


def too_many(
    argv: Sourced[tuple[str, ...]], environment: Mapping[str, Sourced[str]], limit: Sourced[Any]
) -> Wrong | None:
    """Workers of a Python server that can't all be within the limit: even empty ones are too large."""
    found = workers_of(argv, environment)
    if found is None or not 0 < limit.value < found.value * _LEAST_WORKER:
        return None
    message = (
        f"{found.value} workers don't fit into {int(limit.value) // _MEBI} MiB: each takes {_LEAST_WORKER // _MEBI} MiB"
        " before it has served anything"
    )
    related = (Sourced("the limit", limit.place),) if limit.place else ()
    return Wrong(message, found.place, "fewer workers, or the limit that they need together", related=related)


def workers_of(argv: Sourced[tuple[str, ...]], environment: Mapping[str, Sourced[str]]) -> Sourced[int] | None:
    """The number of workers that a Python server is told to start; None where nothing says one."""
    words = argv.value
    program = words[2:3] if words[1:2] == ("-m",) else words[:1]
    name = program[0].rpartition("/")[2] if program else ""
    if name not in _PYTHON_SERVERS:
        return None
    for word, after in zip(words, (*words[1:], ""), strict=True):
        option, equals, value = word.partition("=")
        if option in ("-w", "--workers"):
            said = value if equals else after
            return Sourced(int(said), argv.place) if _COUNT.fullmatch(said) else None
    chosen = environment.get("WEB_CONCURRENCY") if name in ("gunicorn", "uvicorn") else None
    return Sourced(int(chosen.value), chosen.place) if chosen and _COUNT.fullmatch(chosen.value) else None


def heaps(unit: Unit) -> Iterator[tuple[int, Place | None]]:
    """The heap sizes that somebody gives, in bytes."""
    said: list[Sourced[str]] = [value for name, value in unit.service.environment.items() if name in VARIABLES]
    links = [Sourced(link.argv, link.place) for link in launch.chain(unit)]
    # Of an image that isn't known the command is not followed, but its options mean what they always mean.
    links = links or [words for words in (unit.service.entrypoint, unit.service.command) if words]
    said += [Sourced(" ".join(words.value), words.place) for words in links]
    for each in said:
        yield from heaps_in(each)
    for link in launch.chain(unit):
        yield from _copies(Sourced(link.argv, link.place))


def _copies(argv: Sourced[tuple[str, ...]]) -> Iterator[tuple[int, Place | None]]:
    """The heaps of all processes that pm2 starts, each of which may grow to what is said."""
    words = argv.value
    if not words or words[0].rpartition("/")[2] != "pm2-runtime" or "-i" not in words[:-1]:
        return
    count = words[words.index("-i") + 1]
    for heap, place in heaps_in(Sourced(" ".join(words), argv.place)) if _COUNT.fullmatch(count) else ():
        yield heap * max(int(count), 1), place


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
    check=of_tasks(
        also(over(NAME, Severity.WARNING, services.production, _look), NAME, Severity.WARNING, "memory.look"),
        NAME,
        Severity.WARNING,
        "memory",
    ),
    fix_safety=FixSafety.UNSAFE,
    fix_note="How much it needs is measured by the drill; too little is worse than no limit.",
    sources=(
        "https://docs.docker.com/engine/containers/resource_constraints/",
        "https://go.dev/doc/gc-guide#Memory_limit",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
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
        Bad(
            {"compose.yaml": _WEB + "    mem_limit: 512m\n    memswap_limit: 256m\n"},
            "compose.yaml:6:20",
            "below mem_limit",
        ),
        Bad(
            {"compose.yaml": _WEB + "    mem_limit: 512m\n    memswap_limit: -1\n"}, "compose.yaml:6:20", "may swap all"
        ),
        Bad(
            {"compose.yaml": _WEB.replace("node a.js", "gunicorn -w 8 a:b") + "    mem_limit: 128m\n"},
            "compose.yaml:4:14",
            "8 workers don't fit into 128 MiB",
        ),
        Bad(
            {
                "web.yaml": _POD
                + "        command: [uvicorn, 'a:b']\n        env: [{name: WEB_CONCURRENCY, value: '16'}]\n"
                "        resources: {limits: {memory: 256Mi}}\n"
            },
            "web.yaml:11:46",
            "16 workers",
        ),
        Bad(
            {
                "compose.yaml": _WEB.replace("node a.js", "pm2-runtime -i 4 --node-args=--max-old-space-size=256 a.js")
                + "    mem_limit: 512m\n"
            },
            "compose.yaml:4:14",
            "1024 MiB",
        ),
        Bad(task('"memoryReservation": 128'), "task.json:3:22", "no limit"),
        Bad(
            task('"command": ["node", "--max-old-space-size=512", "a.js"]', FARGATE),
            "task.json:3:12",
            "memory is 512 MiB",
        ),
        Bad(
            {
                "compose.yaml": "services:\n  web:\n    image: a.org/web:1\n"
                "    command: [node, --max-old-space-size=512, a.js]\n    mem_limit: 256m\n"
            },
            "compose.yaml:4:14",
            "512 MiB",
        ),
    ),
    good=(
        Good({"compose.yaml": _WEB + "    mem_limit: 512m\n"}),
        Good({"compose.yaml": _WEB + "    mem_limit: ${MEMORY}\n"}, "whoever runs it says so"),
        Good(
            {"compose.yaml": _WEB + "    deploy: {resources: {limits: {memory: '${MEMORY:?}'}}}\n"},
            "whoever runs it has to",
        ),
        Good({"compose.yaml": _WEB + "    mem_limit: 512m\n    memswap_limit: 512m\n"}, "no swap"),
        Good({"compose.yaml": _WEB + "    mem_limit: 512m\n    memswap_limit: 768m\n"}, "somebody's will"),
        Good(
            {"compose.yaml": _WEB.replace("node a.js", "gunicorn -w 4 a:b") + "    mem_limit: 128m\n"}, "they may fit"
        ),
        Good({"compose.yaml": _WEB + "    environment: {GOMEMLIMIT: 460MiB}\n    mem_limit: 512m\n"}),
        Good({"web.yaml": _POD + "        resources: {limits: {memory: 512Mi}}\n"}),
        Good({"web.yaml": _POD}, "resources-set says so"),
        Good({"compose.yaml": _WEB + "    deploy:\n      resources:\n        limits:\n          memory: 256M\n"}),
        Good({"compose.yaml": _WEB + "    volumes: ['.:/app']\n"}, "development"),
        Good({"Dockerfile": 'FROM node:22\nCMD ["node", "a.js"]\n'}, "not the image's affair"),
        Good(task('"memory": 256, "memoryReservation": 128')),
        Good(task('"memory": "${MEMORY}", "memoryReservation": 128'), "filled in by somebody"),
    ),
)
