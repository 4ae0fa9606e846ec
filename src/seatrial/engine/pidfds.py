"""What the kernel tells of a process's end to whoever holds a pidfd of it. It asks; it never signals."""

from __future__ import annotations

import fcntl
import struct

_GET_INFO = 0xC040FF0B
"""_IOWR(0xFF, 11, struct pidfd_info) with the 64 bytes of its first version."""
_INFO_EXIT = 1 << 3
_INFO_SIZE = 64
_EXIT_CODE_AT = 60


def exit_signal(descriptor: int) -> int | None:
    """The signal that killed a process which was reaped, 0 if it exited by itself; None if the kernel does not tell.

    Of a process that isn't our child it tells from Linux 6.15 on (PIDFD_INFO_EXIT, include/uapi/linux/pidfd.h).
    """
    buffer = bytearray(_INFO_SIZE)
    struct.pack_into("=Q", buffer, 0, _INFO_EXIT)
    try:
        fcntl.ioctl(descriptor, _GET_INFO, buffer)
    except OSError:
        return None
    (mask,) = struct.unpack_from("=Q", buffer, 0)
    if not mask & _INFO_EXIT:
        return None
    (status,) = struct.unpack_from("=i", buffer, _EXIT_CODE_AT)
    return int(status) & 0x7F
