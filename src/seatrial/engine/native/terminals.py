"""Pseudo-terminals for what runs inside: both ends of one, where the slave is a terminal that the inside can name.

It makes them and no more: who copies between the master and a person's terminal is somebody else.
"""

from __future__ import annotations

import fcntl
import os
import struct

_UNLOCK = 0x40045431
"""TIOCSPTLCK, which Python doesn't name."""
_PEER = 0x5441
"""TIOCGPTPEER (Linux 4.13): the other end, whatever mounts there are between us and its name."""


def new_inside(pid: int) -> tuple[int, int]:
    """Master and slave of a terminal in the /dev/pts of a running instance, by one of its processes. Raises OSError."""
    master = os.open(f"/proc/{pid}/root/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(master, _UNLOCK, struct.pack("i", 0))
        return master, fcntl.ioctl(master, _PEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except BaseException:
        os.close(master)
        raise
