"""What seatrial-shim is told of an instance, and of a command inside one: a `Launch` in, records out.

Order matters: each step may need a right that a later one gives up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seatrial.engine.native.description import Launch
from seatrial.engine.native.shim import Record
from seatrial.engine.native.view import MS_NODEV, MS_NOEXEC, MS_NOSUID, PRIVATE, View

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MADE = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
"""The namespaces that every instance has of its own, besides that of cgroups."""
ENTERED = {
    "user": CLONE_NEWUSER,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "net": CLONE_NEWNET,
    "cgroup": CLONE_NEWCGROUP,
    "pid": CLONE_NEWPID,
    "mnt": CLONE_NEWNS,
}
"""In the order in which they are entered: the user namespace gives the right to the others, the mount one is last."""
DIE_WITH_PARENT: Record = ("parent-death", 9)
"""If the shim is killed, the kernel kills its child: where that is PID 1, all that is inside with it."""


def instance(launch: Launch, view: View, host_ids: tuple[int, int]) -> Iterator[Record]:
    """One instance, from its namespaces to its command. `host_ids`: who we are outside of its user namespace."""
    made = MADE if launch["network"] == "own" else MADE & ~CLONE_NEWNET
    yield from _namespaces(made, launch["user_namespace"], (launch["map_uid"], launch["map_gid"]), host_ids)
    yield from (("cgroup", f"{folder}/cgroup.procs") for folder in launch["cgroups"])
    yield from (("remove", folder) for folder in launch["owned"])
    if launch["oom"]:
        yield ("oom", launch["oom"])
    yield ("hold",)
    yield ("umask", 0o022)
    yield PRIVATE
    yield ("?unshare", CLONE_NEWCGROUP)  # so that programs find their limits at the root of what they see
    yield ("hostname", launch["hostname"])
    if launch["network"] == "own":
        yield ("loopback",)
        # every user may listen on every port, as in a container's own network namespace
        yield ("?write", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")
    yield from view.records()
    yield from _become(launch, as_root=False)
    yield from _command(launch["argv"], launch["environment"])


def inside(
    launch: Launch, argv: Sequence[str], namespaces: Mapping[str, int], cgroups: Sequence[str], *, as_root: bool
) -> Iterator[Record]:
    """A command in the namespaces of a running instance, with its environment, user, limits and directory."""
    yield from (("enter", namespaces[name], flag) for name, flag in ENTERED.items() if name in namespaces)
    yield from (("cgroup", f"{folder}/cgroup.procs") for folder in cgroups)
    yield ("umask", 0o022)
    yield from _become(launch, as_root=as_root and not launch["user_namespace"])
    yield from _command(argv, launch["environment"])


def probe(user_namespace: bool, host_ids: tuple[int, int], program: str) -> Iterator[Record]:
    """The namespaces and a /proc of their own, for nothing: can this machine do it?"""
    yield from _namespaces(MADE, user_namespace, (0, 0), host_ids)
    yield PRIVATE
    yield ("mount", "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")
    yield DIE_WITH_PARENT
    yield from _command([program, "--version"], {})


def _namespaces(made: int, user_namespace: bool, ids: tuple[int, int], host_ids: tuple[int, int]) -> Iterator[Record]:
    """New ones; a user namespace has one user and one group, which are ours outside."""
    yield ("namespaces", made | (CLONE_NEWUSER if user_namespace else 0))
    if user_namespace:
        yield ("map", "setgroups", "deny")
        yield ("map", "uid_map", f"{ids[0]} {host_ids[0]} 1")
        yield ("map", "gid_map", f"{ids[1]} {host_ids[1]} 1")


def _become(launch: Launch, *, as_root: bool) -> Iterator[Record]:
    """Limits, working directory, user, capabilities: what execve keeps."""
    uid, gid = (0, 0) if as_root else (launch["uid"], launch["gid"])
    if launch["oom_score"] is not None:
        yield ("?write", "/proc/self/oom_score_adj", launch["oom_score"])
    yield from (("limit", number, soft, hard) for number, soft, hard in launch["ulimits"])
    yield ("chdir", launch["workdir"])
    yield ("bound", launch["capabilities"])
    if launch["groups"] is not None:
        yield ("groups", "0" if as_root else ",".join(map(str, launch["groups"])))
    yield ("group", gid)
    yield ("user", uid)
    if launch["no_new_privileges"]:
        yield ("no-new-privileges",)
    yield ("capabilities", launch["capabilities"] if uid == 0 else 0)
    yield DIE_WITH_PARENT


def _command(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[Record]:
    yield ("argv", *argv)
    yield ("environment", *(f"{name}={value}" for name, value in environment.items()))
