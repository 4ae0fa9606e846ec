"""Records of a json-file as values, and lines put together from their parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engine.logs.interface import LogRecord
from seatrial.engine.logs.records import (
    Joiner,
    mend,
    parse,
    parse_time,
    raw_time,
    show_attributes,
    show_time,
    show_time_short,
)

from .writer import START, record_bytes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2025-11-21T14:00:00Z", "2025-11-21T14:00:00.000000000Z"),
        ("2025-11-21T14:00:00.5Z", "2025-11-21T14:00:00.500000000Z"),
        ("2025-11-21T14:00:00.024185028Z", "2025-11-21T14:00:00.024185028Z"),
        ("2025-11-21T14:00:00.1+02:00", "2025-11-21T12:00:00.100000000Z"),
        ("1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.250000000Z"),
    ],
)
def test_time_is_printed_with_nine_digits_in_utc(text: str, shown: str) -> None:
    assert show_time(parse_time(text)) == shown


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_times_survive_being_written_and_read(moment: int) -> None:
    assert parse_time(show_time(moment)) == parse_time(show_time_short(moment)) == moment


def test_record_is_read_with_its_attributes() -> None:
    raw = record_bytes("é\n", START, "stderr", {"app": "x"})
    assert parse(raw) == LogRecord(START, "stderr", "é\n", {"app": "x"})
    assert raw_time(raw) == START


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"log":"x\\n","stream":"stdout"}',
        b'{"log":1,"stream":"stdout","time":"2025-11-21T14:00:00Z"}',
        b'{"log":"x","stream":"other","time":"2025-11-21T14:00:00Z"}',
        b'{"log":"x","stream":"stdout","time":"yesterday"}',
        b"\0" * 40,
    ],
)
def test_what_is_no_record_is_none(raw: bytes) -> None:
    assert parse(raw) is None


def test_each_byte_that_is_not_utf8_is_one_replacement_as_in_go() -> None:
    record = parse(b'{"log":"\xe2\x80(\xff\xfe\\ud800\\n","stream":"stdout","time":"2025-11-21T14:00:00Z"}')
    assert record is not None
    assert record.text == "\ufffd\ufffd(\ufffd\ufffd\ufffd\n"


@given(st.integers(0, 200))
def test_record_after_a_torn_one_is_found(cut: int) -> None:
    torn = record_bytes('a {"log":" in the text\n')[:-2][:cut]
    whole = record_bytes("next\n", START + 1)
    found = parse(torn + whole) or mend(torn + whole)
    assert found == LogRecord(START + 1, "stdout", "next\n")


def test_attributes_are_sorted_and_escaped_as_in_a_url() -> None:
    assert show_attributes({"b": "x&y=z,~é", "a": "1 2"}) == "a=1+2,b=x%26y%3Dz%2C~%C3%A9"


def part(text: str, moment: int = 1, stream: str = "stdout") -> LogRecord:
    return LogRecord(moment, stream, text)


def joined(records: list[LogRecord], longest: int = 1000) -> list[LogRecord]:
    joiner = Joiner(longest)
    return [line for record in records for line in joiner.take(record)] + list(joiner.rest())


def test_parts_of_one_time_are_one_line_also_with_the_other_stream_between() -> None:
    lines = joined([part("aa"), part("err\n", 2, "stderr"), part("bb"), part("c\n"), part("d\n", 3)])
    assert [line.text for line in lines] == ["err\n", "aabbc\n", "d\n"]


def test_unfinished_line_does_not_go_on_with_one_of_another_time() -> None:
    assert [line.text for line in joined([part("prompt> "), part("restarted\n", 2)])] == ["prompt> ", "restarted\n"]


def test_huge_line_is_given_in_pieces_that_say_so() -> None:
    lines = joined([part("a" * 4), part("b" * 4), part("c" * 4), part("d\n"), part("e\n")], longest=8)
    assert [(line.text, line.continues) for line in lines] == [("aaaabbbb", False), ("ccccd\n", True), ("e\n", False)]


@given(st.lists(st.tuples(st.sampled_from(("stdout", "stderr")), st.text("ab\n", max_size=4), st.integers(1, 3))))
def test_joining_loses_and_changes_nothing(pieces: list[tuple[str, str, int]]) -> None:
    records = [part(text, moment, stream) for stream, text, moment in sorted(pieces, key=lambda piece: piece[2])]
    lines = joined(records, longest=6)
    for stream in ("stdout", "stderr"):
        given_text = "".join(record.text for record in records if record.stream == stream)
        assert "".join(line.text for line in lines if line.stream == stream) == given_text
