"""Closing a listener without resetting what the kernel has accepted for it already.

A connection is complete as soon as the kernel has answered it; what a program has not accepted by the time at which it
closes the listener is reset (tcp_close → inet_csk_listen_stop), although its client may have sent its request. So the
queue is emptied right before: what is left of the race is the time between two system calls. And asyncio drops what it
has just accepted when a server is closed before the connection has its transport (`Server._attach`): so the server
itself is closed a moment later, and only its descriptor at once.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Iterable
from typing import Any

JUST_NOW = 0.2
"""Seconds that a connection which was just accepted has to bring its request, and after which one counts as idle."""
TURNS = 100
"""Turns of the event loop, at most, that closing waits for an empty queue: connections may come faster than that."""


def is_waiting(listeners: Iterable[Any]) -> bool:
    """Whether a connection is waiting to be accepted from one of these listeners."""
    poll = select.poll()
    for listener in listeners:
        poll.register(listener.fileno(), select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll(0))


class Silence:
    """A socket that nobody connects to, to put in the place of a listener: its descriptor stays valid for whoever
    polls it or accepts from it, and never has a connection. Made first, so that taking the place is one call."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind("")  # an abstract name of the kernel's choice (unix(7), autobind)
        self._socket.listen(1)
        self._socket.setblocking(False)

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def replace(self, listener: Any) -> None:
        """Close a listener, and be what its descriptor means from now on."""
        os.dup2(self._socket.fileno(), listener.fileno(), inheritable=False)


async def stop_accepting(listeners: Iterable[Any]) -> None:
    """Close listeners of an event loop as soon as nothing waits in them, then give the newest connections a moment."""
    with Silence() as silence:
        for listener in listeners:
            for _ in range(TURNS):
                if not is_waiting((listener,)):
                    break
                await asyncio.sleep(0)  # the event loop accepts
            silence.replace(listener)
    await asyncio.sleep(JUST_NOW)


async def close_servers(servers: Iterable[Any]) -> None:
    """Close asyncio servers in this way."""
    found = list(servers)
    await stop_accepting([listener for server in found for listener in server.sockets or ()])
    for server in found:
        server.close()
