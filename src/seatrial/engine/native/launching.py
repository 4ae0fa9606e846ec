"""The seatrial end of a launcher: spawns it, speaks its protocol, waits for its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from seatrial.engine.interface import StartError
from seatrial.engine.native import boot
from seatrial.engine.native.inside.description import Launch

EXIT_DEADLINE = 15.0
Message = dict[str, Any]


@dataclass(slots=True)
class Launcher:
    """A running launcher: its control socket, and the read ends of the instance's output."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    outputs: tuple[int, int]
    _rest: bytes = b""
    _closed: bool = field(default=False)

    @classmethod
    def spawn(cls, launch: Launch) -> Launcher:
        """Start a launcher in a session of its own (a Ctrl-C is for seatrial alone) and describe the instance."""
        ours, theirs = socket.socketpair()
        pipes = [os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)]
        try:
            process = subprocess.Popen(
                boot.command("launcher"),
                stdin=theirs.fileno(),
                stdout=pipes[0][1],
                stderr=pipes[1][1],
                env=boot.environment(),
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            for reader, _ in pipes:
                os.close(reader)
            raise
        finally:
            theirs.close()
            for _, writer in pipes:
                os.close(writer)
        with contextlib.suppress(OSError):  # a launcher that can't even read shows by the end of its socket
            ours.sendall(json.dumps(launch).encode() + b"\n")
        return cls(process, ours, (pipes[0][0], pipes[1][0]))

    def go(self) -> None:
        """Let the instance execute its command."""
        with contextlib.suppress(OSError):
            self.control.sendall(b'{"go": true}\n')

    def listen(self, on_message: Callable[[Message], None], on_end: Callable[[], None]) -> None:
        """Pass on each message, and the end of them, in the running event loop."""
        loop = asyncio.get_running_loop()
        self.control.setblocking(False)

        def read() -> None:
            try:
                piece = self.control.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                piece = b""
            for message in self._messages(piece):
                on_message(message)
            if not piece:
                loop.remove_reader(self.control.fileno())
                on_end()

        loop.add_reader(self.control.fileno(), read)

    def _messages(self, piece: bytes) -> list[Message]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [json.loads(line) for line in lines]

    def read_probe(self, timeout: float) -> None:
        """Wait, without an event loop, for the answer to a probe. StartError if it is no."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self.control.settimeout(left)
            try:
                piece = self.control.recv(65536)
            except TimeoutError:
                break
            for message in self._messages(piece):
                if "error" in message:
                    raise start_error(message["error"])
                if "prepared" in message:
                    return
            if not piece:
                break
        raise StartError("launcher", "no answer")

    def hang_up(self) -> None:
        """Close the control socket: the launcher kills what is left, removes its traces and exits."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self.control.fileno())
            self.control.close()

    async def wait_gone(self) -> None:
        """Wait for the launcher's end, after hanging up; killed if it doesn't come."""
        await wait_exit(self.process, EXIT_DEADLINE)

    def abandon(self) -> None:
        """Hang up and wait, without an event loop."""
        self.hang_up()
        for descriptor in self.outputs:
            os.close(descriptor)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(EXIT_DEADLINE)
            return
        self.process.kill()
        self.process.wait()


def start_error(message: Message) -> StartError:
    """The error that the launcher reported."""
    return StartError(message["step"], message["message"])


async def wait_exit(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait for a child of ours by its descriptor; SIGKILL at the timeout. Returns whether it ended by itself."""
    if process.poll() is not None:
        return True
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(process.pid)
    ended: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        loop.remove_reader(descriptor)
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, note)
    try:
        await asyncio.wait_for(asyncio.shield(ended), timeout)
        in_time = True
    except TimeoutError:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], 5)
        in_time = False
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    process.wait()
    return in_time
