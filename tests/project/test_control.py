"""What a command hears of an answer that fails, and of one that breaks off."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.cli.project_client import followed
from seatrial.model.errors import SeatrialError
from seatrial.project.client import BrokenOffError, Client, NoSupervisorError
from seatrial.project.control import Answer, Request, serve


class FaultError(Exception):
    """A bug of ours."""


async def steps(error: Exception | None) -> AsyncIterator[dict[str, str]]:
    yield {"step": "one"}
    if error is not None:
        raise error


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as directory:  # a socket's path is short
        yield Path(directory) / "shop.sock"


def asked(path: Path, answer: Callable[[], Answer], ask: Callable[[Client], Any]) -> Any:
    """What somebody gets who asks one that answers so."""

    async def handler(_request: Request) -> Answer:
        return answer()

    async def within() -> Any:
        server = await serve(path, handler)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # bugs are what is tested here
        try:
            return await asyncio.to_thread(ask, Client(path))
        finally:
            server.close()

    return asyncio.run(within())


def work(client: Client) -> list[Any]:
    return list(client.post("up"))


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_work_that_is_done_ends_well(path: Path) -> None:
    assert asked(path, lambda: Answer(lines=steps(None)), work) == [{"step": "one"}]


@pytest.mark.parametrize("error", [SeatrialError("No space left on device"), full()])
def test_work_that_fails_says_why(path: Path, error: Exception) -> None:
    with pytest.raises(SeatrialError, match="No space left on device"):
        asked(path, lambda: Answer(lines=steps(error)), work)


def test_a_full_disk_is_told_before_work_begins_too(path: Path) -> None:
    def answer() -> Answer:
        raise full()

    with pytest.raises(SeatrialError, match=r"^No space left on device"):
        asked(path, answer, work)


def test_work_that_breaks_off_is_not_taken_for_done(path: Path) -> None:
    with pytest.raises(BrokenOffError, match="in the midst of its answer"):
        asked(path, lambda: Answer(lines=steps(FaultError())), work)


def test_nobody_is_told_from_one_that_breaks_off(path: Path) -> None:
    with pytest.raises(NoSupervisorError, match="nobody answers") as caught:
        Client(path).get("instances")
    assert not isinstance(caught.value, BrokenOffError)


def test_whoever_asks_brings_up_the_one_that_is_missing(path: Path) -> None:
    begun = []
    with pytest.raises(NoSupervisorError):
        Client(path, lambda: begun.append(1)).get("instances")
    assert begun == [1]


@pytest.mark.parametrize("ask", [lambda client: client.get("instances"), work], ids=["get", "post"])
@pytest.mark.parametrize("is_read", [False, True])
def test_what_a_dying_one_has_not_read_is_asked_of_the_next(
    path: Path, ask: Callable[[Client], Any], is_read: bool
) -> None:
    begun = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def die() -> None:
            select.select([listener], [], [], 20)
            if is_read:
                connection, _ = listener.accept()
                listener.close()
                heard = b""
                while not heard.endswith((b"}", b"\r\n\r\n")) or (heard.startswith(b"POST") and b"{" not in heard):
                    heard += connection.recv(65536)
                connection.close()
            listener.close()

        dying = threading.Thread(target=die)
        dying.start()
        with pytest.raises(NoSupervisorError):
            ask(Client(path, lambda: begun.append(1)))
        dying.join()
    assert begun == ([] if is_read and ask is work else [1])


class Dying(Client):
    """One supervisor after the other, each with the events that it knows; all but the last die."""

    def __init__(self, *lives: list[int]) -> None:
        super().__init__(Path("/nowhere"))
        self.lives = list(lives)
        self.queries: list[dict[str, str]] = []

    def follow(self, *parts: str, **query: str) -> Iterator[Any]:
        self.queries.append(dict(query))
        yield from ({"timeNano": number} for number in self.lives.pop(0))
        if self.lives:
            raise BrokenOffError("it ended")


def test_events_go_on_with_the_next_supervisor_and_none_comes_twice() -> None:
    client = Dying([10**18, 10**18 + 5], [10**18, 10**18 + 5, 10**18 + 6], [10**18 + 6, 10**18 + 7])
    found = [event["timeNano"] - 10**18 for event in followed(client, since="0")]
    assert found == [0, 5, 6, 7]
    assert client.queries == [{"since": "0"}] * 3


def test_events_after_a_clock_was_set_back_are_followed_too() -> None:
    assert [event["timeNano"] for event in followed(Dying([7, 8], [7, 8, 3]))] == [7, 8, 3]


def test_a_refusal_ends_the_following() -> None:
    class Refusing(Client):
        def follow(self, *parts: str, **query: str) -> Iterator[Any]:
            raise NoSupervisorError("nobody answers")
            yield

    with pytest.raises(NoSupervisorError):
        list(followed(Refusing(Path("/nowhere"))))
