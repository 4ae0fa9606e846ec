"""The engine's own decisions, without starting anything."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.interface import StartError
from seatrial.engine.native import NativeEngine, leftovers, shim
from seatrial.engine.native.failures import explained, of_report
from seatrial.model.errors import UnsupportedError
from seatrial.model.place import Sourced
from seatrial.model.service import Service


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The cgroup trees of each attempt to start; the first fails at its cgroup."""
    seen: list[tuple[Any, ...]] = []

    async def attempt(
        _self: NativeEngine, _service: Service, _options: object, _host: object, trees: Any, _kept: Any
    ) -> str:
        seen.append(trees)
        if len(seen) == 1:
            raise StartError("cgroup", "Permission denied")
        return "instance"

    monkeypatch.setattr(NativeEngine, "_start", attempt)
    monkeypatch.setattr(leftovers, "sweep", lambda trees: None)
    monkeypatch.setattr("seatrial.engine.native.engine._trees", lambda: ("a tree",))
    return seen


def test_cgroup_that_nobody_may_be_moved_to_is_done_without(attempts: list[tuple[Any, ...]]) -> None:
    started: object = asyncio.run(NativeEngine().start(Service("s", "/", Sourced(("true",)))))
    assert started == "instance"
    assert attempts == [("a tree",), ()]


def test_machine_without_the_shim_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim, "NAME", "no-such-shim")
    with pytest.raises(UnsupportedError, match="is not installed") as caught:
        shim.find()
    assert "gcc" in caught.value.hint


def test_shim_of_another_version_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.engine.native.failures.find", lambda: "/usr/bin/seatrial-shim")
    refused = of_report(shim.parse(b"error description 38 hold\n"), "/stage/root")
    told = explained(refused, False)
    assert isinstance(told, UnsupportedError)
    assert "/usr/bin/seatrial-shim is of another version" in str(told)


@pytest.mark.parametrize(
    ("line", "step", "message"),
    [
        (b"error clone 28 namespaces", "new namespaces", "No space left on device"),
        (b"error mount 1 /stage/root/proc", "file system", "mount /proc: Operation not permitted"),
        (b"error chdir 2 /a b", "working directory /a b", "No such file or directory"),
        (b"error user 22 1000", "user", "1000: Invalid argument"),
        (b"error loopback 1 ", "network", "Operation not permitted"),
    ],
)
def test_failed_step_of_the_shim_is_told_in_words(line: bytes, step: str, message: str) -> None:
    error = of_report(shim.parse(line), "/stage/root")
    assert (error.step, error.message) == (step, f"{step}: {message}")
