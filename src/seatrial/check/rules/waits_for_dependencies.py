"""waits-for-dependencies: what starts slowly is waited for until it is healthy, and can be."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch, services
from seatrial.check.interface import Bad, Context, FixSafety, Good, Rule, Wrong, finding, task
from seatrial.check.manifests import of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Sourced
from seatrial.model.service import Dependency

NAME = "waits-for-dependencies"
_WAITERS = (
    "wait-for",
    "wait_for",
    "waitfor",
    "dockerize",
    "pg_isready",
    "mysqladmin",
    "nc -z",
    "until ",
    "wait4x",
    "/dev/tcp",
)
_RUNTIMES = frozenset(
    {"node", "python", "ruby", "php", "golang", "openjdk", "eclipse-temurin", "elixir", "bun", "deno"}
)
"""Images in which a program of the project runs."""
_ASK_AGAIN = frozenset(
    {"adminer", "phpmyadmin", "pgadmin4", "pgadmin", "mongo-express", "kibana", "grafana", "logstash", "kafka-ui"}
    | {"redis-commander", "redisinsight", "cloudbeaver", "dbgate", "akhq", "kafdrop", "opensearch-dashboards"}
)
"""Tools that connect when somebody asks them to, or try again for as long as it takes."""
_WITHOUT_CHECK = frozenset(
    {"postgres", "mysql", "mariadb", "mongo", "redis", "rabbitmq", "nginx", "node", "python", "memcached"}
)
"""Official images that bring no HEALTHCHECK."""


def _check(context: Context) -> Iterator[Finding]:
    by_name = {unit.service.name: unit for unit in context.units}
    for unit in context.units:
        for dependency in unit.service.depends_on:
            other = by_name.get(dependency.value.service)
            wrong = _wrong(unit, dependency, other) if other is not None else None
            made = finding(NAME, Severity.WARNING, wrong, unit.service.name) if wrong else None
            if made is not None:
                yield made
                break


def _wrong(unit: Unit, dependency: Sourced[Dependency], other: Unit) -> Wrong | None:
    name = other.service.name
    if dependency.value.condition == "service_healthy":
        if _surely_without_check(other):
            message = (
                f"{unit.service.name} waits until {name} is healthy, but {name} has no health check: it never starts"
            )
            related = (Sourced(name, other.compose.place),) if other.compose else ()
            return Wrong(message, dependency.place, f"give {name} a healthcheck", Severity.ERROR, related=related)
        return None
    if dependency.value.condition != "service_started" or not services.is_slow_store(other):
        return None
    if unit.compose is not None and unit.compose.is_stack:
        return None  # Swarm knows no order, and starts again what ended
    if not dependency.value.required or launch.is_for_development(unit) or _waits_itself(unit):
        return None
    if services.image_name(unit) in _ASK_AGAIN or (not _is_written_here(unit) and _is_restarted(unit)):
        return None  # what another's image does until the store answers isn't known; a restart would mend it
    message = f"{unit.service.name} starts as soon as {name} has been started, which is before it answers"
    more = "" if other.service.healthcheck else f", and give {name} a healthcheck"
    return Wrong(message, dependency.place, f"depends_on: {{{name}: {{condition: service_healthy}}}}{more}")


def _is_written_here(unit: Unit) -> bool:
    return bool(unit.compose and unit.compose.has_build) or services.image_name(unit) in _RUNTIMES


def _is_restarted(unit: Unit) -> bool:
    said = unit.service.restart
    return said is not None and said.value.partition(":")[0] not in ("no", "none", "")


def _surely_without_check(unit: Unit) -> bool:
    check = unit.service.healthcheck
    if check is not None:
        return check.is_disabled
    if unit.dockerfile is not None:
        base = images.parse(launch.base_image(unit))
        return base.is_official and base.repository in _WITHOUT_CHECK | {
            "debian",
            "ubuntu",
            "alpine",
            "golang",
            "scratch",
        }
    image = unit.compose.image if unit.compose else None
    reference = images.parse(image.value) if image else None
    return reference is not None and reference.is_official and reference.repository in _WITHOUT_CHECK


def _waits_itself(unit: Unit) -> bool:
    texts = [" ".join(link.argv) for link in launch.chain(unit)]
    given = (unit.service.entrypoint, unit.service.command, unit.compose.command if unit.compose else None)
    texts += [" ".join(each.value) for each in given if each]
    texts += [unit.entrypoint_script.text] if unit.entrypoint_script else []
    texts += [each.arguments for stage in unit.stages for each in stage.instructions if each.keyword == "ENTRYPOINT"]
    return any(word in text for text in texts for word in _WAITERS)


_APP = "services:\n  app:\n    image: x/app\n    depends_on:\n"
_CHECKED = "  db:\n    image: postgres:17\n    healthcheck:\n      test: pg_isready\n"
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="`depends_on` of a data store has `condition: service_healthy`, and the data store has a health check.",
    why="The short form waits until the container was started, not until the database answers; on a fresh volume that "
    "is seconds earlier, and the program ends with a refused connection. `service_healthy` on a service without a "
    "health check stops `up` with an error.",
    example=_APP + "      - db\n  db:\n    image: postgres:17\n",
    instead=_APP + "      db:\n        condition: service_healthy\n" + _CHECKED,
    check=of_tasks(_check, NAME, Severity.WARNING, "dependencies"),
    fix_safety=FixSafety.UNSAFE,
    fix_note="The program starts later, and not at all if the data store never becomes healthy.",
    sources=(
        "https://docs.docker.com/compose/how-tos/startup-order/",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    many="{count} services start before the data store that they depend on answers: {names}",
    bad=(
        Bad(
            {"compose.yaml": _APP + "      - db\n  db:\n    image: postgres:17\n"},
            "compose.yaml:5:9",
            "before it answers",
        ),
        Bad(
            {"compose.yaml": _APP + "      db:\n        condition: service_healthy\n  db:\n    image: redis:7\n"},
            "compose.yaml:5:7",
            "never starts",
        ),
        Bad(
            {
                "task.json": task("")["task.json"].replace(
                    "}]}", '"dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]},\n'
                )
                + '  {"name": "db", "image": "postgres:17"}]}\n'
            },
            "task.json:3:52",
            "no healthCheck",
        ),
    ),
    good=(
        Good({"compose.yaml": _APP + "      db:\n        condition: service_healthy\n" + _CHECKED}),
        Good({"compose.yaml": _APP + "      - db\n  db:\n    image: redis:7\n"}, "answers at once"),
        Good(
            {"compose.yaml": _APP + "      - db\n  db:\n    image: postgres:17\n    deploy: {mode: global}\n"},
            "Swarm starts it again",
        ),
        Good(
            {"compose.yaml": _APP + "      db:\n        condition: service_healthy\n  db:\n    image: a/b\n"}, "unknown"
        ),
        Good(
            {
                "compose.yaml": "services:\n  ui:\n    image: adminer:5\n    depends_on: [db]\n"
                "  db:\n    image: postgres:17\n"
            },
            "connects when somebody logs in",
        ),
        Good(
            {
                "compose.yaml": "services:\n  app:\n    image: x/app\n    restart: always\n    depends_on: [db]\n"
                "  db:\n    image: postgres:17\n"
            },
            "another's image, which may wait, and is started again if it doesn't",
        ),
        Good(
            {
                "compose.yaml": "services:\n  app:\n    image: x/app\n    command: [wait-for.sh, 'db:5432']\n"
                "    depends_on: [db]\n  db:\n    image: postgres:17\n"
            },
            "the command waits",
        ),
        Good(
            {
                "compose.yaml": "services:\n  app:\n    image: node\n    command: ./wait-for-it.sh db:5432 -- a\n"
                "    depends_on: [db]\n  db:\n    image: postgres:17\n"
            },
            "it waits by itself",
        ),
        Good(task('"dependsOn": [{"containerName": "db", "condition": "START"}]')),
    ),
)
