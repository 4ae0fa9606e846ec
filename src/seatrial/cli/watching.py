"""`up --watch`: does what `develop.watch` says when files change. Looks at the files itself, twice a second.

The project's files are shown to its services as they are, so `sync` has nothing to do; what needs a new process is
restarted, and what would be built anew is made anew. Changes are taken together once nothing changed for half a second,
as compose does it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from seatrial.cli.project_client import show_steps
from seatrial.cli.streams import complain
from seatrial.files.dockerignore import Dockerignore, dockerignore_file, read_dockerignore
from seatrial.model.deployment import Deployment, Fleet, WatchRule
from seatrial.model.errors import SeatrialError
from seatrial.project.client import Client

QUIET = 0.5
Seen = dict[str, tuple[int, int]]
"""Files with the time of their last change and their size."""


class Watched:
    """One rule of one service, and the files as they were."""

    def __init__(self, deployment: Deployment, rule: WatchRule) -> None:
        self.service = deployment.name
        self.rule = rule
        context = Path(deployment.service.context)
        file = dockerignore_file(context, None)
        written = file.read_text(encoding="utf-8", errors="replace") if file else ""
        self._ignored = (_below(context, rule.path), read_dockerignore(written)), ("", _patterns(rule.ignore))
        self._included = _patterns(rule.include) if rule.include else None
        self._seen = dict(self._look())

    def changed(self) -> list[str]:
        """The files that changed since the last look."""
        before, self._seen = self._seen, dict(self._look())
        return sorted({path for path, _ in before.items() ^ self._seen.items()})

    def _look(self) -> Iterator[tuple[str, tuple[int, int]]]:
        root = Path(self.rule.path)
        if root.is_file():
            yield from _state(root)
            return
        for folder, folders, files in os.walk(root):
            relative = Path(folder).relative_to(root)
            folders[:] = [name for name in folders if not self._is_ignored(str(relative / name))]
            for name in files:
                path = str(relative / name)
                if not self._is_ignored(path) and (self._included is None or self._included.excludes(path)):
                    yield from _state(Path(folder) / name)

    def _is_ignored(self, path: str) -> bool:
        return any(ignore.excludes(f"{above}/{path}".lstrip("/")) for above, ignore in self._ignored)


def _below(context: Path, path: str) -> str:
    """Where a rule's directory is in the build context."""
    try:
        relative = str(Path(path).relative_to(context))
    except ValueError:
        return ""
    return "" if relative == "." else relative


def _patterns(words: Sequence[str]) -> Dockerignore:
    return read_dockerignore("\n".join(words))


def _state(path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        seen = path.stat()
    except OSError:
        return
    yield str(path), (seen.st_mtime_ns, seen.st_size)


def watch(fleet: Fleet, services: Sequence[str], client: Client, over: threading.Event) -> None:
    """Watch until `over`."""
    chosen = [deployment for deployment in fleet.deployments if deployment.name in services]
    watched = [Watched(deployment, rule) for deployment in chosen for rule in deployment.watch]
    if not watched:
        complain("warning: no service says `develop: {watch: …}`: nothing is watched")
        return
    complain("Watch enabled")
    pending: dict[tuple[str, str], str] = {}
    while not over.wait(QUIET):
        changes = [(each, path) for each in watched for path in each.changed()]
        for each, path in changes:
            pending.setdefault((each.service, each.rule.action), path)
        if pending and not changes:
            for (service, action), path in pending.items():
                _act(fleet, client, service, action, path)
            pending.clear()


def _act(fleet: Fleet, client: Client, service: str, action: str, path: str) -> None:
    from seatrial.model.codec import encode

    complain(f"{service}: {Path(path).name} changed: {action}")
    try:
        if action == "rebuild":
            values = {"fleet": encode(fleet), "names": [service], "no_deps": True, "force_recreate": True}
            show_steps(client.post("up", values=values))
        elif action in ("restart", "sync+restart"):
            show_steps(client.post("restart", values={"names": [service]}))
        elif action == "sync+exec":
            complain(f"warning: {service}: sync+exec runs nothing here: use sync+restart")
    except SeatrialError as error:
        complain(f"error: {error.message}")
