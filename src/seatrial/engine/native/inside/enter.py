"""Runs one command inside a running instance (`inside`), or a program of the host in its network (`beside`).

Started as a program of its own, with descriptors of the instance's namespaces. Standard input, output and error are
passed on as they are; the exit code is the command's (128+N for a signal, 126/127 if it could not be executed).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from seatrial.engine.native.inside import first, kernel, launcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.engine.native.inside.description import Enter

FLAGS = {
    "user": kernel.CLONE_NEWUSER,
    "ipc": kernel.CLONE_NEWIPC,
    "uts": kernel.CLONE_NEWUTS,
    "net": kernel.CLONE_NEWNET,
    "cgroup": kernel.CLONE_NEWCGROUP,
    "pid": kernel.CLONE_NEWPID,
    "mnt": kernel.CLONE_NEWNS,
}
"""In the order in which they are entered: the user namespace gives the right to the others, the mount one is last."""
REPORT_MARK = "seatrial: "


def join(descriptors: dict[str, int]) -> None:
    """Enter the namespaces given."""
    for name, flag in FLAGS.items():
        if name in descriptors:
            with first.step(f"enter the {name} namespace"):
                kernel.setns(descriptors[name], flag)
                os.close(descriptors[name])


def inside(descriptors: dict[str, int], owner: int, answer: int) -> None:
    """Run the command that the socket `answer` describes, in all namespaces and the cgroup. Never returns.

    The socket gets the moment at which the command is executed, and the error if there is one.
    """
    code = 126
    try:
        os.set_inheritable(answer, False)
        enter: Enter = json.loads(launcher.read_line(answer))
        with first.step("cgroup"):
            doors = [os.open(f"{folder}/cgroup.procs", os.O_WRONLY) for folder in enter["cgroups"]]
        join(descriptors)
        first.die_with_parent(owner)
        with first.step("fork in the PID namespace"):
            child = os.fork()
        if child == 0:
            _child(enter, answer, doors)
        os.close(answer)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        code = 128 - code if code < 0 else code
    except first.StepError as error:
        _say(answer, f"{error.step}: {error.message}")
    finally:
        os._exit(code)


def _say(answer: int, text: str) -> None:
    """Tell seatrial something; it may have hung up."""
    with contextlib.suppress(OSError):
        os.write(answer, text.encode())


def _child(enter: Enter, answer: int, doors: list[int]) -> None:
    """The command's process; never returns."""
    code = 126
    try:
        with first.step("cgroup"):
            for door in doors:  # only the command counts against the limits, not the parent that waits for it
                os.write(door, b"0")
        os.setsid()
        first.close_other_descriptors({answer})
        first.become(enter)
        _say(answer, f"executing {time.monotonic()!r}\n")
        error = first.execute(enter["argv"], enter["environment"])
        code = first.exit_code(error)
        _say(answer, error.message)
    except first.StepError as error:
        _say(answer, f"{error.step}: {error.message}")
    finally:
        os._exit(code)


def beside(descriptors: dict[str, int], owner: int, argv: Sequence[str]) -> None:
    """Become a program of the host in the instance's user and network namespaces; killed when `owner` dies."""
    try:
        join(descriptors)
        first.die_with_parent(owner)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], list(argv), dict(os.environ))
    except (first.StepError, OSError) as error:
        message = f"{error.step}: {error.message}" if isinstance(error, first.StepError) else str(error)
        os.write(2, f"{REPORT_MARK}{argv[0]}: {message}\n".encode())
        os._exit(127)


def main() -> None:
    """`inside NAMESPACES OWNER SOCKET` or `beside NAMESPACES OWNER ARGV…`; namespaces as JSON, descriptors by name."""
    kind, namespaces, owner = sys.argv[1:4]
    if kind == "inside":
        inside(json.loads(namespaces), int(owner), int(sys.argv[4]))
    else:
        beside(json.loads(namespaces), int(owner), sys.argv[4:])
