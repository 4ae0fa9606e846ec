"""What is told at a glance is what the reader tells; all else is left to it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seatrial.load.plain import Head, Heads
from seatrial.load.response import ResponseReader

PLAIN = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello"
_LINES = st.sampled_from(
    [
        b"Content-Length: 5",
        b"content-length:5 ",
        b"Content-Length: 5, 5",
        b"Content-Length: +5",
        b"Content-Length : 5",
        b"Transfer-Encoding: chunked",
        b"Connection: keep-alive",
        b"Connection: Close",
        b"Connection: keep-alive, close",
        b"Connection: upgrade",
        b"Date: now",
        b" folded",
        b"X-\xe9: 1",
        b"X: \xe9",
        b"X:",
        b"X: a\tb",
        b"Keep-Alive: timeout=5",
        b"",
        b"\r",
        b"nonsense",
    ]
)
_STATUS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 503 Gone",
        b"HTTP/1.1 204 None",
        b"HTTP/1.1 304 Same",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200",
        b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1 200 \xe9",
    ]
)


def test_a_plain_answer_is_told_with_its_length() -> None:
    assert Heads().read(PLAIN) == Head(200, len(PLAIN))


def test_a_head_that_is_not_whole_is_not_told() -> None:
    assert Heads().read(PLAIN[:30]) is None


@pytest.mark.parametrize(
    "line", [b"Transfer-Encoding: chunked", b"Content-Length: 5", b"Connection: upgrade", b"no field"]
)
def test_what_is_not_plain_is_left_to_the_reader(line: bytes) -> None:
    assert Heads().read(PLAIN.replace(b"Date: now", line)) is None


def test_heads_that_are_never_the_same_fill_no_memory() -> None:
    heads = Heads()
    for number in range(2000):
        assert heads.read(PLAIN.replace(b"now", b"%d" % number)) is not None
    assert len(heads._known) <= 256


@given(_STATUS, st.lists(_LINES, max_size=5), st.binary(max_size=8))
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 5"], b"hello")
def test_what_is_told_at_a_glance_is_what_the_reader_tells(status: bytes, lines: list[bytes], body: bytes) -> None:
    data = b"\r\n".join([status, *lines, b"", b""]) + body
    head = Heads().read(data)
    if head is None:
        return
    reader = ResponseReader()
    reader.request("/", "localhost", "0" * 32)
    reader.receive(data)
    assert not reader.malformed
    assert reader.status == head.status
    assert reader.announced == head.announced
    assert reader.complete == (len(data) >= head.size)
    assert reader.stray == max(0, len(data) - head.size)
