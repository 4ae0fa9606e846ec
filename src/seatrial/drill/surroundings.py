"""What stands around an instance: the things that it depends on, as far as this machine can stand in for them.

Each is a program beside the instance, in its network alone. Where they are to be cut off, a relay stands in front; so
it does where one listens before it answers. The command begins when all of them are ready, because an engine would have
started them before it. One that does not start is stood in for by what accepts and never answers, and that is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from seatrial.drill import in_front
from seatrial.drill.dependencies import Dependency
from seatrial.drill.programs import DATA, Program, StandIn, lowered
from seatrial.drill.standing import KEPT, beginning, last_line
from seatrial.engine.interface import Instance
from seatrial.model.service import Service

RELAY = (sys.executable, "-P", "-m", "seatrial.load.relay")
LIMIT = 10.0
"""Seconds in which a relay has to answer."""
STARTS_WITHIN = 30.0
ENDS_WITHIN = 3.0
LOOK = 0.02
_AWAITED = 'until /bin/grep -q " {at}:{port:04X} 00000000:0000 0A" /proc/net/tcp; do /bin/sleep 0.02; done; '
ANY = "0.0.0.0"


def behind(service: Service, awaited: Iterable[tuple[str, int]]) -> Service:
    """The same command, behind a shell that waits until something listens on each address and port, and becomes the
    command."""
    script = "".join(_AWAITED.format(at=_as_listed(at), port=port) for at, port in dict.fromkeys(awaited))
    return in_front.behind(service, script + 'exec "$@"') if script else service


def _as_listed(address: str) -> str:
    """An address as /proc/net/tcp has it: four bytes as a number of this machine."""
    return f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"


class _Running:
    """A program beside an instance. What it says is read, so that it never waits for a reader."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, clean: Callable[[str], str]) -> None:
        self.program = program
        self.process = process
        self._clean = clean
        self._said = bytearray()
        assert process.stdout is not None and process.stderr is not None
        self._reading = [asyncio.create_task(self._read(stream)) for stream in (process.stdout, process.stderr)]

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(KEPT):
            self._said += data
            del self._said[:-KEPT]

    async def why_not_ready(self, instance: Instance, at: Dependency) -> str:
        """Wait until it is ready: "" then, else why it is not."""
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._is_ready(instance, at):
            if self.process.returncode is not None:
                await asyncio.wait(self._reading, timeout=LIMIT)
                return f"{self.program.name} ended at once: {last_line(self._said, self._clean)}"
            if time.monotonic() > deadline:
                return (
                    f"{self.program.name} did not start in {STARTS_WITHIN:.0f} s: {last_line(self._said, self._clean)}"
                )
            await asyncio.sleep(LOOK)
        return ""

    def _is_ready(self, instance: Instance, at: Dependency) -> bool:
        if self.program.tells is None:
            return any(each.port == at.port and each.address == at.address for each in instance.listeners())
        name, word = self.program.tells
        try:
            return word in Path(f"/proc/{self.process.pid}/root{DATA}/{name}").read_text(encoding="utf-8").split()
        except OSError:
            return False

    async def close(self) -> None:
        """End it, with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        await self.process.wait()
        await asyncio.wait(self._reading, timeout=ENDS_WITHIN)
        for task in self._reading:
            task.cancel()


class Surroundings:
    """The dependencies of one instance. With `relayed` all can be cut; else only those are there that are started for
    each instance. Where they are `absent` their names lead to where nothing listens. `clean` takes secrets out of what
    they say."""

    def __init__(
        self,
        found: Sequence[StandIn],
        *,
        relayed: bool = False,
        absent: bool = False,
        clean: Callable[[str], str] = str,
    ) -> None:
        self._clean = clean
        started = () if absent else tuple(one for one in found if one.is_started)
        self._named = tuple(found) if absent else ()
        self.found = tuple(found) if relayed else started
        self._is_relayed = bool(self.found) and (relayed or any(one.program and one.program.tells for one in started))
        self.problems: dict[str, str] = {}
        """What did not start, by name, with the reason."""
        self._running: list[_Running] = []
        self._relay: asyncio.subprocess.Process | None = None
        self._near: asyncio.subprocess.Process | None = None
        self._elsewhere = tuple((one.dependency, one.elsewhere) for one in found if one.elsewhere is not None)

    @property
    def hosts(self) -> dict[str, str]:
        """Names with their addresses."""
        named = [one.dependency for one in self._named or self.found]
        return {one.host: one.address for one in named if one.host not in ("localhost", one.address)}

    @property
    def ports(self) -> frozenset[tuple[str, int]]:
        """What listens in the instance's network and is not its own."""
        own = {(one.dependency.address, one.dependency.port) for one in self.found}
        return frozenset(own | {(self._hidden(n).address, one.dependency.port) for n, one in enumerate(self.found)})

    def awaited(self, service: Service) -> Service:
        """The service, with a command that begins when all are there."""
        return behind(service, [(one.dependency.address, one.dependency.port) for one in self.found])

    async def start(self, instance: Instance) -> None:
        """Start them all beside the instance."""
        with contextlib.suppress(ProcessLookupError):  # it has ended: nobody needs them
            await asyncio.gather(*(self._start(instance, number) for number in range(len(self.found))))
            routes = self._routes()
            if routes:
                self._relay = await instance.spawn_beside((*RELAY, json.dumps(routes)))
                await _answers(self._relay)

    async def _start(self, instance: Instance, number: int) -> None:
        one = self.found[number]
        if one.program is None:
            return
        at = self._hidden(number) if self._is_relayed else one.dependency
        words = beginning(one, lowered(one.program, one.program.filled(one.program.words, at), beside=True))
        passed = (one.template,) if one.template >= 0 else ()
        running = _Running(one.program, await instance.spawn_beside(words, pass_fds=passed), self._clean)
        self._running.append(running)
        if why := await running.why_not_ready(instance, at):
            self.problems[one.dependency.name] = f"{one.dependency.name} ({one.dependency.by}): not there: {why}"

    def _hidden(self, number: int) -> Dependency:
        """A dependency where only the relay finds it."""
        return replace(self.found[number].dependency, address=f"127.77.1.{number + 2}")

    def _routes(self) -> list[list[object]]:
        """From where each is looked for to where it is, for all or for those alone that did not start."""
        return [
            [[one.dependency.address, one.dependency.port], self._leads_to(number)]
            for number, one in enumerate(self.found)
            if self._is_relayed or one.dependency.name in self.problems
        ]

    def _leads_to(self, number: int) -> list[object] | None:
        one = self.found[number]
        if one.elsewhere is not None:
            return [*one.elsewhere]
        if one.program is None or one.dependency.name in self.problems:
            return None
        return [self._hidden(number).address, one.dependency.port]

    async def bring_near(self, instance: Instance) -> None:
        """Where an engine has them in networks of their own: bring all to the one in which `spawn_near_dependencies`
        starts, to the addresses that they would have beside the instance. ProcessLookupError as there."""
        if self._elsewhere and self._near is None:
            routes = [[[one.address, one.port], there, True] for one, there in self._elsewhere]
            self._near = await instance.spawn_near_dependencies((*RELAY, json.dumps(routes)))
            await _answers(self._near)

    async def tell(self, word: str, number: int) -> bool:
        """Cut, slow or restore one of them; false if that was not done."""
        if self._relay is None or self._relay.stdin is None:
            return False
        with contextlib.suppress(ConnectionError):
            self._relay.stdin.write(f"{word} {number}\n".encode())
            await self._relay.stdin.drain()
        return await _answers(self._relay)

    async def close(self) -> None:
        """End them. Idempotent."""
        relays, self._relay, self._near = (self._relay, self._near), None, None
        for relay in filter(None, relays):
            with contextlib.suppress(ProcessLookupError):
                relay.terminate()
            await relay.wait()
        running, self._running = self._running, []
        await asyncio.gather(*(one.close() for one in running))


async def _answers(relay: asyncio.subprocess.Process) -> bool:
    """Whether a relay has done what it was told."""
    assert relay.stdout is not None
    with contextlib.suppress(TimeoutError):
        return await asyncio.wait_for(relay.stdout.readline(), LIMIT) == b"ok\n"
    return False
