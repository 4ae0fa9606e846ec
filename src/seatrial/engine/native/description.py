"""What was decided about one instance, as plain values that can be kept as JSON. Types only."""

from __future__ import annotations

from typing import Literal, TypedDict


class Step(TypedDict, total=False):
    """One step of the instance's view of the files; `target` is absolute and free of symbolic links.

    `overlay` shows `sources` (first wins) with a scratch layer on top; `bind` shows a path; `tmpfs`, `directory`,
    `file` (copied from `source`, or `text`) and `symlink` make one; `proc`, `sys`, `dev`, `mqueue` are the kernel's
    own; `read_only` seals a mount. `optional` steps that fail are left out.
    """

    do: Literal[
        "overlay",
        "bind",
        "tmpfs",
        "directory",
        "file",
        "symlink",
        "proc",
        "sys",
        "dev",
        "mqueue",
        "cgroup",
        "read_only",
    ]
    target: str
    source: str
    sources: list[str]
    text: str
    options: str
    size: int
    mode: int
    uid: int
    gid: int
    optional: bool
    writable: bool
    """A `bind` that may be written to."""
    noexec: bool
    """A `tmpfs` from which nothing is executed."""


class Launch(TypedDict):
    """One instance, completely decided."""

    user_namespace: bool
    network: str
    """ "own" or "host"."""
    map_uid: int
    map_gid: int
    stage: str
    hostname: str
    steps: list[Step]
    argv: list[str]
    environment: dict[str, str]
    workdir: str
    uid: int
    gid: int
    groups: list[int] | None
    capabilities: int
    no_new_privileges: bool
    ulimits: list[tuple[int, int, int]]
    oom_score: int | None
    cgroups: list[str]
    """Directories (of whatever hierarchy) whose cgroup.procs the instance is written to before it executes anything."""
    oom: str
    """The file in which the kernel counts the processes that it killed for memory, or ""."""
    owned: list[str]
    """Cgroup directories and the stage, to be removed at the end, innermost first."""
