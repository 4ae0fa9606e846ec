"""keep-alive-outlives-lb: the server keeps idle connections for longer than the balancer in front of it."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import manifests, services, source
from seatrial.check.interface import Bad, Context, Good, Rule, Wrong, finding
from seatrial.model.documents import Documents, Unit
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.source import Program

NAME = "keep-alive-outlives-lb"
_PROXIES = {"traefik": 90, "caddy": 120, "envoy": 3600, "kong": 60, "apisix": 60}
"""Reverse proxies that keep idle connections to what is behind them, and for how many seconds by default."""
_BALANCERS = {"alb": "the ALB", "nginx": "ingress-nginx in front", "elb": "the load balancer"}
_IDLE_BY_DEFAULT = 60
_NODE_DEFAULT = 5.0
_SHORT = frozenset({"http", "https", "express", "koa", "nest", "connect", "polka", "restify", "hapi", "hono"})
"""Servers that keep Node's default; fastify's is 72 s."""


def _check(context: Context) -> Iterator[Finding]:
    for unit in context.units:
        program = source.program_of(unit)
        sender = _sender(context.documents, unit) if program and source.is_own_program(program) else None
        wrong = _look(unit, program, sender) if program and sender else None
        made = finding(NAME, Severity.INFO, wrong, unit.service.name, Confidence.MEDIUM) if wrong else None
        if made is not None:
            yield made


def _sender(documents: Documents, unit: Unit) -> tuple[str, int, Place | None] | None:
    """What sends to the service over connections that it keeps: its name, its seconds, where it is written."""
    for other in documents.units if unit.compose else ():
        name = services.image_name(other)
        if name in _PROXIES and other.compose is not None:
            return f"{other.service.name} ({name})", _PROXIES[name], other.compose.place
    found = manifests.balancer_of(documents, unit)
    if found is None:
        return None
    what = f"{_BALANCERS[found.kind]} of {found.name}"
    return (what, found.idle.value, found.idle.place) if found.idle else (what, _IDLE_BY_DEFAULT, found.place)


def _look(unit: Unit, program: Program, sender: tuple[str, int, Place | None]) -> Wrong | None:
    name, seconds, place = sender
    related = (Sourced(name, place),) if place else ()
    for facts in program.files:
        for setting in facts.settings:
            if setting.name not in ("keepAliveTimeout", "timeout_keep_alive", "keepalive_timeout"):
                continue
            said = setting.seconds.resolved(unit.service.environment)
            if said is None or said == 0 or said > seconds:
                return None
            message = f"{setting.name} is {said:g} s, and {name} reuses idle connections for {seconds} s"
            return Wrong(message, setting.place, _remedy(seconds), related=related)
    kinds = {server.kind for facts in program.files for server in facts.servers}
    start = source.serves_at(program)
    if not program.complete or not kinds & _SHORT or "fastify" in kinds or start is None or program.runner != "node":
        return None
    message = (
        f"Node closes idle connections after {_NODE_DEFAULT:g} s, and {name} reuses them for {seconds} s: a"
        " request now and then meets a closed one, and is answered 502"
    )
    return Wrong(message, start, _remedy(seconds), related=related)


def _remedy(seconds: int) -> str:
    return f"server.keepAliveTimeout = {(seconds + 5) * 1000}; server.headersTimeout = {(seconds + 6) * 1000}"


_FILES = {"Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n'}
_COMPOSE = "services:\n  web:\n    build: .\n  proxy:\n    image: traefik:v3.1\n"
_SERVER = 'const http = require("http")\nconst server = http.createServer(f)\nserver.listen(3000)\n'


def _behind(annotation: str, more: str = "") -> dict[str, str]:
    """A service in a directory, with the manifests that run it behind an Ingress beside it."""
    return {
        "compose.yaml": "services:\n  web:\n    build: web\n",
        "web/Dockerfile": _FILES["Dockerfile"],
        "web/a.js": _SERVER + more,
        "web.yaml": _MANIFESTS.replace("ANNOTATION", annotation),
    }


_MANIFESTS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "a.org/web:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, annotations: {ANNOTATION}}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
"""
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="The server keeps idle keep-alive connections open for longer than what sends to it does.",
    why="A proxy keeps connections to the service and sends the next request on one that has been idle. Where the "
    "service closes first (Node after 5 s, uvicorn after 5 s), a request crosses the close on the wire. It can't be "
    "repeated safely, and the client gets a 502, seldom and without a trace in the service's log.",
    example=_SERVER,
    instead=_SERVER + "server.keepAliveTimeout = 95_000\nserver.headersTimeout = 96_000\n",
    check=_check,
    confidence=Confidence.MEDIUM,
    sources=(
        "https://nodejs.org/api/http.html#serverkeepalivetimeout",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html",
        "https://doc.traefik.io/traefik/routing/overview/#forwardingtimeoutsidleconntimeout",
    ),
    bad=(
        Bad({**_FILES, "a.js": _SERVER, "compose.yaml": _COMPOSE}, "a.js:3:1", "proxy (traefik)"),
        Bad(
            {**_FILES, "a.js": _SERVER + "server.keepAliveTimeout = 30 * 1000\n", "compose.yaml": _COMPOSE},
            "a.js:4:1",
            "is 30 s",
        ),
        Bad(
            _behind("alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=120"),
            "web/a.js:3:1",
            "for 120 s",
        ),
        Bad(
            _behind("nginx.ingress.kubernetes.io/proxy-body-size: 8m"), "web/a.js:3:1", "ingress-nginx in front of web"
        ),
    ),
    good=(
        Good({**_FILES, "a.js": _SERVER + "server.keepAliveTimeout = 95_000\n", "compose.yaml": _COMPOSE}),
        Good(_behind("alb.ingress.kubernetes.io/scheme: internal", "server.keepAliveTimeout = 65_000\n")),
        Good(_behind("example.org/what: ever"), "what it is isn't known"),
        Good({**_FILES, "a.js": _SERVER}, "nothing is known to stand in front"),
        Good({**_FILES, "a.js": _SERVER, "compose.yaml": _COMPOSE.replace("traefik:v3.1", "nginx:1.27")}),
    ),
)
