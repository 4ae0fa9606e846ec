"""healthcheck-present: a service that listens has a health check."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch, services
from seatrial.check.interface import Bad, Context, FixSafety, Good, Rule, Wrong, finding, task
from seatrial.check.manifests import also, is_probed, of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Finding, Severity

NAME = "healthcheck-present"
_NO_SERVICE = frozenset({"-h", "--version"})
_STORES = frozenset(
    {"postgres", "mysqld", "mariadbd", "mongod", "mongos", "redis-server", "valkey-server", "memcached", "cassandra"}
    | {"rabbitmq-server", "clickhouse", "influxd", "etcd", "zkServer.sh", "couchdb", "rethinkdb", "redis-sentinel"}
)
"""Data stores: what their health is differs by how they are set up, so that whoever runs the image says it."""
_REMEDY = "add a HEALTHCHECK that asks the program itself on port {}, with a tool that the image has"
_BARE_REMEDY = (
    "add a HEALTHCHECK in exec form that asks on port {}: by the program itself, or by a static client that is copied "
    "in, for the image has neither a shell nor a tool"
)


def _check(context: Context) -> Iterator[Finding]:
    kept = {unit.service.name for unit in services.production(context.units)}
    for unit in context.units:
        if unit.compose is not None and unit.service.name not in kept:
            continue
        wrong = _look(unit)
        if wrong is not None and unit.compose is None and is_probed(context.documents, unit):
            continue
        made = finding(NAME, Severity.WARNING, wrong, unit.service.name) if wrong else None
        if made is not None:
            yield made


def _look(unit: Unit) -> Wrong | None:
    service = unit.service
    if not service.ports or not launch.is_written_here(unit) or launch.is_for_development(unit):
        return None  # without a port there may be nothing to ask; an image's own check isn't known here
    check = service.healthcheck
    if service.command and any(word in _NO_SERVICE or word.startswith("--help") for word in service.command.value):
        return None
    if unit.compose is None:
        if check is not None or launch.is_fixture(unit) or _is_store(unit):
            return None
        # What runs the image (an orchestrator with probes of its own, say) isn't known.
        message = f"the image listens on port {service.ports[0].value.number} and has no HEALTHCHECK"
        remedy = (_BARE_REMEDY if _is_bare(unit) else _REMEDY).format(service.ports[0].value.number)
        return Wrong(message, launch.command_place(unit), remedy, Severity.INFO, Confidence.MEDIUM)
    if check is not None and (not check.is_disabled or check.test.place is not None):
        return None  # switched off by somebody's will
    if unit.compose.command is not None and not _says_port(unit):
        return None  # a worker from the web server's image has its EXPOSE, too
    if not unit.compose.has_build and unit.dockerfile is None and not _is_plain(unit):
        return None
    message = f"{service.name} has no health check: nobody notices when it hangs, and nothing can wait for it"
    return Wrong(message, unit.compose.place, "add `healthcheck:` with a test that asks the program itself")


def _is_bare(unit: Unit) -> bool:
    """Whether the image brings nothing that could ask, no interpreter either."""
    base = launch.base_image(unit)
    name = images.parse(base).repository.rpartition("/")[2]
    return images.shell_of(base) == images.NO_SHELL and not name.startswith(("nodejs", "node", "python", "java"))


def _is_store(unit: Unit) -> bool:
    return any(link.argv and link.program in _STORES for link in launch.chain(unit)) or (
        unit.service.command is not None and bool(_STORES.intersection(unit.service.command.value[:1]))
    )


def _says_port(unit: Unit) -> bool:
    return any(port.place and unit.compose and port.place.file == unit.compose.file for port in unit.service.ports)


def _is_plain(unit: Unit) -> bool:
    """Whether compose itself says what the image runs."""
    return unit.compose is not None and unit.compose.command is not None


_NODE = 'FROM node:22-slim\nEXPOSE 3000\nCMD ["node", "a.js"]\n'
_SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\n"
)
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: a.org/web:1\n"
)
_PROBED = _POD + "        livenessProbe: {tcpSocket: {port: 80}}\n"
_SKAFFOLD = "apiVersion: skaffold/v4beta1\nkind: Config\nbuild: {artifacts: [{image: 'a.org/web:1', context: .}]}\n"
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A service that listens has a HEALTHCHECK in its image, `healthcheck:` in compose, or probes in Kubernetes.",
    why="An engine knows whether a process runs, not whether it answers. Without a check a hung service stays in "
    "rotation, `depends_on: service_healthy` can't wait for it, and a rollout goes on over broken instances.",
    example="services:\n  web:\n    build: .\n    ports: ['80:3000']\n",
    instead="services:\n  web:\n    build: .\n    ports: ['80:3000']\n    healthcheck:\n"
    "      test: ['CMD', 'curl', '-f', 'http://localhost:3000/health']\n",
    check=of_tasks(also(_check, NAME, Severity.WARNING, "health.present"), NAME, Severity.INFO, "health_present"),
    fix_safety=FixSafety.UNSAFE,
    fix_note="Which address says that the program is well can't be known from the files in every case.",
    sources=(
        "https://docs.docker.com/reference/dockerfile/#healthcheck",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    many="{count} services have no health check: {names}",
    bad=(
        Bad({"Dockerfile": _NODE}, "Dockerfile:3:5", "port 3000"),
        Bad({"Dockerfile": _NODE, "compose.yaml": "services:\n  web:\n    build: .\n"}, "compose.yaml:2:3", "web"),
        Bad({"web.yaml": _SERVICE + _POD}, "web.yaml:14:15", "no readiness probe"),
        Bad(
            {
                "compose.yaml": "services:\n  web:\n    build: web\n    healthcheck: {test: [CMD, node, b.js]}\n",
                "web/Dockerfile": 'FROM node:22\nHEALTHCHECK CMD ["node", "b.js"]\nCMD ["node", "a.js"]\n',
                **task('"essential": true'),
            },
            "task.json:2:12",
            "ECS never looks",
        ),
    ),
    good=(
        Good(
            {"Dockerfile": _NODE, "web/Dockerfile": _NODE, "k8s/web.yaml": _PROBED, "skaffold.yaml": _SKAFFOLD},
            "Kubernetes has its own probes, and looks at no HEALTHCHECK",
        ),
        Good({"web.yaml": _SERVICE + _POD + "        readinessProbe: {tcpSocket: {port: 80}}\n"}),
        Good({"web.yaml": _POD}, "nobody sends to it"),
        Good({"Dockerfile": _NODE + "HEALTHCHECK CMD curl -f http://localhost:3000/\n"}),
        Good({"Dockerfile": 'FROM node:22-slim\nCMD ["node", "worker.js"]\n'}, "no port"),
        Good(
            {"Dockerfile": 'FROM alpine:3.22\nEXPOSE 6379\nCMD ["redis-server"]\n'},
            "how a data store is asked differs by its set-up",
        ),
        Good({"Dockerfile": 'FROM alpine:3.22\nEXPOSE 80\nENTRYPOINT ["proxy"]\nCMD ["--help-all"]\n'}, "a tool"),
        Good({"compose.yaml": "services:\n  web:\n    image: nginx\n    ports: ['80:80']\n"}, "the image may have one"),
        Good({"Dockerfile": _NODE + "HEALTHCHECK NONE\n"}, "somebody's will"),
        Good(task('"essential": true'), "a target group may ask it"),
    ),
)
