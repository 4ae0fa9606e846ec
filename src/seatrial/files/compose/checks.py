"""What must hold between the parts of a project, as compose checks before it starts anything."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields
from seatrial.files.compose.nodes import Listing, Node, Scalar, Table, is_null
from seatrial.files.compose.problems import nearest
from seatrial.files.compose.types import ComposeService
from seatrial.model.place import Place
from seatrial.model.service import LAST_STACK_MINOR

_OF_SWARM = frozenset({"placement", "endpoint_mode", "update_config", "rollback_config"})


def check_top_level(project: Fields) -> None:
    """The keys of the top level and of its networks, volumes, secrets and configs."""
    first = _of_the_first_format(project)
    if first is not None:
        message = "this is compose's first format, which has no `services:`; compose refuses it since 2023"
        project.problems.warn(message, first, "write `services:` above, and indent what is here below it")
    else:
        project.check_keys(keys.PROJECT)
    version = project.table.entries.get("version")
    if version is not None and not is_for_swarm(project):
        project.problems.note("`version` means nothing any more; compose ignores it", version.place, "remove it")
    for section, known in keys.RESOURCES_OF_PROJECT.items():
        resources = project.sub(section)
        if resources is None:
            continue
        for name, node in resources.table.items():
            if not is_null(node) and (fields := resources.sub(name)):
                fields.check_keys(known)
                if section in ("secrets", "configs"):
                    _check_source(fields, section)


def is_for_swarm(project: Fields) -> bool:
    """Whether something says what a swarm alone reads: `docker stack deploy` also looks at `version`."""
    networks = project.table.table("networks")
    for key in networks.entries if networks else ():
        network = networks.table(key) if networks else None
        driver = network.get("driver") if network else None
        if isinstance(driver, Scalar) and driver.value == "overlay":
            return True
    services = project.table.table("services")
    modes, restarts = set(), False
    for key in services.entries if services else ():
        table = services.table(key) if services else None
        deploy = table.table("deploy") if table else None
        if deploy is not None and not _OF_SWARM.isdisjoint(deploy.entries):
            return True
        mode = deploy.get("mode") if deploy else None
        modes.add(mode.value if isinstance(mode, Scalar) else None)
        restarts = restarts or (table is not None and "restart" in table.entries)
    # A stack leaves out `restart`, and what compose does anyway may be said for its own sake.
    return bool(modes - {None, "replicated"}) or ("replicated" in modes and not restarts)


def stack_minor(project: Fields) -> int:
    """The x of the format 3.x by which `docker stack deploy` reads the file."""
    version = project.table.get("version")
    major, _, minor = str(version.value).partition(".") if isinstance(version, Scalar) else ("", "", "")
    return int(minor) if major == "3" and minor.isdecimal() and len(minor) < 4 else LAST_STACK_MINOR


def _of_the_first_format(project: Fields) -> Place | None:
    """Where a file begins that has services at its top level, as files had before 2016; None for others."""
    if not project.table.entries or "services" in project.table.entries or "include" in project.table.entries:
        return None
    tables = [project.table.table(key) for key in project.table.entries]
    if not all(table is not None and {"image", "build"} & set(table.entries) for table in tables):
        return None
    return next(iter(project.table.entries.values())).place


def _check_source(fields: Fields, section: str) -> None:
    ways = ("file", "environment") if section == "secrets" else ("file", "environment", "content")
    said = [way for way in ways if fields.says(way)]
    if len(said) > 1:
        fields.problems.error(f"{fields.where} can have only one of {', '.join(ways)}", fields.table.place)
    if not said and not fields.says("external") and not fields.says("driver"):
        fields.problems.error(f"{fields.where} needs one of {', '.join(ways)}", fields.table.place)


def check_service(said: ComposeService, project: Fields) -> None:
    """What compose demands of a service that is on, beyond the types of its values."""
    problems = project.problems
    services = project.table.table("services")
    table = services.table(said.name) if services else None
    assert table is not None, "a service was read from a table"
    service = Fields(table, problems, f"services.{said.name}")
    has_image = said.image.value != "" if said.image else service.says("image")
    if not has_image and not any(service.says(key) for key in ("build", "provider", "extends")):
        problems.error(f"{service.where} has neither an image nor a build", said.place, "add image: … or build: .")
    if said.container_name and said.replicas and said.replicas.value > 1 and said.container_name.place:
        message = f"{service.where}: container_name can't be shared by {said.replicas.value} replicas"
        problems.error(message, said.container_name.place, "remove container_name")
    _check_volumes(said, project)
    _check_grants(said, project)
    _check_networks(service, project)


def _check_volumes(said: ComposeService, project: Fields) -> None:
    volumes = _names(project.table.get("volumes"))
    for mount in said.volumes:
        source = mount.value.source
        if mount.value.kind != "volume" or not source or source in volumes or "/" in source or ":" in source:
            continue
        near = nearest(source, list(volumes))
        remedy = f"did you mean {near}?" if near else f"add {source} under the top-level volumes, or write ./{source}"
        project.problems.error(
            f"services.{said.name}: the volume {source!r} is not defined", mount.place or said.place, remedy
        )


def _check_grants(said: ComposeService, project: Fields) -> None:
    for grant in (*said.secrets, *said.configs):
        section = f"{grant.value.kind}s"
        defined = _names(project.table.get(section))
        if grant.value.source not in defined:
            near = nearest(grant.value.source, list(defined))
            remedy = f"did you mean {near}?" if near else f"define it under the top-level {section}"
            message = f"services.{said.name}: the {grant.value.kind} {grant.value.source!r} is not defined"
            project.problems.error(message, grant.place or said.place, remedy)


def _check_networks(service: Fields, project: Fields) -> None:
    said = service.node("networks")
    if said is None:
        return
    if service.says("network_mode"):
        service.problems.error(f"{service.where} can't have both networks and network_mode", said.place)
    defined = {*_names(project.table.get("networks")), "default"}
    for name, node in _named(said).items():
        if name not in defined:
            near = nearest(name, defined)
            remedy = f"did you mean {near}?" if near else f"add {name} under the top-level networks"
            service.problems.error(f"{service.where}: the network {name!r} is not defined", node.place, remedy)


def _names(node: Node | None) -> Mapping[str, object]:
    return node.entries if isinstance(node, Table) else {}


def _named(node: Node) -> dict[str, Node | Scalar]:
    if isinstance(node, Table):
        return {name: Scalar(None, entry.place) for name, entry in node.entries.items()}
    items = node.items if isinstance(node, Listing) else ()
    return {item.value: item for item in items if isinstance(item, Scalar) and isinstance(item.value, str)}
