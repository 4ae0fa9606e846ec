"""One service of the merged tree as a `ComposeService`.

Reads every key that matters to how the service runs; the others are only checked to be known ones. A value that can't
be read is told and counts as not said, so that one mistake hides nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from seatrial.files.compose import keys
from seatrial.files.compose.dependencies import read_dependencies
from seatrial.files.compose.fields import Fields, absolute
from seatrial.files.compose.grants import read_grants
from seatrial.files.compose.health import read_healthcheck
from seatrial.files.compose.hooks import read_hooks, read_watch
from seatrial.files.compose.interpolation import Lookup
from seatrial.files.compose.limits import read_deployment
from seatrial.files.compose.merging import build_table, hosts_listing
from seatrial.files.compose.mounts import read_mounts
from seatrial.files.compose.nodes import Listing, Scalar, Table, text_of
from seatrial.files.compose.ports import read_exposed, read_ports
from seatrial.files.compose.shellwords import split
from seatrial.files.compose.types import ComposeBuild, ComposeService
from seatrial.files.compose.variables import read_variables
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Logging, signal_number
from seatrial.model.values import dataclass, replace

_HOST = pattern(r"([^=:\s]+)[=:](\S+)")
_CONTAINER_NAME = pattern(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_REMOTE = ("https://", "http://", "git://", "ssh://", "github.com/", "git@", "service:")


@dataclass(frozen=True, slots=True)
class Context:
    """What a service is read in: the project's top level, its environment, and what places call its env files."""

    project: Fields
    outside: Lookup
    shown: dict[str, str]


def read_service(name: str, place: Place, service: Fields, context: Context) -> ComposeService:
    """The service of that name."""
    service.check_keys(keys.SERVICE)
    said = ComposeService(
        name=name,
        place=place,
        extensions=service.extensions(),
        keys=_places(service),
        open_keys=frozenset(_open_keys(service.table)),
    )
    said = _with_program(said, service, context)
    said = _with_rights(said, service, context)
    return _with_surroundings(said, service)


def _with_program(said: ComposeService, service: Fields, context: Context) -> ComposeService:
    """What is run, with which environment, and how it is started and stopped."""
    environment, env_files = read_variables(service, context.outside, context.shown)
    return replace(
        said,
        image=service.text("image"),
        build=_build(service, context.outside),
        command=_words(service, "command"),
        entrypoint=_words(service, "entrypoint"),
        environment=environment,
        env_files=env_files,
        working_dir=service.text("working_dir"),
        init=service.boolean("init"),
        stop_signal=_stop_signal(service),
        stop_grace_period=service.duration("stop_grace_period"),
        healthcheck=read_healthcheck(service),
        tty=service.boolean("tty"),
        stdin_open=service.boolean("stdin_open"),
        platform=service.text("platform"),
    )


def _with_rights(said: ComposeService, service: Fields, context: Context) -> ComposeService:
    """As whom it runs, what it may do, and what it is given."""
    return replace(
        said,
        user=service.text("user"),
        group_add=service.unique_texts("group_add", numbers=True, refuse_twice=True),
        read_only=service.boolean("read_only"),
        privileged=service.boolean("privileged"),
        cap_add=service.unique_texts("cap_add"),
        cap_drop=service.unique_texts("cap_drop"),
        security_opt=service.unique_texts("security_opt", refuse_twice=True),
        volumes=read_mounts(service),
        secrets=read_grants(service, context.project, "secrets", context.outside),
        configs=read_grants(service, context.project, "configs", context.outside),
    )


def _with_surroundings(said: ComposeService, service: Fields) -> ComposeService:
    """Its limits, its place among the others, and what the engine does around it."""
    deployment = read_deployment(service)
    return replace(
        said,
        restart=deployment.restart,
        restart_policy=deployment.restart_policy,
        rollout=deployment.rollout,
        rollback=deployment.rollback,
        replicas=deployment.replicas,
        limits=deployment.limits,
        reserved_cpus=deployment.reserved_cpus,
        logging=_logging(service),
        ports=read_ports(service),
        expose=read_exposed(service),
        depends_on=read_dependencies(service),
        hostname=service.text("hostname"),
        extra_hosts=tuple(_extra_hosts(service)),
        container_name=_container_name(service),
        profiles=service.unique_texts("profiles"),
        network_mode=service.text("network_mode"),
        pid=service.text("pid"),
        ipc=service.text("ipc"),
        sysctls={name: Sourced(pair.value or "", pair.place) for name, pair in service.pairs("sysctls").items()},
        labels={name: Sourced(pair.value or "", pair.place) for name, pair in service.pairs("labels").items()},
        hooks=read_hooks(service),
        watch=read_watch(service),
        attach=service.boolean("attach"),
    )


