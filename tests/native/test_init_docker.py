"""seatrial-init as the ENTRYPOINT of an image under a real Docker engine, with its seccomp profile and capabilities.

The service answers a slow request when the test tells it to, never by a clock: so what is in flight at a stop stays so.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.native import beside

from ..docker_engine import DockerEngine, EngineError
from ..requirements import missing_program, require
from .native_programs import ROOT, RUNNER, WITHIN, eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(RUNNER), reason="the container's program is this machine's, without an emulator"),
]

IMAGE = "seatrial-init-test"
PORT = 8080
IN_FLIGHT = 3
SETTLED_MS = 50
LATE = 60
"""Seconds that an engine or an init waits before it kills: no test gets there."""

USER = "65534:65534"
CONFINED: dict[str, dict[str, Any]] = {
    "default": {},
    "no capabilities": {"CapDrop": ["ALL"]},
    "not root": {"User": USER},
    "restricted": {
        "CapDrop": ["ALL"],
        "User": USER,
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
    },
}
BLIND = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {
            "names": ["socket"],
            "action": "SCMP_ACT_ERRNO",
            "args": [{"index": 0, "value": int(socket.AF_NETLINK), "op": "SCMP_CMP_EQ"}],
        }
    ],
}
"""A sandbox in which connections can't be seen."""


