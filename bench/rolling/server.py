"""A Python service that drains: it stops accepting on SIGTERM, answers what it has, and ends. `LISTEN_FDS`, or PORT."""

import asyncio
import os
import signal
import socket


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests until the client goes, or one was told that it was the last."""
    is_last = False
    try:
        while not is_last and await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(0.005)
            is_last = stopping.is_set()
            last = b"close" if is_last else b"keep-alive"
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: " + last + b"\r\n\r\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def listening() -> socket.socket:
    if os.environ.get("LISTEN_FDS"):
        return socket.socket(fileno=3)
    return socket.create_server(("127.0.0.1", int(os.environ["PORT"])), reuse_port=True, backlog=4096)


async def main() -> None:
    loop, listener = asyncio.get_running_loop(), listening()
    listener.setblocking(False)

    async def begin(connection: socket.socket) -> None:
        await answer(*await asyncio.open_connection(sock=connection))

    def accept() -> None:
        # not asyncio's own server: closed, it forgets what it accepted in the same moment (cpython#109564)
        while True:
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                return  # that were all
            task = loop.create_task(begin(connection))
            open_now.add(task)
            task.add_done_callback(open_now.discard)

    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_reader(listener, accept)
    await stopping.wait()
    loop.remove_reader(listener)
    listener.close()
    if open_now:
        await asyncio.wait(open_now, timeout=8)  # idle ones may still send, and are told then


stopping = asyncio.Event()
open_now: set[asyncio.Task[None]] = set()
asyncio.run(main())
