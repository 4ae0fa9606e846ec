"""One instance in the foreground: its output is ours, its end is ours, and it does not outlive us.

The same machine as for a project decides about restarts, health and the stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal as signals
import tempfile
from collections.abc import Callable
from pathlib import Path

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.stopping import Interrupted, on_interrupt
from seatrial.engine.interface import Output, StartError, StartOptions
from seatrial.engine.native.engine import NativeEngine
from seatrial.model.deployment import Deployment
from seatrial.project.harbour import with_files
from seatrial.project.interface import Berth, Found, Instance
from seatrial.project.replica import REPORT, Replica

Say = Callable[[str], None]
STOPPING = (signals.SIGINT, signals.SIGTERM)
PASSED_ON = (signals.SIGHUP, signals.SIGUSR1, signals.SIGUSR2, signals.SIGWINCH, signals.SIGQUIT)


class _Quay:
    """Starts instances that end with us, and passes on what they write."""

    def __init__(self, network: str, environment: dict[str, str]) -> None:
        self._engine = NativeEngine()
        self._network = network
        self._environment = environment

    async def start(self, deployment: Deployment, berth: Berth, gate: asyncio.Event | None = None) -> Instance:
        if gate is not None:
            await gate.wait()
        service = with_files(deployment, berth.directory / "files")
        options = StartOptions(self._environment, network=self._network, on_output=_pass_on, lasting=True)
        instance = await self._engine.start(service, options)
        if instance.is_over and (ended := await instance.wait()).error:
            await instance.close()
            raise StartError("execute", ended.error, code=ended.code)
        return instance

    async def find(self, _berth: Berth) -> Found:
        return Found()

    async def let_go(self, instance: Instance) -> None:
        await instance.close()

    def log_files(self, _deployment: Deployment, _berth: Berth) -> int:
        return 0

    async def remove(self, _berth: Berth) -> None:
        """The directory is removed by `run`."""


def _pass_on(output: Output) -> None:
    """To our own stream, whole; a reader that has gone is not the instance's affair."""
    rest = memoryview(output.data)
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(1 if output.stream == "stdout" else 2, rest) :]


async def run(
    deployment: Deployment,
    network: str,
    environment: dict[str, str],
    say: Say,
    complain: Say,
    *,
    docker_quirks: bool = False,
) -> int:
    """Run one instance until its policy restarts it no more; gives its exit code. `say` takes what people may want to
    know, `complain` what they must."""
    with tempfile.TemporaryDirectory(prefix="seatrial-") as directory:
        berth = Berth(secrets.token_hex(32), deployment.name, 1, Path(directory))
        quay = _Quay(network, environment)

        def emit(_replica: Replica, action: str, attributes: dict[str, str]) -> None:
            if action == REPORT:
                complain(attributes["message"])
            elif action == "die":
                say(f"{deployment.name} ended with code {attributes['exitCode']}")
            elif action.startswith(("health_status", "oom")):
                say(f"{deployment.name}: {action}")

        replica = Replica(deployment, berth, quay, emit, docker_quirks=docker_quirks)
        handled = _on_signals(replica)
        try:
            replica.create()
            replica.tell(c.StartAsked(by="run"))
            await replica.until(lambda: not replica.machine.is_starting)
            for sentence in replica.instance.enforcement if replica.instance else ():
                (complain if ": not enforced" in sentence else say)(f"{deployment.name}: {sentence}")
            await replica.settle()
            if replica.instance is not None:
                await replica.instance.wait_output()
        finally:
            for number in handled:
                asyncio.get_running_loop().remove_signal_handler(number)
            await replica.close()
        return replica.machine.exit_code


def _on_signals(replica: Replica) -> list[int]:
    """SIGINT and SIGTERM stop it by the contract, a second one kills it; others are passed on to it."""
    loop = asyncio.get_running_loop()
    times = 0

    def stop() -> None:
        nonlocal times
        times += 1
        if on_interrupt(times) is Interrupted.STOP:
            replica.tell(c.StopAsked(by="interrupt"))
        else:
            replica.tell(c.KillAsked(by="interrupted twice", signal=signals.SIGKILL))

    handled: list[int] = []
    for number in (*STOPPING, *PASSED_ON):
        if signals.getsignal(number) is signals.SIG_IGN:
            continue  # what our caller ignores stays ignored
        if number in STOPPING:
            loop.add_signal_handler(number, stop)
        else:
            loop.add_signal_handler(number, replica.tell, c.KillAsked(by="passed on", signal=number))
        handled.append(number)
    return handled
