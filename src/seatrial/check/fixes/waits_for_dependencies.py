"""Fix for waits-for-dependencies: depends_on in its long form, with conditions, and a health check for the data store
that is waited for, by the tool that its official image brings for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from seatrial.check import images, services
from seatrial.check.fixes.commands import exec_form
from seatrial.check.fixes.compose_block import with_key
from seatrial.check.fixes.interface import unit_of
from seatrial.check.fixes.yaml_edits import What
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit, Sets
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern
from seatrial.model.place import Place

_KEY = pattern(r"( *)depends_on: *(?:#.*)?$")
_ITEM = pattern(r"""( *)- +(["']?)([\w.-]+)\2( *(?:#.*)?)$""")
_FLOW = pattern(r"""( *depends_on: *)\[((?: *["']?[\w.-]+["']? *,)* *["']?[\w.-]+["']?) *,? *\] *(?:#.*)?$""")
_EMPTY = pattern(r" *(?:#.*)?$")


_READY = {
    "postgres": ("CMD-SHELL", 'pg_isready -U "$${POSTGRES_USER:-postgres}"'),
    "mysql": ("CMD", "mysqladmin", "ping", "-h", "127.0.0.1", "--silent"),
    "mariadb": ("CMD", "healthcheck.sh", "--connect", "--innodb_initialized"),
    "mongo": ("CMD", "mongosh", "--quiet", "--eval", "quit(db.adminCommand('ping').ok ? 0 : 1)"),
    "rabbitmq": ("CMD", "rabbitmq-diagnostics", "-q", "ping"),
}
_TIMES = {"interval": "10s", "timeout": "5s", "retries": "5", "start_period": "30s"}


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Write both: unsafe, for the service then starts later, or not at all."""
    unit = unit_of(context, finding)
    if unit is None or unit.compose is None:
        return
    unchecked = _unchecked(context, unit)
    checks = [_check(context, each, finding) for each in unchecked]
    if any(check is None for check in checks):
        return
    conditions = {} if "waits until" in finding.message else _conditions(context, unit)
    lines = [line.removesuffix("\r") for line in context.documents.texts.get(finding.place.file, "").split("\n")]
    found = conditions and (_of_flow(lines, finding.place, conditions) or _of_block(lines, finding.place, conditions))
    if "waits until" not in finding.message and not found:
        return
    yield from (check for check in checks if check is not None)
    if found:
        place, text = found
        listed = ", ".join(f"{name}: {{condition: {condition}}}" for name, condition in conditions.items())
        promise = Sets(("services", unit.compose.name, "depends_on"), "{" + listed + "}")
        yield Edit(place, text, finding.requirement, "wait until it is healthy", promise, is_safe=False)


def _unchecked(context: Context, unit: Unit) -> list[Unit]:
    """The data stores that it depends on, and that have no health check."""
    by_name = {each.service.name: each for each in context.units}
    others = [by_name.get(each.value.service) for each in unit.service.depends_on]
    return [each for each in others if each is not None and services.is_slow_store(each) and not _is_checked(each)]


def _is_checked(unit: Unit) -> bool:
    check = unit.service.healthcheck
    return check is not None and not check.is_disabled


def _check(context: Context, store: Unit, finding: Finding) -> Edit | None:
    """The edit that gives a data store a check; the same one for all that wait for it."""
    image = store.compose.image if store.compose else None
    ready = _READY.get(images.parse(image.value).repository) if image else None
    if ready is None or store.service.healthcheck is not None:
        return None
    section = {"test": exec_form(ready), **_TIMES}
    return with_key(context, store, finding, {"healthcheck": section}, What("ask whether it is ready"))


def _conditions(context: Context, unit: Unit) -> Mapping[str, str]:
    """What to wait for; empty where that can't be said for all of them."""
    by_name = {each.service.name: each for each in context.units}
    found: dict[str, str] = {}
    for dependency in unit.service.depends_on:
        said, other = dependency.value, by_name.get(dependency.value.service)
        if said.condition != "service_started" or not said.required or said.restart:
            return {}
        found[said.service] = "service_healthy" if other and services.is_slow_store(other) else "service_started"
    return found


def _of_flow(lines: list[str], at: Place, conditions: Mapping[str, str]) -> tuple[Place, str] | None:
    found = _FLOW.match(lines[at.line - 1]) if at.line <= len(lines) else None
    names = re.findall(r"[\w.-]+", found.group(2)) if found else []
    if found is None or set(names) != set(conditions):
        return None
    text = "{" + ", ".join(f"{name}: {{condition: {conditions[name]}}}" for name in names) + "}"
    end = lines[at.line - 1].index("]") + 2
    return Place(at.file, at.line, found.end(1) + 1, at.line, end), text


def _of_block(lines: list[str], at: Place, conditions: Mapping[str, str]) -> tuple[Place, str] | None:
    key = next((number for number in range(at.line - 2, -1, -1) if not _is_item(lines[number])), -1)
    found = _KEY.match(lines[key]) if key >= 0 else None
    if found is None:
        return None
    items = _items(lines, key + 1)
    names = [match.group(3) for _, match in items if match]
    if not names or set(names) != set(conditions) or len(names) != len(conditions):
        return None
    outer = len(found.group(1))
    indent = " " * max(min(len(match.group(1)) for _, match in items if match), outer + 2)
    written = []
    for line, match in items:
        written.append(f"{indent}{match.group(3)}:{match.group(4).rstrip()}" if match else line)
        written += [f"{indent}  condition: {conditions[match.group(3)]}"] if match else []
    last = key + len(items)
    return Place(at.file, key + 2, 1, last + 1, len(lines[last]) + 1), "\n".join(written)


def _is_item(line: str) -> bool:
    return bool(_ITEM.match(line) or _EMPTY.match(line))


def _items(lines: list[str], start: int) -> list[tuple[str, re.Match[str] | None]]:
    """The lines of the list, comments in between included, up to its last item."""
    found: list[tuple[str, re.Match[str] | None]] = []
    for line in lines[start:]:
        if not _is_item(line):
            break
        found.append((line, _ITEM.match(line)))
    while found and found[-1][1] is None:
        found.pop()
    return found
