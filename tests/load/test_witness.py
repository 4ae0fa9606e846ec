"""What the kernel shows of other people's connections needs a right; without it that is said and nothing is guessed."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from seatrial.load import packets, witness
from seatrial.load.interface import LoadError
from seatrial.load.packets import SO_TIMESTAMPNS, Tap
from seatrial.load.witness import Witness, counters
from seatrial.model.traffic import Seen
from tests.requirements import require

from . import servers

ASKED = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is quick here is not held up by what else the machine does."""
    monkeypatch.setattr(witness, "QUICK", 60.0)


@pytest.fixture(autouse=True)
def _stamps() -> Iterator[None]:
    """The kernel begins to stamp packets some time after it was asked to; until then they have the time of reading."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        box.bind(("127.0.0.1", 0))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            sent = time.time()
            box.sendto(b"", box.getsockname())
            time.sleep(0.002)
            _, extra, *_ = box.recvmsg(1, 64)
            seconds, nanoseconds = struct.unpack_from("=qq", extra[0][2])
            if seconds + nanoseconds / 1e9 < sent + 0.001:
                break
        yield


def test_without_the_right_to_see_packets_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_flags: int) -> Tap:
        raise PermissionError

    async def watch() -> None:
        Witness(1)

    monkeypatch.setattr(witness, "Tap", refused)
    with pytest.raises(LoadError, match="can't be watched here") as failure:
        asyncio.run(watch())
    assert "CAP_NET_RAW" in (failure.value.hint or "")


def test_a_tap_that_can_not_be_set_up_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """A datagram socket of IP can be had by anybody."""

    def refused(_tap: Tap, _flags: int) -> None:
        raise ValueError

    made: list[socket.socket] = []

    def plain(*_: object) -> socket.socket:
        made.append(ordinary(socket.AF_INET, socket.SOCK_DGRAM))
        return made[0]

    ordinary = socket.socket
    monkeypatch.setattr(Tap, "choose", refused)
    monkeypatch.setattr(packets.socket, "socket", plain)
    with pytest.raises(ValueError, match=r"^$"):
        Tap(0)
    assert made[0].fileno() == -1


def test_the_kernels_counters_are_read_by_name() -> None:
    assert set(counters()) == {"OutRsts", "ListenOverflows", "ListenDrops"}


def watched(steps: Callable[[socket.socket, Witness], Awaitable[None]]) -> Seen:
    """What is seen of clients that do these steps with a listener of ours."""

    async def watch() -> Seen:
        with servers.bound("ipv4", backlog=20) as listener:
            eyes = Witness(listener.getsockname()[1])
            await steps(listener, eyes)
            return eyes.testify()

    try:
        return asyncio.run(watch())
    except LoadError as error:
        require(error.message)
        raise


def connect(listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]


async def signal(eyes: Witness) -> None:
    """What a drill does around the stop signal."""
    await eyes.ready()
    eyes.signalled(time.monotonic())


def close(*ends: socket.socket) -> None:
    for end in ends:
        end.close()


def test_each_end_is_told_from_the_others() -> None:
    async def steps(listener: socket.socket, eyes: Witness) -> None:
        pairs = [connect(listener) for _ in range(7)]
        served, cut, vague, _, reset, left, _ = pairs
        for client, server in pairs[:6]:
            client.sendall(ASKED)
            if client is not reset[0]:
                server.recv(99)
        await signal(eyes)
        served[1].sendall(ANSWER)
        cut[1].sendall(ANSWER[:-1])
        vague[1].sendall(ANSWER.replace(b"Content-Length", b"Another"))
        close(*(server for _, server in pairs if server is not left[1]))  # what was not read makes it a reset
        left[0].close()
        late = connect(listener)
        close(late[1], listener)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(served[0].getpeername())
        close(*(end for pair in (*pairs, late) for end in pair))

    seen = watched(steps)
    assert (seen.early, seen.open, seen.busy, seen.unclear) == (7, 7, 6, 0)
    assert (seen.answered, seen.answered_whole, seen.answered_cut) == (3, 1, 1)
    assert (seen.unanswered_fin, seen.unanswered_reset, seen.left_by_client) == (1, 1, 1)
    assert (seen.idle_fin, seen.late_queued, seen.refused, seen.missed) == (1, 1, 1, 0)


def test_who_waited_for_nothing_is_told_from_who_was_turned_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(listener: socket.socket, eyes: Witness) -> None:
        await signal(eyes)
        client, server = connect(listener)
        close(server, client)

    monkeypatch.setattr(witness, "QUICK", 0.0)
    assert watched(steps).late_unserved == 1


@pytest.mark.parametrize(
    ("asked", "answer", "stood"),
    [
        (ASKED, ANSWER, "idle"),
        (ASKED, ANSWER[:-1], "busy"),
        (ASKED, ANSWER.replace(b"Content-Length", b"Another"), "unclear"),
        (ASKED * 2, ANSWER, "unclear"),
        (b"\x82\x85 a frame", b"", "unclear"),
        (b"", b"", "idle"),
    ],
)
def test_how_a_connection_stands_is_what_it_said_last(asked: bytes, answer: bytes, stood: str) -> None:
    async def steps(listener: socket.socket, eyes: Witness) -> None:
        client, server = connect(listener)
        for source, target, said in ((client, server, asked), (server, client, answer)):
            if said:
                source.sendall(said)
                target.recv(99)
        await signal(eyes)
        close(server, client)

    seen = watched(steps)
    told = {"idle": seen.idle_fin, "busy": seen.unanswered_fin, "unclear": seen.unclear_ends}
    assert seen.open == 1
    assert [name for name, number in told.items() if number] == [stood]


def test_what_comes_before_the_news_of_the_signal_counts_as_it_came() -> None:
    """A server may be gone before anybody can look; and requests come until the very moment of the signal."""

    async def steps(listener: socket.socket, eyes: Witness) -> None:
        client, server = connect(listener)
        await eyes.ready()
        client.sendall(ASKED)
        server.recv(99)
        when = time.monotonic()
        close(server, listener)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(client.getpeername())
        client.close()
        eyes.signalled(when)

    seen = watched(steps)
    assert (seen.open, seen.busy, seen.unanswered_fin, seen.refused) == (1, 1, 1, 1)


@pytest.mark.parametrize("said", [ANSWER, ANSWER[:-1]])
def test_a_request_on_a_connection_that_was_idle_is_known_to_be_cut(said: bytes) -> None:
    async def steps(listener: socket.socket, eyes: Witness) -> None:
        client, server = connect(listener)
        client.sendall(ASKED)
        server.recv(99)
        server.sendall(ANSWER)
        client.recv(99)
        await signal(eyes)
        client.sendall(ASKED)
        server.recv(99)
        server.sendall(said)
        close(server, client)

    seen = watched(steps)
    assert (seen.busy, seen.used_again, seen.used_again_cut) == (0, 1, int(said != ANSWER))


@pytest.mark.parametrize("said", [ANSWER, ANSWER[:-1], b""])
def test_what_a_late_connection_got_is_told(said: bytes) -> None:
    async def steps(listener: socket.socket, eyes: Witness) -> None:
        await signal(eyes)
        client, server = connect(listener)
        client.sendall(ASKED)
        server.recv(99)
        server.sendall(said)
        close(server, client)

    seen = watched(steps)
    told = (seen.late_answered_whole, seen.late_answered_cut, seen.late_queued)
    assert told == {ANSWER: (1, 0, 0), ANSWER[:-1]: (0, 1, 0), b"": (0, 0, 1)}[said]
    assert seen.late_answered == bool(said)


@pytest.mark.parametrize("known", [True, False])
def test_where_something_was_missed_the_kernels_own_word_counts(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(listener: socket.socket, eyes: Witness) -> None:
        pair = connect(listener)
        if known:
            eyes._read()
        else:
            eyes._tap.read()  # and nobody was told
        missed = iter([7])
        monkeypatch.setattr(Tap, "missed", lambda _tap: next(missed, 0))
        await signal(eyes)
        close(*pair)

    seen = watched(steps)
    assert (seen.open, seen.missed) == ((1, 0) if known else (0, 1))


@pytest.mark.parametrize("stands", [True, False])
def test_what_is_missed_when_all_have_ended_is_of_late_ones_alone(
    stands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(listener: socket.socket, eyes: Witness) -> None:
        client, server = connect(listener)
        await signal(eyes)
        if not stands:
            close(server)
        missed = iter([7])
        monkeypatch.setattr(Tap, "missed", lambda _tap: next(missed, 0))
        eyes._read()
        close(server, client)

    seen = watched(steps)
    assert (seen.missed, seen.missed_late) == ((7, 0) if stands else (0, 7))


def test_too_much_is_said_to_hear_it_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then only ends are heard; what is said shortly before the signal tells who waits, and the kernel's clock."""

    async def steps(listener: socket.socket, eyes: Witness) -> None:
        speaks, waits, quiet = (connect(listener) for _ in range(3))
        for client, server in (speaks, waits, quiet):
            client.sendall(ASKED)
            server.recv(99)
        eyes._beat = 0.0  # long ago: two a second are too many
        eyes._read()
        time.sleep(0.02)  # what falls into one tick of the kernel's clock is not told apart
        quiet[1].sendall(ANSWER)

        async def say() -> None:
            await asyncio.sleep(0)
            speaks[1].sendall(ANSWER)
            speaks[0].recv(99)
            speaks[0].sendall(ASKED)

        await asyncio.gather(eyes.ready(), say())
        eyes.signalled(time.monotonic())
        close(*(server for _, server in (speaks, waits, quiet)))
        close(*(client for client, _ in (speaks, waits, quiet)))

    monkeypatch.setattr(witness, "HEAVY", 0)
    monkeypatch.setattr(witness, "AT_ONCE", 0.02)
    seen = watched(steps)
    assert (seen.open, seen.busy, seen.unclear, seen.missed) == (3, 2, 1, 0)
