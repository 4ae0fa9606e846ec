"""Reads the Kubernetes manifests below a directory into one `Cluster`, with places.

Kustomizations say what belongs together; patches, Helm charts and other templates are named as not read. Never raises
for what a file holds: what Kubernetes would refuse becomes a finding. Bounded in files, sizes, depth and nodes.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.files import disk
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding
from seatrial.model.kubernetes import Balancer, Cluster, Workload
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass, replace

if TYPE_CHECKING:
    from seatrial.files.kubernetes.kustomize import Kustomization
    from seatrial.files.kubernetes.objects import Objects
    from seatrial.model.ecs import Task

MAX_FILES = 50_000
MAX_BYTES = 4 * 1024 * 1024
MAX_JSON_BYTES = 512 * 1024
_NOT_ENTERED = frozenset({"node_modules", "bower_components", "venv", "__pycache__", "site-packages", "vendor"})
_NEVER = frozenset(
    {"package.json", "package-lock.json", "composer.json", "tsconfig.json", "pnpm-lock.yaml", "values.yaml"}
    | {"Chart.yaml", "mkdocs.yml", "bower.json", "npm-shrinkwrap.json"}
)
_TESTS = frozenset({"test", "tests", "testing", "testdata", "test-data", "fixture", "fixtures", "e2e", "testfiles"})
"""Directories of what never runs in production, and often is wrong on purpose."""
_ENDINGS = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True, slots=True)
class Manifests:
    """What was read: the objects, what is wrong in the files, and the texts of those that hold something."""

    cluster: Cluster
    findings: tuple[Finding, ...]
    texts: dict[str, str]


def manifest_files(root: Path) -> Iterator[Path]:
    """Every file below `root` that may be a manifest or concern manifests, by its name alone."""
    count = 0
    waiting = [str(root)]
    while waiting and count < MAX_FILES:
        below: list[str] = []
        found: list[str] = []
        here = waiting.pop()
        for name, is_directory in disk.entries(here):
            if is_directory:
                if not name.startswith(".") and name not in _NOT_ENTERED:
                    below.append(os.path.join(here, name))  # noqa: PTH118 — a hundred thousand of them
            elif is_manifest_name(name):
                found.append(os.path.join(here, name))  # noqa: PTH118  # a text; many of them
        count += len(found)
        yield from (Path(path) for path in sorted(found))
        waiting += sorted(below, reverse=True)


def is_manifest_name(name: str) -> bool:
    """Whether a file of this name may be a manifest."""
    is_compose = name.startswith(("compose.", "docker-compose", "docker-stack", "tsconfig", "."))
    return (name.endswith(_ENDINGS) and not is_compose and name not in _NEVER) or name == "Kustomization"


def looks_like_task(data: bytes) -> bool:
    """Whether this may be a task definition of ECS; costs next to nothing."""
    _, found, behind = data.partition(b'"containerDefinitions"')
    return bool(found) and behind[:64].lstrip(b": \t\r\n")[:1] == b"[" and b'"family"' in data


def looks_like_manifest(data: bytes) -> bool:
    """Whether this may be a manifest; costs next to nothing, and no YAML parser."""
    return b"apiVersion" in data and b"kind" in data and b"\0" not in data[:64]


def is_manifest(path: Path) -> bool:
    """Whether this file is a manifest: a named file that is none is somebody else's to read."""
    if not path.name.endswith(_ENDINGS):
        return False
    from seatrial.files.kubernetes.manifest import is_sure_manifest

    data = _bytes(path) or b""
    return is_sure_manifest(data) or (path.suffix == ".json" and looks_like_task(data))


def read_manifests(root: Path, files: Iterable[Path | str]) -> Manifests:
    """The manifests among these files, which lie below `root`."""
    return _Tree(root, tuple(map(Path, files))).read()


def _bytes(path: Path) -> bytes | None:
    from seatrial.files.reading import read_bytes

    try:
        return read_bytes(path, limit=MAX_JSON_BYTES if path.suffix == ".json" else MAX_BYTES)
    except InputError:
        return None


