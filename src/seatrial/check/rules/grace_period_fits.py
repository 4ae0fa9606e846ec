"""grace-period-fits: the time that a server gives its requests at the stop is shorter than the grace period."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch, patience
from seatrial.check.interface import FARGATE, Bad, FixSafety, Good, Rule, Wrong, per_service, task
from seatrial.check.manifests import also, of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.place import Sourced

NAME = "grace-period-fits"


def _look(unit: Unit) -> Iterator[Wrong]:
    said = unit.service.stop_grace
    if launch.is_for_development(unit):
        return
    if said is not None and said.value < 1 and unit.compose is not None:
        message = f"a grace period of {said.value:g} s: every stop kills the service in the middle of its requests"
        yield Wrong(message, said.place, "stop_grace_period: 30s, or as long as the longest request")
        return
    found = patience.of_unit(unit) or patience.to_come(unit)
    if unit.compose is None or found is None or found.seconds < unit.service.effective_grace:
        return
    limit = f"stop_grace_period is {said.value:g} s" if said else "without stop_grace_period it is killed after 10 s"
    message = f"{found.by} gives requests {found.seconds:g} s to end, and {limit}"
    place = said.place if said else unit.compose.place
    related = (Sourced(found.by, found.place),) if found.place and found.place != place else ()
    yield Wrong(message, place, f"stop_grace_period: {found.seconds + 5:g}s", related=related)


_DOCKERFILE = 'FROM python:3.13-slim\nCMD ["gunicorn", "--graceful-timeout", "60", "a:b"]\n'
_WEB = "services:\n  web:\n    build: .\n"
_BUILT = "services:\n  web:\n    build: web\n    image: a.org/web\n    stop_grace_period: 65s\n"
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
)
_SLEEP = '        lifecycle: {preStop: {exec: {command: ["sh", "-c", "sleep 30"]}}}\n'
_GRACE = "      terminationGracePeriodSeconds: "
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A preStop hook and the server's own time limit for its shutdown end within the grace period of the engine.",
    why="The engine waits for the grace period (10 s where compose says nothing, 30 s in ECS and in Kubernetes, "
    "where the preStop hook counts, too; Fargate takes 120 s at most), and kills. A server that lets requests go on "
    "for longer than that never reaches its own limit: its requests are cut in the middle, its clean-up does not run, "
    "and the exit code is 137.",
    example=_DOCKERFILE + "# compose.yaml: no stop_grace_period\n",
    instead=_WEB + "    stop_grace_period: 65s\n",
    check=of_tasks(
        also(per_service(NAME, Severity.WARNING, _look), NAME, Severity.WARNING, "grace.look"),
        NAME,
        Severity.WARNING,
        "grace",
    ),
    consequence_of=("handles-sigterm",),
    fix_safety=FixSafety.SAFE,
    fix_note="stop_grace_period is set to the server's limit and 5 s more.",
    sources=(
        "https://docs.docker.com/reference/compose-file/services/#stop_grace_period",
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    bad=(
        Bad({"Dockerfile": _DOCKERFILE, "compose.yaml": _WEB}, "compose.yaml:2:3", "60 s"),
        Bad(
            {"Dockerfile": _DOCKERFILE, "compose.yaml": _WEB + "    stop_grace_period: 30s\n"},
            "compose.yaml:4:24",
            "is 30 s",
        ),
        Bad(
            {"compose.yaml": "services:\n  web:\n    image: a:1\n    stop_grace_period: 0s\n"},
            "compose.yaml:4:24",
            "kills",
        ),
        Bad({"web.yaml": _POD + _SLEEP}, "web.yaml:10:47", "nothing of it is left"),
        Bad(
            {
                "pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
                "  - {name: web, image: a.org/web:1, lifecycle: {preStop: {sleep: {seconds: 40}}}}\n"
            },
            "pod.yaml:6:59",
            "preStop sleeps 40 s",
        ),
        Bad({"web.yaml": _POD + _SLEEP + _GRACE + "32\n"}, "web.yaml:10:47", "2 s of it"),
        Bad({"web.yaml": _POD + _GRACE + "0\n"}, "web.yaml:10:38", "at once"),
        Bad(
            {"web.yaml": _POD + "        args: [gunicorn, --graceful-timeout=28]\n" + _SLEEP.replace("30", "5")},
            "web.yaml:11:47",
            "sleeps 5 s, then gunicorn --graceful-timeout gives requests 28 s",
        ),
        Bad(
            {"web/Dockerfile": _DOCKERFILE, "compose.yaml": _BUILT, "k8s/web.yaml": _POD},
            "k8s/web.yaml:8:15",
            "gunicorn",
        ),
        Bad(task('"stopTimeout": 300', FARGATE), "task.json:3:16", "Fargate takes 120 s"),
        Bad(
            task('"command": ["gunicorn", "--graceful-timeout", "60", "a:b"]'), "task.json:2:12", "without stopTimeout"
        ),
    ),
    good=(
        Good({"Dockerfile": _DOCKERFILE, "compose.yaml": _WEB + "    stop_grace_period: 65s\n"}),
        Good({"Dockerfile": _DOCKERFILE.replace("60", "5"), "compose.yaml": _WEB}),
        Good({"Dockerfile": _DOCKERFILE}, "who runs it says the grace period"),
        Good({"web.yaml": _POD + _SLEEP + _GRACE + "60\n"}),
        Good({"web.yaml": _POD + "        command: [sleep, infinity]\n" + _GRACE + "0\n"}, "nothing to lose"),
        Good({"web.yaml": _POD + _SLEEP.replace("sleep 30", "while true; do sleep 30; done")}, "not known"),
        Good({"web.yaml": _POD.replace("Deployment", "Job").replace("apps", "batch") + _GRACE + "0\n"}, "a job"),
        Good(task('"command": ["gunicorn", "--graceful-timeout", "60", "a:b"], "stopTimeout": 65')),
        Good(task('"stopTimeout": 120', FARGATE)),
    ),
)
