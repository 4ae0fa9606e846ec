"""All rules in the order of the catalogue. A rule's module is imported when it is first asked for.

To add a rule: write `check/rules/<name with underscores>.py` with `RULE`, and add its line here. `NEEDS` names what
must have been read for the rule to have anything to say: "compose", "dockerfile", "kubernetes", "ecs" (its tasks),
"source" (that of what a service runs), "server" (one of Python's own library, which is known without its source),
"swarm" (what Swarm alone reads of a compose file), more than one of them with spaces between, or "" for any service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module

from seatrial.check import launch
from seatrial.check.interface import Rule
from seatrial.model.documents import Documents

NEEDS: Mapping[str, str] = {
    "exec-form-command": "",
    "package-manager-as-pid1": "",
    "dev-runner-in-production": "",
    "entrypoint-hands-over": "",
    "one-init": "",
    "init-reaps-orphans": "",
    "stop-signal-handled": "",
    "handles-sigterm": "source server",
    "handles-sigint": "source",
    "dies-on-fatal-error": "source",
    "tolerates-lb-lag": "kubernetes",
    "keep-alive-outlives-lb": "source",
    "healthcheck-present": "",
    "healthcheck-detects-failure": "",
    "healthcheck-tool-present": "",
    "healthcheck-port": "",
    "healthcheck-timing": "",
    "liveness-is-shallow": "source kubernetes",
    "readiness-is-deep": "source kubernetes",
    "waits-for-dependencies": "compose ecs",
    "restart-policy": "compose",
    "memory-limit": "compose kubernetes",
    "cpu-limit": "compose",
    "pids-limit": "compose",
    "nofile-limit": "compose ecs",
    "log-rotation": "compose ecs",
    "logs-to-stdout": "",
    "logs-structured": "source",
    "log-driver-readable": "compose ecs",
    "base-image-pinned": "dockerfile",
    "base-image-supported": "",
    "base-image-slim": "dockerfile",
    "multi-stage": "dockerfile",
    "production-dependencies": "dockerfile",
    "lockfile-copied": "dockerfile",
    "cache-mount": "dockerfile",
    "host-modules-not-copied": "dockerfile",
    "non-root-user": "dockerfile kubernetes",
    "read-only-root": "compose ecs",
    "no-secrets-in-image": "",
    "secrets-as-files": "",
    "dockerignore-covers": "dockerfile",
    "node-env-production": "dockerfile",
    "image-labels": "dockerfile",
    "image-tag-unique": "compose kubernetes",
    "dependencies-audited": "",
    "grace-period-fits": "compose kubernetes",
    "pre-stop-delay": "kubernetes",
    "probes-distinct": "kubernetes",
    "resources-set": "kubernetes",
    "security-context": "kubernetes",
    "single-restart-loop": "kubernetes",
    "update-order": "kubernetes swarm",
}

NAMES = tuple(NEEDS)


@cache
def rule(name: str) -> Rule:
    """The rule of this requirement. Raises KeyError where there is none."""
    if name not in NEEDS:
        raise KeyError(name)
    module = import_module("seatrial.check.rules." + name.replace("-", "_"))
    found: Rule = module.RULE
    return found


def load_common() -> None:
    """Import the rules that nearly every project asks for."""
    for name, needs in NEEDS.items():
        if needs in ("", "dockerfile"):
            rule(name)


def rules_for(documents: Documents, names: Sequence[str] = NAMES) -> Mapping[str, Rule]:
    """The rules among `names` that these documents give anything to look at, by their names."""
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
def _rules(there: frozenset[str], names: tuple[str, ...]) -> Mapping[str, Rule]:
    """Asked for each of many projects, of which there are few kinds."""
    return {
        name: rule(name)
        for name, needs in NEEDS.items()
        if name in names and there.intersection(needs.split() or ("",))
    }
