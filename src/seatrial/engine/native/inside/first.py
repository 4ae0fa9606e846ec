"""The process that becomes PID 1 of the instance: enters its namespaces, takes on its attributes, executes the command.

Every failure names its step. After `execve` nothing of this program is left: no descriptor, handler, mask or variable.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import socket
import stat
from typing import TYPE_CHECKING

from seatrial.engine.native.inside import kernel
from seatrial.engine.native.inside.view import View, ViewError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.engine.native.inside.description import Enter, Launch

LAST_CAPABILITY = 40
NOT_FOUND, NOT_EXECUTABLE = 127, 126


class StepError(Exception):
    """A step of the set-up that failed; `number` is errno."""

    def __init__(self, step: str, message: str, number: int = 0) -> None:
        super().__init__(message)
        self.step = step
        self.message = message
        self.number = number


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Names the step in which an error happened."""
    try:
        yield
    except OSError as error:
        raise StepError(name, error.strerror or str(error), error.errno or 0) from error
    except ViewError as error:
        raise StepError(name, str(error)) from error


def set_up(launch: Launch) -> list[str]:
    """Namespaces, network, root; returns notes on what could only be approximated."""
    with step("new mount, network, UTS and IPC namespaces"):
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC)
    with step("private mounts"):
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    if launch["probe"]:
        with step("new /proc"):
            kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        return []
    with contextlib.suppress(OSError):  # so that programs find their limits at the root of what they see
        kernel.unshare(kernel.CLONE_NEWCGROUP)
    with step("host name"):
        socket.sethostname(launch["hostname"])
    with step("network"):
        kernel.loopback_up()
        _allow_low_ports()
    view = View(launch["stage"], launch["steps"], user_namespace=launch["user_namespace"])
    with step("file system"):
        view.build()
        view.enter()
    return view.notes


def _allow_low_ports() -> None:
    """Let every user listen on every port, as the engine does in a container's own network namespace."""
    with (
        contextlib.suppress(OSError),
        open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w", encoding="ascii") as file,
    ):
        file.write("0")


def take_on(launch: Launch) -> None:
    """Limits, out-of-memory score, user, capabilities, working directory, signals: what execve keeps."""
    if launch["oom_score"] is not None:
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(launch["oom_score"]))
    with step("ulimits"):
        for number, soft, hard in launch["ulimits"]:
            set_limit(number, soft, hard)
    for descriptor in (1, 2):  # so that /dev/stdout can be opened by whoever the service runs as
        with contextlib.suppress(OSError):
            os.fchown(descriptor, launch["uid"], -1)
    become(launch)


def become(what: Launch | Enter) -> None:
    """User, groups, capabilities, working directory, umask and signals of the command."""
    os.umask(0o022)
    with step(f"working directory {what['workdir']}"):
        os.chdir(what["workdir"])
    with step(f"user {what['uid']}:{what['gid']}"):
        _become_user(what)
    kernel.reset_signals()


def set_limit(number: int, soft: int, hard: int) -> None:
    """One resource limit; where the hard one is above what this user may have, as much as that."""
    _, most = resource.getrlimit(number)
    try:
        resource.setrlimit(number, (soft, hard))
    except (ValueError, PermissionError):
        resource.setrlimit(number, (_least(soft, most), _least(hard, most)))


def _least(one: int, other: int) -> int:
    """The smaller of two limits, where -1 is the largest."""
    return min((one, other), key=lambda value: (value == resource.RLIM_INFINITY, value))


def _become_user(what: Launch | Enter) -> None:
    """Bounding set, groups, ids, then the sets that execve keeps: each step needs a right that a later one gives up."""
    wanted = what["capabilities"]
    for number in range(LAST_CAPABILITY + 1):
        if not wanted >> number & 1:
            with contextlib.suppress(OSError):
                kernel.prctl(kernel.PR_CAPBSET_DROP, number)
    if what["groups"] is not None:
        os.setgroups(what["groups"])
    if os.getgid() != what["gid"]:
        os.setresgid(what["gid"], what["gid"], what["gid"])
    kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)
    if os.getuid() != what["uid"]:
        os.setresuid(what["uid"], what["uid"], what["uid"])
    if what["no_new_privileges"]:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kept = wanted if what["uid"] == 0 else 0
    with contextlib.suppress(OSError):
        kernel.set_capabilities(kept, kept)


def find(program: str, path: str) -> tuple[str, int]:
    """The file that a command means, or errno: ENOENT, or EACCES for what can't be executed."""
    if "/" in program:
        return program, _executable(program)
    worst = errno.ENOENT
    for folder in path.split(":"):
        candidate = os.path.join(folder or ".", program)
        number = _executable(candidate)
        if not number:
            return candidate, 0
        if number == errno.EACCES:
            worst = number
    return program, worst


def _executable(path: str) -> int:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return errno.ENOENT if error.errno == errno.ENOTDIR else error.errno or errno.ENOENT
    return 0 if stat.S_ISREG(mode) and os.access(path, os.X_OK) else errno.EACCES


def execute(argv: list[str], environment: dict[str, str]) -> StepError:
    """Execute the command; returns only if that failed."""
    path, number = find(argv[0], environment.get("PATH", ""))
    if not number:
        try:
            os.execve(path, argv, environment)
        except OSError as error:
            number = error.errno or errno.ENOEXEC
    return StepError("execute", f"{argv[0]}: {os.strerror(number)}", number)


def exit_code(error: StepError) -> int:
    """126 or 127, as a shell and the engine say it."""
    return NOT_FOUND if error.number == errno.ENOENT else NOT_EXECUTABLE


def close_other_descriptors(kept: set[int]) -> None:
    """Close all descriptors but the standard ones and those kept (which close themselves at execve)."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in kept:
            with contextlib.suppress(OSError):
                os.close(number)


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends, or now if it already has."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # before the kernel was told
        os._exit(1)
