"""read-only-root: a service of one's own runs with a read-only root filesystem."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import builds, services
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, over, task
from seatrial.check.manifests import of_tasks
from seatrial.model.documents import Unit
from seatrial.model.finding import Confidence, Severity

NAME = "read-only-root"


def _look(unit: Unit) -> Iterator[Wrong]:
    service, entry = unit.service, unit.compose
    if entry is None or service.read_only is not None or not entry.has_build or not builds.is_service(unit):
        return
    if (entry.privileged is not None and entry.privileged.value) or "read_only" in entry.open_keys:
        return
    message = f"{entry.name} can write to its whole filesystem, and so can whoever breaks into it"
    remedy = "read_only: true, with tmpfs: [/tmp] and volumes for what it has to write; the drill names the paths"
    yield Wrong(message, entry.place, remedy)


_FILES = {"Dockerfile": 'FROM node:22\nCMD ["node", "a.js"]\n'}
_WEB = "services:\n  web:\n    build: .\n"
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="A service runs with a read-only root filesystem, and a tmpfs or a volume where it has to write.",
    why="Who breaks into a program first writes a file: a shell, a changed library. On a read-only root that fails. "
    "And what a program writes into its container is lost at each deployment, which then shows at once.",
    example=_WEB,
    instead=_WEB + "    read_only: true\n    tmpfs: [/tmp]\n",
    check=of_tasks(
        over(NAME, Severity.INFO, services.production, _look, Confidence.MEDIUM), NAME, Severity.INFO, "read_only"
    ),
    confidence=Confidence.MEDIUM,
    fix_safety=FixSafety.UNSAFE,
    fix_note="Which paths the program writes isn't known from the files.",
    sources=(
        "https://docs.docker.com/reference/compose-file/services/#read_only",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    many="{count} services can write to their whole filesystem: {names}",
    bad=(
        Bad({**_FILES, "compose.yaml": _WEB}, "compose.yaml:2:3", "web"),
        Bad(
            {
                "compose.yaml": _WEB.replace(".", "web") + "    read_only: true\n",
                "web/Dockerfile": _FILES["Dockerfile"],
                **task('"essential": true'),
            },
            "task.json:2:12",
            "write to its whole",
        ),
    ),
    good=(
        Good({**_FILES, "compose.yaml": _WEB + "    read_only: true\n"}),
        Good({**_FILES, "compose.yaml": _WEB + "    read_only: false\n"}, "somebody's will"),
        Good({**_FILES, "compose.yaml": _WEB + "    read_only: ${READ_ONLY}\n"}, "whoever runs it says so"),
        Good({"compose.yaml": "services:\n  db:\n    image: postgres:17\n"}, "what it writes isn't known here"),
        Good(task('"readonlyRootFilesystem": true')),
        Good(task('"essential": true'), "whose image it is isn't known"),
    ),
)
