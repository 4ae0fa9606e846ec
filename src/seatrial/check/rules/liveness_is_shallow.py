"""liveness-is-shallow: what liveness asks touches no dependency."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Bad, Context, Good, Rule, Wrong, per_service
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.place import Sourced

NAME = "liveness-is-shallow"
_NAMES = frozenset({"live", "livez", "alive", "liveness"})
_SURE = frozenset({"livez", "liveness"})
"""The others are names of health checks below /health alone: "/live" may well be a stream."""
_REMEDY = "let liveness answer 200 without asking anybody, and ask dependencies in the readiness check"


def _look(unit: Unit) -> Iterator[Wrong]:
    """By the route's name, which says that it is for liveness."""
    program = source.program_of(unit)
    for facts, route in source.named_routes(program, _NAMES) if program else ():
        if route.path.rstrip("/").rpartition("/")[2] not in _SURE and "health" not in route.path:
            continue
        for actions in source.done_by(program, facts.file, route.actions) if program and route.actions else ():
            if actions.asks is not None:
                message = f"{route.path} asks {actions.asks.value}: while that is down, every instance is restarted"
                related = (Sourced("asked here", actions.asks.place),)
                yield Wrong(message, route.place, _REMEDY, related=related)
                return


def _check(context: Context) -> Iterator[Finding]:
    found = list(per_service(NAME, Severity.WARNING, _look, Confidence.MEDIUM)(context))
    yield from found
    cluster = context.documents.cluster
    if cluster is not None and cluster.workloads:
        # Only where there are manifests: the joins cost an import.
        from seatrial.check.source.probes import liveness

        yield from liveness(context, NAME, _REMEDY)


_FILES = {
    "web/Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n',
    "compose.yaml": "services:\n  web:\n    build: web\n    image: a.org/web\n",
}
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
    "        livenessProbe: {httpGet: {path: /health, port: 80}}\n"
)
_DEEP = (
    'const app = require("express")()\n'
    'app.get("/health", async (req, res) => {\n  await pool.query("SELECT 1")\n  res.send("ok")\n})\n'
)
_SHALLOW = 'const app = require("express")()\napp.get("/health", (req, res) => res.send("ok"))\n'
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The liveness check answers without asking a database or another service.",
    why="A failed liveness probe restarts the container. If it asks the database, half a minute without the database "
    "restarts all instances at once, and when it is back they all start and connect together. A restart mends nothing "
    "there; failing readiness is what keeps requests away.",
    example=_DEEP,
    instead=_SHALLOW,
    check=_check,
    confidence=Confidence.MEDIUM,
    sources=("https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",),
    bad=(
        Bad({**_FILES, "web/a.js": _DEEP, "k8s/web.yaml": _POD}, "k8s/web.yaml:10:9", "pool.query (web/a.js:3)"),
        Bad(
            {"Dockerfile": _FILES["web/Dockerfile"], "a.js": _DEEP.replace("/health", "/livez")},
            "a.js:2:9",
            "/livez asks pool.query",
        ),
    ),
    good=(
        Good({**_FILES, "web/a.js": _SHALLOW, "k8s/web.yaml": _POD}),
        Good({**_FILES, "web/a.js": _DEEP}, "who asks /health isn't said"),
        Good({"Dockerfile": _FILES["web/Dockerfile"], "a.js": _DEEP.replace("/health", "/live")}, "maybe a stream"),
        Good({**_FILES, "web/a.js": _DEEP, "k8s/web.yaml": _POD.replace("liveness", "readiness")}),
    ),
)
