"""What kind of thing a compose service is: a job, a data store, a server. Judgements by name and shape; pure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch
from seatrial.model.documents import Unit
from seatrial.model.remembered import remembered

SLOW_STORES = frozenset(
    {
        "postgres",
        "mysql",
        "mariadb",
        "mongo",
        "rabbitmq",
        "elasticsearch",
        "opensearch",
        "cassandra",
        "kafka",
        "couchdb",
    }
    | {"postgis", "timescaledb", "timescaledb-ha", "pgvector", "percona", "mysql-server", "cp-kafka", "neo4j", "db2"}
    | {
        "cockroach",
        "scylla",
        "keycloak",
        "oracle-xe",
        "mssql",
        "clickhouse-server",
        "influxdb",
        "mongodb",
        "postgresql",
    }
)
"""Images (by the last part of their name) that take seconds from their start to their first answer."""

_BESIDES = SLOW_STORES | frozenset(
    {"redis", "valkey", "memcached", "minio", "adminer", "pgadmin4", "pgadmin", "phpmyadmin", "mongo-express", "nats"}
    | {"mailhog", "maildev", "mailpit", "mailcatcher", "localstack", "fake-gcs-server", "zookeeper", "redis-stack"}
)
"""What a program stands on, and the tools to look into that."""
JOB_WORDS = frozenset(
    {"migrate", "migration", "migrations", "migrator", "init", "setup", "seed", "seeder", "bootstrap", "install"}
    | {"job", "cli", "once", "backup", "builder", "build", "test", "tests", "createbuckets", "loader", "composer"}
)
_TOOL_WORDS = JOB_WORDS | {"tools", "tool", "admin", "jobs", "ops", "manual", "utils", "profiling", "bench", "debug"}
_PROBABLY_SHELL = launch.SHELLS | {"true", "echo", "sleep", "tail", "cat"}


_SINCE = {"start_period": 4, "order": 4, "init": 7, "pids": 9}
"""The formats 3.x in which `docker stack deploy` came to know these keys."""


def is_taken(unit: Unit, key: str) -> bool:
    """Whether the engine takes this key there: of a stack it refuses what its file's `version` doesn't know."""
    return unit.compose is None or not unit.compose.is_stack or unit.compose.stack_minor >= _SINCE[key]


def since(unit: Unit, key: str) -> str:
    """What a remedy says besides, "" where the key is taken."""
    return "" if is_taken(unit, key) else f', which a stack takes from version: "3.{_SINCE[key]}" on'


def image_name(unit: Unit) -> str:
    """The last part of the image's name, "" where it is built here."""
    image = unit.compose.image if unit.compose else None
    if image is None or (unit.compose and unit.compose.has_build):
        return ""
    return images.parse(image.value).name


def is_slow_store(unit: Unit) -> bool:
    """Whether it is a data store that is not ready as soon as it runs."""
    return image_name(unit) in SLOW_STORES


def is_job(unit: Unit, others: tuple[Unit, ...]) -> bool:
    """Whether it is meant to end: somebody waits for its end, or its name or command says so."""
    name = unit.service.name
    if name in _ends_awaited(others):
        return True
    if set(name.lower().replace("_", "-").split("-")) & JOB_WORDS:
        return True
    links = launch.chain(unit)
    words = {word.lower() for link in links for word in link.argv[:4]}
    program = links[-1].program if links else ""
    return bool(words & JOB_WORDS) or program in _PROBABLY_SHELL


@remembered
def _ends_awaited(units: tuple[Unit, ...]) -> frozenset[str]:
    """The services for whose end somebody waits."""
    waits = (wait.value for unit in units for wait in unit.service.depends_on)
    return frozenset(wait.service for wait in waits if wait.condition == "service_completed_successfully")


def _on_demand(profiles: tuple[str, ...]) -> bool:
    """Whether these profiles are for somebody's tools, rather than for choosing what runs where."""
    return any(set(profile.lower().replace("_", "-").split("-")) & _TOOL_WORDS for profile in profiles)


def files_of_developers(units: tuple[Unit, ...]) -> frozenset[str]:
    """The compose files that somebody works with: a service of theirs runs mounted sources, or they have nothing but
    the data stores of a program whose manifest lies beside them, and which runs without them."""
    by_file: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.compose:
            by_file.setdefault(unit.compose.file, []).append(unit)
    return frozenset(
        file
        for file, found in by_file.items()
        if any(launch.runs_mounted_sources(each) for each in found)
        or (any(each.manifests for each in found) and all(image_name(each) in _BESIDES for each in found))
    )


def production(units: tuple[Unit, ...]) -> Iterator[Unit]:
    """The compose services that are to run for long, outside of development, and not only on somebody's demand.

    A file with a service that runs mounted sources is for a developer's machine as a whole.
    """
    at_work = files_of_developers(units)
    for unit in units:
        if (
            unit.compose
            and unit.compose.file not in at_work
            and not _on_demand(unit.compose.profiles)
            and not launch.is_for_development(unit)
            and not is_job(unit, units)
        ):
            yield unit
