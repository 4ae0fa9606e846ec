"""Builds the instance's view of the file system, in a mount namespace of its own, from steps decided elsewhere.

Runs in the process that becomes PID 1, before it pivots. Writes go to one tmpfs that dies with the namespace; the host
is only ever the lower layer of an overlay or a read-only bind, so it can't be changed through it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

from seatrial.engine.native.inside import kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.engine.native.inside.description import Step

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
READ_ONLY_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
MASKED_PROC = ("acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list")


class ViewError(Exception):
    """A step that failed: which, and why."""


class View:
    """The stage on which the view is built: `root` is the new root, `notes` what could only be approximated."""

    def __init__(self, stage: str, steps: list[Step], *, user_namespace: bool) -> None:
        self.stage = stage
        self.root = f"{stage}/root"
        self.steps = steps
        self.notes: list[str] = []
        self._layers = 0
        self._attributes = ("userxattr,", "") if user_namespace else ("",)

    def build(self) -> None:
        """Carry out all steps."""
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("tmpfs", self.stage, "tmpfs", kernel.MS_NODEV, "mode=0700")
        os.mkdir(self.root)
        kernel.mount("tmpfs", self.root, "tmpfs", kernel.MS_NODEV, "mode=0755")
        for index, step in enumerate(self.steps):
            try:
                self._carry_out(index, step)
            except OSError as error:
                if not step.get("optional"):
                    what = f"{step['do']} {step['target']}"
                    raise ViewError(f"{what}: {error.strerror or error}") from error
                if step.get("note"):
                    self.notes.append(step["note"])

    def enter(self) -> None:
        """Make the view the root directory and let go of the host's."""
        os.chdir(self.root)
        kernel.pivot_root(".", ".")
        kernel.unmount(".")
        os.chdir("/")

    def _carry_out(self, index: int, step: Step) -> None:
        doers: dict[str, Callable[[int, Step, str], None]] = {
            "overlay": self._overlay,
            "bind": self._bind,
            "tmpfs": self._tmpfs,
            "directory": self._directory,
            "file": self._file,
            "symlink": self._symlink,
            "proc": self._proc,
            "sys": self._sys,
            "dev": self._dev,
            "mqueue": self._mqueue,
            "cgroup": self._cgroup,
            "read_only": self._read_only,
        }
        doers[step["do"]](index, step, self.root + step["target"].rstrip("/"))

    def _overlay(self, index: int, step: Step, target: str) -> None:
        """Show directories with a scratch layer on top; where the kernel can't, read-only, and say so."""
        self._layers += 1
        upper, work = (f"{self.stage}/{self._layers}-{part}" for part in ("upper", "work"))
        os.mkdir(upper, 0o755)
        os.mkdir(work)
        sources = step["sources"]
        self._imitate(sources[0], upper, step)
        self._prepare(index, step["target"], sources[0], upper)
        os.makedirs(target, exist_ok=True)
        try:
            self._mount_overlay(sources, upper, work, target)
        except OSError:
            kernel.bind(sources[0], target)
            self.notes.append(f"{step['target']} is read-only here: this kernel allows no overlay over {sources[0]}")

    def _mount_overlay(self, sources: list[str], upper: str, work: str, target: str) -> None:
        lower = ":".join(source.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,") for source in sources)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        for attributes in self._attributes:  # where overlayfs may keep its marks; Linux 5.11 knows the first
            try:
                kernel.mount("overlay", target, "overlay", 0, attributes + options)
                return
            except OSError:
                if attributes == self._attributes[-1]:
                    raise

    def _imitate(self, source: str, made: str, step: Step) -> None:
        """Give a directory of the scratch layer the mode and owner of the one that it covers (or those of the step)."""
        with contextlib.suppress(OSError):
            seen = os.stat(source)
            os.chmod(made, step.get("mode", stat.S_IMODE(seen.st_mode)))
            os.chown(made, step.get("uid", seen.st_uid), step.get("gid", seen.st_gid))

    def _prepare(self, index: int, covered: str, source: str, upper: str) -> None:
        """Make the directories that later steps need in the scratch layer itself.

        In a user namespace a directory that belongs to somebody else can't be written to through the overlay, but a
        directory of the same name in the upper layer merges with it.
        """
        prefix = covered.rstrip("/") + "/"
        for step in self.steps[index + 1 :]:
            if not step["target"].startswith(prefix):
                continue
            parts = step["target"].removeprefix(prefix).split("/")
            if step["do"] in {"file", "symlink"} or (step["do"] == "bind" and not os.path.isdir(step["source"])):
                parts.pop()
            for depth in range(len(parts)):
                relative = "/".join(parts[: depth + 1])
                made = f"{upper}/{relative}"
                if os.path.lexists(f"{source}/{relative}") and not os.path.isdir(f"{source}/{relative}"):
                    break  # a file where a directory is needed: the step itself will say so
                if not os.path.lexists(made):
                    os.mkdir(made, 0o755)
                    self._imitate(f"{source}/{relative}", made, {})

    def _bind(self, _index: int, step: Step, target: str) -> None:
        source = step["source"]
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC, 0o644))
        kernel.bind(source, target)

    def _tmpfs(self, _index: int, step: Step, target: str) -> None:
        os.makedirs(target, exist_ok=True)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("tmpfs", target, "tmpfs", flags, step.get("options", "mode=1777"))
        self._own(step, target)

    def _directory(self, _index: int, step: Step, target: str) -> None:
        os.makedirs(target, exist_ok=True)
        if "mode" in step:
            os.chmod(target, step["mode"])
        self._own(step, target)

    def _own(self, step: Step, target: str) -> None:
        """Give a made thing its owner; with a single mapped user there is only one, and that is the owner already."""
        if "uid" in step or "gid" in step:
            with contextlib.suppress(OSError):
                os.chown(target, step.get("uid", -1), step.get("gid", -1), follow_symlinks=False)

    def _file(self, _index: int, step: Step, target: str) -> None:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)
        if "source" in step:
            shutil.copyfile(step["source"], target)
            os.chmod(target, stat.S_IMODE(os.stat(step["source"]).st_mode))
        else:
            with open(target, "w", encoding="utf-8") as file:
                file.write(step.get("text", ""))
            os.chmod(target, step.get("mode", 0o644))
        self._own(step, target)

    def _symlink(self, _index: int, step: Step, target: str) -> None:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(step["source"], target)

    def _proc(self, _index: int, _step: Step, target: str) -> None:
        """A fresh /proc with the parts closed that Docker closes."""
        os.makedirs(target, exist_ok=True)
        kernel.mount("proc", target, "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        for name in READ_ONLY_PROC:
            if os.path.exists(f"{target}/{name}"):
                kernel.bind(f"{target}/{name}", f"{target}/{name}")
        for name in MASKED_PROC:
            path = f"{target}/{name}"
            if os.path.isdir(path):
                kernel.mount("tmpfs", path, "tmpfs", kernel.MS_RDONLY)
            elif os.path.exists(path):
                kernel.bind("/dev/null", path, writable=True)

    def _sys(self, _index: int, _step: Step, target: str) -> None:
        """/sys as the new network namespace has it; where that isn't allowed, the host's, read-only."""
        os.makedirs(target, exist_ok=True)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC | kernel.MS_RDONLY
        try:
            kernel.mount("sysfs", target, "sysfs", flags)
        except OSError:
            kernel.bind("/sys", target)

    def _dev(self, _index: int, step: Step, target: str) -> None:
        """A minimal /dev. The nodes are bound from the host's, because a user namespace may not make any."""
        os.makedirs(target, exist_ok=True)
        kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID, "mode=0755,size=64k")
        for name in DEVICES:
            if os.path.exists(f"/dev/{name}"):
                os.close(os.open(f"{target}/{name}", os.O_CREAT | os.O_CLOEXEC, 0o666))
                kernel.bind(f"/dev/{name}", f"{target}/{name}", writable=True)
        links = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "ptmx": "pts/ptmx"}
        for name, link in (links | {"stderr": "/proc/self/fd/2", "core": "/proc/kcore"}).items():
            os.symlink(link, f"{target}/{name}")
        os.mkdir(f"{target}/shm")
        os.mkdir(f"{target}/pts")
        flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
        kernel.mount("shm", f"{target}/shm", "tmpfs", flags | kernel.MS_NODEV, f"mode=1777,size={step['size']}")
        try:
            kernel.mount("devpts", f"{target}/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620,gid=5")
        except OSError:  # the group "tty" has no number in a namespace of one group
            kernel.mount("devpts", f"{target}/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620")

    def _mqueue(self, _index: int, _step: Step, target: str) -> None:
        os.makedirs(target, exist_ok=True)
        kernel.mount("mqueue", target, "mqueue", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)

    def _cgroup(self, _index: int, step: Step, target: str) -> None:
        """The instance's own cgroup, read-only, where programs look for their limits."""
        top = f"{self.root}/sys/fs/cgroup"
        if target != top:
            if not os.path.ismount(top):
                kernel.mount("tmpfs", top, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC, "mode=0755")
            os.mkdir(target)
        kernel.bind(step["source"], target)

    def _read_only(self, _index: int, _step: Step, target: str) -> None:
        kernel.read_only(target or "/", recursive=False)
