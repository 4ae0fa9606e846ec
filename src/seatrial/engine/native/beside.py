"""Becomes a program of the host in an instance's user and network namespaces: the load generator, and what stands in.

A script of its own, run by its path: `beside.py NAMESPACES OWNER ARGV…` with the namespaces as JSON, descriptors by
name. It imports little, because each start of it is waited for.

The program gets a PID namespace, and with it all that it ever starts ends at once with it, with this process or with
the owner, however they end: the kernel kills what is in a PID namespace when its first process ends. Its /dev/shm is
its own and vanishes likewise; /proc stays the host's, by which the sockets in an instance's file system are reached.
SIGTERM to this process ends all, and it is the last to go; every other signal is for the program, and is to be sent to
the process group.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_NOSUID, MS_NODEV = 2, 4
MS_REC, MS_SLAVE = 0x4000, 0x80000
PR_SET_PDEATHSIG = 1
MEMORY = "/dev/shm"
FLAGS = {"user": CLONE_NEWUSER, "net": CLONE_NEWNET}
"""In the order in which they are entered: the user namespace gives the right to the other."""


def command(namespaces: dict[str, int], argv: list[str]) -> list[str]:
    """The command that runs this script for a program, to be killed when this process dies."""
    return [sys.executable, "-IS", "-B", __file__, json.dumps(namespaces), str(os.getpid()), *argv]


def _call(name: str, *arguments: object) -> None:
    """A function of the C library that returns -1 where it fails."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def setns(descriptor: int, kind: int) -> None:
    """setns(2), which Python has from 3.12 on."""
    _call("setns", descriptor, kind)


def _die_with_parent() -> None:
    """Be killed when the parent dies: asked for last, because a change of user makes the kernel forget it."""
    _call("prctl", PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))


def _unshare() -> bool:
    """Make the namespaces: as somebody who may, or as the same user in a user namespace of our own. False where this
    machine forbids both."""
    user, group = os.geteuid(), os.getegid()
    with contextlib.suppress(OSError):
        _call("unshare", CLONE_NEWPID | CLONE_NEWNS)
        return True
    try:
        _call("unshare", CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUSER)
    except OSError:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(descriptor, text.encode())
        os.close(descriptor)
    return True


def _mount() -> None:
    """A /dev/shm of its own; where that is forbidden the one that was there."""
    _call("mount", None, b"/", None, ctypes.c_ulong(MS_REC | MS_SLAVE), None)  # or all would see what is mounted here
    with contextlib.suppress(OSError):
        _call("mount", b"tmpfs", MEMORY.encode(), b"tmpfs", ctypes.c_ulong(MS_NOSUID | MS_NODEV), None)


def _first(parent: int, argv: list[str]) -> int:
    """PID 1 of the new namespace: runs the program, reaps what others leave, and returns the program's exit code."""
    _die_with_parent()
    if select.select([parent], [], [], 0)[0]:  # it died before the kernel was told
        return 1
    _mount()
    program = os.fork()
    if not program:
        _execute(argv)
    while True:
        pid, status = os.wait()
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _execute(argv: list[str]) -> None:
    """Become the program."""
    try:
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(argv[0], argv, dict(os.environ))
    except OSError as error:
        os.write(2, f"seatrial: {argv[0]}: {error}\n".encode())
        os._exit(127)


def _wait(first: int) -> int:
    """The exit code of the first process, once all of its namespace is gone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the program's alone: it may close them before it ends
        os.dup2(nothing, stream)
    while signal.sigwait({signal.SIGCHLD, signal.SIGTERM}) == signal.SIGTERM:
        os.kill(first, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    return code if code >= 0 else 128 - code


def main() -> None:
    """Enter, and run the program; killed when the owner dies."""
    namespaces, owner, argv = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    try:
        for name, flag in FLAGS.items():
            if name in namespaces:
                setns(namespaces[name], flag)
                os.close(namespaces[name])
        _die_with_parent()
        if os.getppid() != owner:  # it died before the kernel was told
            os._exit(1)
        own = os.pidfd_open(os.getpid())
        if not _unshare():  # nothing that is run then starts anything
            _execute(argv)
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        first = os.fork()
        os._exit(_wait(first) if first else _first(own, argv))
    except OSError as error:
        os.write(2, f"seatrial: {argv[0]}: {error}\n".encode())
        os._exit(127)


if __name__ == "__main__":
    main()
