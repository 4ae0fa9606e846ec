"""tolerates-lb-lag: the program serves on for the seconds in which it is still sent to."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Bad, Good, Rule, Wrong
from seatrial.check.kubernetes import Seen, moved, per_workload
from seatrial.check.source import patience
from seatrial.model.documents import Neighbour
from seatrial.model.finding import Confidence, Severity
from seatrial.model.kubernetes import Container
from seatrial.model.place import Place, Sourced

NAME = "tolerates-lb-lag"


def _look(seen: Seen) -> Iterator[Wrong]:
    if not seen.is_service or seen.is_patched("lifecycle", "preStop") or not seen.balanced:
        return
    if any(each.pre_stop for each in seen.workload.pod.mains):
        return
    for container in seen.served():
        neighbour = seen.unit_of(container)
        closes = _closes_at_once(neighbour) if neighbour else None
        if neighbour is not None and closes is not None:
            yield _wrong(seen, container, moved(closes, neighbour.prefix))
            return


def _closes_at_once(neighbour: Neighbour) -> Place | None:
    """Where the handler of the stop signal closes the server without waiting before."""
    program = source.program_of(neighbour.unit)
    if program is None or not source.is_own_program(program) or patience.delay(neighbour.unit) > 0:
        return None
    for facts, handler in source.handlers_of(program, source.stop_signal(neighbour.unit)):
        for actions in source.done_by(program, facts.file, handler.actions):
            if actions.closes is not None and actions.close_at_once:
                return actions.closes
    return None


def _wrong(seen: Seen, container: Container, closes: Place | None) -> Wrong:
    where = f" ({closes.file}:{closes.line})" if closes else ""
    message = (
        f"{seen.name}: its program closes the server as soon as the stop signal comes{where}, and Service"
        f" {seen.balanced[0].name} still sends to it for a moment: what comes then is refused"
    )
    remedy = "lifecycle: {preStop: {sleep: {seconds: 5}}}, or wait in the handler before server.close()"
    related = (Sourced("the server is closed here", closes),) if closes else ()
    return Wrong(message, container.place, remedy, related=related)


_FILES = {
    "web/Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["node", "a.js"]\n',
    "compose.yaml": "services:\n  web:\n    build: web\n    image: a.org/web\n",
}
_SERVER = 'const http = require("http")\nconst server = http.createServer(f)\nserver.listen(3000)\n'
_CLOSES = 'process.on("SIGTERM", () => server.close(() => process.exit(0)))\n'
_WAITS = 'process.on("SIGTERM", () => setTimeout(() => server.close(), 5000))\n'
_WEB = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\n"
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: a.org/web:1\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A program behind a load balancer serves on for some seconds after its stop signal.",
    why="The stop signal and the news that a pod is gone start at the same time; every node and balancer learns it "
    "later. A program that closes its listener at once refuses what comes in between, on each rollout.",
    example=_SERVER + _CLOSES,
    instead=_SERVER + _WAITS,
    check=per_workload(NAME, Severity.WARNING, _look, Confidence.MEDIUM),
    confidence=Confidence.MEDIUM,
    sources=("https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow",),
    bad=(Bad({**_FILES, "web/a.js": _SERVER + _CLOSES, "k8s/web.yaml": _WEB}, "k8s/web.yaml:14:15", "web/a.js:4"),),
    good=(
        Good({**_FILES, "web/a.js": _SERVER + _WAITS, "k8s/web.yaml": _WEB}, "it waits by itself"),
        Good(
            {
                **_FILES,
                "web/a.js": _SERVER + _CLOSES,
                "k8s/web.yaml": _WEB + "        lifecycle: {preStop: {sleep: {seconds: 5}}}\n",
            }
        ),
        Good({**_FILES, "web/a.js": _SERVER, "k8s/web.yaml": _WEB}, "no handler: another requirement's"),
    ),
)
