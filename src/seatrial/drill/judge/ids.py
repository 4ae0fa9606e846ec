"""The ids that requests carry (X-Request-ID, traceparent): which of them a text speaks of. Each is 32 hexadecimal
digits, so a text is read once, however many there are."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ID = re.compile(r"(?=([0-9a-f]{32}))")


def ids_in(texts: Iterable[str], ids: frozenset[str]) -> frozenset[str]:
    """Those of the ids that stand in one of the texts."""
    found: set[str] = set()
    for text in texts:
        found.update(ids.intersection(_ID.findall(text)))
    return frozenset(found)
