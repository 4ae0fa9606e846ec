"""`ports` and `expose`: short and long forms, ranges, protocols.

One `Port` per port inside the container. Source of the short form's grammar: docker/go-connections, nat.ParsePortSpec.
"""

from __future__ import annotations

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields
from seatrial.files.compose.nodes import Node, Scalar, Table, text_of
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced
from seatrial.model.service import Port
from seatrial.model.values import replace

_RANGE = pattern(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_PROTOCOLS = ("tcp", "udp", "sctp")
_MOST = 3 * 65536
"""Ports of one service: there are no more."""


def read_ports(service: Fields) -> tuple[Sourced[Port], ...]:
    """The ports that a service publishes, each once."""
    found: dict[tuple[object, ...], Sourced[Port]] = {}
    count = 0
    for item in service.items("ports"):
        ports = _ports_of(service, item)
        count += len(ports)
        if count > _MOST:
            service.problems.error(f"{service.where}.ports are more than {_MOST}", item.place)
            break
        for host, port in ports:
            found.setdefault((host, port), Sourced(replace(port, address=host) if host else port, item.place))
    return tuple(found.values())


def read_exposed(service: Fields) -> tuple[Sourced[Port], ...]:
    """The ports that a service exposes, each once."""
    found: dict[Port, Sourced[Port]] = {}
    count = 0
    for text in service.texts("expose", numbers=True):
        assert text.place is not None
        try:
            container, protocol = _with_protocol(text.value)
            count += len(_numbers(container))
            if count > _MOST:
                raise ValueError(f"more than {_MOST} ports")
            for number in _numbers(container):
                port = Port(number, protocol)
                found.setdefault(port, Sourced(port, text.place))
        except ValueError as error:
            service.problems.error(f"{service.where}.expose: {error}", text.place)
    return tuple(found.values())


def parse_port(text: str) -> list[tuple[str, Port]]:
    """The host addresses and ports of `[[address:][published]:]target[/protocol]`. Raises ValueError."""
    raw, protocol = _with_protocol(text)
    parts = raw.split(":")
    target = parts[-1]
    published = parts[-2] if len(parts) > 1 else ""
    host = ":".join(parts[:-2])
    if host:
        _check_address(host)
    if not target:
        raise ValueError(f"{text!r} has no port of the container")
    return _paired(text, host, published, _numbers(target), protocol)


def _paired(text: str, host: str, published: str, targets: range, protocol: str) -> list[tuple[str, Port]]:
    if not published:
        return [(host, Port(number, protocol)) for number in targets]
    outside = _numbers(published)
    if len(outside) == len(targets):
        pairs = zip(targets, outside, strict=True)
        return [(host, Port(number, protocol, other)) for number, other in pairs]
    if len(targets) == 1:  # any free one of the range
        return [(host, Port(targets[0], protocol))]
    raise ValueError(f"the two ranges of {text!r} differ in length")


def _with_protocol(text: str) -> tuple[str, str]:
    raw, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash and protocol else "tcp"
    if protocol not in _PROTOCOLS:
        raise ValueError(f"{protocol!r} is not a protocol; there are tcp, udp and sctp")
    return raw, protocol


def _numbers(text: str) -> range:
    match = _RANGE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a port")
    start, end = int(match[1]), int(match[2] or match[1])
    if end < start or end > 65535 or not start:
        raise ValueError(f"{text!r} is not a range of ports from 1 to 65535")
    return range(start, end + 1)


def _check_address(text: str) -> None:
    import ipaddress  # rarely needed, and slow to import

    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        raise ValueError(f"{text!r} is not an address of this machine") from None


def _ports_of(service: Fields, item: Node) -> list[tuple[str, Port]]:
    if isinstance(item, Table):
        return _long(Fields(item, service.problems, f"{service.where}.ports"))
    value = item.value if isinstance(item, Scalar) else None
    if not isinstance(item, Scalar) or isinstance(value, bool | float):
        service.wrong(item, "ports", "a port such as 8080:80", 'write it in quotes: "8080:80"')
        return []
    try:
        return parse_port(text_of(item))
    except ValueError as error:
        service.problems.error(f"{service.where}.ports: {error}", item.place)
        return []


def _long(fields: Fields) -> list[tuple[str, Port]]:
    fields.check_keys(keys.PORT)
    target = fields.integer("target")
    if target is None:
        if not fields.says("target"):
            fields.problems.error(f"{fields.where}: a port needs its target", fields.table.place)
        return []
    node = fields.node("published")
    published = fields.text_at(node, "published", numbers=True) if node is not None else None
    protocol = fields.text("protocol")
    host = fields.text("host_ip")
    try:
        if host:
            _check_address(host.value)
        suffix = f"/{protocol.value}" if protocol else ""
        found = parse_port(f"{published.value if published else ''}:{target.value}{suffix}")
    except ValueError as error:
        fields.problems.error(f"{fields.where}: {error}", fields.table.place)
        return []
    return [(host.value if host else "", port) for _, port in found]
