"""The TCP connections of a server in this network namespace, as the kernel tells them by NETLINK_SOCK_DIAG.

See sock_diag(7); what comes back is laid out as `struct inet_diag_msg` and `struct tcp_info` of linux/inet_diag.h and
linux/tcp.h. Nothing here needs a privilege.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST, DUMP = 1, 0x300
DONE, ERROR = 3, 2
INET_DIAG_INFO = 2
ESTABLISHED = 1
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBIH46x")
_IDENTITY = struct.Struct(">HH16s16s")
_ATTRIBUTE = struct.Struct("=HH")
_MESSAGE = 72
_AGES, _RECEIVED, _SENT, _SENT_AGAIN = 44, 128, 200, 208
"""Offsets in struct tcp_info: the ages in milliseconds, and 64-bit counts of bytes."""

Peer = tuple[bytes, int]
"""The client's address as it stands in packets, and its port."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An established connection of the server: bytes that it sent and received, and whether what it received last is
    younger than what it sent last (`is_busy`; None where both fall into one tick of the kernel's clock)."""

    sent: int
    received: int
    is_busy: bool | None


def standing(port: int) -> dict[Peer, Standing]:
    """All established connections of the server on a port, by their client."""
    found: dict[Peer, Standing] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for message in _dump(family, port):
            here, there, _, address = _IDENTITY.unpack_from(message, 4)
            info = _info(message)
            if here == port and len(info) >= _SENT_AGAIN + 8:
                found[(plain(address if message[0] == socket.AF_INET6 else address[:4]), there)] = _standing(info)
    return found


def plain(address: bytes) -> bytes:
    """An IPv4 address that came mapped into IPv6 as the four bytes of its packets."""
    return address[12:] if address[:12] == bytes(10) + b"\xff\xff" else address


def _dump(family: int, port: int) -> Iterator[bytes]:
    """What is told of each connection whose own port this is; an older kernel may tell of others, too."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        asked = _REQUEST.pack(
            family, socket.IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0, 1 << ESTABLISHED, socket.htons(port)
        )
        header = _HEADER.pack(_HEADER.size + len(asked), SOCK_DIAG_BY_FAMILY, REQUEST | DUMP, 1, 0)
        netlink.send(header + asked)
        while True:
            data = netlink.recv(1 << 18)
            while data:
                size, kind, *_ = _HEADER.unpack_from(data)
                if kind in (DONE, ERROR):
                    return
                yield data[_HEADER.size : size]
                data = data[(size + 3) & ~3 :]


def _info(message: bytes) -> bytes:
    """The tcp_info among a message's attributes."""
    rest = message[_MESSAGE:]
    while len(rest) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(rest)
        if kind == INET_DIAG_INFO:
            return rest[_ATTRIBUTE.size : size]
        rest = rest[max(4, (size + 3) & ~3) :]
    return b""


def _standing(info: bytes) -> Standing:
    sent_ago, _, received_ago = struct.unpack_from("=III", info, _AGES)
    (received,) = struct.unpack_from("=Q", info, _RECEIVED)
    (sent,) = struct.unpack_from("=Q", info, _SENT)
    (again,) = struct.unpack_from("=Q", info, _SENT_AGAIN)
    if not received:
        busy: bool | None = False
    elif not sent:
        busy = True
    else:
        busy = None if sent_ago == received_ago else received_ago < sent_ago
    return Standing(sent - again, received, busy)
