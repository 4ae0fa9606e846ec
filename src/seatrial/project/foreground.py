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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.stopping import Interrupted, on_interrupt
from seatrial.engine.interface import Output, StartError, StartOptions
from seatrial.engine.native.engine import NativeEngine
from seatrial.model.deployment import Deployment
from seatrial.project.harbour import with_files
from seatrial.project.interface import Berth, Found, Instance
from seatrial.project.replica import REPORT, Replica
from seatrial.project.terminal import INPUT, Terminal

Say = Callable[[str], None]
STOPPING = (signals.SIGINT, signals.SIGTERM)
PASSED_ON = (signals.SIGHUP, signals.SIGUSR1, signals.SIGUSR2, signals.SIGQUIT)


AFTER_END = 0.25
"""Seconds that what was left in the background may go on drawing."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one instance in the foreground runs in: "host" or "own" network, variables besides its own, a terminal of
    its own or pipes, and whether it reads what we are given."""

    network: str
    environment: Mapping[str, str]
    has_terminal: bool = False
    is_read: bool = False
    docker_quirks: bool = False


class _Quay:
    """Starts instances that end with us, and passes on what they write. Each run has a terminal of its own: the kernel
    hangs up that of a process that has ended."""

    def __init__(self, around: Surroundings, terminal: Terminal | None) -> None:
        self._engine = NativeEngine()
        self._terminal = terminal
        self._options = StartOptions(
            around.environment,
            network=around.network,
            on_output=_pass_on,
            lasting=True,
            input=INPUT if around.is_read and terminal is None else -1,
        )

    async def start(self, deployment: Deployment, berth: Berth, gate: asyncio.Event | None = None) -> Instance:
        if gate is not None:
            await gate.wait()
        service = with_files(deployment.service, berth.directory / "files")
        if self._terminal is None:
            instance = await self._engine.start(service, self._options)
        else:
            master, slave = os.openpty()
            self._terminal.connect(master)
            try:
                instance = await self._engine.start(service, replace(self._options, terminal=slave))
            finally:
                os.close(slave)
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


async def run(deployment: Deployment, around: Surroundings, say: Say, complain: Say) -> int:
    """Run one instance until its policy restarts it no more; gives its exit code. `say` takes what people may want to
    know, `complain` what they must."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="seatrial-"))
        terminal = stack.enter_context(Terminal(is_read=around.is_read)) if around.has_terminal else None
        berth = Berth(secrets.token_hex(32), deployment.name, 1, Path(directory))
        quay = _Quay(around, terminal)

        def emit(_replica: Replica, action: str, attributes: dict[str, str]) -> None:
            if action == REPORT:
                complain(attributes["message"])
            elif action == "die":
                say(f"{deployment.name} ended with code {attributes['exitCode']}")
            elif action.startswith(("health_status", "oom")):
                say(f"{deployment.name}: {action}")

        replica = Replica(deployment, berth, quay, emit, docker_quirks=around.docker_quirks)
        handled = _on_signals(replica, PASSED_ON if terminal else (*PASSED_ON, signals.SIGWINCH))
        try:
            replica.create()
            replica.tell(c.StartAsked(by="run"))
            await replica.until(lambda: not replica.machine.is_starting)
            for sentence in replica.instance.enforcement if replica.instance else ():
                (complain if ": not enforced" in sentence else say)(f"{deployment.name}: {sentence}")
            await replica.settle()
            if replica.instance is not None:
                await replica.instance.wait_output()
            if terminal is not None:
                await terminal.wait_drawn(AFTER_END)
        finally:
            for number in handled:
                asyncio.get_running_loop().remove_signal_handler(number)
            await replica.close()
        return replica.machine.exit_code


def _on_signals(replica: Replica, passed_on: Sequence[int]) -> list[int]:
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
    for number in (*STOPPING, *passed_on):
        if signals.getsignal(number) is signals.SIG_IGN:
            continue  # what our caller ignores stays ignored
        if number in STOPPING:
            loop.add_signal_handler(number, stop)
        else:
            loop.add_signal_handler(number, replica.tell, c.KillAsked(by="passed on", signal=number))
        handled.append(number)
    return handled
