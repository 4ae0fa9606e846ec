"""Decides what the instance sees of the file system: the host's files for the base image, the project at its place.

Looks at the host, changes nothing. The steps are turned into records by `view.py`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.engine.native import looking
from seatrial.engine.native.description import Step
from seatrial.engine.native.users import Accounts, User
from seatrial.model.service import Mount, Service

OWN = ("/proc", "/sys", "/dev", "/run", "/tmp")
"""Directories that the instance has of its own."""
LEFT_OUT = ("boot", "lost+found", "proc", "sys", "dev", "run", "tmp", "root", "home")
IDENTITY = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/passwd", "/etc/group")
DEFAULT_SHM = 64 << 20
SMALL_FILE = 1 << 20


@dataclass(slots=True)
class Building:
    """The steps and sentences so far."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, step: Step) -> None:
        self.steps.append(step)


@dataclass(frozen=True, slots=True)
class Wish:
    """All that the view depends on, besides the service."""

    user: User
    hostname: str
    shown: tuple[str, ...]
    accounts: Accounts
    user_namespace: bool
    mountinfo: str
    cgroup_folders: tuple[tuple[str, str], ...] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    resolver: str = "options timeout:1\n"
    lasting: bool = False
    """What is written to a bind stays on the host."""
    console: str = ""
    """The name of the terminal that it gets, outside; inside it is /dev/console, as in a container."""


def plan(service: Service, wish: Wish) -> tuple[list[Step], list[str]]:
    """The steps of the view in order, and what differs from the real image."""
    building = Building()
    _host(building, _mount_points(wish.mountinfo), wish.user_namespace)
    _kernel_file_systems(building, service, wish)
    _identity(building, wish)
    _homes(building, wish)
    _project(building, service)
    _mounts(building, service, wish)
    _seal(building, service)
    return building.steps, building.notes


def _mount_points(mountinfo: str) -> tuple[str, ...]:
    """Mount points of the host that are neither / nor replaced, outermost first."""
    points = set()
    for line in mountinfo.splitlines():
        point = line.split(" ")[4].encode().decode("unicode_escape")
        if point != "/" and not _is_below(point, OWN):
            points.add(point)
    return tuple(sorted(points))


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _host(building: Building, points: tuple[str, ...], user_namespace: bool) -> None:
    """The host's root directory, entry by entry; what is mounted below is bound read-only."""
    for path in sorted(map(str, Path("/").iterdir())):
        if path.removeprefix("/") in LEFT_OUT:
            continue
        if Path(path).is_symlink():
            building.add({"do": "symlink", "target": path, "source": str(Path(path).readlink())})
        elif looking.is_directory(path):
            _host_directory(building, path, points, user_namespace)
    building.add({"do": "directory", "target": "/boot", "mode": 0o755})


def _host_directory(building: Building, path: str, points: tuple[str, ...], user_namespace: bool) -> None:
    """One directory of the host. In a user namespace the kernel shows no directory without what is mounted below it
    (mount_namespaces(7), locked mounts), so such a directory is put together from its entries."""
    below = [point for point in points if _is_below(point, [path])]
    if path in below:
        building.add({"do": "bind", "target": path, "source": path, "optional": True})
    elif not below or not user_namespace:
        building.add({"do": "overlay", "target": path, "sources": [path], "optional": True})
        for point in below:
            if point in IDENTITY:  # a container has these mounted, and the instance gets its own
                continue
            building.add({"do": "bind", "target": point, "source": point, "optional": True})
    else:
        building.add({"do": "directory", "target": path, "mode": 0o755})
        for entry in _entries(path):
            _host_entry(building, entry, points)


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _host_entry(building: Building, entry: os.DirEntry[str], points: tuple[str, ...]) -> None:
    try:
        mode = entry.stat(follow_symlinks=False)
    except OSError:
        return
    if stat.S_ISLNK(mode.st_mode):
        building.add({"do": "symlink", "target": entry.path, "source": str(Path(entry.path).readlink())})
    elif stat.S_ISDIR(mode.st_mode):
        _host_directory(building, entry.path, points, True)
    elif stat.S_ISREG(mode.st_mode):
        how: Step = {"do": "file", "target": entry.path, "source": entry.path, "optional": True}
        if mode.st_size > SMALL_FILE:
            how["do"] = "bind"
        building.add(how)


