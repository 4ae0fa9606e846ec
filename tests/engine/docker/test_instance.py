"""An instance on a real engine: signals, ends, output, processes, health, memory."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from seatrial.engine.docker import DockerEngine
from seatrial.engine.docker.instance import DockerInstance
from seatrial.engine.interface import Output, StartError, StartOptions
from seatrial.model.place import Sourced
from seatrial.model.service import Healthcheck, Limits, Service
from tests import docker_engine as testing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
NewEngine = Callable[..., DockerEngine]
TRAPS = "trap 'echo stopping; exit 3' TERM; echo ready; while :; do busybox sleep 1 & wait $!; done"
WITHIN = 40.0


def service(*argv: str, **changes: Any) -> Service:
    return Service("api", "/", Sourced(argv), image=Sourced(testing.IMAGE), **changes)


def shell(line: str, **changes: Any) -> Service:
    return service("sh", "-c", line, **changes)


def run(engine: DockerEngine, said: Service, story: Callable[[DockerInstance, list[Output]], Awaitable[Any]]) -> Any:
    """Start it, tell the story, close."""

    async def whole() -> Any:
        output: list[Output] = []
        async with (
            engine.prepared(said) as ready,
            await engine.start(ready, StartOptions(on_output=output.append)) as instance,
        ):
            return await story(instance, output)

    return asyncio.run(whole())


async def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WITHIN
    while not (found := condition()):
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.02)
    return found


def text(output: list[Output], stream: str = "stdout") -> str:
    return b"".join(one.data for one in output if one.stream == stream).decode()


def test_a_signal_and_the_end_have_moments_of_the_kernel_and_the_code_is_the_engines(new_engine: NewEngine) -> None:
    async def story(instance: DockerInstance, output: list[Output]) -> None:
        await until(lambda: "ready" in text(output))
        before = time.monotonic()
        moment = await instance.signal(signal.SIGTERM)
        ended = await instance.wait()
        assert instance.started < before <= moment <= ended.time <= await instance.wait_output()
        assert (ended.code, ended.signal, ended.oom_kills, ended.error) == (3, 0, 0, "")
        assert text(output) == "ready\nstopping\n"
        with pytest.raises(ProcessLookupError):
            await instance.signal(signal.SIGTERM)

    run(new_engine(), shell(TRAPS), story)


def test_death_by_a_signal_is_told_from_an_exit_with_its_code(new_engine: NewEngine) -> None:
    async def story(instance: DockerInstance, _output: list[Output]) -> tuple[int, int]:
        if instance.init:
            await until(lambda: len(instance.processes()) > 1)
            await instance.signal(signal.SIGKILL)
        ended = await instance.wait()
        return ended.code, ended.signal

    engine = new_engine()
    assert run(engine, shell("exit 143"), story)[0] == 143
    assert run(engine, shell("sleep 100", init=Sourced(True)), story) == (137, 9)


def test_processes_and_listeners_are_those_of_the_container_alone(new_engine: NewEngine) -> None:
    async def story(instance: DockerInstance, _output: list[Output]) -> None:
        found = await until(lambda: [one for one in instance.listeners() if one.port == 8000])
        assert [(one.family, one.address, one.wildcard, one.reached) for one in found] == [
            ("ipv4", "127.0.0.1", True, 0)
        ]
        (first,) = instance.processes()
        assert (first.pid, first.parent, first.user) == (1, 0, 0)
        assert first.argv == ("busybox", "httpd", "-f", "-p", "8000", "-h", "/bin")
        asked = await instance.spawn_beside(("/bin/sh", "-c", "cat /proc/net/tcp /proc/net/tcp6"))
        said, _ = await asked.communicate()
        assert b":1F40 " in said, "the load generator is not in the container's network"

    run(new_engine(), service("busybox", "httpd", "-f", "-p", "8000", "-h", "/bin"), story)


def test_a_command_inside_has_a_code_output_and_the_service_s_environment(new_engine: NewEngine) -> None:
    async def story(instance: DockerInstance, _output: list[Output]) -> None:
        done = await instance.execute(("sh", "-c", "echo $WHO; echo no >&2; exit 4"), timeout=WITHIN)
        assert (done.code, sorted(done.output.split()), done.error) == (4, ["me", "no"], "")
        lost = await instance.execute(("nowhere",), timeout=WITHIN)
        assert lost.code in (126, 127) and "nowhere" in lost.error

    run(new_engine(), shell(TRAPS, environment={"WHO": Sourced("me")}), story)


def test_a_command_inside_is_killed_with_its_children_at_its_timeout(new_engine: NewEngine) -> None:
    async def story(instance: DockerInstance, _output: list[Output]) -> None:
        done = await instance.execute(("sh", "-c", "echo begun; busybox sleep 4242 & busybox sleep 4242"), timeout=1.0)
        assert (done.code, done.output) == (None, "begun\n")
        await until(lambda: not any("4242" in one.argv and one.state != "Z" for one in instance.processes()))

    run(new_engine(), shell(TRAPS), story)


def test_a_kill_for_memory_is_told_from_a_plain_sigkill(new_engine: NewEngine) -> None:
    async def story(instance: DockerInstance, _output: list[Output]) -> None:
        assert [line.split(":")[0] for line in instance.enforcement] == ["memory 12 MiB"]
        ended = await instance.wait()
        assert (ended.code, ended.signal, ended.oom_kills > 0) == (137, 9, True)

    limits = Limits(memory=Sourced(12 << 20), memory_swap=Sourced(12 << 20))
    run(new_engine(), shell("exec busybox tail /dev/zero", limits=limits), story)


def test_health_is_heard_from_the_engine_itself(new_engine: NewEngine) -> None:
    check = Healthcheck(Sourced(("CMD-SHELL", "test -e /tmp/well")), interval=Sourced(0.3), retries=Sourced(1))

    async def story(instance: DockerInstance, _output: list[Output]) -> None:
        await instance.execute(("sh", "-c", "busybox mkdir -p /tmp; echo > /tmp/well"), timeout=WITHIN)
        await until(lambda: any(one.what == "health_status: healthy" for one in instance.notices))
        await instance.execute(("busybox", "rm", "/tmp/well"), timeout=WITHIN)
        await until(lambda: any(one.what == "health_status: unhealthy" for one in instance.notices[-1:]))

    run(new_engine(), shell(TRAPS, healthcheck=check), story)


def test_a_container_that_the_engine_starts_again_is_followed(new_engine: NewEngine) -> None:
    async def whole() -> None:
        engine = new_engine()
        async with (
            engine.prepared(shell(TRAPS)) as ready,
            await engine.start(ready, StartOptions(restart="on-failure:1")) as instance,
        ):
            (before,) = [one for one in await until(instance.processes) if one.pid == 1]
            os.kill(before.host_pid, signal.SIGKILL)
            await until(lambda: instance.restarts)
            after = await until(lambda: [one for one in instance.processes() if one.pid == 1])
            assert after[0].host_pid != before.host_pid
            assert [one.what for one in instance.notices] == ["start", "die", "start"]
            await instance.signal(signal.SIGTERM)
            ended = await instance.wait()
            assert (ended.code, len(instance.notices)) == (3, 4)

    asyncio.run(whole())


def test_a_command_that_is_not_there_is_an_end_with_127_and_what_the_engine_cannot_is_an_error(
    new_engine: NewEngine,
) -> None:
    async def story(instance: DockerInstance, _output: list[Output]) -> None:
        ended = await instance.wait()
        assert ended.code == 127 and "nowhere" in ended.error

    engine = new_engine()
    run(engine, service("/nowhere"), story)
    with pytest.raises(StartError, match="nobodyhere"):
        run(engine, service("sh", user=Sourced("nobodyhere")), story)


def test_variables_of_the_image_can_be_taken_away(new_engine: NewEngine) -> None:
    async def whole() -> str:
        engine, output = new_engine(), list[Output]()
        said = shell("echo [$ONE][$TWO]", environment={"ONE": Sourced("1"), "TWO": Sourced("2")})
        async with engine.prepared(said) as ready:
            less = Service("api", "/", ready.argv, image=ready.image, environment={"TWO": Sourced("2")})
            async with await engine.start(less, StartOptions(on_output=output.append)) as instance:
                await instance.wait_output()
        await asyncio.sleep(0)
        return text(output)

    assert asyncio.run(whole()) == "[][2]\n"


def test_through_published_ports_load_reaches_the_service_and_the_report_says_what_that_hides(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DockerEngine, "enters", property(lambda _self: False))

    async def story(instance: DockerInstance, _output: list[Output]) -> bytes:
        found = await until(instance.listeners)
        assert [(one.address, one.port) for one in found] == [("127.0.0.1", 8000)]
        assert found[0].reached not in (0, 8000)
        assert any("published ports (8000)" in line for line in instance.approximations)
        reader, writer = await asyncio.open_connection("127.0.0.1", found[0].reached)
        writer.write(b"GET /busybox HTTP/1.0\r\n\r\n")
        head = await reader.readline()
        writer.close()
        return head

    said = service("busybox", "httpd", "-f", "-p", "8000", "-h", "/bin", environment={"PORT": Sourced("8000")})
    assert run(new_engine(), said, story).startswith(b"HTTP/1.1 200")


def test_what_ends_at_once_is_started_once(new_engine: NewEngine) -> None:
    async def story(instance: DockerInstance, output: list[Output]) -> str:
        await instance.wait()
        await instance.wait_output()
        return text(output)

    engine = new_engine()
    assert [run(engine, shell("echo once"), story) for _ in range(5)] == ["once\n"] * 5


def test_a_container_whose_processes_are_not_here_is_reached_through_its_ports(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatrial.engine.docker.seeing.find", lambda _container, _told: None)

    async def story(instance: DockerInstance, _output: list[Output]) -> None:
        assert (instance.processes(), instance.shares_network) == ((), False)
        assert any("published ports (8000)" in line for line in instance.approximations)
        told = instance._calls.api.inspect_container(instance.container)
        assert told["NetworkSettings"]["Ports"]["8000/tcp"]
        await instance.signal(signal.SIGKILL)
        ended = await instance.wait()
        assert (ended.code, ended.signal) == (137, 9)

    run(new_engine(), shell(TRAPS, environment={"PORT": Sourced("8000")}), story)
