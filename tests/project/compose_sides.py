"""The two sides of the comparison with docker compose: the same files and commands, and what is seen of them.

Each side has a directory of its own. Instances are told apart by their service and number, for the two don't write
their names alike (`shop_web_1`, `shop-web-1`).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from seatrial.project.client import Client

from ..docker_engine import DockerEngine, _Connection, _program_files
from .compose_cases import IMAGE

WITHIN = 180.0
NOTED_LATE = 0.5
"""Seconds by which an engine may note the start later than the program has written its first line."""
PROJECT_LABEL, SERVICE_LABEL = "com.docker.compose.project", "com.docker.compose.service"
NUMBER_LABEL = "com.docker.compose.container-number"


def import_image(engine: DockerEngine) -> None:
    """An image with busybox under all of its names and the folders that every system has, for any user."""
    busybox = shutil.which("busybox") or ""
    names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder, mode in ((".", 0o755), ("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for inside, file in _program_files(busybox).items():
            tar.add(file, inside)
        for name in {"sh", *names} - {"busybox"}:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, text in (("passwd", b"root:x:0:0:root:/root:/bin/sh\n"), ("group", b"root:x:0:\n")):
            entry = tarfile.TarInfo(f"etc/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    engine.call("POST", f"/images/create?fromSrc=-&repo={IMAGE}", packed.getvalue(), "application/x-tar")


@dataclass(frozen=True)
class Row:
    """An instance."""

    name: str
    state: str
    code: int
    health: str
    restarts: int
    identity: str
    started: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What a command gave."""

    code: int
    out: str
    err: str


class Side(Protocol):
    """What runs compose files."""

    name: str

    def run(self, *words: str) -> Answer: ...
    def rows(self) -> dict[str, Row]: ...
    def log(self, row: Row) -> Path: ...
    def events(self) -> list[tuple[str, str]]: ...


def execute(argv: list[str], directory: Path, environment: Mapping[str, str]) -> Answer:
    """One command, to its end."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("COMPOSE_", "DOCKER_"))}
    done = subprocess.run(
        argv,
        cwd=directory,
        env={**known, "NO_COLOR": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


class Events:
    """The events of all containers of an engine, by project."""

    def __init__(self, engine: DockerEngine) -> None:
        self.found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._engine, self._removed = engine, set[str]()
        self._connection = _Connection(engine.socket)
        self._connection.request("GET", "/events?filters=" + '{"type":["container"]}')
        self._response = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_for_all(self) -> None:
        """Until all is here that has happened so far: a container that is made and removed now has come last."""
        marker = self._engine.create(["true"])
        self._engine.remove(marker)
        deadline = time.monotonic() + WITHIN
        while marker not in self._removed:
            assert time.monotonic() < deadline, "the engine's events don't come"
            time.sleep(0.02)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(WITHIN)
        self._response.close()
        self._connection.close()

    def _read(self) -> None:
        while line := self._response.readline():
            event = json.loads(line)
            if event["Action"] == "destroy":
                self._removed.add(event["Actor"]["ID"])
            labels = event["Actor"]["Attributes"]
            name = f"{labels.get(SERVICE_LABEL)}-{labels.get(NUMBER_LABEL)}"
            self.found[labels.get(PROJECT_LABEL, "")].append((name, described(event)))


def described(event: Mapping[str, Any]) -> str:
    """An event's action, with the signal and the exit code."""
    attributes = event["Actor"]["Attributes"]
    more = "".join(f" {attributes[key]}" for key in ("signal", "exitCode") if key in attributes)
    return str(event["Action"]).split(": /")[0] + more


@dataclass
class DockerSide:
    """docker-compose with a real engine."""

    engine: DockerEngine
    seen: Events
    directory: Path
    project: str
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    name: str = "docker compose"

    def run(self, *words: str) -> Answer:
        own = {"DOCKER_HOST": f"unix://{self.engine.socket}", "COMPOSE_PROJECT_NAME": self.project}
        options = {"COMPOSE_HTTP_TIMEOUT": "300", "COMPOSE_PARALLEL_LIMIT": "1000"}
        argv = ["docker-compose", "--ansi", "never", *self.options, *words]
        return execute(argv, self.directory, {**own, **options, **self.environment})

    def rows(self) -> dict[str, Row]:
        filters = json.dumps({"label": [f"{PROJECT_LABEL}={self.project}"]})
        found = {}
        for listed in self.engine.call("GET", f"/containers/json?all=1&filters={filters}".replace(" ", "")):
            document = self.engine.inspect(listed["Id"])
            state, labels = document["State"], listed["Labels"]
            name = f"{labels[SERVICE_LABEL]}-{labels[NUMBER_LABEL]}"
            health = state.get("Health", {}).get("Status", "")
            code, restarts = state["ExitCode"], document["RestartCount"]
            started = moment(state["StartedAt"])
            found[name] = Row(name, state["Status"], code, health, restarts, listed["Id"], started)
        return found

    def log(self, row: Row) -> Path:
        return Path(self.engine.inspect(row.identity)["LogPath"])

    def events(self) -> list[tuple[str, str]]:
        self.seen.wait_for_all()
        return list(self.seen.found[self.project])

    def close(self) -> None:
        for row in self.rows().values():
            self.engine.remove(row.identity)


