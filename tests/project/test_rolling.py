"""A rolling restart under load, and the ways in which several instances share a port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.load.interface import Plan, Result, Target
from seatrial.load.remote import start_local
from seatrial.model.traffic import Outcome
from tests.project.conftest import Harness, free_port, server
from tests.requirements import missing_program, require

pytestmark = pytest.mark.slow
GOOD = {Outcome.COMPLETE, Outcome.COMPLETE_CLOSE}
SERVERS = Path(__file__).parents[2] / "bench" / "rolling"
COMMANDS = {"python": [sys.executable, "-S", str(SERVERS / "server.py")], "node": ["node", str(SERVERS / "server.js")]}


def service(program: str, way: str, published: int, inside: int, more: str = "") -> str:
    own = f"command: {json.dumps(COMMANDS[program])}" + (f", shared_port: {way}" if way else "")
    return (
        f"services:\n  web:\n    image: {program}\n    ports: ['127.0.0.1:{published}:{inside}']\n"
        f"    environment: {{PORT: '{inside}'}}\n    volumes: ['{SERVERS}:{SERVERS}:ro']\n"
        f"    x-seatrial: {{{own}}}\n{more}"
    )


def roll(project: Harness) -> None:
    for _ in project.client.post("restart", values={"names": ["web"], "rolling": True}):
        pass


async def under_load(project: Harness, port: int, rollouts: int) -> Result:
    load = await start_local()
    try:
        await load.begin(Plan(Target("ipv4", "127.0.0.1", port), rate=80.0, idle=0, never_used=0, in_flight=0))
        await load.signalled(time.monotonic())
        for _ in range(rollouts):
            await asyncio.to_thread(
                lambda: list(project.client.post("restart", values={"names": ["web"], "rolling": True}))
            )
        return await load.finish(10.0)
    finally:
        await load.close()


@pytest.mark.parametrize(("program", "way"), [("python", "inherited"), ("node", "inherited"), ("python", "front")])
def test_a_rolling_restart_loses_nothing(
    project: Harness, program: str, way: str, record_property: Callable[[str, object], None]
) -> None:
    """At the third try at the latest: on a machine that is busy enough the services' own patience may end."""
    if program == "node":
        require(missing_program("node"))
    port = free_port()
    project.write(service(program, way, port, port if way == "inherited" else free_port()))
    project.run("up", "-d", "--wait")
    for tries in (1, 2, 3):
        record_property("tries", tries)
        before = project.inspect("web")["State"]["Pid"]
        result = asyncio.run(under_load(project, port, 2))
        assert project.inspect("web")["State"]["Pid"] != before
        assert [row["State"] for row in project.client.get("instances")] == ["running"]
        exchanges = [exchange for connection in result.connections for exchange in connection.exchanges]
        assert len(exchanges) > 20
        # what no server can win: a request on a kept connection that is closed in the same moment
        lost = [each for each in exchanges if each.outcome not in GOOD and not each.reused]
        if not lost:
            break
    assert lost == []


def ask(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
        return bytes(answer.read())


def test_replicas_share_a_published_port_and_one_may_end(project: Harness) -> None:
    published = free_port()
    project.write(service("python", "", published, 3000, "    deploy: {replicas: 2}\n    restart: always\n"))
    project.run("up", "-d")
    assert [ask(published) for _ in range(10)] == [b"ok"] * 10
    rows = project.client.get("instances")
    assert [row["State"] for row in rows] == ["running", "running"]
    os.kill(project.inspect(rows[0]["Name"])["State"]["Pid"], signal.SIGKILL)
    project.eventually(lambda: sum(row["RestartCount"] for row in project.client.get("instances")) == 1)
    assert [ask(published) for _ in range(10)] == [b"ok"] * 10


def test_the_relay_outlives_the_supervisor(project: Harness) -> None:
    published = free_port()
    project.write(service("python", "", published, free_port()))
    project.run("up", "-d")
    assert ask(published) == b"ok"
    os.kill(project.supervisor(), signal.SIGKILL)
    assert ask(published) == b"ok"
    project.run("restart", "--rolling", "web")
    assert ask(published) == b"ok"
    project.run("down", "-t", "1")
    with pytest.raises(OSError, match="refused"):
        ask(published)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can enter the network of an instance")
def test_instances_that_take_no_port_from_a_variable_get_a_network_of_their_own(project: Harness) -> None:
    published = free_port()
    line = "import socket\ns = socket.create_server(('127.0.0.1', 3000))\nwhile True:\n  c, _ = s.accept()\n"
    line += "  c.recv(9999)\n  c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\nok')\n  c.close()"
    text = service("python", "front", published, 3000).replace("PORT: '3000'", "KIND: alone")
    text += "    stop_signal: SIGKILL\n"
    project.write(text.replace(json.dumps(COMMANDS["python"]), json.dumps(["python3", "-c", line])))
    project.run("up", "-d", "--wait")
    assert ask(published) == b"ok"
    roll(project)
    assert ask(published) == b"ok"


def lonely(port: int) -> str:
    """A service of which only one can listen."""
    alone = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(999)"
    text = service("python", "", port, port)
    return text.replace(json.dumps(COMMANDS["python"]), json.dumps(["python3", "-c", alone]))


def test_what_can_not_listen_beside_itself_goes_on_and_the_way_out_is_named(project: Harness) -> None:
    project.write(lonely(free_port()))
    project.run("up", "-d")
    before = project.inspect("web")["State"]["Pid"]
    with project.start("restart", "--rolling", "web") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "shared_port: inherited" in err
    assert project.inspect("web")["State"]["Pid"] == before


def test_a_port_that_is_taken_is_named_before_the_start(project: Harness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        project.write(lonely(port))
        with project.start("up", "-d") as process:
            _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert f"web: port {port} of this machine is taken by" in err


@pytest.mark.skipif(os.geteuid() != 0, reason="networks behind the relay need root")
def test_replicas_without_a_variable_have_networks_of_their_own_in_which_they_are_probed(project: Harness) -> None:
    port = free_port()
    more = f"    ports: ['{port}:3000']\n    deploy: {{replicas: 2}}\n"
    text = server("web", 3000, more).replace("PORT:", "OTHER:").replace("command: [", "command: [env, PORT=3000, ")
    project.write("services:\n" + text)
    project.run("up", "-d", "--wait")
    assert [row["Health"] for row in project.client.get("instances")] == ["healthy", "healthy"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as asked:
        asked.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert asked.recv(99).startswith(b"HTTP/1.1 200 OK")
