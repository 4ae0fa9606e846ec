"""dev-runner-in-production: no nodemon, --watch, --reload, flask run, pm2 in the production command."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.check.manifests import also
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.place import Sourced

NAME = "dev-runner-in-production"
_ALWAYS = {
    "nodemon": "restarts the program when files change",
    "ts-node": "compiles TypeScript at every start",
    "ts-node-dev": "restarts the program when files change",
    "tsnd": "restarts the program when files change",
    "webpack-dev-server": "is a development server",
    "forever": "restarts the program behind the engine's back",
    "watchmedo": "restarts the program when files change",
    "watchfiles": "restarts the program when files change",
    "live-server": "is a development server",
    "browser-sync": "is a development server",
}
_VERBS = {
    "vite": frozenset({"", "dev", "serve"}),
    "next": frozenset({"dev"}),
    "nuxt": frozenset({"dev"}),
    "nuxi": frozenset({"dev"}),
    "astro": frozenset({"dev"}),
    "remix": frozenset({"dev"}),
    "ng": frozenset({"serve"}),
    "webpack": frozenset({"serve"}),
    "react-scripts": frozenset({"start"}),
    "vue-cli-service": frozenset({"serve"}),
    "gatsby": frozenset({"develop"}),
    "flask": frozenset({"run"}),
    "fastapi": frozenset({"dev"}),
    "pm2": frozenset({"start"}),
    "tsx": frozenset({"watch"}),
}
_FLAGS = {"node": ("--watch", "--watch-path"), "bun": ("--watch", "--hot"), "deno": ("--watch",)}
_RELOADERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "sanic", "daphne", "granian"})


def look(unit: Unit) -> Iterator[Wrong]:
    """A server or a runner for development as what the service runs."""
    if not launch.is_written_here(unit) or launch.is_for_development(unit):
        return
    links = launch.chain(unit)
    for link in links:
        why = _why(link.argv)
        if why:
            place = launch.command_place(unit)
            written = link.place if link.place != place and link is not links[0] else None
            related = (Sourced("written here", written),) if written else ()
            by = f" (by {written.file}:{written.line})" if written else ""
            message = f"the command runs `{_name(link.argv)}`{by}, which {why}"
            yield Wrong(message, place, _remedy(link.program), related=related)
            return


def _name(argv: tuple[str, ...]) -> str:
    return " ".join(argv[: 4 if "-m" in argv[:2] else 3])[:60]


def _why(argv: tuple[str, ...]) -> str:
    if not argv:
        return ""
    program = argv[0].rpartition("/")[2]
    operands = [word for word in argv[1:] if not word.startswith("-")]
    if program.startswith("python") and any(word.endswith("manage.py") for word in argv[1:3]):
        return "is Django's development server" if "runserver" in argv else ""
    if program.startswith("python") and argv[1:2] == ("-m",) and argv[2:3] == ("flask",):
        operands, program = list(argv[3:4]), "flask"
    if program.endswith("manage.py") and "runserver" in argv:
        return "is Django's development server"
    if program in _ALWAYS:
        return _ALWAYS[program]
    if program in _VERBS and (operands[0] if operands else "") in _VERBS[program]:
        return "daemonizes and restarts by itself" if program == "pm2" else "is for development"
    if program in _FLAGS and any(word.partition("=")[0] in _FLAGS[program] for word in argv[1:3]):
        return "restarts the program when files change"
    return "restarts the program when files change" if program in _RELOADERS and "--reload" in argv else ""


def _remedy(program: str) -> str:
    if program in ("flask", "fastapi") or program.startswith("python") or program.endswith("manage.py"):
        return "run a production server: gunicorn, uvicorn, hypercorn or granian"
    if program in _RELOADERS:
        return "leave --reload to a compose file for development"
    if program in ("pm2", "forever"):
        return "run the program itself, and let the engine's restart policy bring it back"
    if program in ("ts-node", "ts-node-dev", "tsnd", "nodemon", "node", "tsx", "bun", "deno"):
        return "run the built program by its runtime, and leave watching to a compose file for development"
    return "build the files in an earlier stage and serve what was built"


_DEV = '{"scripts": {\n  "start": "nodemon src/app.js"\n}}\n'
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: IMAGE\n        command: COMMAND\n"
)


def _pod(command: str, image: str = "a.org/web:1") -> dict[str, str]:
    return {"web.yaml": _POD.replace("COMMAND", command).replace("IMAGE", image)}


RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The command in production is the program itself, not a runner that watches files, reloads or restarts.",
    why="A runner for development drops all requests when it is told to stop (nodemon), serves one request at a time, "
    "shows tracebacks to everyone (flask run, runserver), compiles at each start, or restarts a program behind the "
    "engine's back, so that a crash loop looks healthy.",
    example='FROM python:3.13-slim\nCMD ["flask", "run", "--host=0.0.0.0"]\n',
    instead='FROM python:3.13-slim\nCMD ["gunicorn", "--bind=0.0.0.0:5000", "app:app"]\n',
    check=also(per_service(NAME, Severity.WARNING, look), NAME, Severity.WARNING, "launching.dev_runner"),
    fix_safety=FixSafety.UNSAFE,
    fix_note="Which production server to run is the project's choice; only --reload and --watch are taken out.",
    sources=("https://flask.palletsprojects.com/en/stable/deploying/",),
    bad=(
        Bad({"Dockerfile": 'FROM python:3.13-slim\nCMD ["flask", "run"]\n'}, "Dockerfile:2:5", "flask run"),
        Bad({"Dockerfile": "FROM node:22\nCMD npm start\n", "package.json": _DEV}, "Dockerfile:2:5", "package.json:2"),
        Bad({"Dockerfile": 'FROM node:22\nCMD ["node", "--watch", "a.js"]\n'}, "Dockerfile:2:5", "files change"),
        Bad({"Dockerfile": 'FROM python:3\nCMD ["python", "manage.py", "runserver"]\n'}, "Dockerfile:2:5", "Django"),
        Bad({"Dockerfile": 'FROM python:3\nCMD ["uvicorn", "app:app", "--reload"]\n'}, "Dockerfile:2:5", "uvicorn"),
        Bad(_pod("[flask, run]"), "web.yaml:10:18", "web: the command runs `flask run`"),
        Bad(_pod("[python, manage.py, runserver]"), "web.yaml:10:18", "Django"),
        Bad(
            {"web.yaml": _pod("x", "node:22-slim")["web.yaml"].replace("command: x", "args: [node, --watch, a.js]")},
            "web.yaml:10:15",
            "files change",
        ),
    ),
    good=(
        Good(_pod("[gunicorn, app]")),
        Good(
            {"web.yaml": _pod("x")["web.yaml"].replace("command: x", "args: [flask, run]")}, "who knows its entrypoint"
        ),
        Good({"web.yaml": _pod("[flask, run]")["web.yaml"].replace("name: web}", "name: web, namespace: dev}")}),
        Good({"Dockerfile": 'FROM python:3.13-slim\nCMD ["gunicorn", "app:app"]\n'}),
        Good({"Dockerfile": 'FROM node:22 AS development\nCMD ["nodemon", "app.js"]\n'}, "says that it is development"),
        Good({"Dockerfile": 'FROM node:22\nCMD ["vite", "preview"]\n'}),
        Good(
            {
                "Dockerfile": "FROM python:3\nCMD flask run\n",
                "compose.yaml": "services:\n  web:\n    build: .\n    volumes: [.:/app]\n",
            },
            "sources are mounted: development",
        ),
    ),
)
