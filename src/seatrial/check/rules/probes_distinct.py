"""probes-distinct: liveness and readiness ask different things, and a slow start has a probe of its own."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong
from seatrial.check.kubernetes import Seen, per_workload
from seatrial.model.finding import Confidence, Severity
from seatrial.model.kubernetes import Container, Probe
from seatrial.model.place import Sourced

NAME = "probes-distinct"
_SLOW = 60
_READY_WORDS = ("ready", "readiness")


def _look(seen: Seen) -> Iterator[Wrong]:
    names = ("livenessProbe", "readinessProbe", "startupProbe")
    if seen.is_patched(*names) or not seen.workload.is_long_running:
        return
    for container in seen.workload.pod.mains:
        wrong = _of_container(container)
        if wrong is not None:
            yield wrong
            return


def _of_container(container: Container) -> Wrong | None:
    alive, ready = container.liveness, container.readiness
    if alive is None:
        return None
    if ready is not None and alive.handler.what == ready.handler.what and alive.handler.kind != "tcpSocket":
        return _same(container, alive, ready)
    if any(word in alive.handler.path.lower() for word in _READY_WORDS):
        message = f"{container.name}: the liveness probe asks {alive.handler.path}: what is not ready is restarted"
        return Wrong(message, alive.place, "let liveness ask an address that touches no dependency", Severity.WARNING)
    return None if container.startup else _slow(container, alive, ready)


def _same(container: Container, alive: Probe, ready: Probe) -> Wrong | None:
    if alive.patience > ready.patience:
        return None  # the pattern that Kubernetes' own page describes
    port = f" on port {alive.handler.port.value}" if alive.handler.port else ""
    asked = alive.handler.path or " ".join(alive.handler.command)[:60] or alive.handler.kind + port
    message = f"{container.name}: liveness and readiness both ask {asked}: whatever makes it unready restarts it, too"
    is_deep = any(word in alive.handler.path.lower() for word in _READY_WORDS)
    severity = Severity.WARNING if is_deep else Severity.INFO
    remedy = "let liveness ask an address that touches no dependency, or give it a higher failureThreshold"
    return Wrong(message, alive.place, remedy, severity, related=(Sourced("the readiness probe", ready.place),))


def _slow(container: Container, alive: Probe, ready: Probe | None) -> Wrong | None:
    until = alive.effective_delay + alive.patience
    remedy = "startupProbe with failureThreshold × periodSeconds above the longest start, and no initialDelaySeconds"
    if ready is not None and ready.effective_delay > until:
        message = (
            f"{container.name}: readiness is first asked after {ready.effective_delay} s, and liveness restarts it from"
            f" {until} s on"
        )
        return Wrong(message, alive.place, remedy, Severity.WARNING)
    if alive.effective_delay < _SLOW or alive.initial_delay is None:
        return None
    message = (
        f"{container.name}: liveness waits {alive.effective_delay} s for a slow start: a hang in it goes unseen, and a"
        " start that takes longer is killed"
    )
    return Wrong(message, alive.initial_delay.place, remedy, Severity.INFO, Confidence.MEDIUM)


_WEB = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
)
_LIVE = "        livenessProbe: {httpGet: {path: PATH, port: 80}MORE}\n"
_READY = "        readinessProbe: {httpGet: {path: PATH, port: 80}MORE}\n"


def _probes(live: str, ready: str, live_more: str = "", ready_more: str = "") -> str:
    first = _LIVE.replace("PATH", live).replace("MORE", live_more)
    return _WEB + first + _READY.replace("PATH", ready).replace("MORE", ready_more)


RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="Liveness asks less than readiness does, or is more patient, and a slow start has a startupProbe.",
    why="A failed readiness probe takes the pod out of rotation, a failed liveness probe kills it. Where both ask the "
    "same, a database that is away for half a minute restarts all pods at once, on top of what is wrong already. And a "
    "liveness probe that has to wait for a slow start is either so late that a hang goes unseen, or kills what starts.",
    example=_probes("/ready", "/ready"),
    instead=_probes("/alive", "/ready"),
    check=per_workload(NAME, Severity.INFO, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="Which address is the shallow one can't be known from the files.",
    sources=("https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",),
    consequence_of=("liveness-is-shallow",),
    many="{count} workloads have a liveness probe that restarts what is merely not ready: {names}",
    bad=(
        Bad({"web.yaml": _probes("/", "/")}, "web.yaml:10:9", "both ask /"),
        Bad({"web.yaml": _probes("/readyz", "/readyz")}, "web.yaml:10:9", "both ask"),
        Bad({"web.yaml": _probes("/ready", "/other")}, "web.yaml:10:9", "what is not ready"),
        Bad({"web.yaml": _probes("/a", "/b", ", initialDelaySeconds: 90")}, "web.yaml:10:77", "90 s"),
        Bad({"web.yaml": _probes("/a", "/b", "", ", initialDelaySeconds: 90")}, "web.yaml:10:9", "from 30 s on"),
    ),
    good=(
        Good({"web.yaml": _probes("/a", "/b")}),
        Good({"web.yaml": _probes("/a", "/a", ", failureThreshold: 9")}, "liveness is more patient"),
        Good({"web.yaml": _WEB + _LIVE.replace("PATH", "/a").replace("MORE", "")}),
        Good({"web.yaml": _WEB}),
    ),
)
