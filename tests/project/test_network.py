"""A network of the project's own: services with one port side by side, names, and what is published."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.engine.interface import StartError
from seatrial.model.errors import UnsupportedError
from seatrial.project import network
from seatrial.project.network import Network, write_hosts
from tests.project.conftest import Harness, free_port, server
from tests.requirements import missing_program, require

ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())"


def test_an_instance_has_one_address_for_ever(tmp_path: Path) -> None:
    first = Network(tmp_path)
    assert [first.address("web", 1), first.address("db", 1), first.address("web", 257)] == [
        "10.1.0.1",
        "10.2.0.1",
        "10.1.1.1",
    ]
    assert Network(tmp_path).address("db", 2) == "10.2.0.2"


def test_more_services_than_there_is_room_for_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MOST_SERVICES", 1)
    made = Network(tmp_path)
    made.address("web", 1)
    with pytest.raises(StartError, match="room for 1 services"):
        made.address("db", 1)


def test_names_are_written_into_the_file_that_is_mounted_already(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    write_hosts(hosts, [("10.1.0.1", "web"), ("10.2.0.1", "db")], {"other": "192.0.2.1,192.0.2.2"})
    before = hosts.stat().st_ino
    assert hosts.read_text().splitlines()[2:] == [
        "10.1.0.1\tweb",
        "10.2.0.1\tdb",
        "192.0.2.1\tother",
        "192.0.2.2\tother",
    ]
    write_hosts(hosts, [("10.1.0.1", "web")], {})
    assert (hosts.stat().st_ino, hosts.read_text().splitlines()[2:]) == (before, ["10.1.0.1\tweb"])


def test_who_can_not_make_one_is_told_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "needs_user_namespace", lambda: True)
    with pytest.raises(UnsupportedError, match="needs root"):
        network.refuse_own()
    monkeypatch.setattr(network, "needs_user_namespace", lambda: False)
    monkeypatch.setattr(network, "PROGRAMS", ("no-such-program",))
    with pytest.raises(UnsupportedError, match="needs no-such-program"):
        network.refuse_own()


@pytest.fixture
def own(project: Harness) -> Harness:
    """A harness on a machine where such a network can be made."""
    if os.geteuid() != 0:
        pytest.skip("a network of the project's own needs root")
    for name in network.PROGRAMS:
        require(missing_program(name))
    links = "ip link add bridge0 type bridge && ip link add cable0 type veth peer name cable1"
    made = subprocess.run(["unshare", "-n", "sh", "-c", links], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this machine makes no bridges: {made.stderr}")
    return project


def listening(name: str, more: str = "") -> str:
    """A service that others reach, on the port that all have."""
    return server(name, 3000, more).replace("PORT: '3000'", "PORT: '3000', HOST: 0.0.0.0")


def asked(project: Harness, service: str, url: str) -> str:
    return project.run("exec", service, sys.executable, "-S", "-c", ASK, url).strip()


def mounted(project: Harness) -> bool:
    return f" {project.state}/shop/network " in Path("/proc/self/mountinfo").read_text()


@pytest.mark.slow
def test_services_with_one_port_live_side_by_side_and_find_each_other(own: Harness) -> None:
    port = free_port()
    hook = "    pre_start: [{command: [grep, -w, api, /etc/hosts]}]\n"
    waits = "    depends_on: {api: {condition: service_healthy}}\n"
    published = f"    ports: ['{port}:3000']\n    deploy: {{replicas: 2}}\n"
    own.write("services:\n" + listening("web", published + waits + hook) + listening("api"))
    own.run("up", "-d", "--wait", "--network", "own")
    assert asked(own, "web", "http://api:3000/") == asked(own, "api", "http://shop-web-2:3000/") == "ok"
    assert asked(own, "web", "http://127.0.0.1:3000/") == "ok"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as outside:
        outside.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert outside.recv(99).startswith(b"HTTP/1.1 200 OK")
    assert mounted(own)
    own.run("down")
    assert not mounted(own)


@pytest.mark.slow
def test_names_follow_who_runs_whoever_supervises(own: Harness) -> None:
    published = f"    ports: ['{free_port()}:3000']\n"
    own.write("services:\n" + listening("web") + listening("api", published))
    own.run("up", "-d", "--wait", "--network", "own")
    os.kill(own.supervisor(), signal.SIGKILL)
    own.run("restart", "api")
    own.eventually(lambda: "10.2.0.1" in own.run("exec", "web", "cat", "/etc/hosts"))
    own.eventually(lambda: own.rows()["api"]["Health"] == "healthy")
    assert asked(own, "web", "http://api:3000/") == "ok"
    own.run("restart", "--rolling", "api")
    own.eventually(lambda: "10.2.0.2" in own.run("exec", "web", "cat", "/etc/hosts"))
    own.eventually(lambda: "10.2.0.1\t" not in own.run("exec", "web", "cat", "/etc/hosts"))
    assert asked(own, "web", "http://api:3000/") == "ok"
