"""The engine's own decisions, without starting anything."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.interface import StartError
from seatrial.engine.native import NativeEngine, boot, leftovers
from seatrial.model.place import Sourced
from seatrial.model.service import Service


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The cgroup trees of each attempt to start; the first fails at its cgroup."""
    seen: list[tuple[Any, ...]] = []

    async def attempt(_self: NativeEngine, _service: Service, _options: object, _host: object, trees: Any) -> str:
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


def test_scripts_are_started_isolated_with_nothing_of_the_callers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    assert boot.command("launcher", "a")[1:3] == ["-IS", "-B"]
    assert boot.command("launcher", "a")[-1] == "a"
    assert set(boot.environment()) <= {"LC_ALL", "LD_LIBRARY_PATH"}
    assert (Path(boot.ROOT) / "seatrial" / "engine" / "native" / "inside" / "launcher.py").is_file()
