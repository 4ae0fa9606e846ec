"""Whether an answer that was overheard is whole, by its own head (RFC 9112, section 6.3). It never guesses.

Only HTTP/1 in plain text says so. Where the head was not heard whole, or leaves it to the end of the connection, or
is that of another protocol from then on, there is no telling.
"""

from __future__ import annotations

import re

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5]\d\d)[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,18}) *\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked *\r\n", re.IGNORECASE)
_REQUEST = re.compile(rb"([A-Z]{3,16}) [^ \r\n]+( HTTP/1\.[01]\r\n)?")
_NEXT = re.compile(rb"\r\n\r\n" + _REQUEST.pattern.rstrip(b"?"))
_WITHOUT_BODY = (b"204", b"304")


def method_of(begins: bytes) -> bytes:
    """The method of the request that begins so, or nothing where it is no request of HTTP/1, or more than one."""
    found = _REQUEST.match(begins)
    if found is None or begins.startswith(b"PRI * ") or _NEXT.search(begins):
        return b""
    return found[1]


def is_whole(begins: bytes, size: int, ends: bytes, method: bytes) -> bool | None:
    """Whether an answer to a request of this method is whole: how its first packet begins, the number of its bytes
    so far, and what its last packet carried (empty where not all of it was heard). A method of "" is not known."""
    status, end = _STATUS.match(begins), begins.find(_HEAD_END)
    if status is None or end < 0 or method == b"CONNECT":
        return None
    head, length = begins[: end + 2], end + len(_HEAD_END)
    if status[1] in _WITHOUT_BODY or method == b"HEAD":
        return True if size == length else None
    if (found := _LENGTH.search(head)) is not None:
        missing = length + int(found[1]) - size
        if not method and size == length and missing:
            return None
        return missing == 0 if missing >= 0 else None
    if _CHUNKED.search(head) is None or not ends:
        return None
    if ends.endswith(_LAST_CHUNK):
        return True
    return None if ends.endswith(_HEAD_END) else False  # trailers end like this, and so may a part
