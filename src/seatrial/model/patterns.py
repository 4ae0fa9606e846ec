"""Regular expressions that are compiled when they are first used, and not when their module is imported.

Python compiles them in Python, a quarter of a millisecond each; a run of `seatrial check` uses a third of those that
its modules hold. After its first use a pattern costs what a compiled one does: its methods are the compiled one's own.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    pattern = re.compile

else:

    def pattern(source, flags=0):
        """What `re.compile` gives, at its first use. Only what is written in our code is compiled this way."""
        return _Pattern(source, flags)


_METHODS = ("match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer")


class _Pattern:
    """A pattern that nobody has used yet."""

    def __init__(self, source: str, flags: int) -> None:
        self.pattern = source
        self.flags_given = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self.flags_given)
        # From now on these are found here, without this function.
        self.__dict__.update({method: getattr(compiled, method) for method in _METHODS})
        return getattr(compiled, name)
