"""Output becomes lines: bounded, in order, without secrets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.drill.logs import LONGEST, LogBook
from seatrial.engine.interface import Output
from seatrial.model.redaction import Redactor, environment_secrets


def book(pieces: list[tuple[str, bytes]], environment: dict[str, str] | None = None) -> LogBook:
    """A book that was fed these pieces, one a second from 11 on."""
    made = LogBook(Redactor(environment_secrets(environment or {})))
    for second, (stream, data) in enumerate(pieces, 11):
        made.feed(Output(float(second), stream, data))
    return made


def test_a_line_has_the_time_of_the_piece_that_ended_it() -> None:
    lines = book([("stdout", b"on"), ("stderr", b"oops\r\n"), ("stdout", b"e\n\ntwo"), ("stdout", b"")]).lines(10.0)
    assert [(line.time, line.stream, line.text, line.complete) for line in lines] == [
        (2.0, "stderr", "oops", True),
        (3.0, "stdout", "one", True),
        (3.0, "stdout", "", True),
        (4.0, "stdout", "two", False),
    ]


def test_the_first_and_the_last_lines_stay_and_the_rest_is_counted() -> None:
    made = LogBook(Redactor(), kept=2)
    made.feed(Output(1.0, "stdout", b"a\nb\nc\nd\ne\n"))
    assert [line.text for line in made.lines(0.0)] == ["a", "b", "d", "e"]
    assert made.dropped == 1


def test_a_line_without_end_is_cut_and_never_grows_without_bound() -> None:
    made = book([("stdout", b"x" * 70_000)] * 40 + [("stdout", b"y\nnext\n")])
    first, second = made.lines(0.0)
    assert len(first.text) == LONGEST
    assert second.text == "next"


def test_bytes_that_are_no_text_are_kept_as_well_as_can_be() -> None:
    assert book([("stdout", b"\xff\xfe caf\xc3\xa9\n")]).lines(0.0)[0].text == "\ufffd\ufffd café"


def test_a_secret_at_the_place_of_the_cut_is_hidden_too() -> None:
    text = b"x" * (LONGEST - 3) + b"topsecret\n"
    assert "top" not in book([("stdout", text)], {"MY_SECRET": "topsecret"}).lines(0.0)[0].text


@pytest.mark.parametrize("hidden", ["postgres://me:0123456789@db", "Authorization: Bearer AB0123456789"])
def test_what_looks_like_a_secret_at_the_place_of_the_cut_is_hidden_too(hidden: str) -> None:
    front = "x" * (LONGEST - hidden.index("4") - 1)
    assert "0123" not in book([("stdout", f"{front} {hidden}\n".encode())]).lines(0.0)[0].text


@pytest.mark.parametrize("between", ["", " "])
def test_secrets_that_fill_a_line_leave_no_half_of_one_at_its_end(between: str) -> None:
    """Without them it is much shorter, so that the place where it was cut comes into sight."""
    secret = "topsecret" * 20
    pieces = [("stdout", (secret + between).encode() * 1000), ("stdout", b"\n")]
    (line,) = book(pieces, {"MY_SECRET": secret}).lines(0.0)
    assert line.text.startswith(f"[redacted]{between}[redacted]")
    assert "top" not in line.text


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_lines_are_the_same_however_the_bytes_were_cut(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [("stdout", data[a:b]) for a, b in pairwise(edges) if a < b]
    whole = book([("stdout", data)] if data else [])
    assert [line.text for line in book(pieces).lines(0.0)] == [line.text for line in whole.lines(0.0)]