def _words(service: Fields, key: str) -> Sourced[tuple[str, ...]] | None:
    node = service.node(key)
    if node is None:
        return None
    if isinstance(node, Listing):
        return Sourced(tuple(text.value for text in service.texts(key)), node.place)
    line = service.text(key)
    if line is None:
        return None
    try:
        words = split(line.value)
    except ValueError as error:
        service.problems.error(f"{service.where}.{key}: {error}", node.place)
        return None
    if words.dropped:
        shown = words.dropped if len(words.dropped) <= 40 else words.dropped[:39] + "…"
        message = f"{service.where}.{key} is not run by a shell: compose drops everything from {shown!r} on"
        service.problems.warn(message, node.place, 'write ["sh", "-c", "exec …"]')
    return Sourced(words.argv, node.place)


def _open_keys(table: Table) -> Iterator[str]:
    """The keys, at whatever depth, with a variable in their value that has none here."""
    for key, entry in table.entries.items():
        if isinstance(entry.value, Table):
            yield from _open_keys(entry.value)
        elif isinstance(entry.value, Scalar) and entry.value.is_open:
            yield key


def _places(service: Fields) -> dict[str, Place]:
    return {key: entry.place for key, entry in service.table.entries.items() if service.says(key)}


def _extra_hosts(service: Fields) -> Iterator[Sourced[tuple[str, str]]]:
    """Each `name=address` or `name:address`; an IPv6 address may stand in brackets."""
    node = service.node("extra_hosts")
    hosts = hosts_listing(node) if node is not None else None
    for item in hosts.items if isinstance(hosts, Listing) else ():
        text = item.value if isinstance(item, Scalar) and isinstance(item.value, str) else ""
        name, address = _HOST.sub(r"\1 \2", text).partition(" ")[::2]
        if name and address:
            yield Sourced((name, address.strip("[]")), item.place)
        else:
            service.wrong(item, "extra_hosts", "a name and an address", "write api.example=10.0.0.1")


def _container_name(service: Fields) -> Sourced[str] | None:
    said = service.text("container_name")
    if said and said.place and not _CONTAINER_NAME.fullmatch(said.value):
        message = f"{service.where}.container_name: {said.value!r} is no name; two or more letters, digits, _ . - are"
        service.problems.error(message, said.place)
        return None
    return said


def _stop_signal(service: Fields) -> Sourced[str] | None:
    said = service.text("stop_signal")
    if said is None:
        return None
    try:
        signal_number(said.value)
    except ValueError as error:
        service.problems.error(f"{service.where}.stop_signal: {error}", said.place or service.table.place)
        return None
    return said


def _logging(service: Fields) -> Sourced[Logging] | None:
    fields = service.sub("logging")
    if fields is None:
        return None
    fields.check_keys(keys.LOGGING)
    driver = fields.text("driver")
    options: dict[str, str] = {}
    if said := fields.sub("options"):
        for name, value in said.table.items():
            if not isinstance(value, Scalar):
                said.wrong(value, name, "a string or a number")
            elif not value.is_broken:
                options[name] = text_of(value)
    return Sourced(Logging(driver.value if driver else "", options), fields.table.place)


def _build(service: Fields, outside: Lookup) -> ComposeBuild | None:
    node = service.node("build")
    if node is None:
        return None
    table = build_table(node)
    if not isinstance(table, Table):
        service.wrong(node, "build", "a path or a mapping")
        return None
    fields = Fields(table, service.problems, f"{service.where}.build")
    fields.check_keys(keys.BUILD)
    context, is_remote = _context(fields)
    dockerfile, inline = fields.text("dockerfile"), fields.text("dockerfile_inline")
    if dockerfile and inline and inline.place:
        fields.problems.error(f"{fields.where} can't have both dockerfile and dockerfile_inline", inline.place)
    return ComposeBuild(
        context=context,
        is_remote=is_remote,
        dockerfile=dockerfile,
        dockerfile_inline=inline,
        target=fields.text("target"),
        args=_args(fields, outside),
        additional_contexts=_contexts(fields),
    )


def _context(build: Fields) -> tuple[Sourced[str], bool]:
    """The build context, and whether it is fetched from elsewhere."""
    said = build.text("context")
    if said is None:
        return Sourced(absolute(".", build.table.base), build.table.place), False
    if is_remote(said.value):
        return said, True
    return build.path("context") or said, False


def is_remote(context: str) -> bool:
    """Whether a build context is fetched from elsewhere."""
    return "://" in context or context.startswith(_REMOTE)


def _args(build: Fields, outside: Lookup) -> dict[str, Sourced[str | None]]:
    return {
        name: Sourced(outside(name) if said.value is None else said.value, said.place)
        for name, said in build.pairs("args").items()
    }


def _contexts(build: Fields) -> dict[str, Sourced[str]]:
    found: dict[str, Sourced[str]] = {}
    for name, said in build.pairs("additional_contexts").items():
        text = said.value or ""
        found[name] = Sourced(text if is_remote(text) else absolute(text, build.table.base), said.place)
    return found


def named_files(service: Table) -> list[str]:
    """The env files that a service names, absolute."""
    node = service.get("env_file")
    items = node.items if isinstance(node, Listing) else (node,)
    found: list[str] = []
    for item in items:
        path = item.get("path") if isinstance(item, Table) else item
        if isinstance(path, Scalar) and isinstance(path.value, str):
            found.append(absolute(path.value, path.base))
    return [os.path.normpath(path) for path in found]
