"""restart-policy: a service in compose comes back by itself."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import services
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, over
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.place import Sourced

NAME = "restart-policy"


def _look(unit: Unit) -> Iterator[Wrong]:
    said, entry = unit.service.restart, unit.compose
    if entry is None or (said is None and entry.is_stack):
        return  # Swarm starts again whatever ends, unless told otherwise
    if entry.open_keys & {"restart", "condition"}:
        return
    if said is None and entry.deploy_restart is None and entry.replicas is None:
        message = f"{unit.service.name} has no restart policy: after a crash or a reboot it stays down"
        yield Wrong(message, entry.place, "restart: unless-stopped")
    elif said is not None and entry.deploy_restart is not None and _differ(said, entry.deploy_restart):
        message = f"`restart: {said.value}` and deploy.restart_policy both speak, and not of the same"
        related = (Sourced("the other one", entry.deploy_restart.place),) if entry.deploy_restart.place else ()
        yield Wrong(message, said.place, "keep the one for the engine that runs it", Severity.INFO, related=related)


def _differ(said: Sourced[str], deploy: Sourced[str]) -> bool:
    means = {"no": "none", "always": "any", "unless-stopped": "any"}.get(said.value, "on-failure")
    return said.place != deploy.place and _line(said) != _line(deploy) and means != deploy.value


def _line(value: Sourced[str]) -> int:
    return value.place.line if value.place else 0


_WEB = "services:\n  web:\n    image: nginx:1.27\n"
_STATED = "  proxy:\n    image: traefik:v3.0\n    restart: always\n    deploy: {mode: replicated, replicas: 1}\n"
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A service that is to run for long has `restart: unless-stopped` (a job: `on-failure`), said once.",
    why="Compose's default is `no`: after a crash, an out-of-memory kill or a reboot the service stays down until "
    "somebody looks.",
    example=_WEB,
    instead=_WEB + "    restart: unless-stopped\n",
    check=over(NAME, Severity.WARNING, services.production, _look),
    fix_safety=FixSafety.SAFE,
    fix_note="`restart: unless-stopped` is added.",
    sources=("https://docs.docker.com/reference/compose-file/services/#restart",),
    many="{count} services have no restart policy: {names}",
    bad=(
        Bad({"compose.yaml": _WEB}, "compose.yaml:2:3", "stays down"),
        Bad(
            {"compose.yaml": _WEB + "    restart: always\n    deploy:\n      restart_policy: {condition: none}\n"},
            "compose.yaml:4:14",
            "both",
        ),
        Bad({"compose.yaml": _WEB + _STATED}, "compose.yaml:2:3", "stays down"),
    ),
    good=(
        Good({"compose.yaml": _WEB + "    deploy: {update_config: {parallelism: 1}}\n"}, "Swarm starts it again"),
        Good({"compose.yaml": _WEB + "    deploy: {mode: global}\n"}, "Swarm starts it again"),
        Good({"compose.yaml": _WEB + "networks: {a: {driver: overlay}}\n"}, "Swarm starts it again"),
        Good({"compose.yaml": _WEB + "    deploy: {mode: replicated}\n"}, "Swarm starts it again"),
        Good({"compose.yaml": _WEB + "    restart: ${RESTART}\n"}, "whoever runs it says so"),
        Good({"compose.yaml": _WEB + "    restart: unless-stopped\n"}),
        Good({"compose.yaml": _WEB + '    restart: "no"\n'}, "somebody's will"),
        Good(
            {"compose.yaml": "services:\n  db:\n    image: postgres:17.2\n", "package.json": '{"name": "shop"}\n'},
            "the data store of a program under development, which runs beside it",
        ),
        Good(
            {
                "compose.yaml": "services:\n  shop:\n    image: nginx:1.27\n    restart: always\n",
                "Dockerfile": "FROM a\n",
            },
            "an image of the directory's name is no service of compose",
        ),
        Good({"compose.yaml": _WEB + "    deploy:\n      restart_policy:\n        condition: any\n"}),
        Good({"compose.yaml": "services:\n  migrate:\n    image: x/app\n    command: npm run migrate\n"}, "a job"),
        Good({"docker-compose.dev.yml": _WEB, "Dockerfile": "FROM scratch\n"}, "development"),
    ),
)
