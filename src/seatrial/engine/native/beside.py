"""Becomes a program of the host in an instance's user and network namespaces: the load generator.

A script of its own, run by its path: `beside.py NAMESPACES OWNER ARGV…` with the namespaces as JSON, descriptors by
name. It imports little, because each start of it is waited for; it never returns.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
FLAGS = {"user": CLONE_NEWUSER, "net": CLONE_NEWNET}
"""In the order in which they are entered: the user namespace gives the right to the other."""


def command(namespaces: dict[str, int], argv: list[str]) -> list[str]:
    """The command that runs this script for a program, to be killed when this process dies."""
    return [sys.executable, "-IS", "-B", __file__, json.dumps(namespaces), str(os.getpid()), *argv]


def setns(descriptor: int, kind: int) -> None:
    """setns(2), which Python has from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, kind) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main() -> None:
    """Enter, and execute the program; killed when the owner dies."""
    namespaces, owner, argv = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    try:
        for name, flag in FLAGS.items():
            if name in namespaces:
                setns(namespaces[name], flag)
                os.close(namespaces[name])
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        if os.getppid() != owner:  # it died before the kernel was told
            os._exit(1)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, dict(os.environ))
    except OSError as error:
        os.write(2, f"seatrial: {argv[0]}: {error}\n".encode())
        os._exit(127)


if __name__ == "__main__":
    main()
