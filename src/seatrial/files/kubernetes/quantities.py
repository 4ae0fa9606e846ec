"""Kubernetes' quantities (`500m`, `1.5Gi`, `1e3`), exactly.

Pure text to fractions, by the grammar of apimachinery's resource.Quantity. What is none is a ValueError that says what
was expected.
"""

from __future__ import annotations

import math
from fractions import Fraction

from seatrial.model.patterns import pattern

_QUANTITY = pattern(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(?:([eE][+-]?[0-9]{1,3})|([KMGTPE]i|[numkMGTPE]))?")
_BINARY = {name: 1024 ** (power + 1) for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_LARGEST = 2**63 - 1
_NANO = 10**9
_MAX_TEXT = 100
"""Longer than any number that fits; bounds the work on hostile text."""


def parse_quantity(text: str) -> Fraction:
    """The amount. Parts below a billionth are rounded up and what is above 2^63-1 is that, as Kubernetes does it.

    Raises ValueError for anything that its API refuses.
    """
    match = _QUANTITY.fullmatch(text) if len(text) <= _MAX_TEXT else None
    if match is None:
        raise ValueError(f"{text[:_MAX_TEXT]!r} is not a quantity; write a number such as 250m, 0.5, 512Mi or 2Gi")
    sign, digits, exponent, suffix = match.groups()
    if suffix in _BINARY:
        factor = Fraction(_BINARY[suffix])
    else:
        factor = Fraction(10) ** (int(exponent[1:]) if exponent else _DECIMAL[suffix or ""])
    amount = Fraction(math.ceil(Fraction(digits.rstrip(".")) * factor * _NANO), _NANO)
    return min(amount, Fraction(_LARGEST)) * (-1 if sign == "-" else 1)
