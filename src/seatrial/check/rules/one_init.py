"""one-init: not two inits one inside the other."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service, task
from seatrial.check.manifests import of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.place import Sourced

NAME = "one-init"


def _look(unit: Unit) -> Iterator[Wrong]:
    service = unit.service
    links = launch.chain(unit)
    inits = [link for link in links if link.program in launch.SMALL_INITS]
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
    else:
        yield from _below_a_shell(unit)


def _below_a_shell(unit: Unit) -> Iterator[Wrong]:
    """tini as the child of a script: orphans go to PID 1, which is the shell, unless tini asks for them by -s."""
    script, started = unit.entrypoint_script, unit.service.argv
    if script is None or "TINI_SUBREAPER" in unit.service.environment or "TINI_SUBREAPER" in script.text:
        return
    for command in script.commands:
        if command.program in ("tini", "tini-static") and not command.execs and not _is_subreaper(command.words):
            name = script.file.rpartition("/")[2]
            message = f"{name} starts {command.program} as a child: it is not PID 1, so orphans never come to it"
            related = (Sourced("started here", started.place),) if started and started.place else ()
            remedy = f"write exec {command.program}, or {command.program} -s where the script has to stay"
            yield Wrong(message, command.place, remedy, related=related)
            return


def _is_subreaper(words: tuple[str, ...]) -> bool:
    """Whether -s is among tini's own options, also in a bundle such as -gs."""
    has_value = False
    for word in words[1 : words.index("--")] if "--" in words else words[1:]:
        if not word.startswith("-") and not has_value:
            return False
        if "s" in word and word.startswith("-"):
            return True
        has_value = word in ("-p", "-e")
    return False


def _has_s6(unit: Unit) -> bool:
    repository = images.parse(launch.base_image(unit)).repository
    return repository.startswith(("linuxserver/", "lscr.io/linuxserver/", "ghcr.io/linuxserver/"))


_TINI = 'FROM node:22-slim\nENTRYPOINT ["tini", "--"]\nCMD ["node", "a.js"]\n'


def _script(lines: str) -> dict[str, str]:
    return {"Dockerfile": 'FROM debian:12\nCOPY run.sh /\nENTRYPOINT ["/run.sh"]\n', "run.sh": "#!/bin/sh\n" + lines}


RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="There is one init at most: tini (or another) in the ENTRYPOINT, or `init: true`, not both.",
    why="The inner one is not PID 1: orphans go to the outer one, so it can't do its work and says so in the log "
    "(tini: `Tini is not running as PID 1`). Supervisors such as s6-overlay refuse to start.",
    example="services:\n  web:\n    build: .        # its ENTRYPOINT is tini\n    init: true\n",
    instead="services:\n  web:\n    build: .\n",
    check=of_tasks(per_service(NAME, Severity.WARNING, _look), NAME, Severity.WARNING, "init"),
    fix_safety=FixSafety.SAFE,
    fix_note="`init: false` is written; the init of the image stays.",
    sources=(
        "https://github.com/krallin/tini#subreaping",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    bad=(
        Bad(
            {"Dockerfile": _TINI, "compose.yaml": "services:\n  web:\n    build: .\n    init: true\n"},
            "compose.yaml:4:11",
            "tini",
        ),
        Bad({"Dockerfile": 'FROM debian:12\nENTRYPOINT ["tini", "--", "dumb-init", "server"]\n'}, "Dockerfile:2:12"),
        Bad(_script("migrate\ntini -- server\n"), "run.sh:3:1", "run.sh starts tini as a child"),
        Bad(
            task('"entryPoint": ["tini", "--", "a"], "linuxParameters": {"initProcessEnabled": true}'),
            "task.json:3:78",
            "tini",
        ),
    ),
    good=(
        Good({"Dockerfile": _TINI}),
        Good(_script("exec tini -- server\n")),
        Good(_script("tini -e 143 -gs -- server\n"), "it asks for the orphans"),
        Good(_script("export TINI_SUBREAPER=\ntini -- server\n")),
        Good({"compose.yaml": "services:\n  web:\n    image: node:22-slim\n    command: node a.js\n    init: true\n"}),
        Good(task('"command": ["a"], "linuxParameters": {"initProcessEnabled": true}')),
    ),
)
