"""Where a project keeps its state, so that any later command finds it again. Knows paths and files, not their meaning.

    STATE/PROJECT/            0700
      fleet.json              what is to be kept running, as it was last brought up
      lock                    held by the supervisor while it lives
      supervisor.log          what the supervisor had to say after it left the terminal
      events.jsonl            the last events, one JSON object a line
      volumes/NAME/           one named volume
      instances/NAME/         one instance: state.json, its log, and what the engine keeps
    RUN/PROJECT.sock          the control socket (a Unix socket's path is short: 107 bytes)
    RUN/PROJECT.relay         that of the relay before the services, where one is needed

STATE is /var/lib/seatrial for root, else $XDG_STATE_HOME/seatrial (~/.local/state/seatrial); RUN is /run/seatrial, else
$XDG_RUNTIME_DIR/seatrial, else STATE. `SEATRIAL_STATE` replaces both. Directories belong to their user alone: one that
belongs to somebody else is refused, because what is read from it decides what is run.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.model.errors import UnsupportedError
from seatrial.project.interface import log_file

LONGEST_SOCKET = 107
"""Bytes of a Unix socket's path (unix(7))."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one project."""

    directory: Path
    socket: Path

    @property
    def fleet(self) -> Path:
        """What is to be kept running."""
        return self.directory / "fleet.json"

    @property
    def events(self) -> Path:
        """The last events."""
        return self.directory / "events.jsonl"

    @property
    def supervisor_log(self) -> Path:
        """The output of a supervisor that has no terminal."""
        return self.directory / "supervisor.log"

    @property
    def volumes(self) -> Path:
        """The named volumes, a directory each."""
        return self.directory / "volumes"

    @property
    def relay(self) -> Path:
        """The socket on which the relay before the services is told what to do."""
        return self.socket.with_suffix(".relay")

    def instance(self, name: str) -> Path:
        """The directory of one instance."""
        return self.directory / "instances" / name

    def log(self, name: str, identity: str) -> Path:
        """The current log file of one instance."""
        return log_file(self.instance(name), identity)

    def instances(self) -> Iterator[Path]:
        """The directories of all instances, by name."""
        try:
            yield from sorted(path for path in (self.directory / "instances").iterdir() if path.is_dir())
        except FileNotFoundError:
            return

    def make(self) -> None:
        """Make the directories, for their user alone. Raises UnsupportedError where that can't be."""
        for directory in (self.directory.parent, self.directory, self.directory / "instances", self.socket.parent):
            _make_private(directory)

    def lock(self) -> int:
        """A descriptor that holds the project's lock until it is closed. Raises BlockingIOError where it is held."""
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def is_supervised(self) -> bool:
        """Whether a supervisor holds the lock now."""
        try:
            descriptor = self.lock()
        except BlockingIOError:
            return True
        except OSError:
            return False
        os.close(descriptor)
        return False


def layout_of(project: str, environment: Mapping[str, str]) -> Layout:
    """The layout of a project of that name. Raises UnsupportedError where the socket's path would be too long."""
    state, run = _roots(environment)
    socket = run / f"{project}.sock"
    if len(os.fsencode(socket.with_suffix(".relay"))) > LONGEST_SOCKET:
        raise UnsupportedError(
            f"the control socket's path has more than {LONGEST_SOCKET} bytes: {socket}",
            hint="SEATRIAL_STATE=/tmp/seatrial, or a shorter project name (-p)",
        )
    return Layout(state / project, socket)


def known_projects(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the projects that have a state directory."""
    state, _ = _roots(environment)
    try:
        return tuple(sorted(path.name for path in state.iterdir() if (path / "fleet.json").exists()))
    except OSError:
        return ()


def state_of(environment: Mapping[str, str]) -> Path:
    """STATE: the directory of everything that is kept."""
    return _roots(environment)[0]


def make_state(environment: Mapping[str, str]) -> None:
    """Make STATE, for its user alone. Raises UnsupportedError where that can't be."""
    _make_private(state_of(environment))


def _roots(environment: Mapping[str, str]) -> tuple[Path, Path]:
    if said := environment.get("SEATRIAL_STATE"):
        path = Path(said).absolute()
        return path, path
    if os.geteuid() == 0:
        return Path("/var/lib/seatrial"), Path("/run/seatrial")
    home = Path(environment.get("HOME") or "/")
    state = Path(environment.get("XDG_STATE_HOME") or home / ".local/state") / "seatrial"
    runtime = environment.get("XDG_RUNTIME_DIR")
    return state, Path(runtime) / "seatrial" if runtime else state


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = directory.stat()
    except OSError as error:
        raise UnsupportedError(
            f"{directory} cannot be made: {error.strerror}", hint="SEATRIAL_STATE=DIRECTORY names another place"
        ) from None
    if seen.st_uid != os.geteuid() or stat.S_IMODE(seen.st_mode) & 0o022:
        raise UnsupportedError(
            f"{directory} is not ours alone (owner {seen.st_uid}, mode {stat.S_IMODE(seen.st_mode):o})",
            hint=f"chmod go-w {directory}, or SEATRIAL_STATE=DIRECTORY names another place",
        )


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write a file whole or not at all; it survives our death at any moment, and where it is `durable` also the
    machine's. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, separators=(",", ":"))
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """The value of a file that `write_json` wrote; None where there is none, or none that can be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
