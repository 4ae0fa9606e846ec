"""init-reaps-orphans: an init at PID 1 where the program is known to leave orphans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.check import launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.place import Place, Sourced

NAME = "init-reaps-orphans"
_BROWSERS = ("puppeteer", "puppeteer-core", "playwright", "playwright-core", "chrome-launcher", "selenium-webdriver")
_PYTHON_BROWSERS = ("selenium", "playwright", "pyppeteer", "undetected_chromedriver", "seleniumwire")
_REAPS_NOTHING = frozenset({"node", "npm", "yarn", "pnpm"})


def _look(unit: Unit) -> Iterator[Wrong]:
    links = launch.chain(unit)
    if not links or not launch.is_written_here(unit) or (unit.service.init and unit.service.init.value):
        return
    is_python = links[0].program.startswith("python")
    if not (is_python or links[0].program in _REAPS_NOTHING) or any(link.program in launch.INITS for link in links):
        return
    browser = _of_python(unit) if is_python else _browser(unit)
    if browser is not None:
        message = (
            f"PID 1 is {links[0].program}, which reaps no orphans, and {browser.value} starts browsers that leave some"
        )
        related = (browser,) if browser.place else ()
        remedy = 'put an init in front: ENTRYPOINT ["tini", "--"], or `init: true` in compose'
        yield Wrong(message, launch.command_place(unit), remedy, related=related)


def _browser(unit: Unit) -> Sourced[str] | None:
    for manifest in unit.manifests:
        dependencies = manifest.data.get("dependencies")
        for name in _BROWSERS if isinstance(dependencies, Mapping) else ():
            if isinstance(dependencies, Mapping) and name in dependencies:
                place: Place | None = manifest.places.get(("dependencies", name))
                return Sourced(name, place)
    return None


def _of_python(unit: Unit) -> Sourced[str] | None:
    """The package by which the program's own source drives a browser."""
    program = unit.program if unit.has_source and not launch.is_for_development(unit) else None
    used = {name.partition(".")[0] for name in program.external} if program else set()
    return next((Sourced(name) for name in _PYTHON_BROWSERS if name in used), None)


_PACKAGE = '{"dependencies": {\n  "puppeteer": "^24"\n}}\n'
_PYTHON = 'FROM python:3.13-slim\nCMD ["python", "a.py"]\n'
_NODE = 'FROM node:22-slim\nCMD ["node", "a.js"]\n'
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="Where the program starts others that leave orphans, an init at PID 1 reaps them.",
    why="An orphan becomes a child of PID 1, and stays as a zombie until PID 1 asks for its exit code. A headless "
    "browser leaves several for each page; at the limit of processes nothing can be started any more. The drill makes "
    "a real orphan and looks; this rule speaks only where a program is known for it.",
    example=_NODE,
    instead='FROM node:22-slim\nENTRYPOINT ["tini", "--"]\nCMD ["node", "a.js"]\n',
    check=per_service(NAME, Severity.WARNING, _look, Confidence.MEDIUM),
    confidence=Confidence.MEDIUM,
    fix_safety=FixSafety.UNSAFE,
    fix_note="Under an init a program without a handler dies at once on the stop signal.",
    sources=("https://pptr.dev/troubleshooting#running-puppeteer-in-docker",),
    bad=(
        Bad({"Dockerfile": _NODE, "package.json": _PACKAGE}, "Dockerfile:2:5", "puppeteer"),
        Bad({"Dockerfile": _PYTHON, "a.py": "from selenium import webdriver\n"}, "Dockerfile:2:5", "PID 1 is python"),
    ),
    good=(
        Good({"Dockerfile": _NODE, "package.json": '{"dependencies": {"express": "5"}}'}, "no orphans known"),
        Good({"Dockerfile": _PYTHON, "a.py": "import subprocess\n"}, "whether its children have children isn't known"),
        Good(
            {
                "Dockerfile": _PYTHON.replace('"python", "a.py"', '"gunicorn", "a:b"'),
                "a.py": "from selenium import webdriver\n",
            },
            "gunicorn reaps whatever has ended",
        ),
        Good(
            {
                "Dockerfile": _NODE,
                "package.json": _PACKAGE,
                "compose.yaml": "services:\n  a:\n    build: .\n    init: true\n",
            }
        ),
    ),
)
