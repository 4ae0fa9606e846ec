"""Real servers for the trials: what each is started with, and which of them can be had here."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from seatrial.drill.acts.table import ACTS
from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording
from seatrial.model.service import Service
from seatrial.model.verdict import Verdict
from tests.requirements import require as require

SERVERS = Path(__file__).parent / "servers"
PYTHON = (sys.executable,)

ARGV: dict[str, tuple[str, ...]] = {
    "node plain": ("node", "plain.js"),
    "node server.close": ("node", "server_close.js"),
    "node exit at once": ("node", "close_all_and_exit.js"),
    "express": ("node", "express_plain.js"),
    "express close": ("node", "express_close.js"),
    "fastify close": ("node", "fastify_close.js"),
    "fastify close-with-grace": ("node", "fastify_close_with_grace.js"),
    "stoppable": ("node", "stoppable.js"),
    "terminus": ("node", "terminus.js"),
    "http-terminator": ("node", "http_terminator.js"),
    "npm start": ("npm", "start"),
    "npm start with exec": ("npm", "run", "start-exec"),
    "nodemon": ("node_modules/.bin/nodemon", "--quiet", "server_close.js"),
    "dash -c": ("/bin/dash", "-c", "node server_close.js"),
    "bash -c": ("/bin/bash", "-c", "node server_close.js"),
    "bash -c list": ("/bin/bash", "-c", "node server_close.js; true"),
    "wrapper": ("./wrapper.sh",),
    "wrapper with exec": ("./wrapper_exec.sh",),
    "uvicorn": (*PYTHON, "-m", "uvicorn", "asgi:app", "--port", "3000", "--http", "httptools"),
    "gunicorn sync": (*PYTHON, "-m", "gunicorn", "wsgi:app", "-b", "127.0.0.1:3000", "-w", "6"),
    "gunicorn uvicorn worker": (
        *PYTHON, "-m", "gunicorn", "asgi:app", "-b", "127.0.0.1:3000", "-k", "uvicorn_worker.UvicornWorker",
    ),
    "hypercorn": (*PYTHON, "-m", "hypercorn", "asgi:app", "-b", "127.0.0.1:3000"),
    "waitress": (*PYTHON, "waitress_app.py"),
    "aiohttp": (*PYTHON, "aiohttp_app.py"),
    "http.server": (*PYTHON, "http_server.py"),
    "node --watch": ("node", "--watch", "server_close.js"),
    "setpriv": ("setpriv", "--no-new-privs", "node", "server_close.js"),
    "ash -c": ("busybox", "ash", "-c", "node server_close.js"),
    "ash -c list": ("busybox", "ash", "-c", "node server_close.js; true"),
    "trap, wait": ("./trap.sh",),
    "trap, two waits": ("./trap_wait.sh",),
    "tini -g, wrapper": ("tini", "-g", "--", "./wrapper.sh"),
    "dumb-init": ("dumb-init", "node", "server_close.js"),
    "dumb-init, wrapper": ("dumb-init", "./wrapper.sh"),
    "catatonit": ("catatonit", "node", "server_close.js"),
    "supervisord": ("supervisord", "-c", "supervisord.conf"),
    "uvicorn, two workers": (*PYTHON, "-m", "uvicorn", "asgi:app", "--port", "3000", "--workers", "2"),
    "granian": (*PYTHON, "-m", "granian", "--interface", "asgi", "asgi:app", "--port", "3000"),
    "gunicorn gthread": (
        *PYTHON, "-m", "gunicorn", "wsgi:app", "-b", "127.0.0.1:3000", "-k", "gthread", "--threads", "16",
    ),
    "flask": (*PYTHON, "-m", "flask", "--app", "flask_app", "run", "--port", "3000"),
}  # fmt: skip
"""The argv of each server, run in the folder `servers`."""

GRACE = 3.0
PATIENCE = {"supervisord": 15.0, "gunicorn gthread": 8.0}
"""Grace periods of servers that need about three seconds: supervisord looks for signals once a second, and gunicorn's
threads for the end of connections every so often."""

NODE = 20
"""What was measured of the servers on node is true of this version and newer ones: 18 leaves idle connections open."""
NPM = {"express", "fastify", "stoppable", "terminus", "http-terminator", "nodemon"}
PYPI = {
    "uvicorn": "uvicorn",
    "gunicorn": "gunicorn",
    "hypercorn": "hypercorn",
    "waitress": "waitress",
    "aiohttp": "aiohttp",
    "granian": "granian",
    "flask": "flask",
}


def missing(name: str) -> str:
    """What this machine lacks to run a server, or nothing."""
    argv, package = ARGV[name], name.split()[0].rstrip(",")
    if argv[0] != sys.executable and shutil.which("node") is None:
        return "node is not installed"
    if not argv[0].startswith(("./", "node_modules/")) and shutil.which(argv[0]) is None:
        return f"{argv[0]} is not installed"
    if package in NPM and not (SERVERS / "node_modules").is_dir():
        return "the npm packages of tests/trials/servers are not installed"
    if package in PYPI and find_spec(PYPI[package]) is None:
        return f"{package} is not installed"
    return ""


@functools.cache
def node_version() -> tuple[int, ...]:
    """The version of the node that runs here: (20, 20, 2)."""
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", told)[:3])


def not_measured(name: str) -> str:
    """Why the row of a server says nothing about this machine's version of what runs it, or ""."""
    if ARGV[name][0] == sys.executable or node_version() >= (NODE,):
        return ""
    return f"measured with node {NODE} and newer; here is {'.'.join(map(str, node_version()))}"


def grace_of(name: str) -> float:
    """Seconds that a server of the tables gets for its stop."""
    return PATIENCE.get(name, GRACE)


def service(name: str, *, init: bool = False, grace: float | None = None) -> Service:
    """A server as a service: PID 1 is its argv, or an init where one is asked for."""
    environment = {"PORT": "3000", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return Service(
        name=name,
        context=str(SERVERS),
        argv=Sourced(ARGV[name]),
        workdir=Sourced("/srv/trial"),
        environment={key: Sourced(value) for key, value in environment.items()},
        init=Sourced(init),
        stop_grace=Sourced(grace_of(name) if grace is None else grace),
    )


async def trial(subject: Service) -> tuple[Recording, tuple[Verdict, ...]]:
    """Drill a server, and judge."""
    slow = Candidates(slow=(Candidate("/slow", "tests"),))
    options = DrillOptions(candidates=slow, skip=frozenset(ACTS))
    recording = await drill(subject, NativeEngine(), options, lambda _: None)
    return recording, judge(recording)
