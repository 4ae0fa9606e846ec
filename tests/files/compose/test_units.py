"""Durations and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.units import parse_bytes, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("10s", 10.0), ("1m30s", 90.0), ("500ms", 0.5), ("1h2m3s", 3723.0), ("1.5h", 5400.0), (".5s", 0.5)],
        *[("250us", 0.00025), ("250µs", 0.00025), ("1ns", 1e-9), ("0", 0.0), ("-1s", -1.0), ("+2s", 2.0)],
        *[("1d", 86400.0), ("2w", 1209600.0), ("1s1s", 2.0), ("0.1s0.2s", 0.3), ("1.s", 1.0), ("-0", 0.0)],
    ],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "s", "1 s", "1S", "1x", "--1s", "1s ", ".s", "1m30", "inf", "9" * 200 + "s"]
)
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_a_duration_fits_into_64_bits_of_nanoseconds() -> None:
    assert parse_duration("290w") < parse_duration("15000w")
    with pytest.raises(ValueError, match="longer than"):
        parse_duration("16000w")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *[("0", 0), ("1024", 1024), ("-1", -1), ("+5", 5), ("64b", 64), ("1k", 1024), ("1kb", 1024), ("1KiB", 1024)],
        *[("2m", 2097152), ("512M", 536870912), ("1g", 1073741824), ("1.5GB", 1610612736), ("1 gb", 1073741824)],
        *[
            ("1t", 1099511627776),
            ("1PiB", 1125899906842624),
            (".5k", 512),
            ("1.k", 1024),
            ("0.3k", 307),
            ("1e3", 1000),
            ("1e1k", 10240),
        ],
    ],
)
def test_sizes_are_bytes_in_powers_of_1024(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "m", "1x", "1 2", "1kbb", "ib", "1ib", "-1m", "1  k", "٣", "9" * 30, "9999999p", " 1"]
)
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|large"):
        parse_bytes(text)


@given(st.integers(0, 10**9), st.sampled_from(["ns", "us", "ms", "s"]))
def test_a_unit_scales_and_nothing_else(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == round(number * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[unit], 9)
    assert parse_duration(f"-{number}{unit}") == -parse_duration(f"{number}{unit}")


@given(st.text(max_size=20) | st.from_regex(r"[-+]?[0-9.]{1,8}[a-zA-Z ]{0,4}", fullmatch=True))
def test_any_text_is_a_number_or_a_value_error(text: str) -> None:
    for parse in (parse_bytes, parse_duration):
        try:
            assert abs(parse(text)) < 2**64
        except ValueError as error:
            assert str(error)
