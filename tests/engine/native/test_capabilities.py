"""Capabilities by moby's rules."""

from __future__ import annotations

import pytest

from seatrial.engine.native.capabilities import DEFAULT, NAMES, granted, mask
from seatrial.model.errors import InputError


def test_default_is_what_docker_shows() -> None:
    assert granted((), ()) == 0xA80425FB == mask(DEFAULT)


def test_drop_then_add() -> None:
    assert granted(("NET_ADMIN",), ("CHOWN",)) == mask({*DEFAULT, "NET_ADMIN"} - {"CHOWN"})
    assert granted(("chown",), ("CAP_CHOWN",)) == mask(DEFAULT)


def test_all() -> None:
    assert granted(("NET_BIND_SERVICE",), ("ALL",)) == mask(["NET_BIND_SERVICE"])
    assert granted(("ALL",), ("SYS_ADMIN",)) == mask({*NAMES} - {"SYS_ADMIN"})


def test_unknown_name_is_the_users_error() -> None:
    with pytest.raises(InputError, match="NO_SUCH"):
        granted(("NO_SUCH",), ())
