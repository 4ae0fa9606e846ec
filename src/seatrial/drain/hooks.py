"""The order of shutdown hooks: pure. A hook runs when all that it comes after are done, whether they went well or not.

Without `after` a hook follows the one declared before it; `after=()` starts at once; `after=("database",)` waits for
that hook alone. Hooks that do not wait for one another run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

TIMEOUT = 2.0
"""Seconds that a hook has by default."""


class HookOrderError(ValueError):
    """Hooks that can't be put in an order."""


class Hook(NamedTuple):
    """Something to do after the last request and the last job. `after` is resolved: names alone."""

    name: str
    call: Callable[[], Any]
    after: tuple[str, ...] = ()
    timeout: float = TIMEOUT


def added(
    hooks: Sequence[Hook], name: str, call: Callable[[], Any], after: Iterable[str] | None, timeout: float
) -> Hook:
    """A new hook behind those that were declared before. It may name only these, so a circle can't be written."""
    known = [hook.name for hook in hooks]
    if name in known:
        raise HookOrderError(f"two hooks are named {name!r}\nhint: give one of them name=…")
    if timeout <= 0:
        raise HookOrderError(f"hook {name!r} has a timeout of {timeout:g} s")
    before = tuple(known[-1:]) if after is None else (after,) if isinstance(after, str) else tuple(after)
    if missing := sorted(set(before) - set(known)):
        raise HookOrderError(f"hook {name!r} comes after {', '.join(missing)}, which is not declared before it")
    return Hook(name, call, before, timeout)


def ready(hooks: Sequence[Hook], begun: Iterable[str], done: Iterable[str]) -> list[Hook]:
    """The hooks to start now."""
    started, ended = set(begun), set(done)
    return [hook for hook in hooks if hook.name not in started and ended.issuperset(hook.after)]


def longest(hooks: Sequence[Hook]) -> float:
    """How long all hooks take at most: the longest way through their order."""
    ends: dict[str, float] = {}
    for hook in hooks:
        ends[hook.name] = hook.timeout + max((ends[name] for name in hook.after), default=0.0)
    return max(ends.values(), default=0.0)
