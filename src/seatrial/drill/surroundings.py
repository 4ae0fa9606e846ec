"""What stands around an instance: the things that it depends on, as far as this machine can stand in for them.

Each is a program beside the instance, in its network alone. Where they are to be cut off, a relay stands in front. The
command begins when all of them listen, because an engine would have started them before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

from seatrial.drill import in_front
from seatrial.drill.dependencies import Dependency
from seatrial.engine.interface import Instance
from seatrial.model.service import Service

RELAY = (sys.executable, "-P", "-m", "seatrial.load.relay")
LIMIT = 10.0
"""Seconds in which a relay has to answer."""
_AWAITED = 'until /bin/grep -qE ":{port:04X} [0-9A-F]+:0000 0A" /proc/net/tcp; do /bin/sleep 0.02; done; '


def behind(service: Service, ports: Iterable[int]) -> Service:
    """The same command, behind a shell that waits until something listens on each port, and becomes the command."""
    script = "".join(_AWAITED.format(port=port) for port in dict.fromkeys(ports))
    return in_front.behind(service, script + 'exec "$@"') if script else service


def is_real(dependency: Dependency) -> bool:
    """Whether a program that speaks its protocol is installed here."""
    program = dependency.program()
    return bool(program) and shutil.which(program[0]) is not None


def described(dependency: Dependency) -> str:
    """A dependency, and what stands in for it, for a report."""
    if is_real(dependency):
        return f"{dependency.name} ({dependency.by}): this machine's {dependency.program()[0]}, empty"
    return f"{dependency.name} ({dependency.by}): not there, but for what accepts and never answers when it is cut off"


class Surroundings:
    """The dependencies of one instance. With `relayed` all can be cut; else only those are there that are real. Where
    they are `absent` their names lead to where nothing listens."""

    def __init__(self, found: Sequence[Dependency], *, relayed: bool = False, absent: bool = False) -> None:
        real = () if absent else tuple(one for one in found if is_real(one))
        self._named = tuple(found) if absent else ()
        self.found = tuple(found) if relayed else real
        self._relayed = relayed and bool(self.found)
        self._programs: list[asyncio.subprocess.Process] = []
        self._relay: asyncio.subprocess.Process | None = None

    @property
    def hosts(self) -> dict[str, str]:
        """Names with their addresses."""
        named = self._named or self.found
        return {one.host: one.address for one in named if one.host not in ("localhost", one.address)}

    @property
    def ports(self) -> frozenset[tuple[str, int]]:
        """What listens in the instance's network and is not its own."""
        own = {(one.address, one.port) for one in self.found}
        return frozenset(own | {(self._hidden(number).address, one.port) for number, one in enumerate(self.found)})

    def awaited(self, service: Service) -> Service:
        """The service, with a command that begins when all are there."""
        return behind(service, [one.port for one in self.found])

    async def start(self, instance: Instance) -> None:
        """Start them all beside the instance."""
        with contextlib.suppress(ProcessLookupError):  # it has ended: nobody needs them
            for number, one in enumerate(self.found):
                if is_real(one):
                    shown = self._hidden(number) if self._relayed else one
                    self._programs.append(await instance.spawn_beside(shown.program()))
            if self._relayed:
                self._relay = await instance.spawn_beside((*RELAY, json.dumps(self._routes())))
                await self._answer()

    def _hidden(self, number: int) -> Dependency:
        """A dependency where only the relay finds it."""
        return replace(self.found[number], address=f"127.77.1.{number + 2}")

    def _routes(self) -> list[list[object]]:
        return [
            [[one.address, one.port], [self._hidden(number).address, one.port] if is_real(one) else None]
            for number, one in enumerate(self.found)
        ]

    async def tell(self, word: str, number: int) -> bool:
        """Cut, slow or restore one of them; false if that was not done."""
        if self._relay is None or self._relay.stdin is None:
            return False
        with contextlib.suppress(ConnectionError):
            self._relay.stdin.write(f"{word} {number}\n".encode())
            await self._relay.stdin.drain()
        return await self._answer()

    async def _answer(self) -> bool:
        assert self._relay is not None and self._relay.stdout is not None
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._relay.stdout.readline(), LIMIT) == b"ok\n"
        return False

    async def close(self) -> None:
        """End them. Idempotent."""
        ended = [*self._programs, *([self._relay] if self._relay is not None else [])]
        self._programs, self._relay = [], None
        for process in ended:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        for process in ended:
            await process.wait()
