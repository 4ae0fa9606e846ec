"""A service that does all right. Each mutant of tests/drill/mutants.py changes one thing of it."""

import asyncio
import json
import os
import signal
import sys
import time

busy: set[asyncio.StreamWriter] = set()
idle: set[asyncio.StreamWriter] = set()
stopping = False


def log(level, message, **fields):
    print(json.dumps({"time": time.time(), "level": level, "message": message, **fields}))


async def answer(path):
    """Status and body."""
    if path == "/ready":
        return (503, "no") if stopping else (200, "yes")
    if path == "/slow":
        await asyncio.sleep(1.2)
    return 200, "ok"


async def serve(reader, writer):
    idle.add(writer)
    try:
        while not writer.is_closing():
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            idle.discard(writer)
            busy.add(writer)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            await reader.readexactly(int(headers.get("content-length", 0)))
            path = head[0].split()[1]
            status, body = await answer(path)
            keep = "close" if stopping else "keep-alive"
            writer.write(
                f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\nConnection: {keep}\r\n\r\n{body}".encode()
            )
            await writer.drain()
            log("info", "request", path=path, id=headers.get("x-request-id"))
            busy.discard(writer)
            if stopping:
                break
            idle.add(writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        busy.discard(writer)
        idle.discard(writer)
        writer.close()


async def main():
    global stopping  # noqa: PLW0603
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    try:
        server = await asyncio.start_server(serve, "0.0.0.0", int(os.environ["PORT"]))
    except OSError as error:
        log("fatal", str(error))
        sys.exit(1)
    log("info", "listening")
    await told.wait()
    stopping = True
    log("info", "stopping")
    await asyncio.sleep(0.8)  # for as long as a balancer may still send
    server.close()
    await asyncio.sleep(0.2)  # for what was accepted and has not sent yet
    for writer in list(idle):
        writer.close()
    until = time.monotonic() + 2.7  # within the grace period
    while busy and time.monotonic() < until:
        await asyncio.sleep(0.02)
    log("info", "stopped")
    sys.exit(1 if busy else 0)


asyncio.run(main())
