"""Fix for dockerignore-covers: lines in the .dockerignore for what the build takes and should not."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.ignore_lines import adding_lines
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.interface import Context
from seatrial.check.rules import dockerignore_covers as rule
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add them: safe for .git and logs; unsafe for a .env, which the program may read, and for tests."""
    unit = unit_of(context, finding)
    if unit is None:
        return
    secrets, baggage = rule.taken(unit)
    lines = sorted({_pattern(path) for path in baggage})
    yield from made(adding_lines(context, unit, finding, lines, is_safe=True))
    others = [*secrets, *rule.tests(unit)]
    secret_lines = sorted({_pattern(path) for path in others} - set(lines))
    yield from made(adding_lines(context, unit, finding, secret_lines, is_safe=False))


def _pattern(path: str) -> str:
    """What leaves it out, wherever it lies."""
    path = path.rstrip("/")
    name = path.rpartition("/")[2]
    if name.endswith(".log"):
        return "**/*.log"
    return f"**/{name}" if "/" in path else name
