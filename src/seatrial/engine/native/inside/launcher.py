"""The parent of one instance: janitor and guard.

    seatrial ── janitor ── guard (PID 1 of a namespace of its own) ── PID 1 of the instance

The *guard* forks the instance's PID 1, reports to seatrial through the control socket, and kills the instance when
that socket ends, which it does however seatrial dies. It is itself the init of a PID namespace around the instance's:
if anything kills the guard, the kernel kills all that is inside, whatever it has done to its own parent-death signal.
The *janitor* waits for the guard and removes cgroups and the stage. Neither ever runs in the instance's other
namespaces.

Protocol: JSON objects, one a line. In: the description, then {"go": true}. Out: `host_pid`, `prepared` (notes),
`executing` (the moment), `error` (step, message, number), `ended` (the moment, the wait status, counters).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

from seatrial.engine.native.inside import first, kernel

if TYPE_CHECKING:
    from seatrial.engine.native.inside.description import Launch

CONTROL = 0
"""The control socket is the launcher's standard input; its standard output and error are the instance's."""
REMOVAL_DEADLINE = 10.0


def main() -> None:
    """Read the description, become janitor and guard, stay until the instance is gone and told to go."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.set_inheritable(CONTROL, False)
    launch: Launch = json.loads(read_line(CONTROL))
    try:
        with first.step("new user namespace"):
            if launch["user_namespace"]:
                enter_user_namespace(launch["map_uid"], launch["map_gid"])
        with first.step("new PID namespace"):
            kernel.unshare(kernel.CLONE_NEWPID)
            guard_pipe = os.pipe()
            guard = os.fork()
    except first.StepError as error:
        report(CONTROL, error=describe(error))
        remove(launch["owned"])
        return
    if guard == 0:
        os.close(guard_pipe[1])
        _run_guard(launch, guard_pipe[0])
    os.close(guard_pipe[0])
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    os.waitpid(guard, 0)
    remove(launch["owned"])


def read_line(descriptor: int) -> bytes:
    """One line; what follows it is never sent before an answer."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(descriptor, 65536)
        if not piece:
            os._exit(1)
        line += piece
    return line


def report(descriptor: int, **message: Any) -> None:
    """Write one message; whoever doesn't listen any more is dead, which is noticed elsewhere."""
    with contextlib.suppress(OSError):
        os.write(descriptor, json.dumps(message).encode() + b"\n")


def describe(error: first.StepError) -> dict[str, Any]:
    """An error as a message."""
    return {"step": error.step, "message": error.message, "number": error.number}


