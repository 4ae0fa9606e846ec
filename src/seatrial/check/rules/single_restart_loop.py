"""single-restart-loop: Kubernetes or ECS restarts what ends, and nothing inside the container does so, too."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch
from seatrial.check.interface import Bad, Good, Rule, Wrong, task
from seatrial.check.kubernetes import Seen, per_workload
from seatrial.check.manifests import of_tasks
from seatrial.model.finding import Confidence, Severity
from seatrial.model.kubernetes import LONG_RUNNING, Container
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced

NAME = "single-restart-loop"
_JOBS = frozenset({"Job", "CronJob"})
_SUPERVISORS = frozenset({"pm2", "forever", "nodemon"})
_LOOP = pattern(
    r"\b(?:while\s+(?:true|:|\[\s*1\s*\])|until\b[^;]*)\s*;?\s*do\s+(?:exec\s+)?(?:/\S*/)?"
    r"(?:node|npm|yarn|python3?|java|gunicorn|uvicorn|ruby|php|dotnet)\s+(?!-c|-e)([^;|&]*)"
)


def _look(seen: Seen) -> Iterator[Wrong]:
    wrong = _policy(seen)
    if wrong is not None:
        yield wrong
        return
    if seen.workload.is_long_running:
        yield from [wrong for each in seen.workload.pod.mains if (wrong := _of_container(each))][:1]


def _policy(seen: Seen) -> Wrong | None:
    said, kind = seen.workload.pod.restart_policy, seen.workload.kind
    if said is None or seen.is_patched("restartPolicy") or said.value not in ("Always", "OnFailure", "Never"):
        return None
    if kind in LONG_RUNNING and said.value != "Always":
        message = f"{seen.name}: restartPolicy {said.value} is refused: the pods of a {kind} are always restarted"
        return Wrong(message, said.place, "leave restartPolicy out, or write a Job", Severity.ERROR)
    if kind in _JOBS and said.value == "Always":
        message = f"{seen.name}: restartPolicy Always is refused: a {kind} has an end"
        return Wrong(message, said.place, "restartPolicy: OnFailure, or Never", Severity.ERROR)
    return None


def _of_container(container: Container) -> Wrong | None:
    said = container.command or container.arguments or container.image
    return inside(container.name, Sourced(container.argv, said.place) if said else None, "Kubernetes")


def inside(name: str, command: Sourced[tuple[str, ...]] | None, engine: str) -> Wrong | None:
    """A command that restarts the program by itself, where the engine does so, too."""
    argv = command.value if command else ()
    program = argv[0].rpartition("/")[2] if argv else ""
    who = ""
    if program in _SUPERVISORS and program != "pm2-runtime":
        who = program
    elif program in launch.SHELLS and _LOOP.search(" ".join(argv[1:])):
        who = "a loop of the shell"
    if not who or command is None:
        return None
    message = f"{name}: {who} restarts the program inside the container: {engine} sees no crash, and no stop"
    return Wrong(
        message, command.place, f"start the program itself; {engine} restarts it", confidence=Confidence.MEDIUM
    )


_WEB = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
)
_JOB = _WEB.replace("apps", "batch").replace("Deployment", "Job")
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="One restart loop, Kubernetes' or ECS': no supervisor or shell loop in the container, no refused policy.",
    why="A supervisor in the container hides each crash: the pod or task counts as healthy, no restart is counted, no "
    "back-off holds, and the supervisor is what gets the stop signal.",
    example=_WEB + "        command: [pm2, start, a.js, --no-daemon]\n",
    instead=_WEB + "        command: [node, a.js]\n",
    check=of_tasks(per_workload(NAME, Severity.WARNING, _look), NAME, Severity.WARNING, "restarting"),
    sources=(
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    bad=(
        Bad({"web.yaml": _WEB + "        command: [pm2, start, a.js, --no-daemon]\n"}, "web.yaml:10:18", "pm2"),
        Bad(
            {"web.yaml": _WEB + '        args: ["sh", "-c", "while true; do node a.js; done"]\n'},
            "web.yaml:10:15",
            "a loop",
        ),
        Bad({"web.yaml": _WEB + "      restartPolicy: OnFailure\n"}, "web.yaml:10:22", "refused"),
        Bad({"job.yaml": _JOB + "      restartPolicy: Always\n"}, "job.yaml:10:22", "has an end"),
        Bad(task('"command": ["pm2", "start", "a.js", "--no-daemon"]'), "task.json:3:12", "ECS sees no crash"),
    ),
    good=(
        Good({"web.yaml": _WEB + "        command: [node, a.js]\n      restartPolicy: Always\n"}),
        Good({"job.yaml": _JOB + "      restartPolicy: OnFailure\n"}),
        Good(
            {"web.yaml": _WEB + '        args: ["sh", "-c", "while true; do wget -q web; sleep 1; done"]\n'}, "a load"
        ),
        Good(task('"command": ["node", "a.js"], "restartPolicy": {"enabled": true}'), "ECS' own loop"),
    ),
)
