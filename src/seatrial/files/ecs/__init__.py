"""Reads task definitions of Amazon ECS: JSON files that say `containerDefinitions`, with the place of every value.

Pure; never raises for what a file holds. A value that somebody fills in later (`${IMAGE}`, `<ARN>`) counts as not said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.files.json_positions import JsonError, Lines, Node, parse
from seatrial.files.shell_commands import shell_commands
from seatrial.model.documents import ShellCommand, Unit
from seatrial.model.ecs import Task, TaskContainer
from seatrial.model.finding import Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Dependency, Healthcheck, Limits, Logging, Port, Service, Ulimit

_MEBI = 1024 * 1024
_MEMORY = pattern(r"([0-9]{1,7})\s*(GB)?", re.I)
_FILLED_IN = pattern(r"\$\{|\{\{|<[A-Za-z][\w .:/-]*>|%\w+%|__\w+__|@@")


def read_task(data: bytes, file: str, findings: list[Finding]) -> Task | Sourced[str] | None:
    """The task of this file, the reason why it is left out, or None where it is something else."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        root = parse(text)
    except JsonError as error:
        if _FILLED_IN.search(text):
            return Sourced("is a template, and not read", Place(file, 1))
        place = Lines(text, file).place(error.offset)
        message = f"is no JSON: {error.message}"
        findings.append(Finding("syntax", Severity.ERROR, message, place, "`python3 -m json.tool FILE` says more"))
        return None
    whole = root.get("taskDefinition") or root
    containers = whole.get("containerDefinitions")
    if whole.get("family") is None or containers is None or not isinstance(containers.value, tuple):
        return None
    return _Reader(Lines(text, file)).task(whole, containers.value)


