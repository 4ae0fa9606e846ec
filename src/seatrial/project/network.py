"""A network of the project's own (`up --network own`): a bridge in a namespace of ours, and a cable to each instance.

Nothing of the machine's own network is touched, and there is no way out: instances reach each other by name, and their
published ports are reached through the relay. It is made by ip(8), nsenter(1) and unshare(1), and needs root. It stays
while there are instances, whoever supervises them; a file that the namespace is mounted on names it.

Each instance has one address, 10.S.N.N: S is its service's, in the order in which services came, N.N its number. The
hardware address follows from it, so that what others remember of an instance that is started again is still true.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from seatrial.engine.interface import StartError
from seatrial.engine.native.engine import needs_user_namespace
from seatrial.model.errors import UnsupportedError
from seatrial.project.layout import read_json, write_json

BRIDGE = "seatrial"
PROGRAMS = ("ip", "nsenter", "unshare", "umount")
MOST_SERVICES = 254
LIMIT = 20.0
"""Seconds that one step may take."""
_LEAST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def refuse_own() -> None:
    """Raises UnsupportedError where no such network can be made."""
    hint = "seatrial up --network host: all services share the machine's network"
    if needs_user_namespace():
        raise UnsupportedError("a network of the project's own needs root", hint=hint)
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        raise UnsupportedError(
            f"a network of the project's own needs {', '.join(missing)}", hint="apt install iproute2"
        )


class Network:
    """The network of one project, below its directory; it is made when the first instance needs it."""

    def __init__(self, directory: Path) -> None:
        self._place = directory / "network"
        self._book = directory / "network.json"
        self._making = asyncio.Lock()

    def address(self, service: str, number: int) -> str:
        """The address of an instance, the same for ever. Raises StartError where there are no more."""
        known: dict[str, int] = read_json(self._book) or {}
        if service not in known:
            known[service] = max(known.values(), default=0) + 1
            if known[service] > MOST_SERVICES:
                raise StartError("network", f"it has room for {MOST_SERVICES} services")
            write_json(self._book, known)
        return f"10.{known[service]}.{number // 256}.{number % 256}"

    async def plug(self, address: str, pid: int) -> None:
        """Connect the network of a process, which waits. Raises StartError."""
        await self._make()
        cable = f"c{secrets.token_hex(5)}"
        hardware = "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))
        await _configure(
            self._place,
            f"link add {cable} type veth peer name eth0 address {hardware} netns {pid}",
            f"link set {cable} master {BRIDGE} up",
        )
        await _configure(f"/proc/{pid}/ns/net", f"addr add {address}/8 dev eth0", "link set eth0 up")

    async def _make(self) -> None:
        async with self._making:
            if _is_mounted(self._place):
                return
            self._place.touch()
            await _run(f"unshare --net={self._place}", "unshare", f"--net={self._place}", "true")
            await _configure(self._place, f"link add {BRIDGE} type bridge", f"link set {BRIDGE} up")

    async def remove(self) -> None:
        """There are no instances any more. Raises StartError."""
        if _is_mounted(self._place):
            await _run(f"umount {self._place}", "umount", str(self._place))
        self._place.unlink(missing_ok=True)
        self._book.unlink(missing_ok=True)


def _is_mounted(place: Path) -> bool:
    """Whether the namespace is there: after a start of the machine the file alone is."""
    try:
        return place.stat().st_dev != place.parent.stat().st_dev
    except OSError:
        return False


async def _configure(namespace: Path | str, *lines: str) -> None:
    """Lines of ip(8), in a network namespace."""
    words = ("nsenter", f"--net={namespace}", "ip", "-batch", "-")
    await _run(lines[0], *words, given="\n".join(lines) + "\n")


async def _run(what: str, *words: str, given: str = "") -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *words, stdin=pipe, stdout=asyncio.subprocess.DEVNULL, stderr=pipe, cwd="/"
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(given.encode()), LIMIT)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise StartError("network", f"{what}: not within {LIMIT:g} s") from None
    if process.returncode:
        raise StartError("network", f"{what}: {said.decode(errors='replace').strip()}")


def write_hosts(path: Path, names: Iterable[tuple[str, str]], more: Mapping[str, str]) -> None:
    """The /etc/hosts of an instance: addresses with names, and the names with addresses that the file adds.

    Written in place: it is mounted, and who reads it has this very file.
    """
    lines = [f"{address}\t{name}\n" for address, name in names]
    lines += [f"{address}\t{name}\n" for name, said in more.items() for address in said.split(",")]
    text = (_LEAST + "".join(lines)).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(descriptor, 0o644)
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))
    finally:
        os.close(descriptor)
