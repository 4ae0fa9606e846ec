"""A Docker engine for one test session: Debian's dockerd with its own socket, data and namespaces.

It runs in a PID and a mount namespace of its own, so that its end takes every process and every mount of it along. It
touches no engine that is there already, has no network, pulls nothing: its one image is this machine's busybox. Spoken
to by its HTTP API, because command lines and engines of different years don't always talk to each other.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

IMAGE = "seatrial-base"
WITHIN = 60.0
NEEDED = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "runc": "runc",
    "busybox": "busybox",
    "unshare": "util-linux",
}


class EngineError(Exception):
    """The engine could not be started, or refused a request."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=600)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def missing() -> str:
    """Why no engine can be started here, or ""."""
    if os.geteuid() != 0:
        return "dockerd needs root"
    lacking = [package for program, package in NEEDED.items() if not shutil.which(program)]
    return f"no Docker engine. hint: apt-get install {' '.join(lacking)}" if lacking else ""


class DockerEngine:
    """A running dockerd."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "socket"
        self.parent = f"/docker-for-tests-{os.getpid()}"
        (folder / "run").mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        self._output = (folder / "output").open("wb")
        self._process = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output
        )
        try:
            self._wait_ready()
            self._import_image()
        except BaseException:
            self.close()
            raise

    def _command(self) -> list[str]:
        unshare = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
        folders = [
            "--data-root",
            f"{self.folder}/data",
            "--exec-root",
            f"{self.folder}/run",
            "--pidfile",
            f"{self.folder}/pid",
        ]
        alone = [
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--config-file",
            f"{self.folder}/config.json",
        ]
        cgroups = ["--cgroup-parent", self.parent]
        return [
            *unshare,
            "dockerd",
            "--host",
            f"unix://{self.socket}",
            *folders,
            "--storage-driver=vfs",
            *alone,
            *cgroups,
        ]

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + WITHIN
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.call("GET", "/_ping")
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "output").read_text(errors="replace")[-2000:]
                raise EngineError(f"dockerd did not start: {said}")
            time.sleep(0.05)

    def _import_image(self) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for inside, file in _program_files(shutil.which("busybox") or "").items():
                tar.add(file, inside)
            link = tarfile.TarInfo("bin/sh")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        self.call("POST", f"/images/create?fromSrc=-&repo={IMAGE}", packed.getvalue(), "application/x-tar")

    def call(
        self, method: str, path: str, body: bytes | Mapping[str, Any] | None = None, kind: str = "application/json"
    ) -> Any:
        """One request; the answer's JSON, or its text. EngineError with what the engine said if it refuses."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = _Connection(self.socket)
        try:
            connection.request(method, path, raw, {"Content-Type": kind} if raw is not None else {})
            response = connection.getresponse()
            said = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise EngineError(f"{method} {path}: {response.status} {said.decode(errors='replace')}")
        try:
            return json.loads(said) if said else None
        except ValueError:
            return said.decode(errors="replace")

    def create(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        log_options: Mapping[str, str] | None = None,
        environment: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """A container of the busybox image, without a network; `folder` is in it at its own path, read-only. Its id."""
        host = {
            "NetworkMode": "none",
            "LogConfig": {"Type": "json-file", "Config": dict(log_options or {})},
            "Binds": [f"{folder}:{folder}:ro"] if folder else [],
        }
        wanted = {
            "Image": IMAGE,
            "Cmd": list(command),
            "Env": list(environment),
            "Labels": dict(labels or {}),
            "HostConfig": host,
        }
        return str(self.call("POST", "/containers/create", wanted)["Id"])

    def start(self, container: str) -> None:
        self.call("POST", f"/containers/{container}/start")

    def wait(self, container: str) -> int:
        """The exit code of a container, once it has ended and its log is written."""
        return int(self.call("POST", f"/containers/{container}/wait")["StatusCode"])

    def inspect(self, container: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/containers/{container}/json"))

    def remove(self, container: str) -> None:
        self.call("DELETE", f"/containers/{container}?force=1")

    @contextlib.contextmanager
    def finished(self, command: Sequence[str], **options: Any) -> Iterator[Path]:
        """Runs a command to its end and gives its log file, which is gone afterwards."""
        container = self.create(command, **options)
        try:
            self.start(container)
            self.wait(container)
            yield Path(self.inspect(container)["LogPath"])
        finally:
            self.remove(container)

    def pid(self) -> int:
        """dockerd's own process, as seen from here."""
        return int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0])

    def close(self) -> None:
        """Stops the engine and all of its containers, and removes what it made."""
        with contextlib.suppress(OSError, IndexError):
            os.kill(self.pid(), signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the namespace's first process dies with it, and all others with that
            self._process.wait()
        self._output.close()
        for cgroup in _cgroups(self.parent):
            with contextlib.suppress(OSError):
                cgroup.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)


def _program_files(program: str) -> dict[str, Path]:
    """A program, and the libraries that it is linked with where it is not static, by their names in the image."""
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    libraries = re.findall(r"(/\S+)", linked)
    return {"bin/busybox": Path(program).resolve()} | {name[1:]: Path(name).resolve() for name in libraries}


def _cgroups(parent: str) -> list[Path]:
    root = Path("/sys/fs/cgroup")
    return [place for place in (root / parent[1:], *(each / parent[1:] for each in root.iterdir())) if place.is_dir()]
