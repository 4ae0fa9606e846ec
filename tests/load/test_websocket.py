"""A WebSocket is one exchange; wsproto's own server side says what a client must make of its frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, Pong, RejectConnection, Request, TextMessage

from seatrial.load.websocket import WebSocketReader

MARK = "ab" * 16


class Pair:
    """A reader and a server that talk in memory."""

    def __init__(self) -> None:
        self.reader = WebSocketReader()
        self.server = WSConnection(ConnectionType.SERVER)
        self.server.receive_data(self.reader.request("/ws?x=1", "localhost:3000", MARK))
        (self.asked,) = self.server.events()

    def say(self, event: Event) -> list[Event]:
        """The server sends an event; what it hears in answer."""
        self.reader.receive(self.server.send(event))
        answer = self.reader.answer()
        self.server.receive_data(answer or None) if answer else None
        return list(self.server.events())


def accepted() -> Pair:
    pair = Pair()
    pair.say(AcceptConnection())
    return pair


def test_the_handshake_asks_for_the_path_with_the_requests_id() -> None:
    asked = Pair().asked
    assert isinstance(asked, Request)
    assert (asked.target, asked.host) == ("/ws?x=1", "localhost:3000")
    assert (b"x-request-id", MARK.encode()) in [(name.lower(), value) for name, value in asked.extra_headers]


def test_an_accepted_one_is_open_and_not_complete() -> None:
    reader = accepted().reader
    assert (reader.status, reader.complete, reader.farewell) == (101, False, "")


def test_a_rejected_one_is_complete_with_its_status() -> None:
    pair = Pair()
    pair.say(RejectConnection(status_code=404))
    assert (pair.reader.status, pair.reader.complete, pair.reader.announced) == (404, True, False)


@pytest.mark.parametrize(("code", "announced"), [(1001, True), (1012, True), (1000, False), (1011, False)])
def test_a_close_frame_completes_it_and_says_by_its_code_whether_it_was_announced(code: int, announced: bool) -> None:
    pair = accepted()
    answers = pair.say(CloseConnection(code=code))
    assert (pair.reader.complete, pair.reader.announced) == (True, announced)
    assert pair.reader.farewell == (f"closed with {code}" if announced else "")
    assert [type(answer) for answer in answers] == [CloseConnection]


def test_a_close_frame_without_a_code_announces_nothing() -> None:
    pair = accepted()
    pair.reader.receive(b"\x88\x00")
    assert (pair.reader.complete, pair.reader.announced) == (True, False)


def test_a_ping_is_answered_and_messages_are_counted() -> None:
    pair = accepted()
    assert pair.say(Ping(b"x")) == [Pong(b"x")]
    pair.say(TextMessage("hello"))
    assert (pair.reader.body_bytes, pair.reader.complete) == (5, False)


def test_what_it_says_arrives_and_leaving_is_a_close_frame() -> None:
    pair = accepted()
    pair.server.receive_data(pair.reader.talk())
    (said,) = pair.server.events()
    assert isinstance(said, TextMessage)
    pair.server.receive_data(pair.reader.leave())
    (left,) = pair.server.events()
    assert isinstance(left, CloseConnection)
    assert left.code == 1000
    assert pair.reader.talk() == b""


@pytest.mark.parametrize("data", [b"\xff" * 8, b"\x83\x00", b"\x81\xff" + b"x" * 9])
def test_what_is_no_frame_is_malformed(data: bytes) -> None:
    pair = accepted()
    pair.reader.receive(data)
    assert pair.reader.malformed


def test_another_protocols_answer_is_malformed() -> None:
    reader = WebSocketReader()
    reader.request("/", "localhost", MARK)
    reader.receive(b"220 mail ready\r\n\r\n")
    assert reader.malformed


@given(st.lists(st.integers(1, 60), max_size=12), st.sampled_from([1000, 1001, 1012]))
def test_the_facts_do_not_depend_on_how_the_bytes_were_cut(sizes: list[int], code: int) -> None:
    server = WSConnection(ConnectionType.SERVER)
    reader = WebSocketReader()
    server.receive_data(reader.request("/", "localhost", MARK))
    list(server.events())
    data = b"".join(
        server.send(event) for event in (AcceptConnection(), TextMessage("hello"), Ping(), CloseConnection(code=code))
    )
    for size in sizes:
        if data:
            reader.receive(data[:size])
        data = data[size:]
    if data:
        reader.receive(data)
    assert (reader.status, reader.body_bytes, reader.complete, reader.announced) == (101, 5, True, code != 1000)
