"""The TCP packets of this network namespace, as its loopback device shows them: read, never held up, never changed.

Each has the kernel's own time, so what is read late is still known to have come before or after a signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import time
from typing import NamedTuple

from seatrial.load.diag import Peer

ETH_P_ALL = 3
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
PACKET_STATISTICS = 6
SOL_PACKET = 263
BUFFER = 16 << 20
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WRAP = 1 << 32
KEPT = 2048
"""How many bytes of a packet are read: its headers, and the head of what it carries."""
TURN = 1024
"""Packets that are read at once."""
_FILTER = (
    (0x20, 0, 0, 0xFFFFF004),  # the packet's type (SKF_AD_PKTTYPE, socket(7)): on loopback each comes twice,
    (0x15, 14, 0, 4),  #          as outgoing, which is left out, and as incoming
    (0x30, 0, 0, 0),  #           the version of IP
    (0x54, 0, 0, 0xF0),
    (0x15, 0, 5, 0x40),
    (0x30, 0, 0, 9),  #           IPv4 that carries TCP
    (0x15, 0, 9, 6),
    (0xB1, 0, 0, 0),  #           behind its header, whose length varies,
    (0x50, 0, 0, 13),  #          the flags
    (0x45, 5, 6, -1),
    (0x15, 0, 5, 0x60),
    (0x30, 0, 0, 6),  #           IPv6 that carries TCP
    (0x15, 0, 3, 6),
    (0x30, 0, 0, 53),
    (0x45, 0, 1, -1),
    (0x06, 0, 0, KEPT),
    (0x06, 0, 0, 0),
)
"""Of all packets only those of TCP with certain flags, which stand for -1 (classic BPF: networking/filter.rst)."""


class Packet(NamedTuple):
    """One packet: its moment (monotonic), both ends, its flags and sequence numbers, how many bytes it carries, and the
    first of them."""

    when: float
    source: Peer
    target: Peer
    flags: int
    number: int
    acknowledged: int
    size: int
    begins: bytes


class Tap:
    """A socket that gets the packets that have one of the flags. PermissionError where that is not allowed."""

    def __init__(self, flags: int) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        try:
            self._begin(flags)
        except BaseException:
            self.close()
            raise

    def _begin(self, flags: int) -> None:
        self.choose(flags)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # as much as anybody may have,
        with contextlib.suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)  # or all of it
        self._socket.setblocking(False)
        self._socket.bind(("lo", ETH_P_ALL))  # only now: what is not asked for must not come in

    @property
    def descriptor(self) -> int:
        """To wait for packets with; -1 after `close`."""
        return self._socket.fileno()

    def choose(self, flags: int) -> None:
        """Get the packets that have one of these flags, from now on."""
        program = b"".join(struct.pack("=HBBI", *step[:3], flags if step[3] < 0 else step[3]) for step in _FILTER)
        steps = ctypes.create_string_buffer(program)
        filtering = struct.pack("HL", len(_FILTER), ctypes.addressof(steps))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filtering)

    def read(self) -> list[Packet]:
        """At most a turn of what has come, in its order."""
        found: list[Packet] = []
        # Whoever is held up between the two clocks finds too little.
        offset = max(time.time() - time.monotonic() for _ in range(3))
        with contextlib.suppress(BlockingIOError):
            for _ in range(TURN):
                data, extra, *_ = self._socket.recvmsg(KEPT, 64)
                seconds, nanoseconds = struct.unpack_from("=qq", extra[0][2])
                found.append(_packet(data, seconds + nanoseconds / 1e9 - offset))
        return found

    def missed(self) -> int:
        """How many packets found no room to wait in since this was asked last."""
        _, missed = struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        return int(missed)

    def close(self) -> None:
        """Idempotent."""
        self._socket.close()


def _packet(data: bytes, when: float) -> Packet:
    if data[0] >> 4 == 4:
        start, source, target = (data[0] & 15) * 4, data[12:16], data[16:20]
        end = data[2] << 8 | data[3]
    else:
        start, source, target = 40, data[8:24], data[24:40]
        end = 40 + (data[4] << 8 | data[5])
    here, there, number, acknowledged, words, flags = struct.unpack_from(">HHIIBB", data, start)
    begins = start + (words >> 4) * 4
    return Packet(
        when, (source, here), (target, there), flags, number, acknowledged, max(0, end - begins), data[begins:]
    )
