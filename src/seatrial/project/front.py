"""The relay before services whose published port isn't their own: `python -m seatrial.project.front SOCKET`.

A process of its own, so that connections live on when the supervisor dies. On a Unix socket it is told which ports to
listen on and where the instances are, as one JSON object a line; it answers each with `{}` or `{"error": …}`, and ends
when it is told `{"end": true}`. It knows TCP alone: bytes go both ways, and one side's end is passed on as such.

A new connection goes to the instance with the fewest. One that refuses is passed over; where none answers, the client
waits, because an instance may be on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHUNK = 1 << 16
PATIENCE = 30.0
"""Seconds that a client waits for an instance that takes it."""
PAUSE = 0.02
BACKLOG = 4096
Address = tuple[str, int]


@dataclass(eq=False)
class Backend:
    """One instance: its ports by those of the service, and the descriptor of its network, -1 for the machine's own."""

    ports: Mapping[str, int]
    namespace: int = -1
    connections: int = 0

    async def connect(self, target: int) -> socket.socket:
        """A connection to it. Raises OSError."""
        connection = _socket_in(self.namespace)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.ports[str(target)]))
        except BaseException:
            connection.close()
            raise
        return connection


def _socket_in(namespace: int) -> socket.socket:
    if namespace < 0:
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    from seatrial.engine.probes import sockets_inside

    return sockets_inside(namespace)(socket.AF_INET)


@dataclass(eq=False)
class Service:
    """The listeners of a service, and its instances by name."""

    listeners: dict[Address, asyncio.Server] = field(default_factory=dict)
    backends: dict[str, Backend] = field(default_factory=dict)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        """One client's connection, to its end."""
        try:
            found = await self._connected(target)
            if found is None:
                writer.transport.abort()
                return
            backend, connection = found
            try:
                await _join(reader, writer, connection)
            finally:
                backend.connections -= 1
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()

    async def _connected(self, target: int) -> tuple[Backend, socket.socket] | None:
        end = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < end:
            for backend in sorted(self.backends.values(), key=lambda each: each.connections):
                backend.connections += 1
                try:
                    return backend, await backend.connect(target)
                except (OSError, KeyError):
                    backend.connections -= 1
            await asyncio.sleep(PAUSE)
        return None


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: socket.socket) -> None:
    there, back = await asyncio.open_connection(sock=connection)
    try:
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
    except OSError:
        back.transport.abort()  # a reset is a reset on the other side, too
        writer.transport.abort()
    finally:
        back.close()
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All bytes, then the end."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


class Front:
    """All services of a project."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.ended = asyncio.Event()

    async def take(self, wanted: Mapping[str, Any]) -> None:
        """Become what is wanted: new listeners first, so that nothing has changed if one of them fails."""
        made: list[tuple[str, Address, asyncio.Server]] = []
        try:
            for name, said in wanted.items():
                service = self.services.setdefault(name, Service())
                for host, port, target in said["listen"]:
                    if (host, port) not in service.listeners:
                        made.append((name, (host, port), await _listen(service, host, port, target)))
        except OSError:
            for _, _, server in made:
                server.close()
            raise
        for name, address, server in made:
            self.services[name].listeners[address] = server
        for name in list(self.services):
            self._settle(name, wanted.get(name, {"listen": [], "backends": {}}))

    def _settle(self, name: str, said: Mapping[str, Any]) -> None:
        service = self.services[name]
        kept = {(host, port) for host, port, _ in said["listen"]}
        for address in [address for address in service.listeners if address not in kept]:
            service.listeners.pop(address).close()
        for gone in [each for each in service.backends if each not in said["backends"]]:
            _close(service.backends.pop(gone))
        for instance, where in said["backends"].items():
            if instance not in service.backends:
                service.backends[instance] = _backend(where)
        if not service.listeners:
            del self.services[name]


def _backend(where: Mapping[str, Any]) -> Backend:
    pid = where.get("pid", 0)
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC) if pid else -1
    return Backend(where["ports"], namespace)


def _close(backend: Backend) -> None:
    if backend.namespace >= 0:
        os.close(backend.namespace)
        backend.namespace = -1
        backend.ports = {}


async def _listen(service: Service, host: str, port: int, target: int) -> asyncio.Server:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await service.relay(reader, writer, target)

    listener = listening_socket(host, port)
    return await asyncio.start_server(relay, sock=listener, limit=CHUNK, backlog=BACKLOG)


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on a published port: without an address on all, of both families where there are two."""
    if not host and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)


async def _obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, front: Front) -> None:
    """One who tells us what to do."""
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            wanted = json.loads(line)
            answer: dict[str, str] = {}
            if wanted.get("end"):
                front.ended.set()
            else:
                try:
                    await front.take(wanted["services"])
                except OSError as error:
                    answer = {"error": error.strerror or str(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
    writer.close()


async def _run(path: Path) -> None:
    front = Front()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, front.ended.set)
    path.unlink(missing_ok=True)
    os.umask(0o177)
    server = await asyncio.start_unix_server(lambda reader, writer: _obey(reader, writer, front), str(path))
    os.write(1, b"ready\n")
    os.close(1)
    async with server:
        await front.ended.wait()
    path.unlink(missing_ok=True)


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