@dataclass
class SeatrialSide:
    """`seatrial up`."""

    directory: Path
    state: Path
    project: str
    environment: Mapping[str, str] = field(default_factory=dict)
    name: str = "seatrial"

    def run(self, *words: str) -> Answer:
        own = {"SEATRIAL_STATE": str(self.state), "COMPOSE_PROJECT_NAME": self.project}
        return execute([sys.executable, "-m", "seatrial", *words], self.directory, {**own, **self.environment})

    def client(self) -> Client:
        return Client(self.state / f"{self.project}.sock")

    def rows(self) -> dict[str, Row]:
        if not (self.state / f"{self.project}.sock").exists():
            return {}
        return {
            own(row["Name"], self.project): Row(
                own(row["Name"], self.project),
                row["State"],
                row["ExitCode"],
                row["Health"],
                row["RestartCount"],
                row["ID"],
                row["StartedAt"] or 0.0,
            )
            for row in self.client().get("instances")
        }

    def log(self, row: Row) -> Path:
        return Path(self.client().get("instances", row.identity)[0]["LogPath"])

    def events(self) -> list[tuple[str, str]]:
        shown = self.run("events", "--json", "--since", "0.1", "--until", "0s").out
        return [
            (own(event["Actor"]["Attributes"]["name"], self.project), described(event))
            for event in map(json.loads, shown.splitlines())
        ]

    def close(self) -> None:
        self.run("down", "-t", "0", "--remove-orphans", "-v")
        shutil.rmtree(self.state, ignore_errors=True)


def written(log: Path) -> list[str]:
    """What is in a json-file log: stdout, then stderr, for the two have no order between them."""
    ordered = sorted(records(log), key=lambda record: record["stream"] == "stderr")
    return [record["log"] for record in ordered]


def records(log: Path) -> list[dict[str, Any]]:
    """The records of a log; a last one that is being written is left out."""
    return [json.loads(line) for line in log.read_text().split("\n")[:-1]] if log.exists() else []


def moment(text: str) -> float:
    """Seconds since 1970 of a time with nanoseconds."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{rest or 0}")


def until_ready(side: Side) -> None:
    """Until all that runs has said in this run that it is ready: before that a signal would find no trap."""
    deadline = time.monotonic() + WITHIN
    for row in side.rows().values():
        while row.state == "running" and not any(
            record["log"] == "ready\n" and moment(record["time"]) >= row.started - NOTED_LATE
            for record in records(side.log(row))
        ):
            assert time.monotonic() < deadline, f"{side.name}: {row.name} is not ready"
            time.sleep(0.05)


def own(name: str, project: str) -> str:
    """The service and number of an instance."""
    return re.sub(rf"^{re.escape(project)}[-_](.*)[-_](\d+)$", r"\1-\2", name)


@contextlib.contextmanager
def both_sides(
    engine: DockerEngine,
    seen: Events,
    files: Mapping[str, str],
    environment: Mapping[str, str],
    options: tuple[str, ...] = (),
) -> Iterator[tuple[DockerSide, SeatrialSide]]:
    """A directory for each with these files; at its end both are taken down."""
    with tempfile.TemporaryDirectory(prefix="pair-", dir="/tmp") as place:
        name = Path(place).name.lower().replace("_", "")
        for folder in ("docker", "seatrial"):
            for file, text in files.items():
                path = Path(place, folder, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        state = Path(place) / "state"
        state.mkdir(mode=0o700)
        docker = DockerSide(engine, seen, Path(place) / "docker", name, environment, options)
        seatrial = SeatrialSide(Path(place) / "seatrial", state, name, environment)
        try:
            yield docker, seatrial
        finally:
            docker.close()
            seatrial.close()


def until(side: Side, instance: str, wanted: str) -> None:
    """Waits for a state, a health, a number of restarts, or the end of an instance (its service, or SERVICE-N)."""
    name = instance if re.search(r"-\d+$", instance) else f"{instance}-1"
    deadline = time.monotonic() + WITHIN
    while True:
        row = side.rows().get(name)
        shown = {row.state, row.health} | {f"restarts={count}" for count in range(row.restarts + 1)} if row else set()
        if wanted in shown:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{side.name}: {name} did not get {wanted}; it is {row}")
        time.sleep(0.1)
