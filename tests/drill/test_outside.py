"""A load command is started only where the kernel can be asked what became of its connections."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seatrial.drill.outside import OutsideError, OutsideLoad
from seatrial.model.traffic import Target

TCP = Target("ipv4", "127.0.0.1", 3000)


@pytest.mark.parametrize(
    ("target", "shares", "words"),
    [
        (Target("unix", "/run/api.sock", 0), True, "listens on a Unix socket"),
        (TCP, False, "can't be started in the service's own network here"),
    ],
)
def test_where_nobody_could_see_what_becomes_of_it_no_load_is_started(target: Target, shares: bool, words: str) -> None:
    """The load generator and the instance are asked for nothing: there is nothing behind these."""
    load, instance = cast(Any, SimpleNamespace()), cast(Any, SimpleNamespace(shares_network=shares))
    with pytest.raises(OutsideError, match=words):
        asyncio.run(OutsideLoad(load, instance, ("wrk", "{url}")).begin(target))
