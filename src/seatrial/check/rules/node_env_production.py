"""node-env-production: NODE_ENV=production for Node, unbuffered output for Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.check import builds, images, launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.place import Place, Sourced

NAME = "node-env-production"
_LOOK_AT_IT = frozenset({"express", "@nestjs/platform-express", "react-dom", "next", "nuxt", "vue", "pug", "sequelize"})
"""Packages that are slower, larger or more talkative where NODE_ENV is not production."""
_NODE = frozenset({"node", "next", "nest", "nuxt", "npm", "yarn", "pnpm"})
_NEVER_PRODUCTION = frozenset({"development", "dev", "test"})


def _look(unit: Unit) -> Iterator[Wrong]:
    if not builds.is_service(unit):
        return
    program = launch.chain(unit)[-1].program if launch.chain(unit) else ""
    if program in _NODE:
        yield from _node(unit)
    elif program.startswith("python") or program.endswith(".py"):
        yield from _python(unit)


def _node(unit: Unit) -> Iterator[Wrong]:
    said = unit.service.environment.get("NODE_ENV")
    if said is not None:
        if said.value in _NEVER_PRODUCTION:
            yield Wrong(f"NODE_ENV is {said.value} in what is shipped", said.place, "ENV NODE_ENV=production")
        return
    if any("NODE_ENV" in text for text in _texts(unit)) or (unit.compose and _may_come_from_outside(unit)):
        return
    if unit.compose is None and not unit.service.ports and not unit.manifests:
        return  # perhaps a tool
    package = _package(unit)
    severity = Severity.WARNING if package else Severity.INFO
    why = f": {package.value} runs in development mode" if package else ""
    related = (package,) if package and package.place else ()
    message = f"NODE_ENV is not set to production{why}"
    yield Wrong(message, _place(unit), "ENV NODE_ENV=production", severity, related=related)


def _texts(unit: Unit) -> Iterator[str]:
    """All that may set it on the way to the program."""
    yield from (" ".join(link.argv) for link in launch.chain(unit))
    for manifest in unit.manifests:
        scripts = manifest.data.get("scripts")
        yield from (str(line) for line in scripts.values()) if isinstance(scripts, Mapping) else ()
    if unit.entrypoint_script is not None:
        yield unit.entrypoint_script.text
    yield from (
        each.arguments for each in builds.instructions(unit) if each.keyword in ("ENV", "ARG", "CMD", "ENTRYPOINT")
    )


def _may_come_from_outside(unit: Unit) -> bool:
    """Whether compose names it, to be filled in where it is run."""
    return unit.compose is not None and "NODE_ENV" in unit.compose.environment


def _package(unit: Unit) -> Sourced[str] | None:
    for manifest in unit.manifests:
        dependencies = manifest.data.get("dependencies")
        for name in dependencies if isinstance(dependencies, Mapping) else ():
            if name in _LOOK_AT_IT:
                return Sourced(name, manifest.places.get(("dependencies", name)))
    return None


def _python(unit: Unit) -> Iterator[Wrong]:
    if "PYTHONUNBUFFERED" in unit.service.environment or any("PYTHONUNBUFFERED" in text for text in _texts(unit)):
        return
    if unit.compose is None and not unit.service.ports:
        return  # perhaps no service, but a tool on somebody's terminal
    argv = launch.chain(unit)[-1].argv
    base = builds.final_base(unit)
    is_official = base is not None and base.reference.is_official and images.family(base.image) is not None
    if any(word.startswith("-") and "u" in word and not word.startswith("--") for word in argv[1:3]) or not is_official:
        return
    message = "PYTHONUNBUFFERED is not set: what the program prints waits in a buffer, and is lost when it is killed"
    yield Wrong(message, _place(unit), "ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1", Severity.INFO)


def _place(unit: Unit) -> Place | None:
    return builds.last_place(unit)


_END = 'CMD ["node", "a.js"]\n'
_EXPRESS = '{"dependencies": {\n  "express": "^5"\n}}\n'
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="NODE_ENV=production is set for Node, and PYTHONUNBUFFERED=1 for Python.",
    why="Without NODE_ENV=production Express compiles its templates anew for each request and shows stack traces to "
    "everyone, and React ships its development build. Python writes what is printed to a pipe in blocks of 8 KiB: the "
    "log is late, and its last lines, which say why it died, never arrive.",
    example="FROM node:22-slim\n" + _END,
    instead="FROM node:22-slim\nENV NODE_ENV=production\n" + _END,
    check=per_service(NAME, Severity.WARNING, _look, Confidence.MEDIUM),
    confidence=Confidence.MEDIUM,
    fix_safety=FixSafety.UNSAFE,
    fix_note="ENV is put in front of the command, where no install sees it: with NODE_ENV=production npm leaves "
    "devDependencies out. PYTHONUNBUFFERED is safe.",
    sources=(
        "https://expressjs.com/en/advanced/best-practice-performance.html#set-node_env-to-production",
        "https://docs.python.org/3/using/cmdline.html#envvar-PYTHONUNBUFFERED",
    ),
    bad=(
        Bad({"Dockerfile": "FROM node:22\nEXPOSE 80\n" + _END}, "Dockerfile:3:5", "NODE_ENV"),
        Bad({"Dockerfile": "FROM node:22\n" + _END, "package.json": _EXPRESS}, "Dockerfile:2:5", "express"),
        Bad({"Dockerfile": "FROM node:22\nENV NODE_ENV=development\n" + _END}, "Dockerfile:2:5", "development"),
        Bad({"Dockerfile": 'FROM python:3\nEXPOSE 80\nCMD ["python", "a.py"]\n'}, "Dockerfile:3:5", "UNBUFFERED"),
    ),
    good=(
        Good({"Dockerfile": "FROM node:22\nENV NODE_ENV=production\n" + _END}),
        Good({"Dockerfile": "FROM node:22\nCMD NODE_ENV=production node a.js\n"}),
        Good({"Dockerfile": 'FROM python:3\nEXPOSE 80\nCMD ["python", "-u", "a.py"]\n'}),
        Good({"Dockerfile": 'FROM python:3\nENTRYPOINT ["python", "tool.py"]\n'}, "perhaps a tool on a terminal"),
        Good({"Dockerfile": "FROM node:22 AS development\n" + _END}, "for development"),
        Good({"Dockerfile": 'FROM nginx\nCMD ["nginx", "-g", "daemon off;"]\n'}, "neither of them"),
        Good({"Dockerfile": 'FROM python:3\nCMD ["gunicorn", "a:b"]\n'}, "its log is not buffered"),
    ),
)
