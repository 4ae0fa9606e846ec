"""healthcheck-tool-present: the image has the tool that the health check calls."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check import health, images, launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, task
from seatrial.check.manifests import also, on_containers
from seatrial.model.documents import Instruction, Unit
from seatrial.model.finding import Severity

NAME = "healthcheck-tool-present"
_TOOLS = ("curl", "wget")


def look(unit: Unit) -> Iterator[Wrong]:
    """A health check whose program, or whose shell, the image surely lacks."""
    if not health.is_own(unit):
        return
    base = launch.base_image(unit)
    if not base or "$" in base:
        return
    if health.in_shell(unit) and images.shell_of(base) == images.NO_SHELL and not _brings(unit, "sh"):
        message = f"this form needs /bin/sh, which {base} does not have: the check always fails"
        yield Wrong(
            message, health.place(unit), "write it in exec form, with a program that the image has", Severity.ERROR
        )
        return
    for command in unit.health:
        tool = command.program
        if tool in _TOOLS and lacks(unit, tool):
            is_hidden = health.in_shell(unit) and health.is_yes(unit.health[-1])
            happens = "nothing is ever asked" if is_hidden else "the check always fails"
            message = f"{base} has no {tool}, and nothing here installs it: {happens}"
            yield Wrong(message, command.place, _remedy(unit, base, tool), Severity.ERROR)
            return


def lacks(unit: Unit, tool: str) -> bool:
    """Whether the image surely doesn't have this tool."""
    base = launch.base_image(unit)
    return bool(base) and "$" not in base and images.has_tool(base, tool) is False and not _brings(unit, tool)


def _brings(unit: Unit, tool: str) -> bool:
    """Whether any instruction of the image may bring the tool along: it is named, or something is run or copied whose
    doings aren't seen here."""
    return any(_may_bring(instruction, tool) for stage in unit.stages for instruction in stage.instructions)


def _may_bring(instruction: Instruction, tool: str) -> bool:
    if instruction.keyword in ("COPY", "ADD"):
        from_stage = "from" in instruction.flags
        words = [word.value for word in instruction.words]
        is_whole = any(
            word.rstrip("/") in ("", "/usr", "/usr/bin", "/bin", "/usr/local/bin", "/usr/local") for word in words
        )
        return any(tool in word or "busybox" in word for word in words) or (from_stage and is_whole)
    if instruction.keyword != "RUN":
        return False
    text = instruction.arguments + "".join(heredoc.value for heredoc in instruction.heredocs)
    if re.search(rf"(?<![\w-]){tool}(?![\w])", text):
        return True
    if any(_is_own_program(command.words[0]) for command in instruction.shell):
        return True
    return bool(re.search(r"\.sh\b|\bxargs\b|\$\(cat|\bmake\b|ansible|busybox|playwright|--with-deps", text))


def _is_own_program(word: str) -> bool:
    """Whether this is a program by its path that no distribution brings: nobody knows what it installs."""
    return "/" in word and not word.startswith(("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"))


def _remedy(unit: Unit, base: str, tool: str) -> str:
    url = next((found.url for found in health.asked(unit)), "http://localhost:PORT/")
    family, name = images.family(base), images.parse(base).repository
    if family == "alpine" and tool == "curl":
        return f"busybox is there: wget -qO- {url}, or apk add --no-cache curl"
    if name == "node":
        call = f"fetch('{url}').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"
        return f'node is there: CMD ["node", "-e", "{call}"]'
    if name == "python":
        return f"""python is there: CMD ["python", "-c", "import urllib.request as u; u.urlopen('{url}', timeout=3)"]"""
    if family == "debian":
        return f"install it: apt-get install -y --no-install-recommends {tool}"
    return "copy a static probe into the image and call it in exec form"


_TEST = "HEALTHCHECK CMD curl -f http://localhost:3000/\n"
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: IMAGE\n"
    "        readinessProbe: {exec: {command: [COMMAND]}}\n"
)


