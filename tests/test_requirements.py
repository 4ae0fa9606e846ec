"""A missing component skips a test on a developer's machine, and fails it where CI decides."""

from __future__ import annotations

import pytest

from .requirements import missing_module, missing_program, require, too_busy


def test_a_missing_component_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no anchor here"):
        require("no anchor here")


def test_a_missing_component_fails_where_ci_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="missing: no anchor here"):
        require("no anchor here")


@pytest.mark.parametrize(("value", "raised"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_machine_that_stays_too_busy_is_no_excuse_where_ci_is_set(
    value: str, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", value)
    with pytest.raises(raised, match="less busy: late"):
        too_busy("late")


@pytest.mark.parametrize("value", ["", "true"])
def test_what_is_there_neither_skips_nor_fails(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    require("")
    require(missing_program("sh"))
    require(missing_module("json"))


def test_what_is_missing_is_named() -> None:
    assert missing_program("no-such-anchor") == "no-such-anchor is not installed"
    assert missing_module("no_such_anchor") == "no_such_anchor is not installed"
