"""A real Swarm of one node on an engine of its own, which is left at the end, whatever happened."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.docker_engine import IMAGE, DockerEngine, EngineError, missing
from tests.engine.balancer import Balancer, balancer, free_ports
from tests.engine.docker.conftest import import_host_image
from tests.requirements import missing_module, missing_program, require

PROGRAMS = Path(__file__).parent.parent
NANO = 1_000_000_000
WITHIN = 30.0
GRACE = 5


@pytest.fixture(scope="module")
def swarm() -> Iterator[DockerEngine]:
    require(missing() or missing_module("docker") or missing_program("haproxy"))
    folder = Path(tempfile.mkdtemp(prefix="swarm-for-tests-"))
    try:
        engine = DockerEngine(folder / "engine")
    except EngineError as error:
        shutil.rmtree(folder, ignore_errors=True)
        require(str(error))
    try:
        import_host_image(engine)
        engine.call("POST", "/swarm/init", {"ListenAddr": "127.0.0.1:0", "AdvertiseAddr": "127.0.0.1"})
        yield engine
    finally:
        with contextlib.suppress(EngineError):
            engine.call("POST", "/swarm/leave?force=1")
        with contextlib.suppress(EngineError):
            engine.call("DELETE", "/networks/docker_gwbridge")
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Balancer]:
    with balancer(tmp_path) as running:
        yield running


@pytest.fixture
def new_service(
    swarm: DockerEngine, front: Balancer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Makes the service "api": two tasks of `replica.py` behind the balancer."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{swarm.socket}")

    def make(manner: str) -> None:
        swarm.call("POST", "/services/create", _specification(manner, front))
        eventually(lambda: len(running(swarm, "api")) == 2, "two tasks run")
        front.wait_ready()

    try:
        yield make
    finally:
        _remove(swarm, "api")


@pytest.fixture(scope="module")
def fixed_port(swarm: DockerEngine) -> Iterator[int]:
    """The service "fixed": one busybox that knows no signals, at a port of the node itself, which it can't share."""
    (port,) = free_ports(1)
    serve = "mkdir /www; echo ok >/www/index.html; exec busybox httpd -f -p 80 -h /www"
    container = {"Image": IMAGE, "Command": ["/bin/sh", "-c", serve], "StopGracePeriod": NANO}
    published = {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": port, "PublishMode": "host"}
    swarm.call("POST", "/networks/create", {"Name": "apart", "Driver": "overlay"})
    try:
        specification = {
            "Name": "fixed",
            "TaskTemplate": {"ContainerSpec": container, "Networks": [{"Target": "apart"}]},
            "Mode": {"Replicated": {"Replicas": 1}},
            "EndpointSpec": {"Mode": "dnsrr", "Ports": [published]},
            "UpdateConfig": {"Parallelism": 1, "Order": "stop-first", "Monitor": NANO // 2},
        }
        swarm.call("POST", "/services/create", specification)
        eventually(lambda: running(swarm, "fixed"), "its task runs")
        yield port
    finally:
        _remove(swarm, "fixed")
        with contextlib.suppress(EngineError):
            swarm.call("DELETE", "/networks/apart")


def _remove(engine: DockerEngine, service: str) -> None:
    with contextlib.suppress(EngineError):
        engine.call("DELETE", f"/services/{service}")
    of = quote(json.dumps({"label": [f"com.docker.swarm.service.name={service}"]}))
    eventually(lambda: not engine.call("GET", f"/containers/json?filters={of}"), "all of its containers are gone")


def _specification(manner: str, front: Balancer) -> dict[str, Any]:
    base = os.path.realpath(sys.base_prefix)
    folders = dict.fromkeys(("/usr", "/etc", base))
    mounts = [*((folder, folder) for folder in folders), (str(PROGRAMS), "/srv/trial")]
    container = {
        "Image": "seatrial-host",
        "Command": [os.path.realpath(sys.executable), "/srv/trial/replica.py", manner],
        "Env": ["PORTS=" + ",".join(map(str, front.ports))],
        "StopGracePeriod": GRACE * NANO,
        "Mounts": [{"Type": "bind", "Source": here, "Target": there, "ReadOnly": True} for here, there in mounts],
    }
    return {
        "Name": "api",
        "TaskTemplate": {"ContainerSpec": container, "Networks": [{"Target": "host"}]},
        "Mode": {"Replicated": {"Replicas": 2}},
        "UpdateConfig": {"Parallelism": 1, "Order": "stop-first", "Monitor": NANO // 2},
    }


def running(engine: DockerEngine, service: str) -> list[Any]:
    """The tasks of a service that run."""
    of = quote(json.dumps({"service": [service]}))
    return [task for task in engine.call("GET", f"/tasks?filters={of}") if task["Status"]["State"] == "running"]


def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, f"not within {WITHIN:g} s: {what}"
        time.sleep(0.1)
