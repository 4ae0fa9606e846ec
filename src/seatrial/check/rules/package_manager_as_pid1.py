"""package-manager-as-pid1: not npm, yarn, pnpm or bun (nor uv run, poetry run, …) as the main process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

from seatrial.check import launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.check.manifests import also
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

NAME = "package-manager-as-pid1"
_NODE = frozenset({"npm", "npx", "yarn", "yarnpkg", "pnpm", "pnpx", "bun", "bunx"})
_REPLACES_ITSELF = frozenset({"poetry", "pipenv", "rye"})
_PYTHON = _REPLACES_ITSELF | {"uv", "uvx", "pdm"}
_RUNNERS = frozenset({"npm-run-all", "run-s", "run-p", "concurrently", "cross-env", "dotenv", "env-cmd", "turbo", "nx"})
"""Programs of node_modules/.bin that start others in their turn: nothing to write as the command."""
_ASSIGNED = pattern(r"[\"']?(?P<name>[A-Za-z_]\w*)=(?P<value>.*)")
_NO_SERVICE = frozenset({"test", "lint", "build", "install", "ci", "migrate", "seed", "audit", "t", "i", "coverage"})


def look(unit: Unit) -> Iterator[Wrong]:
    """A package manager as the main process of the service."""
    links = launch.chain(unit)
    at = next((number for number, link in enumerate(links) if link.program in _NODE | _PYTHON), None)
    if at is None or not launch.is_written_here(unit) or launch.is_for_development(unit):
        return
    manager, after = links[at], links[at + 1 :]
    if set(manager.argv[1:4]) & _NO_SERVICE or not _starts_something(manager, after):
        return
    shown = f"`{_shown(manager.argv)}`"
    place = _place(unit, links[0], manager)
    related = tuple(Sourced(f"runs `{_shown(link.argv)}`", link.place) for link in after[-1:] if link.place != place)
    remedy = _remedy(unit, links, after)
    if manager.program in _REPLACES_ITSELF:
        message = f"{shown} starts first and is then replaced by the program; the image needs it for nothing else"
        yield Wrong(message, place, remedy, Severity.INFO, related=related)
    elif manager.program in ("uv", "uvx"):
        message = f"{shown} stays in front of the program, and has to pass every signal on"
        yield Wrong(message, place, remedy, Severity.INFO, related=related)
    else:
        runs = f" and runs `{_shown(after[-1].argv)}`{_by(after[-1])}" if after else ""
        message = f"{shown} is the main process{runs}; it stands between the stop signal and the program"
        yield Wrong(message, place, remedy, related=related)


def _place(unit: Unit, first: launch.Link, manager: launch.Link) -> Place | None:
    """Where the manager's name is written: in the command (which an entrypoint script may have passed on), or in the
    script itself."""
    command = unit.service.command
    is_command = command is not None and command.value == manager.argv
    return launch.command_place(unit) if is_command or manager.place == first.place else manager.place


def _starts_something(manager: launch.Link, after: tuple[launch.Link, ...]) -> bool:
    """Whether it runs a script or a program; `bun server.ts` is a runtime at work, `npm ci` an installation."""
    words = [word for word in manager.argv[1:] if not word.startswith("-")]
    if after:
        return True
    if manager.program in ("npm", "pnpm", "bun"):
        is_file = len(words) > 1 and "." in words[1]
        return words[:1] == ["start"] or (words[:1] in (["run"], ["exec"], ["run-script"]) and not is_file)
    return manager.program in ("yarn", "npx", "bunx") or words[:1] == ["run"]


def _shown(argv: tuple[str, ...]) -> str:
    from shlex import join

    line = join(argv)
    return line if len(line) <= 80 else line[:79] + "…"


def _by(link: launch.Link) -> str:
    if link.place is None:
        return ""
    file = link.place.file
    shown = file.rpartition("/")[2] if file.startswith(("/", "../")) else file
    return f" ({shown}:{link.place.line})"


def _remedy(unit: Unit, links: tuple[launch.Link, ...], after: tuple[launch.Link, ...]) -> str:
    is_unknown = not after or any(link.program in _RUNNERS - {"cross-env"} for link in after)
    if is_unknown or after[-1].program in _RUNNERS or any("$" in word for word in after[-1].argv):
        return "write the program that it runs as the command, in exec form"
    hops = unit.service.hops
    surrounds = bool(hops and (hops[-1].before or hops[-1].after))
    line = json.dumps(list(after[-1].argv), ensure_ascii=False)
    is_compound = any(sign in after[-1].line for sign in ("&&", ";", "|"))
    more = "; its pre and post scripts no longer run then" if surrounds or is_compound else ""
    return f"write {line} as the command{_surroundings(unit, links)}{more}"


def _surroundings(unit: Unit, links: tuple[launch.Link, ...]) -> str:
    """What the program has besides its words and would lack then: its directory, variables of the script."""
    inside = unit.service.hops[-1].directory if unit.service.hops else ""
    directory, environment = _keys(unit)
    names = list(dict.fromkeys(_set_on_the_way(unit, links)))
    is_elsewhere = inside not in ("", unit.service.workdir.value.rstrip("/") or "/")
    parts = [f"{directory} {inside}"] if is_elsewhere else []
    parts += [f"{environment} for {' and '.join(names)}"] if names else []
    return ", with " + " and ".join(parts) if parts else ""


def _keys(unit: Unit) -> tuple[str, str]:
    """What the file that says the command calls a directory, and variables."""
    place = launch.command_place(unit)
    if unit.compose is not None and place is not None and place.file == unit.compose.file:
        return "working_dir:", "environment:"
    return ("WORKDIR", "ENV") if unit.dockerfile else ("workingDir:", "env:")


def _set_on_the_way(unit: Unit, links: tuple[launch.Link, ...]) -> Iterator[str]:
    """The variables that shells and wrappers (`A=b node …`, `cross-env A=b node …`) give to the program."""
    for link, starts in pairwise(links):
        for text in (" ".join(link.argv), starts.line):
            words = text.split()
            before = words[: len(words) - words[::-1].index(starts.argv[0]) - 1] if starts.argv[0] in words else []
            for found in map(_ASSIGNED.match, before):
                known = unit.service.environment.get(found["name"]) if found else None
                if found and (known is None or known.value != found["value"].strip("\"'")):
                    yield found["name"]


_PACKAGE = '{\n  "scripts": {\n    "start": "node src/index.js"\n  }\n}\n'
_NPM = 'FROM node:22-slim\nCMD ["npm", "start"]\n'
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: IMAGE\n        command: COMMAND\n"
)


def _pod(command: str, image: str = "a.org/web:1") -> dict[str, str]:
    return {"web.yaml": _POD.replace("COMMAND", command).replace("IMAGE", image)}


RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The main process is the program itself, not a package manager that runs a script.",
    why="What npm makes of a stop signal differs by its version and by the shell that it puts in between: npm 9 passes "
    "nothing on, others pass it to a shell that dies first, and the program is killed in the middle of its requests. "
    "It also costs memory and start-up time. uv stays in front and passes signals on; poetry, pipenv and rye replace "
    "themselves, and are only baggage.",
    example=_NPM,
    instead='FROM node:22-slim\nCMD ["node", "src/index.js"]\n',
    check=also(per_service(NAME, Severity.WARNING, look), NAME, Severity.WARNING, "launching.package_manager"),
    fix_safety=FixSafety.UNSAFE,
    fix_note="The script's own chain (pre and post scripts, variables that npm sets) is left out.",
    sources=("https://github.com/nodejs/docker-node/blob/main/docs/BestPractices.md#cmd",),
    consequence_of=("dev-runner-in-production",),
    bad=(
        Bad(
            {"Dockerfile": _NPM, "package.json": _PACKAGE},
            "Dockerfile:2:5",
            "runs `node src/index.js` (package.json:3)",
        ),
        Bad(
            {"Dockerfile": "FROM node:22\nCMD yarn start\n", "package.json": _PACKAGE}, "Dockerfile:2:5", "`yarn start`"
        ),
        Bad({"Dockerfile": 'FROM node:22\nENTRYPOINT ["tini", "--"]\nCMD ["npm", "run", "serve"]\n'}, "Dockerfile:3:5"),
        Bad(
            {"Dockerfile": 'FROM python:3.13\nCMD ["poetry", "run", "gunicorn", "app"]\n'}, "Dockerfile:2:5", "replaced"
        ),
        Bad({"Dockerfile": 'FROM python:3.13\nCMD ["uv", "run", "main.py"]\n'}, "Dockerfile:2:5", "stays in front"),
        Bad(_pod("[npm, start]"), "web.yaml:10:18", "web: `npm start`"),
        Bad(_pod("[tini, --, yarn, start]"), "web.yaml:10:18", "`yarn start`"),
    ),
    good=(
        Good(_pod("[node, src/index.js]")),
        Good({"dev/web.yaml": _pod("[npm, start]")["web.yaml"]}, "development"),
        Good({"Dockerfile": 'FROM node:22-slim\nCMD ["node", "src/index.js"]\n', "package.json": _PACKAGE}),
        Good({"Dockerfile": 'FROM oven/bun:1\nCMD ["bun", "run", "server.ts"]\n'}, "a runtime at work"),
        Good({"Dockerfile": 'FROM node:22\nCMD ["npm", "test"]\n'}, "no service"),
        Good({"Dockerfile.dev": "", "Dockerfile": 'FROM node:22 AS dev\nCMD ["npm", "run", "dev"]\n'}, "development"),
    ),
)
