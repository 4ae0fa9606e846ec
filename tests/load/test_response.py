"""The response reader: the same facts however the bytes are cut, and never an exception."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.load.reader import MAX_INTERIM, encode_path
from seatrial.load.response import MAX_HEAD, ResponseReader

MARK = "0123456789abcdef" * 2
OK = b"HTTP/1.1 200 OK\r\n"
CALM = settings(
    deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow], database=None
)
"""The same examples each time and no clock: a noisy machine changes nothing."""
Facts = tuple[bool, int | None, int, bool, bool, bool, int, int]


def facts(pieces: list[bytes], *, ended: bool) -> Facts:
    reader = ResponseReader()
    reader.request("/", "localhost", MARK)
    for piece in pieces:
        reader.receive(piece)
    if ended:
        reader.end()
    return (
        reader.begun,
        reader.status,
        reader.body_bytes,
        reader.complete,
        reader.announced,
        bool(reader.malformed),
        reader.stray,
        reader.interim,
    )


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Valid responses of every framing, with interim ones before and stray bytes after."""
    body = draw(st.binary(max_size=80))
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * draw(st.integers(0, 3))
    head = OK + b"".join(draw(st.lists(st.sampled_from([b"X-A: 1\r\n", b"Connection: CLOSE, x\r\n"]), max_size=3)))
    framing = draw(st.sampled_from(["length", "chunked", "end"]))
    if framing == "length":
        return interim + head + b"Content-Length: %d\r\n\r\n" % len(body) + body + draw(st.binary(max_size=5))
    if framing == "end":
        return interim + head + b"\r\n" + body
    chunks = [piece for piece in cut(body, draw(st.lists(st.integers(0, 80), max_size=4))) if piece]
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in chunks)
    return interim + head + b"Transfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n" + draw(st.binary(max_size=5))


@CALM
@given(responses(), st.lists(st.integers(0, 500), max_size=12), st.booleans())
def test_the_facts_of_a_response_do_not_depend_on_how_it_was_cut(data: bytes, places: list[int], ended: bool) -> None:
    whole = facts([data], ended=ended)
    assert facts(cut(data, places), ended=ended) == whole
    assert facts([bytes([byte]) for byte in data], ended=ended) == whole


@CALM
@given(responses(), st.integers(0, 500))
def test_every_beginning_of_a_response_is_incomplete_and_well_formed(data: bytes, length: int) -> None:
    whole = facts([data], ended=True)
    assert whole[3]
    part = facts([data[: length % (len(data) + 1)]], ended=False)
    assert not part[5]
    assert part[2] <= whole[2]


@CALM
@given(st.lists(st.binary(max_size=60), max_size=6), st.booleans())
def test_arbitrary_bytes_never_raise(pieces: list[bytes], ended: bool) -> None:
    facts(pieces, ended=ended)


@CALM
@given(responses(), st.integers(0, 200), st.binary(min_size=1, max_size=4), st.lists(st.integers(0, 500), max_size=6))
def test_a_damaged_response_never_raises(data: bytes, at: int, damage: bytes, places: list[int]) -> None:
    at %= len(data)
    facts(cut(data[:at] + damage + data[at + len(damage) :], places), ended=True)


@CALM
@given(st.text(max_size=40))
def test_any_path_can_be_asked_for(path: str) -> None:
    request = ResponseReader().request(path, "localhost", MARK)
    assert request.startswith(b"GET /")
    assert request.count(b"\r\n\r\n") == 1


def test_a_path_is_kept_as_it_is_where_it_can_be() -> None:
    assert encode_path("/a/b?c=d&e=%20;f") == b"/a/b?c=d&e=%20;f"
    assert encode_path("a b\u00e9") == b"/a%20b%C3%A9"


def test_each_request_carries_its_own_id_and_trace() -> None:
    request = ResponseReader().request("/x", "localhost:80", MARK).decode()
    assert request.startswith("GET /x HTTP/1.1\r\n")
    assert f"x-request-id: {MARK}\r\n" in request.lower()
    assert f"traceparent: 00-{MARK}-{MARK[:16]}-01\r\n" in request.lower()
    assert "connection:" not in request.lower()


@pytest.mark.parametrize(
    ("head", "announced"),
    [
        (OK + b"Content-Length: 0\r\n", False),
        (OK + b"Content-Length: 0\r\nConnection: close\r\n", True),
        (OK + b"Content-Length: 0\r\nConnection: x, CLOSE ,y\r\n", True),
        (OK + b"Content-Length: 0\r\nConnection: x\r\nConnection: close\r\n", True),
        (OK + b"Content-Length: 0\r\nConnection: closed\r\n", False),
        (OK + b"Content-Length: 0\r\nX-Connection: close\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n", False),
        (b"HTTP/1.1 204 No Content\r\n", False),
        (b"HTTP/1.1 304 Not Modified\r\n", False),
        (OK, True),
    ],
)
def test_close_is_announced_by_option_by_version_or_by_framing(head: bytes, announced: bool) -> None:
    assert facts([head + b"\r\n"], ended=True)[3:5] == (True, announced)


def test_a_reader_serves_one_request_after_the_other() -> None:
    reader = ResponseReader()
    for size in (1, 2, 3):
        reader.request("/", "localhost", MARK)
        assert not reader.begun
        reader.receive(OK + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        assert (reader.complete, reader.body_bytes, reader.reusable) == (True, size, True)


def test_what_cannot_be_a_status_line_is_malformed_at_its_first_wrong_byte() -> None:
    reader = ResponseReader()
    reader.request("/", "localhost", MARK)
    reader.receive(b"HTT")
    assert not reader.malformed
    reader.receive(b"S")
    assert "HTTS" in reader.malformed


def test_heads_and_interim_responses_are_bounded() -> None:
    assert facts([OK, *([b"X-More: x\r\n" * 100] * (MAX_HEAD // 1000))], ended=False)[5]
    assert facts([b"HTTP/1.1 102 Wait\r\n\r\n"] * (MAX_INTERIM + 1), ended=False)[5]
    assert not facts([b"HTTP/1.1 102 Wait\r\n\r\n"] * MAX_INTERIM, ended=False)[5]


def test_switching_protocols_without_being_asked_is_malformed() -> None:
    assert facts([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], ended=False)[5]
