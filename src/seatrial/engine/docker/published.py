"""What listens in a container that is reached through published ports only.

A published port accepts whether anything listens behind it or not, so what listens is read inside: through /proc where
the container's processes are on this machine, else by `cat` in the container every now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from seatrial.engine.docker import executing, seeing
from seatrial.engine.docker.client import Calls
from seatrial.engine.interface import Listener
from seatrial.engine.native import sockets

PACE = 0.5
LIMIT = 5.0
COMMAND = ("cat", "/proc/net/tcp", "/proc/net/tcp6")


class Published:
    """The published ports of one container."""

    def __init__(
        self, calls: Calls, container: str, host: str, told: Mapping[str, Any], pid: Callable[[], int]
    ) -> None:
        self._calls = calls
        self._container = container
        self._host = host
        self._pid = pid
        self._ports = _ports(told)
        self._seen: tuple[Listener, ...] = ()
        self._looking = None if pid() else asyncio.create_task(self._look())

    def listeners(self) -> tuple[Listener, ...]:
        """What listens and can be reached from here, as it is reached."""
        found = seeing.listeners(self._pid()) if self._pid() else self._seen
        reached = {one.port: one for one in found if one.family != "unix" and one.port in self._ports}
        return tuple(
            replace(one, family="ipv4", address=self._host, wildcard=_is_open(one), reached=self._ports[number])
            for number, one in reached.items()
        )

    async def _look(self) -> None:
        """From inside, until cancelled."""
        api, container = self._calls.api, self._container
        while True:
            result = await self._calls(lambda: executing.execute(api, container, COMMAND, LIMIT, ""))
            if result.code == 0:
                self._seen = tuple(sockets.tcp(f"\n{result.output}"))
            await asyncio.sleep(PACE)

    async def close(self) -> None:
        """Look no longer. Idempotent."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})


def _is_open(listener: Listener) -> bool:
    """Whether it listens where others than the container itself can reach it."""
    return listener.wildcard or not (listener.address == "::1" or listener.address.startswith("127."))


def _ports(told: Mapping[str, Any]) -> dict[int, int]:
    """The host's port by the container's, of TCP."""
    found: dict[int, int] = {}
    for name, bindings in ((told.get("NetworkSettings") or {}).get("Ports") or {}).items():
        number, _, kind = name.partition("/")
        for binding in bindings or ():
            if kind == "tcp" and str(binding.get("HostPort", "")).isdigit():
                found.setdefault(int(number), int(binding["HostPort"]))
    return found
