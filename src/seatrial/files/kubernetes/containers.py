"""Reads a pod's containers: probes, hooks, resources, security contexts. Pure; what is wrong becomes findings."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.files.compose.nodes import Scalar, is_null, kind_of, text_of
from seatrial.files.kubernetes.fields import Fields, is_filled_in
from seatrial.files.shell_commands import shell_commands
from seatrial.model.documents import ShellCommand
from seatrial.model.kubernetes import (
    Container,
    ContainerPort,
    Handler,
    Pod,
    Probe,
    Resources,
    Security,
    Variable,
    Volume,
)
from seatrial.model.place import Sourced
from seatrial.model.service import Hop, shell_line_of

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")


def read_pod(spec: Fields) -> Pod:
    """The pod of a `spec`."""
    containers = [
        *_containers(spec, "initContainers", is_init=True),
        *_containers(spec, "containers", is_init=False),
    ]
    security = spec.sub("securityContext")
    system = spec.sub("os")
    selector = spec.mapping("nodeSelector")
    is_windows = "windows" in (system.string("name") if system else "", selector.get("kubernetes.io/os"))
    return Pod(
        tuple(containers),
        spec.number("terminationGracePeriodSeconds"),
        spec.text("restartPolicy"),
        _security(security, spec) if security else Security(),
        tuple(_volumes(spec)),
        spec.truth("hostNetwork"),
        spec.truth("hostPID"),
        spec.string("priorityClassName"),
        is_windows,
        spec.key("containers") or spec.table.place,
    )


def _containers(spec: Fields, key: str, *, is_init: bool) -> Iterator[Container]:
    for each in spec.tables(key):
        name = each.text("name")
        is_sidecar = is_init and each.string("restartPolicy") == "Always"
        hooks = each.sub("lifecycle")
        resources = each.sub("resources")
        security = each.sub("securityContext")
        command, arguments = each.texts("command"), each.texts("args")
        yield Container(
            name.value if name else "",
            name.place if name and name.place else each.table.place,
            each.text("image"),
            each.string("imagePullPolicy"),
            command,
            arguments,
            tuple(_variables(each)),
            tuple(_ports(each)),
            _probe(each, "livenessProbe"),
            _probe(each, "readinessProbe"),
            _probe(each, "startupProbe"),
            _resources(resources, each) if resources else Resources(),
            _security(security, each) if security else Security(),
            _hook(hooks, "preStop"),
            _hook(hooks, "postStart"),
            is_init,
            is_sidecar,
            _hops(command, arguments),
            each.text("workingDir"),
        )


def _hops(command: Sourced[tuple[str, ...]] | None, arguments: Sourced[tuple[str, ...]] | None) -> tuple[Hop, ...]:
    """From the command to what it starts. What needs files of the image, a package's script or an entrypoint, isn't
    followed."""
    said = command or arguments
    if said is None or not said.value:
        return ()
    # Imported where a manifest says a command: most say none.
    from seatrial.files.scripts.hops import hops_of_words

    return hops_of_words((command.value if command else ()) + (arguments.value if arguments else ()), said.place)


def _variables(container: Fields) -> Iterator[Variable]:
    for each in container.tables("env"):
        name = each.text("name")
        if name is None:
            continue
        source = each.sub("valueFrom")
        kind = next(iter(source.table.entries), "") if source else ""
        node = each.table.get("value")
        value = None
        if isinstance(node, Scalar) and not is_null(node):
            value = Sourced(text_of(node), node.place)
            if not isinstance(node.value, str) and not is_filled_in(text_of(node)):
                message = f"the value of {name.value} is {kind_of(node)}, and Kubernetes wants a string"
                each.wrong(message, node.place, "put it in quotes")
        yield Variable(name.value, name.place or each.table.place, value, kind)


def _ports(container: Fields) -> Iterator[ContainerPort]:
    for each in container.tables("ports"):
        number = each.number("containerPort")
        if number is not None:
            yield ContainerPort(number, each.string("name"), each.string("protocol") or "TCP")


def _volumes(spec: Fields) -> Iterator[Volume]:
    for each in spec.tables("volumes"):
        kind = next((key for key in each.table.entries if key != "name"), "")
        yield Volume(each.string("name"), kind, each.table.place)


def _probe(container: Fields, key: str) -> Probe | None:
    fields, place = container.sub(key), container.key(key)
    handler = _handler(fields) if fields else None
    if fields is None or place is None or handler is None:
        return None
    return Probe(
        handler,
        place,
        fields.number("initialDelaySeconds"),
        fields.number("periodSeconds"),
        fields.number("timeoutSeconds"),
        fields.number("failureThreshold"),
    )


def _hook(hooks: Fields | None, key: str) -> Handler | None:
    fields = hooks.sub(key) if hooks else None
    return _handler(fields) if fields else None


def _handler(fields: Fields) -> Handler | None:
    for kind in _HANDLERS:
        inner, place = fields.sub(kind), fields.key(kind)
        if inner is None or place is None:
            continue
        command = inner.texts("command")
        seconds = inner.number("seconds") if kind == "sleep" else None
        return Handler(
            kind,
            (command.place if command else None) or place,
            command.value if command else (),
            inner.text("port"),
            inner.string("service") if kind == "grpc" else inner.string("path"),
            inner.string("scheme") or "HTTP",
            inner.string("host"),
            seconds.value if seconds else 0,
            _commands(command) if kind == "exec" and command else (),
        )
    return None


def _commands(said: Sourced[tuple[str, ...]]) -> tuple[ShellCommand, ...]:
    """All at one place: offsets in a string of YAML aren't those of what it says."""
    words, place = said.value, said.place
    if place is None or not words:
        return ()
    line = shell_line_of(words)
    return shell_commands(line, lambda _start, _end: place) if line else (ShellCommand(words, lambda: place),)


def _resources(fields: Fields, container: Fields) -> Resources:
    return Resources(fields.quantities("requests"), fields.quantities("limits"), container.key("resources"))


def _security(fields: Fields, owner: Fields) -> Security:
    capabilities = fields.sub("capabilities")
    return Security(
        owner.key("securityContext"),
        fields.truth("runAsNonRoot"),
        fields.number("runAsUser"),
        fields.truth("privileged"),
        fields.truth("allowPrivilegeEscalation"),
        fields.truth("readOnlyRootFilesystem"),
        capabilities.each_text("add") if capabilities else (),
        capabilities.each_text("drop") if capabilities else (),
    )