class _Reader:
    """Typed looks into one file: a value with its place, None where it isn't said or is of another type."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines

    def task(self, root: Node, containers: tuple[Node, ...]) -> Task:
        family = self._text(root, "family") or Sourced("", self._place(root))
        compatible = self._texts(root, "requiresCompatibilities")
        system = root.text("runtimePlatform", "operatingSystemFamily") or ""
        read = (self._container(each) for each in containers)
        return Task(
            family.value,
            family.place or self._place(root),
            tuple(each for each in read if each is not None),
            self._memory(root, "memory"),
            compatible is not None and "FARGATE" in compatible.value,
            system.startswith("WINDOWS"),
        )

    def _container(self, node: Node) -> TaskContainer | None:
        name = self._text(node, "name")
        if name is None or name.place is None:
            return None
        health = node.get("healthCheck")
        test = self._texts(health, "command") if health else None
        unit = Unit(self._service(node, name.value, health, test), health=tuple(_commands(test)))
        essential, place = self._truth(node, "essential"), name.place
        return TaskContainer(unit, place, essential is None or essential.value, self._truth(node, "privileged"))

    def _service(self, node: Node, name: str, health: Node | None, test: Sourced[tuple[str, ...]] | None) -> Service:
        entrypoint, command = self._texts(node, "entryPoint"), self._texts(node, "command")
        first = entrypoint or command
        argv = (entrypoint.value if entrypoint else ()) + (command.value if command else ())
        return Service(
            name,
            "",
            Sourced(argv, first.place) if first and argv else None,
            entrypoint,
            command,
            image=self._text(node, "image"),
            user=self._text(node, "user"),
            environment=dict(self._environment(node)),
            stop_grace=self._seconds(node, "stopTimeout"),
            healthcheck=self._health(health, test) if health and test else None,
            init=self._truth(node, "linuxParameters", "initProcessEnabled"),
            limits=Limits(
                memory=self._memory(node, "memory"),
                memory_reservation=self._memory(node, "memoryReservation"),
                ulimits=tuple(self._ulimits(node)),
            ),
            logging=self._logging(node),
            read_only=self._truth(node, "readonlyRootFilesystem"),
            ports=tuple(self._ports(node)),
            depends_on=tuple(self._dependencies(node)),
        )

    def _health(self, node: Node, test: Sourced[tuple[str, ...]]) -> Healthcheck:
        return Healthcheck(
            test,
            self._seconds(node, "interval") or Sourced(0.0),
            self._seconds(node, "timeout") or Sourced(0.0),
            self._seconds(node, "startPeriod") or Sourced(0.0),
            retries=self._number(node, "retries") or Sourced(0),
        )

    def _environment(self, node: Node) -> Iterator[tuple[str, Sourced[str]]]:
        for each in self._items(node, "environment"):
            name, value = self._text(each, "name"), self._text(each, "value")
            if name is not None and value is not None:
                yield name.value, value

    def _ports(self, node: Node) -> Iterator[Sourced[Port]]:
        for each in self._items(node, "portMappings"):
            number = self._number(each, "containerPort")
            if number is not None:
                yield Sourced(Port(number.value, each.text("protocol") or "tcp"), number.place)

    def _ulimits(self, node: Node) -> Iterator[Sourced[Ulimit]]:
        for each in self._items(node, "ulimits"):
            name, soft, hard = each.text("name"), self._number(each, "softLimit"), self._number(each, "hardLimit")
            if name and soft and hard:
                yield Sourced(Ulimit(name, soft.value, hard.value), soft.place)

    def _dependencies(self, node: Node) -> Iterator[Sourced[Dependency]]:
        for each in self._items(node, "dependsOn"):
            name, condition = self._text(each, "containerName"), self._text(each, "condition")
            if name is not None and condition is not None:
                yield Sourced(Dependency(name.value, condition.value), condition.place)

    def _logging(self, node: Node) -> Sourced[Logging] | None:
        said = node.get("logConfiguration")
        if said is None:
            return None
        options = said.get("options")
        table = options.value if options is not None and isinstance(options.value, dict) else {}
        texts = {name: str(value.value) for name, value in table.items()}
        return Sourced(Logging(said.text("logDriver") or "", texts), self._place(said))

    def _items(self, node: Node, key: str) -> tuple[Node, ...]:
        found = node.get(key)
        return found.value if found is not None and isinstance(found.value, tuple) else ()

    def _text(self, node: Node, key: str) -> Sourced[str] | None:
        found = node.get(key)
        if found is None or not isinstance(found.value, str) or _FILLED_IN.search(found.value):
            return None
        return Sourced(found.value, self._place(found))

    def _texts(self, node: Node, key: str) -> Sourced[tuple[str, ...]] | None:
        found = node.get(key)
        words = [each.value for each in self._items(node, key)]
        texts = tuple(word for word in words if isinstance(word, str))
        return Sourced(texts, self._place(found)) if found is not None and words and len(texts) == len(words) else None

    def _number(self, node: Node, key: str) -> Sourced[int] | None:
        found = node.get(key)
        is_number = found is not None and isinstance(found.value, int) and not isinstance(found.value, bool)
        return Sourced(int(str(found.value)), self._place(found)) if found is not None and is_number else None

    def _seconds(self, node: Node, key: str) -> Sourced[float] | None:
        found = self._number(node, key)
        return Sourced(float(found.value), found.place) if found else None

    def _truth(self, node: Node, *path: str) -> Sourced[bool] | None:
        found = node.get(*path)
        is_truth = found is not None and isinstance(found.value, bool)
        return Sourced(bool(found.value), self._place(found)) if found is not None and is_truth else None

    def _memory(self, node: Node, key: str) -> Sourced[int] | None:
        """Bytes: the file says MiB, the whole task's also as "2 GB". 0 where somebody fills it in."""
        found = node.get(key)
        said = _MEMORY.fullmatch(str(found.value).strip()) if found is not None else None
        if found is None:
            return None
        if said is None:
            return Sourced(0, self._place(found))
        return Sourced(int(said.group(1)) * _MEBI * (1024 if said.group(2) else 1), self._place(found))

    def _place(self, node: Node) -> Place:
        return self.lines.place(node.start, node.end)


def _commands(test: Sourced[tuple[str, ...]] | None) -> Iterator[ShellCommand]:
    """Those of a health check, all at its place: offsets in a JSON string aren't those of what it says."""
    if test is None or test.place is None or len(test.value) < 2:
        return
    place = test.place
    if test.value[0] == "CMD-SHELL":
        yield from shell_commands(test.value[1], lambda _start, _end: place)
    elif test.value[0] == "CMD":
        yield ShellCommand(test.value[1:], lambda: place)
