"""The seatrial end of the shim: what it holds open."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.engine.native import keeping, shim
from seatrial.model.errors import UnsupportedError


def descriptors() -> list[str]:
    """What this process has open, but for the listing of it."""
    return sorted(str(each) for each in list(Path("/proc/self/fd").iterdir()) if each.is_symlink())


def test_start_without_a_shim_leaves_no_descriptor_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> str:
        raise UnsupportedError("not installed", hint="install it")

    monkeypatch.setattr(shim, "find", find)
    before = descriptors()
    for report in (None, keeping.prepare(keeping.Keeping(str(tmp_path / "state")))):
        with pytest.raises(UnsupportedError):
            shim.Shim.spawn([], report=report)
    assert descriptors() == before
