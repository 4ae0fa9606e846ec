"""Which edits meet the findings of a project: asks the fix of each requirement. Pure.

A finding that only follows from another comes last, so that where both want the same place its cause is mended. The
module of a fix is imported when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from seatrial.check.fixes.interface import Fix
from seatrial.check.interface import Context
from seatrial.check.run import Outcome
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit

FIXES: tuple[str, ...] = (
    "exec-form-command",
    "package-manager-as-pid1",
    "entrypoint-hands-over",
    "init-reaps-orphans",
    "healthcheck-detects-failure",
    "waits-for-dependencies",
    "restart-policy",
    "log-rotation",
    "pids-limit",
    "nofile-limit",
    "node-env-production",
)
"""The requirements that have one."""


@cache
def fix_for(name: str) -> Fix:
    """The fix of this requirement. Raises KeyError where there is none."""
    if name not in FIXES:
        raise KeyError(name)
    found: Fix = import_module("seatrial.check.fixes." + name.replace("-", "_")).fix
    return found


def edits(documents: Documents, outcome: Outcome) -> Iterator[Edit]:
    """The edits for all findings of a run whose places have no prefix, each once."""
    context = Context(documents)
    hidden = set(outcome.consequences)
    seen: set[Edit] = set()
    for finding in sorted(outcome.all_findings, key=lambda each: each in hidden):
        for edit in fix_for(finding.requirement)(context, finding) if finding.requirement in FIXES else ():
            if edit not in seen:
                seen.add(edit)
                yield edit
