"""Which edits meet the findings of a project: asks the fix of each requirement. Pure.

A finding that only follows from another comes last, so that where both want the same place its cause is mended. The
module of a fix is imported when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from seatrial.check.fixes.interface import Fix
from seatrial.check.interface import Context
from seatrial.check.run import Outcome
from seatrial.check.table import rule
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.values import replace

FIXES: tuple[str, ...] = (
    "exec-form-command",
    "package-manager-as-pid1",
    "dev-runner-in-production",
    "entrypoint-hands-over",
    "one-init",
    "init-reaps-orphans",
    "stop-signal-handled",
    "handles-sigterm",
    "healthcheck-present",
    "healthcheck-detects-failure",
    "healthcheck-tool-present",
    "healthcheck-timing",
    "waits-for-dependencies",
    "restart-policy",
    "memory-limit",
    "cpu-limit",
    "pids-limit",
    "nofile-limit",
    "log-rotation",
    "read-only-root",
    "base-image-slim",
    "production-dependencies",
    "lockfile-copied",
    "cache-mount",
    "host-modules-not-copied",
    "non-root-user",
    "secrets-as-files",
    "dockerignore-covers",
    "node-env-production",
    "image-labels",
    "grace-period-fits",
    "pre-stop-delay",
    "probes-distinct",
    "resources-set",
    "security-context",
    "update-order",
)
"""The requirements that have one."""

UNFIXED: dict[str, str] = {
    "exit-code-clean": "files don't say with which code a program ends; the drill's verdict says what to change",
    "tolerates-lb-lag": "the preStop sleep is the fix of pre-stop-delay; a delay in the program is the program's own",
    "multi-stage": "which files the last stage needs is known to the build alone; a guess may not start",
}
"""The requirements that could have one by their nature, and why they have none."""


@cache
def fix_for(name: str) -> Fix:
    """The fix of this requirement. Raises KeyError where there is none."""
    if name not in FIXES:
        raise KeyError(name)
    found: Fix = import_module("seatrial.check.fixes." + name.replace("-", "_")).fix
    return found


def edits(documents: Documents, outcome: Outcome) -> Iterator[Edit]:
    """The edits for the findings of a run whose places have no prefix, each once.

    What is hidden under its cause was never told, and is mended only together with the cause, since it would be told
    next; where the cause's edits are unsafe, so are these.
    """
    mended = frozenset((each.requirement, each.service) for each in outcome.all_findings)
    context = Context(documents, mended=mended)
    hidden = set(outcome.consequences)
    made: dict[tuple[str, str], bool] = {}
    seen: set[Edit] = set()
    for finding in sorted(outcome.all_findings, key=lambda each: each in hidden):
        if finding.requirement not in FIXES:
            continue
        causes = _causes(finding, made) if finding in hidden else [True]
        for wanted in fix_for(finding.requirement)(context, finding) if causes else ():
            edit = wanted if all(causes) else replace(wanted, is_safe=False)
            key = (finding.requirement, finding.service)
            made[key] = made.get(key, True) and edit.is_safe
            if edit not in seen:
                seen.add(edit)
                yield edit


def _causes(finding: Finding, made: Mapping[tuple[str, str], bool]) -> list[bool]:
    """For each cause of the finding that is mended, whether safely."""
    names = rule(finding.requirement).consequence_of
    return [made[name, finding.service] for name in names if (name, finding.service) in made]
