"""What was found out of a value once, for all that ask the same of it: of a document for rules, of a run for judges.

It is a frozen value, so what a pure function says of it stays true. It is known by its identity: to compare or
hash a whole one would cost more than most answers. Few are remembered, so that a large run doesn't grow.
"""

from __future__ import annotations

from functools import wraps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    D = TypeVar("D")
    A = TypeVar("A")

MAX_ANSWERS = 128


def remembered(function: Callable[[D], A]) -> Callable[[D], A]:
    """This function of one document, asked once for each. What it gives must not be changed by anybody."""
    answers: dict[int, tuple[D, A]] = {}

    @wraps(function)
    def asked(document: D) -> A:
        known = answers.get(id(document))
        # Whoever is in here is kept alive by it, so nobody else can have the same id.
        if known is not None:
            return known[1]
        if len(answers) >= MAX_ANSWERS:
            answers.clear()
        answer = function(document)
        answers[id(document)] = document, answer
        return answer

    return asked
