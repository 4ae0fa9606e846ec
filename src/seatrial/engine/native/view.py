"""Decides how each step of the instance's view of the files is done: a list of records that seatrial-shim carries out.

It looks at the host's files and changes nothing. Writes go to one tmpfs that dies with the mount namespace; the host is
only ever the lower layer of an overlay or a read-only bind, so it can't be changed through it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from seatrial.engine.native import looking
from seatrial.engine.native.description import Step
from seatrial.engine.native.shim import Record

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
READ_ONLY_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
MASKED_PROC = ("acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list")
PRIVATE: Record = ("mount", "none", "/", "", MS_REC | MS_PRIVATE, "")
"""No mount of the new namespace reaches the host's."""


class View:
    """The stage on which the view is built: `root` is the new root. `approximated` has, by the path of a mount, a
    sentence for the case that so many attempts to make it failed."""

    def __init__(self, stage: str, steps: list[Step], *, user_namespace: bool) -> None:
        self.stage = stage
        self.root = f"{stage}/root"
        self.steps = steps
        self.approximated: dict[str, tuple[int, str]] = {}
        self._user_namespace = user_namespace
        self._layers = 0

    def records(self) -> Iterator[Record]:
        """All steps, and the view made the root directory."""
        yield ("mount", "tmpfs", self.stage, "tmpfs", MS_NODEV, "mode=0700")
        yield ("directory", self.root, 0o755)
        yield ("mount", "tmpfs", self.root, "tmpfs", MS_NODEV, "mode=0755")
        for index, step in enumerate(self.steps):
            for name, *arguments in self._of_step(index, step):
                is_optional = step.get("optional") and not str(name).startswith(("?", "|"))
                yield (f"?{name}" if is_optional else name, *arguments)
        yield ("root", self.root)

    def _of_step(self, index: int, step: Step) -> Iterator[Record]:
        doers: dict[str, Callable[[Step, str], Iterator[Record]]] = {
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
        target = self.root + step["target"].rstrip("/")
        return self._overlay(index, step, target) if step["do"] == "overlay" else doers[step["do"]](step, target)

    def _overlay(self, index: int, step: Step, target: str) -> Iterator[Record]:
        """Show directories with a scratch layer on top; where the kernel can't, read-only, and say so."""
        self._layers += 1
        upper, work = (f"{self.stage}/{self._layers}-{part}" for part in ("upper", "work"))
        sources = step["sources"]
        yield ("directory", upper, 0o755)
        yield ("directory", work, 0o755)
        yield from self._imitate(sources[0], upper, step)
        yield from self._prepare(index, step["target"], sources[0], upper)
        yield ("directory", target, 0o755)
        lower = ":".join(source.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,") for source in sources)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        # where overlayfs may keep its marks in a user namespace; Linux 5.11 knows it
        attempts = [f"userxattr,{options}", options] if self._user_namespace else [options]
        for number, attempt in enumerate(attempts):
            yield ("|?mount" if number else "?mount", "overlay", target, "overlay", 0, attempt)
        yield ("|mount", sources[0], target, "", MS_BIND | MS_REC, "")
        yield ("|read-only", target, "all")
        sentence = f"{step['target']} is read-only here: this kernel allows no overlay over {sources[0]}"
        self.approximated[target] = (len(attempts), sentence)

    def _imitate(self, source: str, made: str, step: Step) -> Iterator[Record]:
        """Give a directory of the scratch layer the mode and owner of the one that it covers (or those of the step)."""
        try:
            seen = Path(source).stat()
        except OSError:
            return
        yield ("?mode", made, step.get("mode", stat.S_IMODE(seen.st_mode)))
        yield from self._own(made, step.get("uid", seen.st_uid), step.get("gid", seen.st_gid))

    def _own(self, made: str, uid: int, gid: int) -> Iterator[Record]:
        """Give a made thing its owner; with a single mapped user there is only one, and that is the owner already."""
        if not self._user_namespace:
            yield ("?own", made, uid, gid)

    def _prepare(self, index: int, covered: str, source: str, upper: str) -> Iterator[Record]:
        """Make the directories that later steps need in the scratch layer itself.

        In a user namespace a directory that belongs to somebody else can't be written to through the overlay, but a
        directory of the same name in the upper layer merges with it.
        """
        prefix = covered.rstrip("/") + "/"
        made: set[str] = set()
        for step in self.steps[index + 1 :]:
            if not step["target"].startswith(prefix) or step["do"] == "read_only":
                continue
            parts = step["target"].removeprefix(prefix).split("/")
            if step["do"] in {"file", "symlink"} or (step["do"] == "bind" and not looking.is_directory(step["source"])):
                parts.pop()
            for depth in range(len(parts)):
                relative = "/".join(parts[: depth + 1])
                if os.path.lexists(f"{source}/{relative}") and not looking.is_directory(f"{source}/{relative}"):
                    break  # a file where a directory is needed: the step itself will say so
                if relative not in made:
                    made.add(relative)
                    yield ("directory", f"{upper}/{relative}", 0o755)
                    yield from self._imitate(f"{source}/{relative}", f"{upper}/{relative}", {})

    def _bind(self, step: Step, target: str) -> Iterator[Record]:
        source = step["source"]
        if looking.is_directory(source):
            yield ("directory", target, 0o755)
        else:
            yield ("directory", _parent(target), 0o755)
            yield ("?node", target, stat.S_IFREG | 0o644, 0, 0)
        if step.get("writable"):
            yield ("mount", source, target, "", MS_BIND | MS_REC, "")
        else:
            yield from _read_only_bind(source, target)

    def _tmpfs(self, step: Step, target: str) -> Iterator[Record]:
        yield ("directory", target, 0o755)
        flags = MS_NOSUID | MS_NODEV | (MS_NOEXEC if step.get("noexec") else 0)
        yield ("mount", "tmpfs", target, "tmpfs", flags, step.get("options", "mode=1777"))
        yield from self._owned(step, target)

    def _owned(self, step: Step, target: str) -> Iterator[Record]:
        if "uid" in step or "gid" in step:
            yield from self._own(target, step.get("uid", -1), step.get("gid", -1))

    def _directory(self, step: Step, target: str) -> Iterator[Record]:
        yield ("directory", target, 0o755)
        if "mode" in step:
            yield ("mode", target, step["mode"])
        yield from self._owned(step, target)

    def _file(self, step: Step, target: str) -> Iterator[Record]:
        yield ("directory", _parent(target), 0o755)
        yield ("unlink", target)
        if "source" in step:
            mode = stat.S_IMODE(looking.mode(step["source"])) or 0o644
            yield ("install", step["source"], target, mode)
        else:
            yield ("file", target, 0o600, step.get("text", ""))
            yield ("mode", target, step.get("mode", 0o644))
        yield from self._owned(step, target)

    def _symlink(self, step: Step, target: str) -> Iterator[Record]:
        yield ("directory", _parent(target), 0o755)
        yield ("symlink", step["source"], target)

    def _proc(self, _step: Step, target: str) -> Iterator[Record]:
        """A fresh /proc with the parts closed that Docker closes."""
        yield ("directory", target, 0o755)
        yield ("mount", "proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")
        for name in READ_ONLY_PROC:
            if looking.exists(f"/proc/{name}"):
                yield from _read_only_bind(f"{target}/{name}", f"{target}/{name}")
        for name in MASKED_PROC:
            if looking.is_directory(f"/proc/{name}"):
                yield ("mount", "tmpfs", f"{target}/{name}", "tmpfs", MS_RDONLY, "")
            elif looking.exists(f"/proc/{name}"):
                yield ("mount", "/dev/null", f"{target}/{name}", "", MS_BIND, "")

    def _sys(self, _step: Step, target: str) -> Iterator[Record]:
        """/sys as the new network namespace has it; where that isn't allowed, the host's, read-only."""
        yield ("directory", target, 0o755)
        yield ("?mount", "sysfs", target, "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "")
        yield ("|mount", "/sys", target, "", MS_BIND | MS_REC, "")
        yield ("|read-only", target, "all")

    def _dev(self, step: Step, target: str) -> Iterator[Record]:
        """A minimal /dev. The nodes are bound from the host's, because a user namespace may not make any."""
        yield ("directory", target, 0o755)
        yield ("mount", "tmpfs", target, "tmpfs", MS_NOSUID, "mode=0755,size=64k")
        for name in DEVICES:
            if looking.exists(f"/dev/{name}"):
                yield ("node", f"{target}/{name}", stat.S_IFREG | 0o644, 0, 0)
                yield ("mount", f"/dev/{name}", f"{target}/{name}", "", MS_BIND | MS_REC, "")
        links = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "ptmx": "pts/ptmx"}
        for name, link in (links | {"stderr": "/proc/self/fd/2", "core": "/proc/kcore"}).items():
            yield ("symlink", link, f"{target}/{name}")
        yield ("directory", f"{target}/shm", 0o755)
        yield ("directory", f"{target}/pts", 0o755)
        flags = MS_NOSUID | MS_NOEXEC
        yield ("mount", "shm", f"{target}/shm", "tmpfs", flags | MS_NODEV, f"mode=1777,size={step['size']}")
        options = "newinstance,ptmxmode=0666,mode=0620"
        yield ("?mount", "devpts", f"{target}/pts", "devpts", flags, f"{options},gid=5")
        # the group "tty" has no number in a namespace of one group
        yield ("|mount", "devpts", f"{target}/pts", "devpts", flags, options)

    def _mqueue(self, _step: Step, target: str) -> Iterator[Record]:
        yield ("directory", target, 0o755)
        yield ("mount", "mqueue", target, "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")

    def _cgroup(self, step: Step, target: str) -> Iterator[Record]:
        """The instance's own cgroup, read-only, where programs look for their limits."""
        top = f"{self.root}/sys/fs/cgroup"
        first = next(other for other in self.steps if other["do"] == "cgroup")
        if target != top:
            if step is first:
                yield ("mount", "tmpfs", top, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755")
            yield ("directory", target, 0o755)
        yield from _read_only_bind(step["source"], target)

    def _read_only(self, _step: Step, target: str) -> Iterator[Record]:
        yield ("read-only", target, "alone")


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _read_only_bind(source: str, target: str) -> Iterator[Record]:
    yield ("mount", source, target, "", MS_BIND | MS_REC, "")
    yield ("read-only", target, "all")
