"""Secrets and configs that a service gets as files."""

from __future__ import annotations

import posixpath

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields
from seatrial.files.compose.interpolation import Lookup
from seatrial.files.compose.nodes import Node, Table
from seatrial.files.compose.types import FileGrant
from seatrial.model.place import Sourced


def read_grants(service: Fields, project: Fields, section: str, outside: Lookup) -> tuple[Sourced[FileGrant], ...]:
    """The `secrets` or `configs` (`section`) of a service, each target once. `outside` is the project's environment."""
    found: dict[str, Sourced[FileGrant]] = {}
    for item in service.items(section):
        grant = _grant(service, project, section, item, outside)
        if grant is not None:
            found[grant.target] = Sourced(grant, item.place)
    return tuple(found.values())


def _grant(service: Fields, project: Fields, section: str, item: Node, outside: Lookup) -> FileGrant | None:
    target: Sourced[str] | None = None
    if isinstance(item, Table):
        fields = Fields(item, service.problems, f"{service.where}.{section}")
        fields.check_keys(keys.GRANT)
        source, target = fields.text("source"), fields.text("target")
        if source is None and not fields.says("source"):
            fields.problems.error(f"{fields.where} needs a source", item.place)
    else:
        source = service.text_at(item, section)
    if source is None:
        return None
    kind = section.removesuffix("s")
    resources = project.sub(section)
    default = "/run/secrets" if kind == "secret" else "/"
    path = posixpath.join(default, target.value if target else source.value)
    said = resources.sub(source.value) if resources else None
    if said is None:
        return FileGrant(kind, source.value, path)
    file, variable, content = said.path("file"), said.text("environment"), said.text("content")
    external = said.boolean("external") if not isinstance(said.table.get("external"), Table) else Sourced(True)
    return FileGrant(
        kind,
        source.value,
        path,
        file.value if file else "",
        variable.value if variable else "",
        content.value if content else "",
        bool(external and external.value),
        outside(variable.value) if variable else None,
    )
