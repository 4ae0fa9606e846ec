"""A project in its normal form, as `docker compose config` prints it: long forms, absolute paths, variables in place.

Takes what was read already and the tree that it was read from; finds nothing wrong, and never opens a file. What it
prints means the same as the files it was made from, wherever it is read. What has one form alone stays as written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seatrial.files.compose.fields import absolute, plain
from seatrial.files.compose.merging import build_table, depends_table, hosts_listing, listed, pairs_table
from seatrial.files.compose.mounts import parse_mount
from seatrial.files.compose.nodes import Listing, Node, Scalar, Table, is_null, text_of
from seatrial.files.compose.ports import parse_port
from seatrial.files.compose.types import ComposeProject, ComposeService, FileGrant

_Form = Callable[[Node], object]
_DROPPED = ("env_file", "extends", "profiles")
"""Keys of a service that have done their work: their values stand elsewhere."""
_SECTIONS = ("services", "networks", "volumes", "secrets", "configs")


def normal_document(project: ComposeProject, tree: Table) -> dict[str, object]:
    """The project's enabled services, and what they share."""
    document: dict[str, object] = {"name": project.name, "services": _services(project, tree.table("services"))}
    for section in _SECTIONS[1:]:
        if table := tree.table(section):
            document[section] = {name: _shared(project.name, name, node) for name, node in table.items()}
    others = {key: plain(node) for key, node in tree.items() if key not in (*_SECTIONS, "name", "version", "include")}
    return {**document, **others}


def _services(project: ComposeProject, tables: Table | None) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, said in project.services.items():
        table = tables.get(name) if tables else None
        if isinstance(table, Table):
            found[name] = _service(said, table)
    return found


def _service(said: ComposeService, table: Table) -> dict[str, object]:
    """All that is said of a service; what has a value in several forms, in one."""
    document = {
        key: _FORMS.get(key, plain)(node)
        for key, node in table.items()
        if key not in _DROPPED and (not is_null(node) or key in ("command", "entrypoint"))
    }
    if said.profiles:
        document["profiles"] = [profile.value for profile in said.profiles]
    if said.environment:
        document["environment"] = {name: value.value for name, value in said.environment.items()}
    for key in ("command", "entrypoint"):
        words = getattr(said, key)
        if words is not None:
            document[key] = list(words.value)
    for key in ("secrets", "configs"):
        if grants := [grant.value for grant in getattr(said, key)]:
            document[key] = [
                {"source": grant.source, "target": grant.target, **_more(table.get(key), grant)} for grant in grants
            ]
    return dict(sorted(document.items()))


def _more(node: Node | None, grant: FileGrant) -> dict[str, object]:
    """Whose file it is and with which mode, where the long form says so."""
    for item in node.items if isinstance(node, Listing) else ():
        if not isinstance(item, Table) or plain(item.get("source") or item) != grant.source:
            continue
        if grant.target.endswith(str(plain(item.get("target") or item.entries["source"].value))):
            return {key: plain(value) for key, value in item.items() if key in ("uid", "gid", "mode")}
    return {}


def _build(node: Node) -> object:
    table = build_table(node)
    if not isinstance(table, Table):
        return plain(table)
    forms: Mapping[str, _Form] = {
        "args": _pairs,
        "labels": _pairs,
        "context": _context,
        "additional_contexts": _contexts,
    }
    document = {key: forms.get(key, plain)(value) for key, value in table.items() if not is_null(value)}
    document.setdefault("context", absolute(".", table.base))
    if "dockerfile_inline" not in document:
        document.setdefault("dockerfile", "Dockerfile")
    return dict(sorted(document.items()))


def _context(node: Node) -> object:
    """A directory, absolute; what is fetched from elsewhere as it is."""
    from seatrial.files.compose.services import is_remote

    value = plain(node)
    return absolute(value, node.base) if isinstance(value, str) and not is_remote(value) else value


def _contexts(node: Node) -> object:
    table = pairs_table(node)
    return {name: _context(value) for name, value in table.items()} if isinstance(table, Table) else plain(table)