def _kernel_file_systems(building: Building, service: Service, wish: Wish) -> None:
    """/proc, /sys, /dev, /tmp and /run."""
    shm = service.limits.shm_size.value if service.limits.shm_size else DEFAULT_SHM
    building.add({"do": "proc", "target": "/proc"})
    building.add({"do": "sys", "target": "/sys"})
    for folder, target in wish.cgroup_folders:
        building.add({"do": "cgroup", "target": target, "source": folder, "optional": True})
    building.add({"do": "dev", "target": "/dev", "size": shm})
    if wish.console:
        building.add({"do": "bind", "target": "/dev/console", "source": wish.console, "writable": True})
    building.add({"do": "mqueue", "target": "/dev/mqueue", "optional": True})
    building.add({"do": "tmpfs", "target": "/tmp", "options": "mode=1777"})
    building.add({"do": "tmpfs", "target": "/run", "options": "mode=0755"})
    building.add({"do": "directory", "target": "/run/lock", "mode": 0o1777})


def _identity(building: Building, wish: Wish) -> None:
    """The files that tell the instance who and where it is."""
    hosts = f"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t{wish.hostname}\n"
    pairs = [(address, name) for name, addresses in wish.hosts.items() for address in addresses.split(",")]
    hosts += "".join(f"{address}\t{name}\n" for address, name in pairs)
    texts = {"/etc/hosts": hosts, "/etc/hostname": f"{wish.hostname}\n", "/etc/resolv.conf": wish.resolver}
    user = wish.user
    if user.invented:
        line = f"{user.name}:x:{user.uid}:{user.gid}::{user.home}:/bin/sh\n"
        texts["/etc/passwd"] = line + wish.accounts.passwd
        texts["/etc/group"] = f"{user.name}:x:{user.gid}:\n" + wish.accounts.group
    for target, text in texts.items():
        building.add({"do": "file", "target": target, "text": text})


def _homes(building: Building, wish: Wish) -> None:
    """Home directories: empty ones, but for the installations of programs that the service needs."""
    for target, mode in (("/root", 0o755), ("/home", 0o755)):
        building.add({"do": "directory", "target": target, "mode": mode})
    user = wish.user
    if user.home.startswith(("/home/", "/root")):
        building.add({"do": "directory", "target": user.home, "mode": 0o755, "uid": user.uid, "gid": user.gid})
    for folder in wish.shown:
        if _is_below(folder, ("/root", "/home", *OWN)):
            building.add({"do": "bind", "target": folder, "source": folder})


def real(path: str) -> str:
    """An absolute path in the instance without symbolic links, as the host's tree (which it shows) resolves them."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    resolved = "/" + "/".join(parts)
    if _is_below(resolved, (*OWN, "/root", "/home")):
        return resolved
    return os.path.realpath(resolved)


def _project(building: Building, service: Service) -> None:
    """The project at the working directory, and where its COPY instructions put other parts of it."""
    context, workdir = service.context, real(service.workdir.value or "/")
    whole = [real(_join(workdir, copy.target)) for copy in service.copies if _is_whole(copy.sources)]
    if workdir != "/" and not any(_is_below(workdir, [target]) for target in whole if target != "/"):
        _show(building, context, workdir)
    for target in whole:
        if target == "/":
            _scatter(building, context)
        else:
            _show(building, context, target)
    for copy in service.copies:
        if not _is_whole(copy.sources):
            for source in copy.sources:
                _copy(building, service, source, _join(workdir, copy.target), len(copy.sources))
    if workdir == "/" and not service.copies:
        _scatter(building, context)
    if not any(step["target"] == workdir for step in building.steps):
        building.add({"do": "directory", "target": workdir})


def _is_whole(sources: tuple[str, ...]) -> bool:
    return any(os.path.normpath(source.lstrip("/") or ".") == "." for source in sources)


def _join(workdir: str, target: str) -> str:
    """The absolute target of a COPY; a slash at its end is kept, because it makes it a directory."""
    return target if target.startswith("/") else f"{workdir.rstrip('/')}/{target}"


def _show(building: Building, source: str, target: str) -> None:
    """A directory of the project with a scratch layer; over what the base image has there already."""
    sources = [source]
    apart = not _is_below(os.path.realpath(source), [target])  # overlayfs refuses a layer inside another
    if apart and looking.is_directory(target) and not _is_below(target, (*OWN, "/root", "/home")):
        sources.append(target)
    building.add({"do": "overlay", "target": target, "sources": sources, "mode": 0o755})


def _scatter(building: Building, context: str) -> None:
    """The project at /: its entries one by one, because the root itself is the base image's."""
    for entry in _entries(context):
        if entry.name in {"proc", "sys", "dev"}:
            continue
        if looking.is_directory(entry.path):
            _show(building, entry.path, real(f"/{entry.name}"))
        elif looking.is_file(entry.path):
            building.add({"do": "file", "target": f"/{entry.name}", "source": entry.path})


