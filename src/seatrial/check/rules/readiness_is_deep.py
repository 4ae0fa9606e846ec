"""readiness-is-deep: what readiness asks fails while a dependency is down."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Bad, Context, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Finding, Severity

NAME = "readiness-is-deep"
_NAMES = frozenset({"ready", "readyz", "readiness"})
_REMEDY = "ask the data store there, with a short time limit, and answer 503 when it doesn't answer"


def _look(unit: Unit) -> Iterator[Wrong]:
    """By the route's name, which says that it is for readiness."""
    program = source.program_of(unit)
    clients = source.stores(program) if program else []
    for facts, route in source.named_routes(program, _NAMES) if program and clients else ():
        actions = list(source.done_by(program, facts.file, route.actions)) if program and route.actions else []
        if len(actions) == 1 and actions[0].is_constant:
            message = f"{route.path} always says yes: while {clients[0]} has nobody to talk to, requests still come"
            yield Wrong(message, route.place, _REMEDY)
            return


def _check(context: Context) -> Iterator[Finding]:
    yield from per_service(NAME, Severity.INFO, _look, Confidence.MEDIUM)(context)
    cluster = context.documents.cluster
    if cluster is not None and cluster.workloads:
        from seatrial.check.source.probes import readiness

        yield from readiness(context, NAME, _REMEDY)


_DOCKERFILE = 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n'
_FILES = {
    "web/Dockerfile": _DOCKERFILE,
    "compose.yaml": "services:\n  web:\n    build: web\n    image: a.org/web\n",
}
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
    "        readinessProbe: {httpGet: {path: /health, port: 80}}\n"
)
_HEAD = 'const app = require("express")()\nconst { Pool } = require("pg")\n'
_SHALLOW = _HEAD + 'app.get("/ready", (req, res) => res.send("ok"))\n'
_DEEP = _HEAD + 'app.get("/ready", async (req, res) => {\n  await pool.query("SELECT 1")\n  res.send("ok")\n})\n'
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="The readiness check of a program with a data store fails while that is down.",
    why="Readiness decides who gets requests. A check that always says yes sends them to an instance that lost its "
    "connection, or has not got one yet, and each of them fails. Where all instances share the one store, weigh it: "
    "then none is ready while it is down, and the balancer answers for them.",
    example=_SHALLOW,
    instead=_DEEP,
    check=_check,
    confidence=Confidence.MEDIUM,
    sources=("https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",),
    bad=(
        Bad({"Dockerfile": _DOCKERFILE, "a.js": _SHALLOW}, "a.js:3:9", "always says yes"),
        Bad(
            {**_FILES, "web/a.js": _SHALLOW.replace("/ready", "/health"), "k8s/web.yaml": _POD},
            "k8s/web.yaml:10:9",
            "/health (web/a.js:3)",
        ),
    ),
    good=(
        Good({"Dockerfile": _DOCKERFILE, "a.js": _DEEP}),
        Good({"Dockerfile": _DOCKERFILE, "a.js": _SHALLOW.replace('const { Pool } = require("pg")', "")}, "no store"),
        Good({"Dockerfile": _DOCKERFILE, "a.js": _SHALLOW.replace('res.send("ok")', "res.send(state.ready)")}),
        Good({"Dockerfile": _DOCKERFILE, "a.js": _SHALLOW.replace("/ready", "/health")}, "who asks it isn't said"),
    ),
)
