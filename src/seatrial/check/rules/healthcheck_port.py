"""healthcheck-port: the health check asks the port that the program listens on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check import health, launch, source
from seatrial.check.interface import Bad, Good, Rule, Wrong, per_service
from seatrial.check.manifests import also
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced

NAME = "healthcheck-port"
_OPTION = pattern(r"(?:--(?:http-)?port|-p|--bind|-b|--listen)(?:=(.*))?")


def _look(unit: Unit) -> Iterator[Wrong]:
    if not health.is_own(unit) or not launch.is_written_here(unit):
        return
    listened = source.listened(unit)
    if listened is not None:
        yield from _by_source(unit, listened)
        return
    known = _known_ports(unit)
    if not known:
        return
    for asked in health.asked(unit):
        if asked.port is None or asked.port in {port.value for port in known}:
            continue
        if _is_mentioned(unit, asked.port):
            return
        numbers = " and ".join(str(port.value) for port in dict.fromkeys(known))
        message = (
            f"the check asks port {asked.port}, which nothing else names; the service is said to listen on {numbers}"
        )
        related = (Sourced(f"port {known[0].value}", known[0].place),) if known[0].place else ()
        yield Wrong(message, asked.command.place, f"ask port {known[0].value}", related=related)
        return


def _by_source(unit: Unit, listened: list[Sourced[int]]) -> Iterator[Wrong]:
    for asked in health.asked(unit):
        if asked.port is None or asked.port in {port.value for port in listened} or is_set(unit, asked.port):
            continue
        first = listened[0]
        message = f"the check asks port {asked.port}, and the program listens on {first.value}"
        related = (Sourced("it listens here", first.place),) if first.place else ()
        yield Wrong(message, asked.command.place, f"ask port {first.value}", related=related)
        return


def is_set(unit: Unit, number: int) -> bool:
    """Whether a variable or the command line names this port: then something may listen there after all."""
    values = [value.value for value in unit.service.environment.values()]
    values += [word for link in launch.chain(unit) for word in link.argv]
    if unit.entrypoint_script is not None:
        values.append(unit.entrypoint_script.text)
    return any(re.search(rf"(?<!\d){number}(?!\d)", value) for value in values)


def _known_ports(unit: Unit) -> list[Sourced[int]]:
    """What the files say about listening: options of the command, PORT, EXPOSE and published ports."""
    found = list(_from_options(launch.chain(unit)))
    port = unit.service.environment.get("PORT")
    if port is not None and port.value.isascii() and port.value.isdigit():
        found.append(Sourced(int(port.value[:9]), port.place))
    found += [Sourced(port.value.number, port.place) for port in unit.service.ports if port.value.protocol == "tcp"]
    return found


def _from_options(links: tuple[launch.Link, ...]) -> Iterator[Sourced[int]]:
    for link in links:
        for index, word in enumerate(link.argv):
            option = _OPTION.fullmatch(word)
            value = option.group(1) or next(iter(link.argv[index + 1 : index + 2]), "") if option else ""
            number = value.rpartition(":")[2]
            if number.isascii() and number.isdigit() and len(number) < 6:
                yield Sourced(int(number), link.place)


def _is_mentioned(unit: Unit, number: int) -> bool:
    """Whether the number stands anywhere else in what was read of the service: then there may be a second listener."""
    values = [value.value for value in unit.service.environment.values()]
    values += [word for link in launch.chain(unit) for word in link.argv]
    if unit.dockerfile is not None:
        values += [each.arguments for each in unit.dockerfile.instructions if each.keyword != "HEALTHCHECK"]
    if unit.entrypoint_script is not None:
        values.append(unit.entrypoint_script.text)
    pattern = re.compile(rf"(?<!\d){number}(?!\d)")
    return any(pattern.search(value) for value in values)


_FILE = 'FROM node:22\nEXPOSE 3000\nHEALTHCHECK CMD curl -f http://localhost:{}/\nCMD ["node", "a.js"]\n'
_LISTENS = 'require("http").createServer(f).listen(process.env.PORT || 3000)\n'
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: a.org/web:1\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The health check asks a port that the program listens on.",
    why="A check of a port where nobody listens fails always, so that the container never becomes healthy.",
    example=_FILE.format(8080),
    instead=_FILE.format(3000),
    check=also(per_service(NAME, Severity.WARNING, _look, Confidence.MEDIUM), NAME, Severity.WARNING, "health.port"),
    confidence=Confidence.MEDIUM,
    sources=("https://docs.docker.com/reference/dockerfile/#expose",),
    bad=(
        Bad({"Dockerfile": _FILE.format(8080)}, "Dockerfile:3:17", "port 8080"),
        Bad(
            {"Dockerfile": _FILE.format(8080).replace("3000", "8080"), "a.js": _LISTENS},
            "Dockerfile:3:17",
            "the program listens on 3000",
        ),
        Bad({"Dockerfile": _FILE.replace(":{}", "")}, "Dockerfile:3:17", "port 80,"),
        Bad(
            {"web.yaml": _POD + "        livenessProbe: {httpGet: {port: http}}\n"},
            "web.yaml:11:41",
            "no port of the container is called 'http'",
        ),
    ),
    good=(
        Good({"Dockerfile": _FILE.format(3000).replace("EXPOSE 3000", "EXPOSE 80"), "a.js": _LISTENS}, "the source"),
        Good(
            {
                "web.yaml": _POD + "        ports: [{name: http, containerPort: 80}]\n"
                "        livenessProbe: {httpGet: {port: http}}\n"
            }
        ),
        Good({"Dockerfile": _FILE.format(3000)}),
        Good({"Dockerfile": _FILE.format("$PORT")}, "a variable says it"),
        Good({"Dockerfile": _FILE.format(9090).replace("EXPOSE", "ENV ADMIN=:9090\nEXPOSE")}, "a second listener"),
    ),
)
