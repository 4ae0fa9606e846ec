"""secrets-as-files: credentials come as files, not as build arguments or variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from seatrial.check import builds, credentials, images, services
from seatrial.check.interface import Bad, Context, FixSafety, Good, Rule, Wrong, finding
from seatrial.model.documents import Unit
from seatrial.model.finding import Finding, Severity

NAME = "secrets-as-files"
_FILES = {
    "postgres": ("POSTGRES_PASSWORD",),
    "mysql": ("MYSQL_ROOT_PASSWORD", "MYSQL_PASSWORD"),
    "mariadb": ("MARIADB_ROOT_PASSWORD", "MARIADB_PASSWORD", "MYSQL_ROOT_PASSWORD", "MYSQL_PASSWORD"),
    "mongo": ("MONGO_INITDB_ROOT_PASSWORD",),
    "wordpress": ("WORDPRESS_DB_PASSWORD",),
    "nextcloud": ("MYSQL_PASSWORD", "POSTGRES_PASSWORD", "NEXTCLOUD_ADMIN_PASSWORD"),
    "influxdb": ("DOCKER_INFLUXDB_INIT_PASSWORD",),
}
"""Official images whose entrypoint takes NAME_FILE instead of NAME."""


def _check(context: Context) -> Iterator[Finding]:
    dev_files = builds.files_for_development(context)
    for unit in context.units:
        for wrong in _arguments(unit):
            made = finding(NAME, Severity.WARNING, wrong, unit.service.name)
            if made is not None:
                yield made
    for unit in services.production(context.units):
        wrong_variable = (
            _variable(unit, context.documents.texts) if unit.compose and unit.compose.file not in dev_files else None
        )
        made = finding(NAME, Severity.INFO, wrong_variable, unit.service.name) if wrong_variable else None
        if made is not None:
            yield made


def _arguments(unit: Unit) -> Iterator[Wrong]:
    """Build arguments without a value of their own that hold a credential and are used."""
    for instruction in builds.instructions(unit):
        for each in instruction.assignments if instruction.keyword == "ARG" else ():
            if (each.value or "").strip("\"'") or not credentials.is_secret_name(each.name):
                continue
            used = re.compile(rf"\$\{{?{re.escape(each.name)}\b")
            if any(used.search(builds.script(run)) for run in builds.instructions(unit)):
                message = f"the build argument {each.name} stays in the image's history with its value"
                remedy = (
                    f"RUN --mount=type=secret,id={each.name.lower()} and read /run/secrets/{each.name.lower()} in it"
                )
                yield Wrong(message, each.place, remedy)


def _variable(unit: Unit, texts: Mapping[str, str]) -> Wrong | None:
    """A password that comes from outside, for an image that would take a file. One in the file itself is a finding of
    no-secrets-in-image, or a placeholder."""
    entry = unit.compose
    if entry is None or entry.has_build or entry.image is None:
        return None
    reference = images.parse(entry.image.value)
    names = _FILES.get(reference.repository, ()) if reference.is_official else ()
    for name in names:
        value = entry.environment.get(name)
        place = value.place if value is not None and value.value else None
        if place is not None and place.file == entry.file and "$" in builds.written_line(texts, place):
            message = f"{entry.name}: {name} is a variable, which `docker inspect` and every child process can read"
            remedy = f"{name}_FILE: /run/secrets/{name.lower()}, with that secret under `secrets:`"
            return Wrong(message, place, remedy, Severity.INFO)
    return None


_COMPOSE = "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: ${PW:-changeme}\n"
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="Credentials come as files: RUN --mount=type=secret in a build, `secrets:` and NAME_FILE in compose.",
    why="A build argument is written into the image's history for whoever can pull it. A variable is shown by `docker "
    "inspect`, is inherited by every child process, and ends up in crash reports and debug pages.",
    example="FROM node:22-slim\nARG NPM_TOKEN\nRUN npm config set //registry.npmjs.org/:_authToken=$NPM_TOKEN\n",
    instead="FROM node:22-slim\nRUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci\n",
    check=_check,
    fix_safety=FixSafety.UNSAFE,
    fix_note="Who reads the variable by its name has to read the file instead.",
    sources=("https://docs.docker.com/build/building/secrets/",),
    bad=(
        Bad({"Dockerfile": "FROM node:22\nARG NPM_TOKEN\nRUN echo $NPM_TOKEN > .npmrc\n"}, "Dockerfile:2:5", "history"),
        Bad({"compose.yaml": _COMPOSE}, "compose.yaml:5:26", "docker inspect"),
    ),
    good=(
        Good({"Dockerfile": "FROM node:22\nARG NPM_TOKEN\nRUN npm ci\n"}, "it isn't used"),
        Good({"Dockerfile": "FROM node:22\nRUN --mount=type=secret,id=npmrc npm ci\n"}),
        Good(
            {"Dockerfile": "FROM node:22 AS a\nARG TOKEN\nRUN x $TOKEN\nFROM node:22\n"}, "an earlier stage's history"
        ),
        Good({"compose.yaml": _COMPOSE.replace("PASSWORD: ${PW:-changeme}", "PASSWORD_FILE: /run/secrets/pw")}),
    ),
)
