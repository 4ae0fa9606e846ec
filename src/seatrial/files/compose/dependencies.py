"""Which other services a service waits for, and whether they can all be there.

`depends_on` in both forms, and what implies it: links, volumes_from, and namespaces shared with another service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields, unique_names
from seatrial.files.compose.merging import depends_table
from seatrial.files.compose.nodes import Listing, Node, Table
from seatrial.files.compose.problems import Problems, nearest
from seatrial.files.compose.types import ComposeService
from seatrial.model.place import Sourced
from seatrial.model.service import Dependency

_CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")
_SERVICE = "service:"


def read_dependencies(service: Fields) -> tuple[Sourced[Dependency], ...]:
    """The services that this one waits for, each once; what `depends_on` says counts before what is implied."""
    found = {dependency.value.service: dependency for dependency in _declared(service)}
    for dependency in _implied(service):
        found.setdefault(dependency.value.service, dependency)
    return tuple(found.values())


def _declared(service: Fields) -> Iterator[Sourced[Dependency]]:
    node = service.node("depends_on")
    if node is None:
        return
    _check_twice(service, node)
    table = depends_table(node)
    if not isinstance(table, Table):
        service.wrong(node, "depends_on", "a list of services or a mapping")
        return
    outer = Fields(table, service.problems, f"{service.where}.depends_on")
    for name in table.entries:
        fields = outer.sub(name)
        if fields is None:
            if not outer.says(name):
                outer.problems.error(f"{outer.where}.{name} must be a mapping, this is null", table.entries[name].place)
            continue
        fields.check_keys(keys.DEPENDENCY)
        if not fields.says("condition"):
            fields.problems.error(
                f"{fields.where} needs a condition", fields.table.place, "add condition: service_started"
            )
        yield Sourced(_dependency(name, fields), table.entries[name].place)


def _check_twice(service: Fields, node: Node) -> None:
    if isinstance(node, Listing):
        service.unique_texts("depends_on", refuse_twice=True)


def _dependency(name: str, fields: Fields) -> Dependency:
    condition, required, restart = fields.text("condition"), fields.boolean("required"), fields.boolean("restart")
    word = condition.value if condition else _CONDITIONS[0]
    if word not in _CONDITIONS and condition and condition.place:
        near = nearest(word, _CONDITIONS)
        message = f"{fields.where}.condition: {word!r} is no condition; there are {', '.join(_CONDITIONS)}"
        fields.problems.error(message, condition.place, f"did you mean {near}?" if near else "")
        word = _CONDITIONS[0]
    return Dependency(name, word, required is None or required.value, bool(restart and restart.value))


def _implied(service: Fields) -> Iterator[Sourced[Dependency]]:
    for link in unique_names(service.texts("links")):
        yield Sourced(Dependency(link.value.partition(":")[0], restart=True), link.place)
    for key in _NAMESPACES:
        said = service.text(key)
        if said and said.value.startswith(_SERVICE):
            yield Sourced(Dependency(said.value.removeprefix(_SERVICE), restart=True), said.place)
    for source in service.texts("volumes_from"):
        if not source.value.startswith("container:"):
            yield Sourced(Dependency(source.value.partition(":")[0]), source.place)


def check_dependencies(
    enabled: Mapping[str, ComposeService], disabled: Mapping[str, ComposeService], missing: set[str], problems: Problems
) -> None:
    """Tells of dependencies on services that aren't there or are off, and of circles.

    `missing` are services that exist and could not be read: findings explain them already.
    """
    for service in enabled.values():
        for said in service.depends_on:
            name, place = said.value.service, said.place or service.place
            if name in enabled or name in missing or (name in disabled and not said.value.required):
                continue
            if name in disabled:
                profiles = ", ".join(profile.value for profile in disabled[name].profiles)
                message = f"{service.name} depends on {name}, which is off: its profiles are {profiles}"
                problems.error(message, place, f"turn one on with --profile, or say required: false for {name}")
            else:
                near = nearest(name, list(enabled))
                remedy = f"did you mean {near}?" if near else f"define {name[:40]}, or take it out of depends_on"
                problems.error(f"{service.name} depends on {name!r}, which is not defined", place, remedy)
    _check_circles(enabled, problems)


def _check_circles(services: Mapping[str, ComposeService], problems: Problems) -> None:
    waiting = {
        name: {said.value.service for said in service.depends_on if said.value.service in services}
        for name, service in services.items()
    }
    # Whoever waits for nobody is free, and frees those that wait for it; what is left waits for a circle.
    waiters: dict[str, list[str]] = {name: [] for name in services}
    for name, others in waiting.items():
        for other in others:
            waiters[other].append(name)
    free = [name for name, others in waiting.items() if not others]
    while free:
        name = free.pop()
        del waiting[name]
        for waiter in waiters[name]:
            waiting[waiter].discard(name)
            if not waiting[waiter]:
                free.append(waiter)
    if waiting:
        _tell_circle(waiting, services, problems)


def _tell_circle(waiting: Mapping[str, set[str]], services: Mapping[str, ComposeService], problems: Problems) -> None:
    name = next(iter(waiting))
    path: dict[str, None] = {}
    while name not in path:
        path[name] = None
        name = min(waiting[name])
    names = list(path)
    circle = [*names[names.index(name) :], name]
    shown = " → ".join(circle if len(circle) <= 12 else [*circle[:10], "…", circle[-1]])
    problems.error(f"the services wait for each other in a circle: {shown}", services[name].place)
