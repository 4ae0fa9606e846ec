"""What listens in a network namespace, read from the texts of /proc/PID/net."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from seatrial.engine.interface import Listener

LISTEN = "0A"
ACCEPTS = 0x10000
"""SO_ACCEPTCON in the flags of /proc/net/unix (Linux: __SO_ACCEPTCON)."""
STREAM = 1


def listeners(pid: int) -> tuple[Listener, ...]:
    """All that listens in the network namespace of a process; empty if the process has ended."""
    folder = Path(f"/proc/{pid}/net")
    found: dict[Listener, None] = {}
    found |= dict.fromkeys(tcp(_text(folder / "tcp")))
    found |= dict.fromkeys(tcp(_text(folder / "tcp6")))
    found |= dict.fromkeys(unix(_text(folder / "unix"), f"/proc/{pid}/root"))
    return tuple(found)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def tcp(text: str) -> Iterator[Listener]:
    """The listening sockets of /proc/net/tcp or tcp6. A wildcard is given as its family's loopback address."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 4 or fields[3] != LISTEN:
            continue
        number, _, port = fields[1].partition(":")
        packed = _packed(number)
        wildcard = not any(packed)
        if len(packed) == 4:
            yield Listener("ipv4", "127.0.0.1" if wildcard else _address(packed), int(port, 16), wildcard)
        elif packed[:12] == bytes(10) + b"\xff\xff":
            yield Listener("ipv4", _address(packed[12:]), int(port, 16), not any(packed[12:]))
        else:
            yield Listener("ipv6", "::1" if wildcard else _address(packed), int(port, 16), wildcard)


def _packed(text: str) -> bytes:
    """An address as the kernel prints it: words of 32 bits in the machine's own byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return b"".join(word.to_bytes(4, sys.byteorder) for word in words)


def _address(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def unix(text: str, root: str) -> Iterator[Listener]:
    """The listening stream sockets of /proc/net/unix; a path is given as it is reached from outside."""
    for line in text.splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and int(fields[3], 16) & ACCEPTS and int(fields[4], 16) == STREAM:
            path = fields[7]
            yield Listener("unix", path if path.startswith("@") else root + path, 0)
