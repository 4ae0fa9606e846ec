"""Whether an overheard answer is whole: by its own head, or nobody knows."""

from __future__ import annotations

import pytest

from seatrial.load.answers import is_whole, method_of

OK = b"HTTP/1.1 200 OK\r\n"
SIX = OK + b"content-length: 6\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begins", "size", "ends", "method", "whole"),
    [
        (SIX + b"answer", len(SIX) + 6, b"", b"GET", True),
        (SIX, len(SIX) + 6, b"", b"GET", True),
        (SIX, len(SIX), b"", b"GET", False),
        (SIX, len(SIX), b"", b"HEAD", True),
        (SIX, len(SIX), b"", b"", None),
        (SIX + b"answer", len(SIX) + 7, b"", b"GET", None),
        (SIX[:-2], len(SIX) - 2, b"", b"GET", None),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 27, b"", b"GET", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 25, b"", b"POST", None),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 36, b"", b"GET", None),
        (SIX.replace(b"200", b"503"), len(SIX) + 6, b"", b"GET", True),
        (CHUNKED, 99, b"2\r\nok\r\n0\r\n\r\n", b"GET", True),
        (CHUNKED, 99, b"2\r\nok\r\n", b"GET", False),
        (CHUNKED, 99, b"0\r\nTrailer: 1\r\n\r\n", b"GET", None),
        (CHUNKED, 99, b"", b"GET", None),
        (OK + b"\r\nuntil the end", 99, b"the end", b"GET", None),
        (OK + b"\r\n", 19, b"", b"CONNECT", None),
        (b"\x16\x03\x03", 3, b"", b"GET", None),
    ],
)
def test_an_answer_is_whole_by_its_own_head(
    begins: bytes, size: int, ends: bytes, method: bytes, whole: bool | None
) -> None:
    assert is_whole(begins, size, ends, method) is whole


@pytest.mark.parametrize(
    ("begins", "method"),
    [
        (b"GET /path HTTP/1.1\r\nHost: here\r\n", b"GET"),
        (b"POST /a/long/path/whose/end/is/not/in/this/packet", b"POST"),
        (b"GET / HTTP/1.1\r\nHost: here\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", b""),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
        (b"\x16\x03\x01\x02\x00", b""),
        (b"the rest of a body", b""),
        (b"", b""),
    ],
)
def test_a_request_is_told_by_how_it_begins(begins: bytes, method: bytes) -> None:
    assert method_of(begins) == method
