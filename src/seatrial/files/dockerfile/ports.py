"""Port specifications of EXPOSE: `80`, `80/udp`, `8000-8010`. Source: buildkit's convert_expose.go."""

from __future__ import annotations

import re

from seatrial.model.patterns import pattern
from seatrial.model.service import Port

_NUMBER = pattern(r"[+-]?[0-9]{1,18}", re.ASCII)
_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})


def parse_ports(text: str) -> list[Port]:
    """The ports that one word of EXPOSE names. Raises ValueError.

    A host part (`8080:80`) is accepted as Docker does, which ignores it.
    """
    host, _, container = text.rpartition(":")
    number, _, protocol = container.partition("/")
    if not number:
        raise ValueError(f"{text[:60]!r} has no port")
    if protocol and protocol.lower() not in _PROTOCOLS:
        raise ValueError(f"{protocol[:20]!r} is not a protocol: it is tcp, udp or sctp")
    first, last = _range(number)
    published = host.rpartition(":")[2]
    if published:
        host_first, host_last = _range(published)
        if host_last - host_first != last - first and last != first:
            raise ValueError(f"the ranges in {text[:60]!r} differ in length")
    return [Port(each, protocol.lower() or "tcp") for each in range(first, last + 1)]


def _range(text: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    first = _port(start)
    last = _port(end) if dash else first
    if last < first:
        raise ValueError(f"the range {text} ends before it begins")
    return first, last


def _port(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 0 <= int(text) <= 65535:
        raise ValueError(f"{text[:20]!r} is not a port: it is a number from 0 to 65535")
    return int(text)
