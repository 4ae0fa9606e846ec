"""nofile-limit: a limit of open files that somebody set is one that a server can live with."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, task
from seatrial.check.manifests import on_containers
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity

NAME = "nofile-limit"
FEW = 4096
"""Connections, files and pipes of a busy server are more than this; engines give 1,048,576 (or 1,024 soft) unasked."""
_ENOUGH = 65536


def _look(unit: Unit) -> Iterator[Wrong]:
    for limit in unit.service.limits.ulimits:
        said = limit.value
        if said.name != "nofile":
            continue
        if 0 <= said.hard < said.soft or (said.soft == -1 and said.hard >= 0):
            message = (
                f"nofile: the soft limit ({said.soft}) is above the hard one ({said.hard}), which the engine refuses"
            )
            yield Wrong(message, limit.place, "let hard be at least soft", Severity.ERROR)
        elif 0 <= said.soft < FEW and unit.service.ports:
            message = f"{said.soft} open files are few for a server: each connection is one, and then accept() fails"
            yield Wrong(message, limit.place, f"nofile: {{soft: {_ENOUGH}, hard: {_ENOUGH}}}")


_WEB = "services:\n  web:\n    image: nginx:1.27\n    ports: ['80:80']\n    ulimits:\n      nofile: {}\n"
_ULIMITS = (
    '"portMappings": [{{"containerPort": 80}}], "ulimits": [{{"name": "nofile", "softLimit": {}, "hardLimit": 65536}}]'
)
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="Where `ulimits.nofile` is set, a server gets room for its connections (65536), and hard is not below soft.",
    why="Every connection is an open file. At the limit accept() fails with EMFILE, and many programs spin or crash "
    "then. Without a setting the engine's own limit holds, which is mostly high; this rule asks nothing there.",
    example=_WEB.format("1024"),
    instead=_WEB.format("65536"),
    check=on_containers(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="The limit is raised to 65536.",
    sources=("https://docs.docker.com/reference/compose-file/services/#ulimits", "setrlimit(2)"),
    bad=(
        Bad({"compose.yaml": _WEB.format("1024")}, "compose.yaml:6:15", "1024"),
        Bad({"compose.yaml": _WEB.format("{soft: 9999, hard: 5000}")}, "compose.yaml:6:15", "above"),
        Bad(
            task(_ULIMITS.format("1024")),
            "task.json:3:86",
            "1024 open files",
        ),
    ),
    good=(
        Good({"compose.yaml": _WEB.format("65536")}),
        Good({"compose.yaml": _WEB.format("{soft: 20000, hard: 40000}")}),
        Good({"compose.yaml": "services:\n  web:\n    image: nginx:1.27\n"}, "nobody set any"),
        Good(task(_ULIMITS.format("65536"))),
    ),
)
