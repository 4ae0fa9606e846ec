"""Quantities by apimachinery's grammar, exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.files.kubernetes.quantities import parse_quantity

SUFFIXES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "m": Fraction(1, 1000),
    "u": Fraction(1, 10**6),
    "e3": 1000,
    "E-3": Fraction(1, 1000),
    "E": 10**18,
}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("100m", Fraction(1, 10)),
        ("0.1", Fraction(1, 10)),
        (".5", Fraction(1, 2)),
        ("1.", 1),
        ("1.5Gi", 3 * 2**29),
        ("128974848", 128974848),
        ("129e6", 129_000_000),
        ("129M", 129_000_000),
        ("123Mi", 123 * 2**20),
        ("1E", 10**18),
        ("1E3", 1000),
        ("-1", -1),
        ("+2Ki", 2048),
        ("0.1n", Fraction(1, 10**9)),
        ("9Ei", 2**63 - 1),
        ("1e999", 2**63 - 1),
    ],
)
def test_a_quantity_is_read_exactly(text: str, amount: Fraction | int) -> None:
    assert parse_quantity(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1GB",
        "1 Gi",
        "512MB",
        "1g",
        "100Mib",
        "m",
        "--1",
        "1e",
        "1e1000000000",
        "0x10",
        "1_000",
        "٣",
        "1\n",
        "9" * 101,
    ],
)
def test_what_kubernetes_refuses_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@given(st.integers(0, 10**6), st.integers(0, 999), st.sampled_from(sorted(SUFFIXES)))
def test_digits_and_suffix_multiply(whole: int, thousandths: int, suffix: str) -> None:
    text = f"{whole}.{thousandths:03d}{suffix}"
    exact = (whole + Fraction(thousandths, 1000)) * SUFFIXES[suffix]
    read = parse_quantity(text)
    assert read == min(exact, 2**63 - 1) or 0 <= read - exact < Fraction(1, 10**9)


@given(st.text(max_size=12) | st.from_regex(r"[+-]?[0-9.]{0,5}[eEKMGTPmunik]{0,3}[+-]?[0-9]{0,4}", fullmatch=True))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    try:
        amount = parse_quantity(text)
    except ValueError:
        return
    assert -(2**63) < amount < 2**63