class Container:
    """A running container of the test image: arguments as behind `docker run IMAGE`, options as the API spells them."""

    def __init__(
        self, engine: DockerEngine, *arguments: str, entrypoint: list[str] | None = None, **options: Any
    ) -> None:
        self.engine = engine
        self.connections: list[socket.socket] = []
        wanted = {
            "Image": IMAGE,
            "Cmd": list(arguments),
            "User": options.pop("User", ""),
            "HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "json-file"}, **options},
        }
        self.id = engine.call(
            "POST", "/containers/create", wanted | ({"Entrypoint": entrypoint} if entrypoint else {})
        )["Id"]
        try:
            engine.start(self.id)
            self.log = Path(engine.inspect(self.id)["LogPath"])
        except EngineError:
            engine.remove(self.id)
            raise

    def lines(self, stream: str) -> list[str]:
        """What it has written so far."""
        written = self.log.read_text().splitlines(keepends=True) if self.log.exists() else []
        records = [json.loads(line) for line in written if line.endswith("\n")]
        return [record["log"].rstrip("\n") for record in records if record["stream"] == stream]

    def says(self, part: str) -> bool:
        return any(part in line for line in self.lines("stderr"))

    def wait_output(self, line: str, count: int = 1) -> None:
        """Returns when the service has written a line so often."""
        self._eventually(lambda: self.lines("stdout").count(line) >= count)

    def wait_message(self, part: str) -> None:
        self._eventually(lambda: self.says(part))

    def _eventually(self, check: Callable[[], bool]) -> None:
        try:
            eventually(check)
        except AssertionError as error:
            error.add_note(f"written: {self.lines('stdout')} {self.lines('stderr')}")
            raise

    def is_running(self) -> bool:
        return bool(self.engine.inspect(self.id)["State"]["Running"])

    def process(self) -> Path:
        """Its first process, in the engine's own view of processes."""
        pid = self.engine.inspect(self.id)["State"]["Pid"]
        assert pid, "the container has ended"
        return Path(f"/proc/{self.engine.pid()}/root/proc/{pid}")

    def status(self, name: str) -> str:
        lines = (self.process() / "status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(name + ":"))

    def connect(self) -> socket.socket:
        """A connection from inside of its network namespace: a socket stays where it was made."""
        with ThreadPoolExecutor(1) as thread:  # only this thread goes there
            self.connections.append(thread.submit(self._connect_inside).result(WITHIN))
        return self.connections[-1]

    def _connect_inside(self) -> socket.socket:
        descriptor = os.open(self.process() / "ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            beside.setns(descriptor, beside.CLONE_NEWNET)
        finally:
            os.close(descriptor)
        return socket.create_connection(("127.0.0.1", PORT), WITHIN)

    def in_flight(self) -> list[socket.socket]:
        """Connections on which the service owes an answer, and has answered before."""
        connections = [self.connect() for _ in range(IN_FLIGHT)]
        for connection in connections:
            assert ask(connection, "/")
            eventually(lambda connection=connection: idle_for(connection) >= SETTLED_MS)  # the kernel's ages are coarse
            send(connection, "/slow")
        self.wait_output("held", IN_FLIGHT)
        return connections

    def kill(self, name: str) -> None:
        self.engine.call("POST", f"/containers/{self.id}/kill?signal={name}")

    def end(self) -> tuple[int, str]:
        """Its exit code and error in the engine's books, once it has ended."""
        self.engine.wait(self.id)
        state = self.engine.inspect(self.id)["State"]
        return int(state["ExitCode"]), str(state["Error"])

    def remove(self) -> None:
        for connection in self.connections:
            connection.close()
        self.engine.remove(self.id)


def send(connection: socket.socket, path: str) -> None:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def is_answered(connection: socket.socket) -> bool:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while b"complete" not in received and (part := connection.recv(65536)):
            received += part
    return b"complete" in received


def ask(connection: socket.socket, path: str) -> bool:
    send(connection, path)
    return is_answered(connection)


def idle_for(connection: socket.socket) -> int:
    """Milliseconds since the last bytes came in, by the kernel's account."""
    return int(struct.unpack_from("=I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 52)[0])


def for_everyone(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A program that every user of the container can run, whoever built it with whatever umask."""
    member.mode, member.uid, member.gid = 0o755, 0, 0
    return member


@pytest.fixture(scope="module")
def image(docker_engine: DockerEngine, native_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """busybox, our static program as the entrypoint, and a static web server."""
    require(missing_program("busybox"))
    compiler = "musl-gcc" if shutil.which("musl-gcc") else "cc"
    server = tmp_path_factory.mktemp("server") / "serve"
    source = Path(__file__).parent / "serve.c"
    subprocess.run([compiler, "-O1", "-static", "-Wall", "-Wextra", "-o", str(server), str(source)], check=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(Path(shutil.which("busybox") or "").resolve(), "bin/busybox", filter=for_everyone)
        tar.add(ROOT / "native/build/seatrial-init", "seatrial-init", filter=for_everyone)
        tar.add(server, "serve", filter=for_everyone)
        tar.addfile(tarfile.TarInfo("text"))  # 0644: nothing that can be run
        link = tarfile.TarInfo("bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)
    entrypoint = "changes=ENTRYPOINT%20%5B%22/seatrial-init%22%5D"
    path = f"/images/create?fromSrc=-&repo={IMAGE}&{entrypoint}"
    docker_engine.call("POST", path, packed.getvalue(), "application/x-tar")
    yield
    docker_engine.call("DELETE", f"/images/{IMAGE}")


@pytest.fixture
def run(docker_engine: DockerEngine, image: None) -> Iterator[Callable[..., Container]]:
    """Starts a container of the test image."""
    started: list[Container] = []

    def start(*arguments: str, **options: Any) -> Container:
        started.append(Container(docker_engine, *arguments, **options))
        return started[-1]

    yield start
    for container in started:
        container.remove()


@pytest.fixture
def serve(run: Callable[..., Container]) -> Callable[..., Container]:
    """Starts the web server in a container, behind the init's options, and waits until it serves."""

    def start(*options: str, manner: tuple[str, ...] = (), **confined: Any) -> Container:
        container = run(*options, "--", "/serve", str(PORT), *manner, **confined)
        container.wait_output("ready")
        return container

    return start


@pytest.fixture
def stop(docker_engine: DockerEngine, run: Callable[..., Container]) -> Iterator[Callable[[Container], Future[None]]]:
    """`docker stop`, under way while the test goes on. Containers are removed after it, so it always ends."""
    thread = ThreadPoolExecutor(1)
    begun: list[Container] = []

    def begin(container: Container, seconds: int = LATE) -> Future[None]:
        begun.append(container)
        return thread.submit(docker_engine.call, "POST", f"/containers/{container.id}/stop?t={seconds}")

    yield begin
    for container in begun:
        with contextlib.suppress(EngineError):  # it has ended, as it should
            container.kill("KILL")
    thread.shutdown()


def test_a_container_that_is_stopped_loses_what_is_in_flight(serve, stop):
    container = serve()
    connections = container.in_flight()
    stop(container).result(2 * LATE)
    assert [is_answered(connection) for connection in connections] == [False] * IN_FLIGHT
    assert container.end() == (143, "")


@pytest.mark.parametrize("confined", CONFINED)
def test_a_container_that_drains_loses_nothing_however_confined(confined, serve, stop):
    container = serve("--drain", f"{LATE}s", **CONFINED[confined])
    assert container.status("Seccomp") == "2", "the engine's seccomp profile has to be in force"
    if confined != "default":
        assert int(container.status("CapEff"), 16) == 0
    assert container.status("Uid").split()[0] == CONFINED[confined].get("User", "0").partition(":")[0]
    connections, release = container.in_flight(), container.connect()
    stopped = stop(container)
    container.wait_message("held until connections are quiet")
    assert container.is_running()
    assert ask(release, "/release")
    assert [is_answered(connection) for connection in connections] == [True] * IN_FLIGHT
    stopped.result(2 * LATE)
    assert container.end() == (143, "")
    assert container.says("all connections are quiet, SIGTERM passed on")
    assert not container.says("can't be seen")


def test_a_drained_stop_is_mapped_to_a_clean_exit(serve, stop):
    container = serve("--drain", f"{LATE}s", "-e", "143=0")
    connections = container.in_flight()
    stopped = stop(container)
    container.wait_message("held until connections are quiet")
    assert ask(container.connect(), "/release")
    assert [is_answered(connection) for connection in connections] == [True] * IN_FLIGHT
    stopped.result(2 * LATE)
    assert container.end() == (0, "")


def test_a_second_stop_cuts_the_drain_short(serve, stop):
    container = serve("--drain", f"{LATE}s", "-e", "143=0")
    connections = container.in_flight()
    stopped = stop(container)
    container.wait_message("held until connections are quiet")
    container.kill("TERM")
    stopped.result(2 * LATE)
    assert [is_answered(connection) for connection in connections] == [False] * IN_FLIGHT
    assert container.end() == (143, ""), "only a complete drain is mapped"
    assert container.says("second SIGTERM")


def test_where_connections_cannot_be_seen_it_is_said_and_the_stop_is_the_usual_one(serve, stop):
    container = serve("--drain", f"{LATE}s", SecurityOpt=[f"seccomp={json.dumps(BLIND)}"])
    container.in_flight()
    stop(container).result(2 * LATE)
    assert container.end() == (143, "")
    assert container.says("drain: connections can't be seen here") and container.says("SIGTERM passed on at once")


def test_a_command_that_we_may_not_signal_is_named(serve):
    """Without CAP_KILL not even root may signal a service that took another user by itself, whatever the init."""
    container = serve(manner=("plain", USER.partition(":")[0]), CapDrop=["KILL"])
    container.kill("TERM")
    container.wait_message("cannot pass SIGTERM on to")
    assert container.is_running()
    container.kill("KILL")
    assert container.end() == (137, "")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("/bin/busybox", "true"), 0),
        (("/bin/sh", "-c", "exit 7"), 7),
        (("/bin/sh", "-c", "kill -KILL $$"), 137),
        (("/text",), 126),
        (("/bin",), 126),
        (("/is/not/there",), 127),
        (("not-in-the-path",), 127),
    ],
)
def test_the_engine_books_the_exit_code_of_the_command(command, code, run):
    assert run("--", *command).end() == (code, "")


@pytest.mark.parametrize(("name", "code"), [("HUP", 129), ("INT", 130), ("USR1", 138), ("TERM", 143), ("KILL", 137)])
def test_the_engine_books_the_signal_that_was_sent(name, code, serve):
    container = serve()
    container.kill(name)
    assert container.end() == (code, "")


def test_the_stop_signal_of_an_image_is_rewritten_for_its_program(serve, stop):
    container = serve("--rewrite", "TERM:QUIT")
    stop(container).result(2 * LATE)
    assert container.end() == (131, "")


def test_who_outlives_the_stop_is_killed_before_the_engine_does_it(serve, stop):
    container = serve("--kill-after", "100ms", manner=("deaf",))
    stop(container).result(2 * LATE)
    assert container.end() == (137, "")
    assert container.says("still alive 0.100s after SIGTERM, killed: serve (")


def test_without_kill_after_the_engine_kills_at_its_own_time(serve, stop):
    container = serve(manner=("deaf",))
    stop(container, 1).result(2 * LATE)
    assert container.end() == (137, "")
    assert not container.says("still alive")


WRAPPER = ("/bin/sh", "-c", f"/serve {PORT} drain & wait")


def test_a_wrapper_that_dies_does_not_take_the_draining_service_along(run, stop):
    container = run("--", *WRAPPER)
    container.wait_output("ready")
    connections, release = container.in_flight(), container.connect()
    stopped = stop(container)
    container.wait_output("draining")
    assert ask(release, "/release")
    assert [is_answered(connection) for connection in connections] == [True] * IN_FLIGHT
    stopped.result(2 * LATE)
    assert container.end() == (143, ""), "the code is the wrapper's"


@pytest.mark.parametrize("peer", ["docker run --init", "--wait-all=never"])
def test_a_wrapper_that_dies_takes_the_service_along_under_another_init(peer, run, stop):
    if peer == "--wait-all=never":
        container = run(peer, "--", *WRAPPER)
    else:
        require(missing_program("docker-init"))
        container = run(entrypoint=list(WRAPPER), Init=True)
    container.wait_output("ready")
    connections = container.in_flight()
    stop(container).result(2 * LATE)
    assert [is_answered(connection) for connection in connections] == [False] * IN_FLIGHT
    assert container.end() == (143, "")