def _pod(image: str, command: str) -> dict[str, str]:
    return {"web.yaml": _POD.replace("IMAGE", image).replace("COMMAND", command)}


RULE = Rule(
    name=NAME,
    severity=Severity.ERROR,
    what="The program that the health check calls is in the image, and so is the shell that calls it.",
    why="Slim images have neither curl nor wget, Alpine has busybox's wget and no curl, distroless images have no "
    "shell. A check whose tool is missing fails always: the container is unhealthy for ever, and what waits for it "
    "never starts.",
    example="FROM node:22-slim\n" + _TEST,
    instead='FROM node:22-slim\nHEALTHCHECK CMD ["node", "-e", '
    "\"fetch('http://localhost:3000/').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))\"]\n",
    check=also(on_containers(NAME, Severity.ERROR, look), NAME, Severity.ERROR, "launching.tools"),
    fix_safety=FixSafety.UNSAFE,
    fix_note="The line is rewritten for a program that the base image has.",
    sources=("https://github.com/docker-library/official-images",),
    bad=(
        Bad({"Dockerfile": "FROM node:22-slim\n" + _TEST}, "Dockerfile:2:17", "no curl"),
        Bad({"Dockerfile": "FROM node:22-alpine\n" + _TEST}, "Dockerfile:2:17", "no curl"),
        Bad({"Dockerfile": "FROM gcr.io/distroless/base\n" + _TEST}, "Dockerfile:2:1", "/bin/sh"),
        Bad(
            {
                "Dockerfile": 'FROM python:3.13-slim\nCMD ["a"]\n',
                "compose.yaml": "services:\n  a:\n    build: .\n    healthcheck:\n      test: wget http://localhost\n",
            },
            "compose.yaml:5:13",
            "no wget",
        ),
        Bad({"Dockerfile": "FROM node:22-slim\n" + _TEST.rstrip() + " || exit 0\n"}, "Dockerfile:2:17", "ever asked"),
        Bad(
            {
                "task.json": task('"healthCheck": {"command": ["CMD", "curl", "-f", "http://localhost/"]}')[
                    "task.json"
                ].replace("a.org/web:1", "python:3.13-slim")
            },
            "task.json:3:28",
            "has no curl",
        ),
        Bad(_pod("python:3.13-slim", "curl, -f, http://localhost/"), "web.yaml:10:42", "web: python:3.13-slim has no"),
        Bad(_pod("gcr.io/distroless/base", "sh, -c, cat /tmp/a"), "web.yaml:10:42", "/bin/sh"),
        Bad(
            _pod("ghcr.io/acme/api:1.0", "sh, -c, curl -f http://localhost/")
            | {
                "compose.yaml": "services: {api: {build: ., image: ghcr.io/acme/api:1.0}}\n",
                "Dockerfile": 'FROM gcr.io/distroless/static\nENTRYPOINT ["/api"]\n',
            },
            "web.yaml:10:42",
            "/bin/sh",
        ),
    ),
    good=(
        Good(_pod("a.org/web:1", "curl, -f, http://localhost/"), "an unknown image"),
        Good(_pod("node:22-alpine", "wget, -qO-, http://localhost/")),
        Good({"Dockerfile": "FROM node:22\n" + _TEST}, "the full image has it"),
        Good({"Dockerfile": "FROM node:22-slim\nRUN apt-get update && apt-get install -y curl\n" + _TEST}),
        Good({"Dockerfile": "FROM node:22-alpine\nHEALTHCHECK CMD wget -q --spider http://localhost\n"}),
        Good({"Dockerfile": "FROM node:22-slim\nCOPY s.sh .\nRUN ./s.sh\n" + _TEST, "s.sh": ""}, "who knows"),
        Good({"Dockerfile": "FROM example.org/base:1\n" + _TEST}, "an unknown base"),
        Good(
            task('"healthCheck": {"command": ["CMD", "curl", "-f", "http://localhost/"]}'),
            "what the image has isn't known",
        ),
    ),
)
