"""System calls that Python 3.11 lacks, through ctypes. Each raises OSError with errno's text; none decides anything."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 1
_SYS_MOUNT_SETATTR = 442  # one number on every architecture (Linux 5.12)
_SYS_RT_SIGNALS = {"x86_64": (13, 14), "i686": (174, 175), "ppc64le": (173, 174), "s390x": (174, 175)}
"""Numbers of rt_sigaction and rt_sigprocmask; the architectures not named use the generic table."""
_SYS_RT_SIGNALS_GENERIC = (134, 135)

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> int:
    """The result of a libc function, or the OSError that errno stands for."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    text = data.encode() or None
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), text))


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    """umount2(2), lazily unless told otherwise."""
    _check(_libc.umount2(os.fsencode(target), flags))


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)."""
    _check(_libc.pivot_root(os.fsencode(new), os.fsencode(old)))


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags))


def setns(descriptor: int, kind: int) -> None:
    """setns(2)."""
    _check(_libc.setns(descriptor, kind))


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    """prctl(2)."""
    zero = ctypes.c_ulong(0)
    return _check(_libc.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), zero, zero))


def read_only(target: str, *, recursive: bool = True) -> None:
    """Make a mount read-only, with all below it where the kernel can (mount_setattr(2), Linux 5.12)."""
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    path = ctypes.c_char_p(os.fsencode(target))
    try:
        _check(
            _libc.syscall(
                ctypes.c_long(_SYS_MOUNT_SETATTR), _AT_FDCWD, path, flags, attributes, ctypes.c_size_t(len(attributes))
            )
        )
    except OSError:
        kept = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
        mount("none", target, "", MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def bind(source: str, target: str, *, writable: bool = False, recursive: bool = True) -> None:
    """Bind a path to another, read-only unless told otherwise."""
    mount(source, target, "", MS_BIND | (MS_REC if recursive else 0))
    if not writable:
        read_only(target)


def set_capabilities(effective: int, permitted: int, inheritable: int = 0) -> None:
    """capset(2), version 3, on this thread."""
    mask = 0xFFFFFFFF
    header = struct.pack("Ii", 0x20080522, 0)
    low = (effective & mask, permitted & mask, inheritable & mask)
    high = (effective >> 32, permitted >> 32, inheritable >> 32)
    _check(_libc.capset(header, struct.pack("6I", *low, *high)))


def reset_signals() -> None:
    """Give every signal its default action and unblock all.

    By system call, because libc refuses the two real-time signals (32, 33) that it keeps for itself, and some
    launchers (make is one) leave them ignored, which a container engine never does.
    """
    action, mask = _SYS_RT_SIGNALS.get(platform.machine(), _SYS_RT_SIGNALS_GENERIC)
    default = bytes(64)
    for number in range(1, 65):
        if number not in (9, 19):
            _libc.syscall(ctypes.c_long(action), number, default, None, ctypes.c_size_t(8))
    _libc.syscall(ctypes.c_long(mask), 2, bytes(8), None, ctypes.c_size_t(8))


def loopback_up() -> None:
    """Switch on `lo` in the network namespace of this thread."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        request = struct.pack("16sH14s", b"lo", 0x1 | 0x40, b"")
        fcntl.ioctl(channel.fileno(), 0x8914, request)  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