def _copy(building: Building, service: Service, source: str, target: str, count: int) -> None:
    """One source of a COPY: a file is copied, a directory's contents are shown (as the engine's own rule has it)."""
    workdir = real(service.workdir.value or "/")
    found = sorted(Path(service.context).glob(source.lstrip("/"))) if _has_wildcard(source) else []
    paths = found or [Path(service.context) / source.lstrip("/")]
    into = target.endswith("/") or count > 1 or len(paths) > 1 or target.rstrip("/").endswith("/.")
    for path in paths:
        if not looking.exists(path):
            building.notes.append(f"COPY {source}: nothing of that name in the project, left out")
        elif looking.is_directory(path):
            place = real(target)
            if workdir == "/" or place != real(f"{workdir}/{path.relative_to(service.context)}"):
                _show_part(building, path, place)
        else:
            is_folder = into or real(target) == workdir or looking.is_directory(real(target))
            place = real(f"{target}/{path.name}") if is_folder else real(target)
            if place != real(f"{workdir}/{path.relative_to(service.context)}") or workdir == "/":
                building.add({"do": "file", "target": place, "source": str(path)})


def _show_part(building: Building, path: Path, place: str) -> None:
    """A part of the project at another place. At / or at a place that is shown already, entry by entry."""
    taken = place == "/" or any(step["do"] == "overlay" and step["target"] == place for step in building.steps)
    if not taken:
        _show(building, str(path), place)
        return
    for entry in _entries(str(path)):
        inner = f"{place.rstrip('/')}/{entry.name}"
        if looking.is_directory(entry.path):
            _show_part(building, Path(entry.path), inner)
        elif looking.is_file(entry.path):
            building.add({"do": "file", "target": inner, "source": entry.path})


def _has_wildcard(text: str) -> bool:
    return any(letter in text for letter in "*?[")


def _mounts(building: Building, service: Service, wish: Wish) -> None:
    """Volumes, binds and tmpfs of the service. The host's files never change: a bind gets a scratch layer."""
    for sourced in sorted(service.mounts, key=lambda sourced: sourced.value.target.count("/")):
        mount = sourced.value
        target = real(mount.target)
        if target == "/" or _is_below(target, ("/proc", "/sys")):
            building.notes.append(f"the mount at {mount.target} is left out: the engine's own files are there")
        elif mount.kind == "bind":
            (_lasting_bind if wish.lasting else _bind)(building, service, mount, target)
        elif mount.kind == "volume" and (begins_with := _begins_with(building, service, target)) is not None:
            if begins_with:
                own: Step = {"uid": wish.user.uid, "gid": wish.user.gid}
                building.add({"do": "overlay", "target": target, "sources": [begins_with], **own})
            building.notes.append(f"the volume at {mount.target} begins with the project's files, and is in memory")
        else:
            options = mount.options if mount.kind == "tmpfs" and mount.options else "mode=1777"
            step: Step = {"do": "tmpfs", "target": target, "options": _tmpfs_options(options)}
            if mount.kind == "tmpfs" and "exec" not in mount.options.split(","):
                step["noexec"] = True  # Docker's default
            if mount.kind == "volume":
                step |= {"options": "mode=0755", "uid": wish.user.uid, "gid": wish.user.gid}
                building.notes.append(
                    f"the volume at {mount.target} is empty, in memory, and the service's user owns it"
                )
            building.add(step)
        if mount.read_only and mount.kind != "tmpfs" and building.steps[-1]["target"] == target:
            building.add({"do": "read_only", "target": target, "optional": True})
    _uncover(building, service, wish)


