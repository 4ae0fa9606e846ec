"""A service's environment: `environment` over `env_file`, each variable with the place that set it."""

from __future__ import annotations

from pathlib import Path

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields, absolute
from seatrial.files.compose.interpolation import Lookup
from seatrial.files.compose.nodes import Entry, Node, Scalar, Table
from seatrial.files.compose.surroundings import EnvFile, read_env_file
from seatrial.files.reading import is_regular
from seatrial.model.place import Place, Sourced

Variables = dict[str, Sourced[str | None]]


def read_variables(
    service: Fields, outside: Lookup, shown: dict[str, str]
) -> tuple[Variables, tuple[Sourced[str], ...]]:
    """The variables and the env files that were named. `outside` is the project's own environment.

    `shown` remembers what places call each file; a variable without a value that `outside` doesn't know stays None.
    """
    own = _own(service, outside)
    known = {name: said.value for name, said in own.items() if said.value is not None}
    variables: Variables = {}
    named: list[Sourced[str]] = []
    for fields in _env_files(service):
        path = fields.path("path")
        if path is None or path.place is None:
            continue
        named.append(path)
        file = EnvFile(path.value, shown.get(path.value, path.value), path.place, _is_raw(fields))
        variables.update(_assignments(fields, file, outside, own, known))
    return {**variables, **own}, tuple(named)


def _own(service: Fields, outside: Lookup) -> Variables:
    found: Variables = {}
    for name, said in service.pairs("environment").items():
        if said.value is None:
            said_outside = outside(name)
            found[name] = Sourced(said_outside, said.place)
        else:
            found[name] = said
        if name != name.rstrip() and said.place:
            service.problems.error(f"{service.where}.environment: {name!r} ends with a space", said.place)
    return found


def _assignments(fields: Fields, file: EnvFile, outside: Lookup, own: Variables, known: dict[str, str]) -> Variables:
    required = fields.boolean("required")
    if required and not required.value and not is_regular(Path(file.path)):
        return {}

    def lookup(name: str) -> str | None:
        value = outside(name)
        if value is not None:
            return value
        return own[name].value if name in own else None

    assignments = read_env_file(fields.problems, file, lookup, known)
    return {said.name: Sourced(said.value, Place(file.shown, said.line, said.column)) for said in assignments}


def _env_files(service: Fields) -> list[Fields]:
    node = service.node("env_file")
    if node is None:
        return []
    if isinstance(node, Scalar):
        items: list[Node] = [node] if service.text_at(node, "env_file") else []
    else:
        items = list(service.items("env_file"))
    found: dict[str, Fields] = {}
    for item in items:
        table = item
        if not isinstance(item, Table):
            if service.text_at(item, "env_file") is None:
                continue
            table = Table({"path": Entry(item.place, item)}, item.place, item.base)
        assert isinstance(table, Table)
        fields = Fields(table, service.problems, f"{service.where}.env_file")
        fields.check_keys(keys.ENV_FILE)
        path = fields.text("path")
        if path is None:
            if not fields.says("path"):
                service.problems.error(f"{fields.where} needs a path", item.place)
            continue
        found[absolute(path.value, item.base)] = fields
    return list(found.values())


def _is_raw(fields: Fields) -> bool:
    form = fields.text("format")
    if form and form.value not in ("raw", ".env", "") and form.place:
        fields.problems.error(f"{fields.where}.format: {form.value!r} is no format; there is raw", form.place)
    return bool(form and form.value == "raw")
