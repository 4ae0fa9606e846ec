"""`up --watch`: does what `develop.watch` says when files change. Looks at the files itself, twice a second.

The project's files are shown to its services as they are, so `sync` has nothing to do; what needs a new process is
restarted, what would be built anew is made anew, and `sync+exec` runs its command inside. Changes are taken together
once nothing changed for half a second, as compose does it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from seatrial.cli.entering import enter_instance, with_surroundings
from seatrial.cli.project_client import show_steps
from seatrial.cli.streams import complain
from seatrial.files.dockerignore import Dockerignore, dockerignore_file, read_dockerignore
from seatrial.model.codec import encode
from seatrial.model.deployment import Deployment, Fleet, Hook, WatchRule
from seatrial.model.errors import SeatrialError
from seatrial.project.client import Client
from seatrial.project.layout import Layout

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


class Watching:
    """Watches the files of some services, from a thread of its own. `acting` is held while something is done."""

    def __init__(self, fleet: Fleet, services: Sequence[str], client: Client, layout: Layout) -> None:
        self.acting = threading.Lock()
        self._fleet = fleet
        self._services = services
        self._client = client
        self._layout = layout
        self._over = threading.Event()
        self._over.set()

    def begin(self) -> None:
        """Watch from now on."""
        self._over = threading.Event()
        threading.Thread(target=self._watch, args=(self._over,), daemon=True).start()

    def end(self) -> None:
        """Watch no more."""
        self._over.set()

    def toggle(self) -> None:
        """Watch, or no more."""
        if self._over.is_set():
            self.begin()
        else:
            self.end()
            complain("Watch disabled")

    def _watch(self, over: threading.Event) -> None:
        chosen = [deployment for deployment in self._fleet.deployments if deployment.name in self._services]
        watched = [Watched(deployment, rule) for deployment in chosen for rule in deployment.watch]
        if not watched:
            complain("warning: no service says `develop: {watch: …}`: nothing is watched")
            return
        complain("Watch enabled")
        pending: dict[tuple[str, str, int], tuple[Watched, str]] = {}
        while not over.wait(QUIET):
            changes = [(each, path) for each in watched for path in each.changed()]
            for each, path in changes:  # one restart is enough for several rules, but each command is its own
                pending.setdefault((each.service, each.rule.action, id(each.rule.hook)), (each, path))
            if pending and not changes:
                for each, path in pending.values():
                    complain(f"{each.service}: {Path(path).name} changed: {each.rule.action}")
                    self._act(each.service, each.rule)
                pending.clear()

    def _act(self, service: str, rule: WatchRule) -> None:
        with self.acting:
            try:
                if rule.action == "rebuild":
                    values = {"fleet": encode(self._fleet), "names": [service], "no_deps": True, "force_recreate": True}
                    show_steps(self._client.post("up", values=values))
                elif rule.action in ("restart", "sync+restart"):
                    show_steps(self._client.post("restart", values={"names": [service]}))
                elif rule.hook is not None:
                    self._execute(service, rule.hook)
            except SeatrialError as error:
                complain(f"error: {error.message}")

    def _execute(self, service: str, hook: Hook) -> None:
        """What `sync+exec` says, in each running instance, with our stdout and stderr."""
        from seatrial.engine.native.execution import Attached

        variables = [f"{name}={value}" for name, value in hook.environment.items()]
        argv = with_surroundings(hook.command, hook.working_dir, variables)
        as_root = hook.privileged or hook.user == "root"
        for row in self._client.get("instances"):
            if row["Service"] == service and row["State"] == "running":
                directory = self._layout.instance(row["Name"])
                with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # keys are not for it
                    to = Attached((nothing.fileno(), 1, 2))
                    code = asyncio.run(enter_instance(directory, argv, to, as_root=as_root))
                if code:
                    complain(f"error: {row['Name']}: {' '.join(hook.command)} ended with code {code}")