def _uncover(building: Building, service: Service, wish: Wish) -> None:
    """Programs of this host that stand for the image's, where a mount of the service hides their folder: the image has
    them elsewhere, where its mounts hide nothing."""
    targets = [real(sourced.value.target) for sourced in service.mounts]
    for folder in wish.shown:
        if wish.lasting and any(_has(service, sourced.value, folder) for sourced in service.mounts):
            continue
        if _is_below(folder, targets):
            building.add({"do": "bind", "target": folder, "source": folder})


def _has(service: Service, mount: Mount, folder: str) -> bool:
    """Whether a bind has the folder itself."""
    target = real(mount.target)
    inner = folder.removeprefix(target).lstrip("/")
    return mount.kind == "bind" and _is_below(folder, [target]) and looking.exists(_source(service, mount) / inner)


def _begins_with(building: Building, service: Service, target: str) -> str | None:
    """What a new volume begins as a copy of: the project's directory that is shown at this place, None if there is
    nothing. Empty where it is put together from several steps: these stand for the volume as they are."""
    found: str | None = None
    for step in building.steps:
        source = step.get("sources", [step.get("source", "")])[0]
        if step["do"] not in {"overlay", "file"} or not _is_below(source, [service.context]):
            continue
        if _is_below(step["target"], [target]):
            return ""
        inner = source + target.removeprefix(step["target"].rstrip("/"))
        if _is_below(target, [step["target"]]) and _entries(inner):
            found = inner
    return found


def _tmpfs_options(text: str) -> str:
    """Options that tmpfs itself knows; flags (noexec, nosuid, rw) are not among its data."""
    known = ("size=", "mode=", "uid=", "gid=", "nr_inodes=")
    kept = [option for option in text.split(",") if option.startswith(known)]
    if not any(option.startswith("mode=") for option in kept):
        kept.append("mode=1777")
    return ",".join(kept)


def _lasting_bind(building: Building, service: Service, mount: Mount, target: str) -> None:
    """As the engine does it: the host's own file or directory."""
    source = _source(service, mount)
    if looking.exists(source):
        writable = not mount.read_only
        building.add({"do": "bind", "target": target, "source": str(source), "writable": writable})
    else:
        building.add({"do": "tmpfs", "target": target, "options": "mode=0755"})
        building.notes.append(f"{mount.source} does not exist: {mount.target} is an empty directory")


def _source(service: Service, mount: Mount) -> Path:
    source = Path(mount.source).expanduser()
    return source if source.is_absolute() else Path(service.context) / source


def _bind(building: Building, service: Service, mount: Mount, target: str) -> None:
    source = _source(service, mount)
    if looking.is_directory(source):
        building.add({"do": "overlay", "target": target, "sources": [str(source)]})
        if not mount.read_only:
            building.notes.append(f"what is written to {mount.target} is forgotten: {mount.source} stays as it is")
    elif looking.is_file(source):
        building.add({"do": "file", "target": target, "source": str(source)})
    elif looking.exists(source):
        building.notes.append(f"{mount.source} is neither a file nor a directory: not mounted at {mount.target}")
    else:
        building.add({"do": "tmpfs", "target": target, "options": "mode=0755"})
        building.notes.append(f"{mount.source} does not exist: {mount.target} is an empty directory")


def _seal(building: Building, service: Service) -> None:
    """`read_only: true`: everything but the mounts that the service asked for."""
    if not (service.read_only and service.read_only.value):
        return
    asked = {real(sourced.value.target) for sourced in service.mounts}
    targets = [step["target"] for step in building.steps if step["do"] == "overlay" and step["target"] not in asked]
    own = [folder for folder in ("/tmp", "/run") if folder not in asked]
    for target in [*targets, *own, "/"]:
        building.add({"do": "read_only", "target": target})
