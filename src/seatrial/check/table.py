"""All rules in the order of the catalogue. A rule's module is imported when it is first asked for.

To add a rule: write `check/rules/<name with underscores>.py` with `RULE`, and add its line here. `needs` names what
must have been read for the rule to have anything to say: "compose", "dockerfile", "kubernetes", "ecs" (its tasks),
"source" (that of what a service runs), "server" (one of Python's own library, which is known without its source),
"swarm" (what Swarm alone reads of a compose file), more than one of them with spaces between, or "" for any service.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import NamedTuple

from seatrial.check import launch
from seatrial.check.interface import Rule
from seatrial.model.documents import Documents


class Entry(NamedTuple):
    """One line of the table."""

    name: str
    needs: str = ""


ENTRIES: tuple[Entry, ...] = (
    Entry("exec-form-command"),
    Entry("package-manager-as-pid1"),
    Entry("dev-runner-in-production"),
    Entry("entrypoint-hands-over"),
    Entry("one-init"),
    Entry("init-reaps-orphans"),
    Entry("stop-signal-handled"),
    Entry("handles-sigterm", "source server"),
    Entry("handles-sigint", "source"),
    Entry("dies-on-fatal-error", "source"),
    Entry("tolerates-lb-lag", "kubernetes"),
    Entry("keep-alive-outlives-lb", "source"),
    Entry("healthcheck-present"),
    Entry("healthcheck-detects-failure"),
    Entry("healthcheck-tool-present"),
    Entry("healthcheck-port"),
    Entry("healthcheck-timing"),
    Entry("liveness-is-shallow", "source kubernetes"),
    Entry("readiness-is-deep", "source kubernetes"),
    Entry("waits-for-dependencies", "compose ecs"),
    Entry("restart-policy", "compose"),
    Entry("memory-limit", "compose kubernetes"),
    Entry("cpu-limit", "compose"),
    Entry("pids-limit", "compose"),
    Entry("nofile-limit", "compose ecs"),
    Entry("log-rotation", "compose ecs"),
    Entry("logs-to-stdout"),
    Entry("logs-structured", "source"),
    Entry("log-driver-readable", "compose ecs"),
    Entry("base-image-pinned", "dockerfile"),
    Entry("base-image-supported"),
    Entry("base-image-slim", "dockerfile"),
    Entry("multi-stage", "dockerfile"),
    Entry("production-dependencies", "dockerfile"),
    Entry("lockfile-copied", "dockerfile"),
    Entry("cache-mount", "dockerfile"),
    Entry("host-modules-not-copied", "dockerfile"),
    Entry("non-root-user", "dockerfile kubernetes"),
    Entry("read-only-root", "compose ecs"),
    Entry("no-secrets-in-image"),
    Entry("secrets-as-files"),
    Entry("dockerignore-covers", "dockerfile"),
    Entry("node-env-production", "dockerfile"),
    Entry("image-labels", "dockerfile"),
    Entry("image-tag-unique", "compose kubernetes"),
    Entry("dependencies-audited"),
    Entry("grace-period-fits", "compose kubernetes"),
    Entry("pre-stop-delay", "kubernetes"),
    Entry("probes-distinct", "kubernetes"),
    Entry("resources-set", "kubernetes"),
    Entry("security-context", "kubernetes"),
    Entry("single-restart-loop", "kubernetes"),
    Entry("update-order", "kubernetes swarm"),
)

NAMES = tuple(entry.name for entry in ENTRIES)


@cache
def rule(name: str) -> Rule:
    """The rule of this requirement. Raises KeyError where there is none."""
    if name not in NAMES:
        raise KeyError(name)
    module = import_module("seatrial.check.rules." + name.replace("-", "_"))
    found: Rule = module.RULE
    return found


def rules_for(documents: Documents, names: Sequence[str] = NAMES) -> tuple[Rule, ...]:
    """The rules among `names` that these documents give anything to look at."""
    there = {""}
    if documents.dockerfiles:
        there.add("dockerfile")
    if any(unit.compose for unit in documents.units):
        there.add("compose")
    if documents.cluster is not None:
        there.add("kubernetes")
        there.update(("ecs",) if documents.cluster.tasks else ())
    if any(unit.has_source for unit in documents.units):
        there.add("source")
    if any(launch.library_server(unit) for unit in documents.units):
        there.add("server")
    if any(unit.compose and unit.compose.rollout for unit in documents.units):
        there.add("swarm")
    return _rules(frozenset(there), tuple(names))


@lru_cache(maxsize=64)
def _rules(there: frozenset[str], names: tuple[str, ...]) -> tuple[Rule, ...]:
    """Asked for each of many projects, of which there are few kinds."""
    return tuple(
        rule(entry.name)
        for entry in ENTRIES
        if entry.name in names and there.intersection(entry.needs.split() or ("",))
    )