class _Tree:
    """One reading of the files of a directory."""

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self.root = root
        self.files = {posixpath.normpath(os.path.relpath(file, root)): file for file in files}
        self.texts: dict[str, str] = {}
        self.charts: dict[str, bool] = {}

    def read(self) -> Manifests:
        wanted = ((shown, file) for shown, file in self.files.items() if not _test_directory(shown))
        candidates = {shown: data for shown, file in wanted if (data := self._candidate(file))}
        if not candidates:
            return Manifests(Cluster(), (), {})
        return self._read(candidates)

    def _candidate(self, file: Path) -> bytes | None:
        data = _bytes(file)
        is_wanted = data is not None and (
            looks_like_manifest(data)
            or file.name in _KUSTOMIZATIONS
            or (file.suffix == ".json" and looks_like_task(data))
        )
        return data if is_wanted else None

    def _read(self, candidates: dict[str, bytes]) -> Manifests:
        from seatrial.files.kubernetes.manifest import read_manifest
        from seatrial.files.kubernetes.objects import Objects

        kustomizations, built = self._builds(candidates)
        patches = {file for each in kustomizations.values() for file in each.patch_files}
        objects = Objects()
        skipped = [Sourced("is a kustomize patch, and not applied", Place(file, 1)) for file in sorted(patches)]
        charts: set[str] = set()
        tasks: list[Task] = []
        for shown, data in candidates.items():
            if shown.endswith(".json") and looks_like_task(data):
                tasks += self._task(shown, data, objects, skipped)
                continue
            if shown in patches or posixpath.basename(shown) in _KUSTOMIZATIONS:
                continue
            if chart := self._chart(shown):
                charts.add(chart)
                continue
            before = len(objects.findings), objects.count
            reason = read_manifest(data, shown, objects)
            if reason is not None:
                skipped.append(reason)
            if (len(objects.findings), objects.count) != before:
                self.texts[shown] = data.decode("utf-8", "replace").removeprefix("\ufeff")
        tests = {found for shown in self.files if (found := _test_directory(shown))}
        skipped += [Sourced("is test data, and not read", Place(each, 1)) for each in sorted(tests)]
        skipped += [Sourced("is a Helm chart, whose templates are not read", Place(each, 1)) for each in sorted(charts)]
        cluster = self._cluster(objects, kustomizations, built)
        cluster = replace(cluster, not_read=tuple(skipped), tasks=tuple(tasks))
        return Manifests(cluster, tuple(objects.findings), self.texts)

    def _builds(self, candidates: dict[str, bytes]) -> tuple[dict[str, Kustomization], dict[str, str]]:
        """The kustomizations by their directories, and the directories in which skaffold builds its images."""
        from seatrial.files.kubernetes.kustomize import read_kustomization, read_skaffold

        kustomizations: dict[str, Kustomization] = {}
        built: dict[str, str] = {}
        for shown, data in candidates.items():
            name = posixpath.basename(shown)
            if name in _KUSTOMIZATIONS and (kustomization := read_kustomization(data, shown, self._other)):
                kustomizations[kustomization.directory] = kustomization
            elif name.startswith("skaffold"):
                built |= read_skaffold(data, shown)
        return kustomizations, built

    def _cluster(self, objects: Objects, kustomizations: dict[str, Kustomization], built: dict[str, str]) -> Cluster:
        """What was read, each with what it belongs to."""
        from seatrial.files.kubernetes.kustomize import memberships

        joined = _Joined(memberships(kustomizations), kustomizations)
        return Cluster(
            tuple(joined.workload(each) for each in objects.workloads if _is_whole(each)),
            tuple(replace(each, groups=joined.groups(each.place)) for each in objects.services),
            tuple(replace(each, groups=joined.groups(each.place)) for each in objects.budgets),
            tuple(replace(each, groups=joined.groups(each.place)) for each in objects.autoscalers),
            tuple(objects.secrets),
            tuple(self._balancer(each, objects, joined) for each in objects.balancers),
            frozenset(name for each in kustomizations.values() for name in each.images) | frozenset(built),
            built,
            tuple((each.value, joined.groups(each.place)) for each in objects.defaulted if each.place),
        )

    def _task(self, shown: str, data: bytes, objects: Objects, skipped: list[Sourced[str]]) -> Iterator[Task]:
        from seatrial.files.ecs import read_task
        from seatrial.model.ecs import Task

        before = len(objects.findings)
        found = read_task(data, shown, objects.findings)
        if isinstance(found, Task):
            yield found
        elif found is not None:
            skipped.append(found)
        if isinstance(found, Task) or len(objects.findings) != before:
            self.texts[shown] = data.decode("utf-8", "replace").removeprefix("\ufeff")

    @staticmethod
    def _balancer(found: Balancer, objects: Objects, joined: _Joined) -> Balancer:
        idle = found.idle or (objects.idle_of_nginx if found.kind == "nginx" else None)
        return replace(found, idle=idle, groups=joined.groups(found.place))

    def _other(self, shown: str) -> bytes | None:
        path = self.files.get(shown)
        return _bytes(path) if path else None

    def _chart(self, shown: str) -> str:
        """The Chart.yaml of the chart whose template this file is, "" if of none."""
        parts = shown.split("/")
        for at, part in enumerate(parts[:-1]):
            if part == "templates":
                chart = "/".join([*parts[:at], "Chart.yaml"])
                if chart not in self.charts:
                    self.charts[chart] = disk.is_regular(self.root / chart)
                if self.charts[chart]:
                    return chart
        return ""


def _test_directory(shown: str) -> str:
    """The directory of tests that this file lies in, "" if in none."""
    parts = shown.split("/")
    for at, part in enumerate(parts[:-1]):
        if part.lower() in _TESTS:
            return "/".join(parts[: at + 1])
    return ""


def _is_whole(workload: Workload) -> bool:
    """Whether this is no part that something else is put over: each container names an image."""
    containers = workload.pod.containers
    return bool(containers) and all(each.image is not None and each.image.value for each in containers)


class _Joined:
    """Puts together what directories and kustomizations hold together."""

    def __init__(self, members: dict[str, set[str]], kustomizations: dict[str, Kustomization]) -> None:
        self.members = members
        self.kustomizations = kustomizations

    def groups(self, place: Place) -> frozenset[str]:
        """What an object in this file belongs to."""
        directory = posixpath.dirname(place.file)
        found = {directory} | self.members.get(place.file, set()) | self.members.get(directory or ".", set())
        return frozenset(found)

    def workload(self, workload: Workload) -> Workload:
        """The workload with what it belongs to, and what patches touch of it."""
        groups = self.groups(workload.place)
        touched: set[str] = set()
        for group in groups:
            found = self.kustomizations.get(group)
            for patch in found.patches if found else ():
                if patch.touches(workload.kind, workload.name):
                    touched |= patch.fields
        return replace(workload, groups=groups, patched=frozenset(touched))
