"""The order of hooks."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from seatrial.drain.hooks import Hook, HookOrderError, added, longest, ready


def declared(*wanted: tuple[str, Iterable[str] | None]) -> list[Hook]:
    hooks: list[Hook] = []
    for name, after in wanted:
        hooks.append(added(hooks, name, lambda: None, after, 1.0))
    return hooks


def names(hooks: list[Hook]) -> list[str]:
    return [hook.name for hook in hooks]


def test_hooks_run_in_the_order_of_their_declaration() -> None:
    hooks = declared(("first", None), ("second", None), ("third", None))
    assert names(ready(hooks, (), ())) == ["first"]
    assert names(ready(hooks, ["first"], ())) == []
    assert names(ready(hooks, ["first"], ["first"])) == ["second"]


def test_independent_hooks_run_side_by_side() -> None:
    hooks = declared(("database", ()), ("cache", ()), ("report", ("database", "cache")))
    assert names(ready(hooks, (), ())) == ["database", "cache"]
    assert names(ready(hooks, ["database", "cache"], ["cache"])) == []
    assert names(ready(hooks, ["database", "cache"], ["cache", "database"])) == ["report"]


def test_the_time_of_all_hooks_is_that_of_their_longest_chain() -> None:
    assert longest(declared(("a", None), ("b", None), ("c", ()))) == 2.0
    assert longest([]) == 0.0


def test_a_hook_after_an_unknown_one_is_refused() -> None:
    with pytest.raises(HookOrderError, match="'b' comes after nothing, which is not declared before it"):
        declared(("a", None), ("b", ("nothing",)))


def test_two_hooks_of_one_name_are_refused() -> None:
    with pytest.raises(HookOrderError, match="two hooks are named 'a'"):
        declared(("a", None), ("a", None))


def test_a_hook_needs_time() -> None:
    with pytest.raises(HookOrderError, match="timeout of 0 s"):
        added([], "a", lambda: None, None, 0)
