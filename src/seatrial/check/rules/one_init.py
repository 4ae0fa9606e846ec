"""one-init: not two inits one inside the other."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.place import Sourced

NAME = "one-init"
_SMALL = frozenset({"tini", "tini-static", "docker-init", "dumb-init", "catatonit", "seatrial-init"})


def _look(unit: Unit) -> Iterator[Wrong]:
    service = unit.service
    links = launch.chain(unit)
    inits = [link for link in links if link.program in _SMALL]
    asked = service.init is not None and service.init.value
    if asked and service.init and inits:
        message = f"`init: true` puts an init in front of {inits[0].program}, which is one already"
        related = (Sourced(f"{inits[0].program} is started here", inits[0].place),) if inits[0].place else ()
        yield Wrong(message, service.init.place, "take one of them out", related=related)
    elif asked and service.init and _has_s6(unit):
        message = "`init: true` takes PID 1 from s6-overlay, which this image starts and which refuses to run then"
        yield Wrong(message, service.init.place, "take `init: true` out", Severity.ERROR)
    elif len(inits) > 1 and inits[0].program != inits[1].program:
        message = f"{inits[0].program} starts {inits[1].program}: two inits, one inside the other"
        yield Wrong(message, launch.command_place(unit), "take one of them out")


def _has_s6(unit: Unit) -> bool:
    repository = images.parse(launch.base_image(unit)).repository
    return repository.startswith(("linuxserver/", "lscr.io/linuxserver/", "ghcr.io/linuxserver/"))


_TINI = 'FROM node:22-slim\nENTRYPOINT ["tini", "--"]\nCMD ["node", "a.js"]\n'
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="There is one init at most: tini (or another) in the ENTRYPOINT, or `init: true`, not both.",
    why="The inner one is not PID 1: orphans go to the outer one, so it can't do its work and says so in the log "
    "(tini: `Tini is not running as PID 1`). Supervisors such as s6-overlay refuse to start.",
    example="services:\n  web:\n    build: .        # its ENTRYPOINT is tini\n    init: true\n",
    instead="services:\n  web:\n    build: .\n",
    check=per_service(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="`init: false` is written; the init of the image stays.",
    sources=("https://github.com/krallin/tini#subreaping",),
    bad=(
        Bad(
            {"Dockerfile": _TINI, "compose.yaml": "services:\n  web:\n    build: .\n    init: true\n"},
            "compose.yaml:4:11",
            "tini",
        ),
        Bad({"Dockerfile": 'FROM debian:12\nENTRYPOINT ["tini", "--", "dumb-init", "server"]\n'}, "Dockerfile:2:12"),
    ),
    good=(
        Good({"Dockerfile": _TINI}),
        Good({"compose.yaml": "services:\n  web:\n    image: node:22-slim\n    command: node a.js\n    init: true\n"}),
    ),
)
