"""Patterns that are compiled at their first use: what they find, and that nothing happens before."""

from __future__ import annotations

import re

import pytest

from seatrial.model.patterns import pattern

METHODS = ("match", "search", "fullmatch", "findall", "split")


@pytest.mark.parametrize("method", METHODS)
def test_it_finds_what_a_compiled_one_finds(method: str) -> None:
    for text in ("abc", "xxABCx", "", "aXb"):
        ours, theirs = (getattr(make(r"(a)|b", re.IGNORECASE), method)(text) for make in (pattern, re.compile))
        assert repr(ours) == repr(theirs)


def test_it_replaces_and_tells_its_source() -> None:
    digits = pattern(r"\d+")
    assert digits.sub("#", "a1b22") == "a#b#" and digits.subn("", "1a") == ("a", 1)
    assert [found.group() for found in digits.finditer("1 22")] == ["1", "22"]
    assert digits.pattern == r"\d+" and digits.groups == 0 and digits.flags == re.compile(r"\d+").flags


def test_it_is_compiled_once_and_only_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    real = re.compile

    def compile_and_tell(source: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(source)
        return real(source, flags)

    monkeypatch.setattr(re, "compile", compile_and_tell)
    late = pattern("a+")
    assert compiled == []
    assert late.match("aa") and late.search("ba") and late.match("b") is None
    assert compiled == ["a+"]
