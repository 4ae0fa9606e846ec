"""Fix for waits-for-dependencies: the short form of depends_on becomes the long one, with conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from seatrial.check import services
from seatrial.check.fixes.interface import unit_of
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit, Sets
from seatrial.model.finding import Finding
from seatrial.model.place import Place

_KEY = re.compile(r"( *)depends_on: *(?:#.*)?$")
_ITEM = re.compile(r"""( *)- +(["']?)([\w.-]+)\2( *(?:#.*)?)$""")
_FLOW = re.compile(r"""( *depends_on: *)\[((?: *["']?[\w.-]+["']? *,)* *["']?[\w.-]+["']?) *,? *\] *(?:#.*)?$""")
_EMPTY = re.compile(r" *(?:#.*)?$")


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Write the long form: unsafe, for the service then starts later, or not at all."""
    unit = unit_of(context, finding)
    conditions = _conditions(context, unit) if unit else {}
    if unit is None or unit.compose is None or not conditions:
        return
    lines = [line.removesuffix("\r") for line in context.documents.texts.get(finding.place.file, "").split("\n")]
    found = _of_flow(lines, finding.place, conditions) or _of_block(lines, finding.place, conditions)
    if found is not None:
        place, text = found
        listed = ", ".join(f"{name}: {{condition: {condition}}}" for name, condition in conditions.items())
        promise = Sets(("services", unit.compose.name, "depends_on"), "{" + listed + "}")
        yield Edit(place, text, finding.requirement, "wait until it is healthy", promise, is_safe=False)


def _conditions(context: Context, unit: Unit) -> Mapping[str, str]:
    """What to wait for; empty where that can't be said for all of them."""
    by_name = {each.service.name: each for each in context.units}
    found: dict[str, str] = {}
    for dependency in unit.service.depends_on:
        said, other = dependency.value, by_name.get(dependency.value.service)
        if said.condition != "service_started" or not said.required or said.restart:
            return {}
        check = other.service.healthcheck if other else None
        is_checked = check is not None and not check.is_disabled
        if other is not None and services.is_slow_store(other) and not is_checked:
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