def enter_user_namespace(uid: int, gid: int) -> None:
    """A user namespace in which this user is `uid` and the only one."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("gid_map", f"{gid} {outer_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _run_guard(launch: Launch, janitor: int) -> None:
    """Never returns, whatever happens."""
    code = 1
    try:
        code = Guard(launch, janitor).run()
    except OSError as error:
        report(CONTROL, error={"step": "launcher", "message": str(error), "number": error.errno or 0})
    finally:
        os._exit(code)


class Guard:
    """Starts PID 1 of the instance and waits for three things: its end, a message, the death of seatrial or janitor."""

    def __init__(self, launch: Launch, janitor: int) -> None:
        self.launch = launch
        self.janitor = janitor
        self.status = -1
        self.go = -1
        self.child = -1
        self.child_descriptor = -1

    def run(self) -> int:
        """Everything, in order."""
        try:
            self._fork()
        except first.StepError as error:
            report(CONTROL, error=describe(error))
            return 1
        self._watch()
        return 0

    def _fork(self) -> None:
        with first.step("new PID namespace"):
            kernel.unshare(kernel.CLONE_NEWPID)
            status, go = os.pipe(), os.pipe()
            self.child = os.fork()
        if self.child == 0:
            os.close(status[0])
            os.close(go[1])
            run_first(self.launch, status[1], go[0])
        os.close(status[1])
        os.close(go[0])
        self.status, self.go = status[0], go[1]
        self.child_descriptor = os.pidfd_open(self.child)
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for descriptor in (1, 2):  # the instance's output ends when its own processes let go of it
            os.dup2(null, descriptor)

    def _watch(self) -> None:
        poll = select.poll()
        for descriptor in (CONTROL, self.janitor, self.status, self.child_descriptor):
            poll.register(descriptor, select.POLLIN | select.POLLHUP)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self.status in ready and not self._relay():
                poll.unregister(self.status)
            if self.child_descriptor in ready:
                poll.unregister(self.child_descriptor)
                self._reap()
            if self.janitor in ready or (CONTROL in ready and not self._obey()):
                break
        if self.child > 0:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)

    def _relay(self) -> bool:
        """Pass on what PID 1 says of its set-up; false when it has executed the command or ended."""
        piece = os.read(self.status, 65536)
        if piece:
            with contextlib.suppress(OSError):
                os.write(CONTROL, piece)
        return bool(piece)

    def _obey(self) -> bool:
        """A message from seatrial; false when there will be no more."""
        try:
            piece = os.read(CONTROL, 4096)
        except OSError:
            return False
        if piece and self.go >= 0:
            with contextlib.suppress(OSError):
                os.write(self.go, b"g")
            os.close(self.go)
            self.go = -1
        return bool(piece)

    def _reap(self) -> None:
        """Report the end of PID 1. All other processes of its namespace have been killed by then."""
        moment = time.monotonic()
        _, status, usage = os.wait4(self.child, 0)
        self.child = -1
        while self._relay():
            pass
        report(
            CONTROL,
            ended={
                "time": moment,
                "status": status,
                "oom_kills": oom_kills(self.launch["cgroups"]),
                "user_seconds": usage.ru_utime,
                "system_seconds": usage.ru_stime,
                "peak_kib": usage.ru_maxrss,
            },
        )


def run_first(launch: Launch, status: int, go: int) -> None:
    """Become PID 1 of the instance and execute its command; never returns."""
    code = 1
    try:
        report(status, host_pid=int(os.readlink("/proc/self")))
        _join_cgroups(launch["cgroups"])
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.setsid()
        notes = first.set_up(launch)
        if launch["probe"]:
            code = 0
            report(status, prepared=notes)
            return
        first.close_other_descriptors({status, go})
        report(status, prepared=notes)
        if not os.read(go, 1):
            return
        first.take_on(launch)
        report(status, executing=time.monotonic())
        error = first.execute(launch["argv"], launch["environment"])
        code = first.exit_code(error)
        report(status, error=describe(error))
    except first.StepError as error:
        report(status, error=describe(error))
    except Exception as error:
        report(status, error={"step": "launcher", "message": f"{type(error).__name__}: {error}", "number": 0})
    finally:
        os._exit(code)


def _join_cgroups(folders: list[str]) -> None:
    """Move this process, before it has any child and before it executes anything: nothing escapes the limits."""
    with first.step("cgroup"):
        for folder in folders:
            with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")


def oom_kills(folders: list[str]) -> int:
    """How many processes the kernel killed for memory in these cgroups; read before they are removed."""
    for folder in folders:
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError), open(f"{folder}/{name}", encoding="ascii") as file:
                for line in file:
                    key, _, count = line.partition(" ")
                    if key == "oom_kill":
                        return int(count)
    return 0


def remove(folders: list[str]) -> None:
    """Remove cgroups (killing what is still in them) and directories, innermost first."""
    deadline = time.monotonic() + REMOVAL_DEADLINE
    for folder in folders:
        pause = 0.001
        while not _remove_one(folder) and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 2, 0.1)


def _remove_one(folder: str) -> bool:
    """Whether the directory is gone. A cgroup is busy until the kernel has let go of the last dead process."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_one(entry.path)
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        kill_all(folder)
        return False
    return True


def kill_all(folder: str) -> None:
    """SIGKILL to all processes of a cgroup."""
    with contextlib.suppress(OSError), open(f"{folder}/cgroup.kill", "w", encoding="ascii") as file:
        file.write("1")
        return
    with contextlib.suppress(OSError), open(f"{folder}/cgroup.procs", encoding="ascii") as file:
        for pid in file.read().split():
            with contextlib.suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
