"""A value that is made when it is first asked for: what `functools.cache` does for a function without arguments, at a
tenth of its cost. Documents hold such values by the dozen, and most of them are never asked for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class _Once:
    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], object]) -> None:
        self._make: Callable[[], object] | None = make

    def __call__(self) -> object:
        if self._make is not None:
            self._made = self._make()
            self._make = None
        return self._made


if TYPE_CHECKING:

    def once(make: Callable[[], T]) -> Callable[[], T]:
        """A function that calls this one at its first call, and remembers what it gave."""

else:
    once = _Once