def _pairs(node: Node) -> object:
    table = pairs_table(node)
    if not isinstance(table, Table):
        return plain(table)
    return {
        name: None if is_null(value) else text_of(value) if isinstance(value, Scalar) else plain(value)
        for name, value in table.items()
    }


def _depends_on(node: Node) -> object:
    table = depends_table(node)
    if not isinstance(table, Table):
        return plain(table)
    said = {name: plain(value) for name, value in table.items()}
    return {
        name: {"condition": "service_started", "required": True, **value} if isinstance(value, dict) else value
        for name, value in said.items()
    }


def _names(node: Node) -> object:
    if isinstance(node, Listing):
        return {str(plain(item)): None for item in node.items}
    return plain(node)


def _ports(node: Node) -> object:
    found: list[dict[str, object]] = []
    for item in node.items if isinstance(node, Listing) else ():
        if isinstance(item, Table):
            found.append({"mode": "ingress", "protocol": "tcp", **_long_port(item)})
            continue
        for host, port in parse_port(text_of(item) if isinstance(item, Scalar) else ""):
            address = {"host_ip": host} if host else {}
            published = {"published": str(port.published)} if port.published else {}
            found.append({"mode": "ingress", **address, "target": port.number, **published, "protocol": port.protocol})
    return [port for place, port in enumerate(found) if port not in found[:place]]


def _long_port(table: Table) -> dict[str, object]:
    document = {key: plain(value) for key, value in table.items()}
    return {**document, "published": str(document["published"])} if "published" in document else document


def _volumes(node: Node) -> object:
    return [_volume(item) for item in node.items] if isinstance(node, Listing) else plain(node)


def _volume(item: Node) -> object:
    if isinstance(item, Table):
        document = {key: plain(value) for key, value in item.items()}
        source = document.get("source")
        if document.get("type") == "bind" and isinstance(source, str):
            document["source"] = absolute(source, item.base)
        return document
    mount = parse_mount(text_of(item) if isinstance(item, Scalar) else "", item.base)
    document = {"type": mount.kind, "source": mount.source, "target": mount.target, "read_only": mount.read_only}
    if mount.kind == "bind":
        words = {"selinux" if word in ("z", "Z") else "propagation": word for word in mount.options.split(",") if word}
        document["bind"] = {"create_host_path": True, **words}
    elif "nocopy" in mount.options.split(","):
        document["volume"] = {"nocopy": True}
    return {key: value for key, value in document.items() if value not in ("", False)}


def _healthcheck(node: Node) -> object:
    document = plain(node)
    if isinstance(document, dict) and isinstance(document.get("test"), str):
        return {**document, "test": ["CMD-SHELL", document["test"]]}
    return document


def _list(node: Node) -> object:
    return plain(listed(node))


def _hosts(node: Node) -> object:
    return plain(hosts_listing(node))


def _develop(node: Node) -> object:
    document = plain(node)
    for rule in document.get("watch") or () if isinstance(document, dict) else ():
        if isinstance(rule, dict) and isinstance(rule.get("path"), str):
            rule["path"] = absolute(rule["path"], node.base)
    return document


def _paths(node: Node) -> object:
    found = listed(node)
    items = found.items if isinstance(found, Listing) else ()
    return [absolute(str(plain(item)), item.base) for item in items]


def _shared(project: str, name: str, node: Node) -> object:
    """A network, volume, secret or config of the project, with the name that it has outside."""
    document: dict[str, object] = {}
    for key, value in node.items() if isinstance(node, Table) else ():
        said = plain(value)
        is_path = key == "file" and isinstance(said, str)
        document[key] = absolute(str(said), value.base) if is_path else _pairs(value) if key == "labels" else said
    return {"name": name if document.get("external") else f"{project}_{name}", **document}


_FORMS: Mapping[str, _Form] = {
    "annotations": _pairs,
    "build": _build,
    "depends_on": _depends_on,
    "develop": _develop,
    "dns": _list,
    "dns_search": _list,
    "extra_hosts": _hosts,
    "healthcheck": _healthcheck,
    "label_file": _paths,
    "labels": _pairs,
    "models": _names,
    "networks": _names,
    "ports": _ports,
    "sysctls": _pairs,
    "tmpfs": _list,
    "volumes": _volumes,
}
