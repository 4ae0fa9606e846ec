"""HTTP/2 by prior knowledge; h2's own server side says what a client must make of its frames."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import pytest
from hyperframe.frame import ContinuationFrame, DataFrame, GoAwayFrame, HeadersFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from seatrial.load.http2 import LARGEST_FRAME, Http2Reader

MARK = "ab" * 16
STATUS = [(":status", "200"), ("server", "test")]


class Pair:
    """A reader and a server that talk in memory."""

    def __init__(self) -> None:
        self.reader = Http2Reader()
        self.server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.server.initiate_connection()
        self.stream = 1
        self.events: list[h2.events.Event] = []
        self.ask()

    def ask(self) -> None:
        """The client asks; the server hears it."""
        self.hear(self.reader.request("/slow", "localhost:3000", MARK))

    def hear(self, data: bytes) -> None:
        self.events = self.server.receive_data(data) if data else []
        self.tell()

    def tell(self, extra: bytes = b"") -> None:
        """Everything that the server has to send, and the client's answers to it."""
        self.reader.receive(self.server.data_to_send() + extra)
        if answer := self.reader.answer():
            self.server.receive_data(answer)

    def respond(self, *, end: bool = True) -> None:
        self.server.send_headers(self.stream, STATUS)
        self.server.send_data(self.stream, b"hello", end_stream=end)
        self.tell()
        self.stream += 2


def goaway(last: int, code: int = 0) -> bytes:
    return GoAwayFrame(0, last_stream_id=last, error_code=code).serialize()


def test_the_request_arrives_whole() -> None:
    (asked,) = (event for event in Pair().events if isinstance(event, h2.events.RequestReceived))
    fields = dict(asked.headers or [])
    assert (fields[":method"], fields[":path"], fields["x-request-id"]) == ("GET", "/slow", MARK)
    assert asked.stream_ended is not None


def test_an_answer_is_complete_at_its_end_and_another_request_may_follow() -> None:
    pair = Pair()
    pair.respond(end=False)
    assert (pair.reader.status, pair.reader.body_bytes, pair.reader.complete) == (200, 5, False)
    pair.server.end_stream(1)
    pair.tell()
    assert (pair.reader.complete, pair.reader.announced, pair.reader.reusable) == (True, False, True)
    pair.ask()
    pair.respond()
    assert (pair.reader.status, pair.reader.complete) == (200, True)


def test_what_is_in_flight_at_a_goaway_still_gets_its_answer_which_is_announced() -> None:
    pair = Pair()
    pair.tell(goaway(1))
    assert (pair.reader.farewell, pair.reader.complete, pair.reader.cut) == ("GOAWAY with error code 0", False, "")
    pair.respond()
    assert (pair.reader.status, pair.reader.complete, pair.reader.announced) == (200, True, True)
    assert not pair.reader.reusable


def test_a_goaway_while_idle_is_no_stray_byte_and_ends_the_reuse() -> None:
    pair = Pair()
    pair.respond()
    assert pair.reader.receive_aside(goaway(1))
    assert (pair.reader.stray, pair.reader.announced, pair.reader.reusable) == (0, False, False)


def test_a_goaway_that_leaves_the_request_out_cuts_it() -> None:
    pair = Pair()
    pair.tell(goaway(0, 7))
    assert pair.reader.cut == "GOAWAY with error code 7, this request not taken"


def test_a_stream_that_is_reset_is_cut_and_the_connection_is_not() -> None:
    pair = Pair()
    pair.server.reset_stream(1, 8)
    pair.tell()
    assert (pair.reader.cut, pair.reader.malformed) == ("RST_STREAM with error code 8", "")


def test_a_ping_and_the_settings_are_acknowledged() -> None:
    pair = Pair()
    pair.server.ping(b"12345678")
    pair.reader.receive(pair.server.data_to_send())
    heard = pair.server.receive_data(pair.reader.answer())
    assert [type(event) for event in heard] == [h2.events.PingAckReceived]


def test_headers_in_several_frames_and_an_interim_response_are_understood() -> None:
    pair = Pair()
    pair.server.send_headers(1, [(":status", "103"), ("link", "</x>")])
    pair.server.send_headers(1, [*STATUS, *((f"x-{n}", "v" * 4000) for n in range(6))], end_stream=True)
    pair.tell()
    assert (pair.reader.interim, pair.reader.status, pair.reader.complete) == (1, 200, True)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\1" + bytes(6) + b"x",  # DATA on no stream
        HeadersFrame(1, b"\xff\xff\xff\xff\xff", flags=["END_HEADERS"]).serialize(),
        (LARGEST_FRAME + 1).to_bytes(3, "big") + bytes(6),
        SettingsFrame(0).serialize()[:-1] + b"\x05",
        HeadersFrame(1, b"x" * 16000).serialize() + ContinuationFrame(1, b"x" * 16000).serialize() * 5,
    ],
)
def test_what_is_no_http2_is_malformed(data: bytes) -> None:
    reader = Http2Reader()
    reader.request("/", "localhost", MARK)
    reader.receive(data)
    assert reader.malformed


@given(st.lists(st.integers(1, 40), max_size=20))
def test_the_facts_do_not_depend_on_how_the_bytes_were_cut(sizes: list[int]) -> None:
    reader = Http2Reader()
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    server.initiate_connection()
    server.receive_data(reader.request("/", "localhost", MARK))
    server.send_headers(1, STATUS)
    server.send_data(1, b"hello")
    data = server.data_to_send() + goaway(1) + DataFrame(1, b" world", flags=["END_STREAM"]).serialize()
    for size in sizes:
        reader.receive(data[:size])
        data = data[size:]
    reader.receive(data)
    assert (reader.status, reader.body_bytes, reader.complete, reader.announced) == (200, 11, True, True)


@given(st.binary(max_size=200))
def test_nothing_that_a_server_sends_raises(data: bytes) -> None:
    reader = Http2Reader()
    reader.request("/", "localhost", MARK)
    reader.receive(data)
    reader.receive_aside(data)
    reader.end()
