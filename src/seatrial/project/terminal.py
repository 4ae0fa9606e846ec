"""A person's terminal connected with the pseudo-terminal of a command: `exec -it`, `run -it`.

In raw mode every key goes to the command (Ctrl-C is a signal to its foreground processes, Ctrl-D its end of file), and
what it draws is drawn here. However it ends, the terminal is given back as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import termios
import tty
from types import TracebackType
from typing import Any, Self

INPUT, OUTPUT = 0, 1


class Terminal:
    """Our own terminal, for the time of a `with` in a running event loop. `is_read`: keys go to the command; else it
    only draws, and Ctrl-C is ours."""

    def __init__(self, *, is_read: bool) -> None:
        self._is_read = is_read
        self._before: list[Any] = []
        self._master = -1
        self._typed = bytearray()
        self._drawn = asyncio.Event()

    def __enter__(self) -> Self:
        if self._is_read:
            self._before = termios.tcgetattr(INPUT)
            tty.setraw(INPUT, termios.TCSANOW)
        asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._take_size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGWINCH)
        self.disconnect()
        if self._before:
            with contextlib.suppress(termios.error):  # it is gone
                termios.tcsetattr(INPUT, termios.TCSADRAIN, self._before)

    def connect(self, master: int) -> None:
        """Draw what comes from this descriptor, and send keys to it. It is closed here."""
        self.disconnect()
        self._master = master
        self._drawn.clear()
        os.set_blocking(master, False)
        self._take_size()
        loop = asyncio.get_running_loop()
        loop.add_reader(master, self._draw)
        if self._is_read:
            loop.add_reader(INPUT, self._read)

    def disconnect(self) -> None:
        """Leave the command's side alone, and close it: its processes get SIGHUP."""
        if self._master < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(INPUT)
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        os.close(self._master)
        self._master = -1
        self._typed.clear()

    async def wait_drawn(self, within: float) -> None:
        """Wait until all that was written is drawn; what was left in the background may hold it open for ever."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._drawn.wait(), within)

    def _take_size(self) -> None:
        if self._master >= 0:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, fcntl.ioctl(OUTPUT, termios.TIOCGWINSZ, bytes(8)))

    def _read(self) -> None:
        try:
            typed = os.read(INPUT, 4096)
        except OSError:
            typed = b""
        if not typed:  # the terminal was closed; SIGHUP says the same
            asyncio.get_running_loop().remove_reader(INPUT)
            return
        self._typed += typed
        self._send()

    def _send(self) -> None:
        """Keys that the command doesn't take yet wait, and so does whoever types on."""
        loop = asyncio.get_running_loop()
        try:
            del self._typed[: os.write(self._master, self._typed)]
        except BlockingIOError:
            pass
        except OSError:  # its last process has ended
            self._typed.clear()
        if self._typed:
            loop.remove_reader(INPUT)
            loop.add_writer(self._master, self._send)
        elif loop.remove_writer(self._master):
            loop.add_reader(INPUT, self._read)

    def _draw(self) -> None:
        try:
            drawn = os.read(self._master, 65536)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the other end any more
            drawn = b""
        if not drawn:
            asyncio.get_running_loop().remove_reader(self._master)
            self._drawn.set()
        rest = memoryview(drawn)
        with contextlib.suppress(OSError):
            while rest:
                rest = rest[os.write(OUTPUT, rest) :]
