"""no-secrets-in-image: no credentials in ENV, ARG, COPY, RUN or compose's environment. No value is ever told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from seatrial.check import builds, command_secrets, credentials, launch
from seatrial.check.interface import Bad, Context, Good, Rule, Wrong, finding, task
from seatrial.check.manifests import also, of_tasks
from seatrial.model.documents import Assignment, ComposeEntry, Instruction, Unit
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

NAME = "no-secrets-in-image"
_FILES = (
    *("/id_rsa", "/id_dsa", "/id_ecdsa", "/id_ed25519", "/.netrc", "/.pypirc", "/.git-credentials", "/.htpasswd"),
    *("/.pgpass", "/credentials.json", "/.aws/credentials", "/.docker/config.json", "/.kube/config"),
    *("/service-account.json", ".p12", ".pfx", ".keystore"),
    *("/.env", "/.env.local", "/.env.production", "/.env.prod", "/.env.staging"),
)
"""How the paths of files with credentials end."""
_SET_PASSWORD = pattern(r"echo\s+[\"']?[\w.-]+:([^\s\"'|]+)[\"']?\s*\|\s*(?:sudo\s+)?(?:/usr/sbin/)?chpasswd")
_BEARER = pattern(r"(?:Authorization:\s*(?:Bearer|Basic|token)|PRIVATE-TOKEN:)\s+([^\s\"']+)", re.I)
_TO_CHANGE = pattern(r"#.*\b(?:change|replace|adjust|set|your)\b", re.I)
_IN_BUILD = (
    "RUN --mount=type=secret,id=NAME reads it without leaving it in the image; change it, since it was written down"
)
_AT_RUN = "give it when the container is run: a secret file, or the environment of the deployment; change it now"


def _check(context: Context) -> Iterator[Finding]:
    dev_files = builds.files_for_development(context)
    for unit in context.units:
        if launch.is_fixture(unit):
            continue
        for wrong in (*_in_dockerfile(unit), *_in_compose(unit, context.documents.texts, dev_files)):
            made = finding(NAME, Severity.WARNING, wrong, unit.service.name)
            if made is not None:
                yield made
    yield from _in_secrets(context)


def _in_secrets(context: Context) -> Iterator[Finding]:
    if context.documents.cluster is None or not context.documents.cluster.secrets:
        return
    from seatrial.check.kubernetes.credentials import secrets

    found = (finding(NAME, Severity.WARNING, wrong) for wrong in secrets(context))
    yield from (each for each in found if each)


def _in_dockerfile(unit: Unit) -> Iterator[Wrong]:
    for instruction in unit.dockerfile.instructions if unit.dockerfile else ():
        if instruction.keyword in ("ENV", "ARG"):
            yield from _assigned(instruction)
        elif instruction.keyword in ("COPY", "ADD"):
            yield from _copied(instruction)
        elif instruction.keyword == "RUN":
            yield from _run(instruction)


def _assigned(instruction: Instruction) -> Iterator[Wrong]:
    where = "the image's environment" if instruction.keyword == "ENV" else "the image's history"
    for each in instruction.assignments:
        what = _what(each)
        if what:
            severity = Severity.ERROR if credentials.is_secret_shape(each.value or "") else Severity.WARNING
            message = f"{instruction.keyword} {each.name} has {what} as its value, which stays in {where}"
            yield Wrong(message, each.place, _AT_RUN if instruction.keyword == "ENV" else _IN_BUILD, severity)


def _what(each: Assignment) -> str:
    value = each.value or ""
    if shape := credentials.shape(value):
        return shape
    if credentials.password_in_url(value):
        return "an address with a password"
    return "a credential" if credentials.is_secret_name(each.name) and credentials.is_literal(value) else ""


def _copied(instruction: Instruction) -> Iterator[Wrong]:
    words = instruction.words[:-1] if builds.sources(instruction) else ()
    for word in words:
        if f"/{word.value}".endswith(_FILES):
            message = f"{word.value} is copied into the image: whoever can pull the image can read it"
            yield Wrong(message, word.place or instruction.place, _AT_RUN, confidence=Confidence.MEDIUM)


def _run(instruction: Instruction) -> Iterator[Wrong]:
    text = builds.script(instruction)
    what = credentials.shape(text)
    severity = Severity.ERROR if what and credentials.is_secret_shape(text) else Severity.WARNING
    if not what and credentials.password_in_url(text):
        what = "an address with a password"
    command = next((each for each in instruction.shell if _holds(" ".join(each.words))), None) if what else None
    if not what and "chpasswd" in text and any(credentials.is_literal(each) for each in _SET_PASSWORD.findall(text)):
        what = "the password of an account"
    lower = text.lower()
    is_header = "authorization:" in lower or "private-token:" in lower
    if not what and is_header and any(credentials.is_literal(each) for each in _BEARER.findall(text)):
        what = "a token"
    if not what and command_secrets.may_be_in(text):
        what = command_secrets.what_of_text(text)
        command = next((each for each in instruction.shell if command_secrets.what_of(each.words)), None)
        what = what or (command_secrets.what_of(command.words) if command else "")
    if what:
        place = (
            command.place
            if command
            else Place(instruction.place.file, instruction.place.line, instruction.place.column)
        )
        yield Wrong(f"this RUN holds {what}, which stays in the image's history", place, _IN_BUILD, severity)


def _holds(text: str) -> bool:
    return bool(credentials.shape(text)) or credentials.password_in_url(text)


def _in_compose(unit: Unit, texts: Mapping[str, str], dev_files: frozenset[str]) -> Iterator[Wrong]:
    entry = unit.compose
    if entry is None:
        return
    is_minor = entry.file in dev_files or launch.is_for_development(unit)
    if not is_minor:
        yield from _in_command(unit, entry, texts)
    found: list[Sourced[str]] = []
    severity = Severity.WARNING
    for name, value in entry.environment.items():
        place = value.place
        if value.value is None or place is None or place.file != entry.file:
            continue
        written = builds.written_line(texts, place)
        if "$" in written or value.value not in written:
            continue  # filled in from outside
        if "#" in written and _TO_CHANGE.search(written):
            continue  # a comment says that it is no value to run with
        what = _what(Assignment(name, value.value, place))
        if what and (not is_minor or credentials.is_secret_shape(value.value)):
            severity = Severity.ERROR if credentials.is_secret_shape(value.value) else severity
            found.append(Sourced(name, place))
    if found:
        names = " and ".join(each.value for each in found[:2]) + (f" and {len(found) - 2} more" if found[2:] else "")
        message = f"{entry.name}: {names} stand in the file itself" if found[1:] else f"{entry.name}: {names} stands in"
        message += "" if found[1:] else " the file itself"
        remedy = "write ${NAME:?} and keep the value out of the repository, or use compose's `secrets:`"
        yield Wrong(message, found[0].place, remedy, severity, related=tuple(found[1:]))


def _in_command(unit: Unit, entry: ComposeEntry, texts: Mapping[str, str]) -> Iterator[Wrong]:
    said = entry.command
    if said is None or said.place is None or said.place.file != entry.file:
        return
    lines = (said.value, *(hop.argv for hop in unit.service.hops if hop.by.place == said.place))
    what = next((found for words in lines if (found := command_secrets.what_of(words))), "")
    written = builds.written_line(texts, said.place) if what else ""
    if what and "$" not in written and not ("#" in written and _TO_CHANGE.search(written)):
        message = f"{entry.name}: {what} stands in its command, which everybody on the machine can see"
        yield Wrong(message, said.place, "write ${NAME:?} and keep the value out of the repository, or a secret file")


_FROM = "FROM node:22-slim\n"
_COMPOSE = "services:\n  db:\n    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: "
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n        env: [{name: DB_PASSWORD, SAYS}]\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="No credential is written into a Dockerfile, copied into the image, or written into compose's environment.",
    why="Every layer and every ENV and ARG of an image can be read by whoever can pull it, also what a later layer "
    "deletes. A file in a repository is on every developer's machine, in every fork and in the history for ever.",
    example=_FROM + "ENV API_TOKEN=s3cr3t-t0k3n\n",
    instead=_FROM + "RUN --mount=type=secret,id=api_token ./fetch.sh /run/secrets/api_token\n",
    check=of_tasks(also(_check, NAME, Severity.WARNING, "credentials.look"), NAME, Severity.WARNING, "secrets"),
    sources=(
        "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
        "https://docs.docker.com/compose/how-tos/use-secrets/",
    ),
    many="{count} services have credentials in the file itself: {names}",
    bad=(
        Bad({"Dockerfile": _FROM + "ENV API_TOKEN=s3cr3t-t0k3n\n"}, "Dockerfile:2:5", "API_TOKEN"),
        Bad({"Dockerfile": _FROM + "ARG DB_PASSWORD=hunter2\n"}, "Dockerfile:2:5", "history"),
        Bad({"Dockerfile": _FROM + "COPY .env ./\n", ".env": ""}, "Dockerfile:2:6", ".env"),
        Bad({"Dockerfile": _FROM + "COPY id_rsa /root/.ssh/\n", "id_rsa": ""}, "Dockerfile:2:6", "id_rsa"),
        Bad({"Dockerfile": _FROM + "RUN git clone https://me:hunter2@h.org/a.git\n"}, "Dockerfile:2:5", "address"),
        Bad(
            {"Dockerfile": _FROM + "RUN a \\\n && echo ghp_" + "a1B2" * 9 + "\n"},
            "Dockerfile:3:5",
            "a GitHub token",
        ),
        Bad({"Dockerfile": _FROM + "RUN echo 'root:toor' | chpasswd\n"}, "Dockerfile:2:1", "account"),
        Bad({"Dockerfile": _FROM + "RUN cd a && curl -fu me:s3cr3t-v4lue h.org/a\n"}, "Dockerfile:2:13", "for curl"),
        Bad({"Dockerfile": _FROM + "RUN PGPASSWORD=s3cr3t-v4lue psql -h db\n"}, "Dockerfile:2:1", "(PGPASSWORD)"),
        Bad({"Dockerfile": _FROM + "RUN mysql -uroot -ps3cr3t-v4lue -e a\n"}, "Dockerfile:2:5", "for mysql"),
        Bad({"Dockerfile": _FROM + "RUN wget --password=s3cr3t-v4lue h.org\n"}, "Dockerfile:2:5", "for wget"),
        Bad({"Dockerfile": _FROM + "RUN docker login -u a -p s3cr3t-v4lue r.org\n"}, "Dockerfile:2:5", "for docker"),
        Bad(
            {
                "compose.yaml": "services:\n  a:\n    image: redis:7\n"
                "    command: redis-server --requirepass s3cr3t-v4lue\n"
            },
            "compose.yaml:4:14",
            "for redis-server",
        ),
        Bad({"compose.yaml": _COMPOSE + "hunter2\n"}, "compose.yaml:5:26", "POSTGRES_PASSWORD"),
        Bad({"web.yaml": _POD.replace("SAYS", "value: hunter2")}, "web.yaml:10:42", "DB_PASSWORD"),
        Bad(
            {
                "s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData:\n"
                "  token: ghp_" + "a1B2" * 9 + "\n"
            },
            "s.yaml:5:10",
            "a GitHub token",
        ),
        Bad(task('"environment": [{"name": "DB_PASSWORD", "value": "hunter22"}]'), "task.json:3:50", "DB_PASSWORD"),
    ),
    good=(
        Good({"web.yaml": _POD.replace("SAYS", "valueFrom: {secretKeyRef: {name: db, key: p}}")}),
        Good({"web.yaml": _POD.replace("SAYS", "value: $(OTHER)")}, "a variable"),
        Good({"Dockerfile": _FROM + 'ENV API_TOKEN="" TOKEN_TTL=60s PASSWORD_FILE=/run/secrets/p\n'}),
        Good({"Dockerfile": _FROM + "ARG TOKEN\nENV GPG_KEY=ABCDEF0123456789 PWD=/app PUBLIC_KEY=abcd\n"}),
        Good({"Dockerfile": _FROM + "ARG SECRET_KEY_BASE=dummy\nENV MYSQL_ALLOW_EMPTY_PASSWORD=yes\n"}, "placeholders"),
        Good({"Dockerfile": _FROM + "COPY .env.example .env\n", ".env.example": ""}, "an example"),
        Good({"Dockerfile": _FROM + "RUN curl -u $USER:$PASSWORD h.org && mysql -p$PASSWORD -e a\n"}, "variables"),
        Good({"Dockerfile": _FROM + "RUN adduser --disabled-password someone && mkdir -p somewhere\n"}, "no value"),
        Good({"Dockerfile": _FROM + "RUN docker login -u a -p <password> && mysql -ppassword\n"}, "placeholders"),
        Good({"Dockerfile": _FROM + "RUN curl -u app:changeme h.org && redis-cli -a your-password\n"}, "placeholders"),
        Good({"Dockerfile": _FROM + "RUN docker login --password-stdin r.org < /run/secrets/token\n"}),
        Good(
            {
                "compose.yaml": "services:\n  a:\n    image: redis:7\n"
                "    command: redis-server --requirepass ${PASSWORD:?}\n"
            },
            "comes from outside",
        ),
        Good({"Dockerfile": _FROM + "RUN git clone https://x:${TOKEN}@h.org/a.git\n"}, "a variable"),
        Good({"Dockerfile": _FROM + "ENV DATABASE_URL=postgres://user:pass@localhost/a\n"}, "a sample"),
        Good(
            {"compose.yaml": "services:\n  a:\n    image: a:1\n    environment: [TOKEN]\n", ".env": "TOKEN=hunter2\n"}
        ),
        Good({"compose.yaml": _COMPOSE + "${POSTGRES_PASSWORD:-hunter2}\n"}, "comes from outside"),
        Good({"compose.yaml": _COMPOSE + "changeme\n"}, "a placeholder"),
        Good({"docker-compose.dev.yml": _COMPOSE + "hunter2\n", "compose.yaml": "include: [docker-compose.dev.yml]\n"}),
        Good({"compose.yaml": _COMPOSE + "hunter2 # <-- change this\n"}, "a placeholder, by its comment"),
        Good({"compose.yaml": "services: {a: {build: tests}}\n", "tests/Dockerfile": _FROM + "ENV API_TOKEN=a1\n"}),
        Good(task('"secrets": [{"name": "DB_PASSWORD", "valueFrom": "arn:aws:ssm:eu:1:parameter/a"}]')),
        Good(task('"environment": [{"name": "DB_PASSWORD", "value": "${DB_PASSWORD}"}]'), "filled in by somebody"),
    ),
)
