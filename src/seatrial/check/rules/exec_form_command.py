"""exec-form-command: CMD and ENTRYPOINT as JSON arrays, so that the program itself is PID 1."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch, services
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, per_service
from seatrial.check.manifests import also
from seatrial.model.documents import Unit
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced
from seatrial.model.service import shell_line_of

NAME = "exec-form-command"
ASSIGNMENTS = pattern(r"(?:[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s\"';&|<>])*[ \t]+)*")
"""`A=b program`: exec takes no assignments behind it."""
_TRAPS = pattern(r"(?:^|[\s;&|({])trap\s")
"""The shell hears of the signal itself, and may pass it on."""
_SUBSTITUTED = pattern(r"\$\([^()]*\)|(?<=x|\()\([^()]*\)|`[^`]*`")
_QUOTED = pattern(r"'[^']*'|\"[^\"]*\"")
_COMMENT = pattern(r"(?:^|(?<=\s))#.*")
_HARMLESS = launch.SHELLS | {"echo", "true", "false", "ls", "cat", "sleep", "tail", "printf", ":", "pwd", "date", "env"}
_HARMLESS |= {"[", "test", "mkdir", "--help", "cmp", "diff", "cp", "mv", "rm", "chmod", "tar", "pytest", "make", "tox"}
"""Commands that have nothing to lose at a stop, or that are a shell for a person."""


def look(unit: Unit) -> Iterator[Wrong]:
    """A shell as the main process of the service, which stays there."""
    links = launch.behind_inits(launch.chain(unit))
    if not links or not launch.is_written_here(unit):
        return
    line = shell_line_of(links[0].argv)
    if not line or _TRAPS.search(line) or links[0].place is None:
        return
    program = links[1] if len(links) > 1 else None
    if program is None or program.execs or program.program in _HARMLESS or not program.by_shell:
        return
    if launch.is_for_development(unit) or (unit.compose and services.is_job(unit, ())):
        return
    entrypoint = unit.service.entrypoint
    command = unit.service.command
    if unit.service.shell_form and entrypoint and entrypoint.value and command and command.value and command.place:
        yield _ignored_command(links[0], command)
        return
    wrong = _by_shell(unit, links[0], line, program)
    if wrong is not None:
        yield wrong


def _ignored_command(link: launch.Link, command: Sourced[tuple[str, ...]]) -> Wrong:
    message = "ENTRYPOINT in shell form ignores CMD and the arguments of `docker run`, and a shell becomes PID 1"
    related = (Sourced("this CMD is never used", command.place),)
    return Wrong(message, link.place, 'write ENTRYPOINT ["program", "argument"]', related=related)


def _by_shell(unit: Unit, link: launch.Link, line: str, program: launch.Link) -> Wrong | None:
    shell = link.argv[0].rpartition("/")[2]
    kind = images.BASH if shell == "bash" else launch.shell_kind(unit)
    bare = _bare(line)
    is_simple = not any(sign in bare for sign in (";", "|", ">", "<", "&", "\n"))
    remedy = _remedy(line, is_simple=is_simple)
    runs = f"`{program.program}`"
    if kind == images.NO_SHELL:
        message = f"this runs {runs} by /bin/sh, which {launch.base_image(unit)} does not have"
        return Wrong(message, link.place, remedy, Severity.ERROR)
    if kind == images.DASH:
        message = f"PID 1 is /bin/sh, here dash: it stays in front of {runs} and does not pass the stop signal on"
        return Wrong(message, link.place, remedy)
    if kind is None and _is_of_a_manifest(unit):
        # The image is known to nobody here: what would be right with one of the shells is not told.
        if is_simple or any(_ends_simply(bare, each, program) for each in (images.BASH, images.BUSYBOX)):
            return None
        message = (
            f"PID 1 is {shell}, which stays in front of {runs} in a line like this and does not pass the signal on"
        )
        return Wrong(message, link.place, remedy)
    if kind is None:
        message = f"a shell starts {runs}; unless it replaces itself, it is PID 1 and does not pass the stop signal on"
        return Wrong(message, link.place, remedy)
    if is_simple:
        return None  # bash and busybox exec a lone simple command
    message = f"PID 1 is {kind}, which stays in front of {runs} in a line like this and does not pass the signal on"
    return Wrong(message, link.place, remedy) if not _ends_simply(bare, kind, program) else None


def _bare(line: str) -> str:
    """The line without comments, what stands in quotes, or is put in by another command: no operators of its own."""
    inner = _SUBSTITUTED.sub("x", line)
    while inner != line:
        inner, line = _SUBSTITUTED.sub("x", inner), inner
    return _COMMENT.sub("", _QUOTED.sub("x", line))


def _is_of_a_manifest(unit: Unit) -> bool:
    return unit.compose is None and unit.dockerfile is None and not unit.stages


def _ends_simply(line: str, kind: str, program: launch.Link) -> bool:
    """Whether the program comes last, as a command that bash (from 5.1) or busybox replace themselves by: that of
    `a && b`, for bash that of `a; b`, too."""
    last = line.strip().rstrip("; ").replace("&&", ";" if kind == images.BASH else " ")
    if kind == images.BASH:
        last = last.replace("\n", ";").rpartition(";")[2]
    is_last = program.program in {word.rpartition("/")[2] for word in last.split()}
    return is_last and not any(sign in last for sign in (";", "|", ">", "<", "&", "\n"))


def _remedy(line: str, *, is_simple: bool) -> str:
    if is_simple and not any(character in line for character in "$`\"'\\*?~()={}[]"):
        return "write [" + ", ".join(f'"{word}"' for word in _COMMENT.sub("", line).split()) + "]"
    if is_simple:
        assigned = ASSIGNMENTS.match(line.strip())
        before = assigned.group() if assigned else ""
        shown = f"{before}exec {' '.join(line.strip()[len(before) :].split())}"
        return "put exec in front of the program: " + (shown if len(shown) <= 120 else shown[:119] + "…")
    return "put `exec` before the last command of the line, so that it takes the shell's place"


_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: IMAGE\n        command: COMMAND\n"
)


def _pod(command: str, image: str = "a.org/web:1") -> dict[str, str]:
    return {"web.yaml": _POD.replace("COMMAND", command).replace("IMAGE", image)}


RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="CMD and ENTRYPOINT are JSON arrays, or a shell line whose last command is started by `exec`.",
    why="In shell form `/bin/sh -c` is PID 1. Debian's dash never replaces itself by its last command, so the stop "
    "signal ends at a shell that does nothing with it, and after the grace period everything is killed. bash (5.1 and "
    "later) and busybox do replace themselves, but only for a simple last command. ENTRYPOINT in shell form also "
    "ignores CMD and the arguments of `docker run`.",
    example="FROM node:22-slim\nCMD node server.js\n",
    instead='FROM node:22-slim\nCMD ["node", "server.js"]\n',
    check=also(per_service(NAME, Severity.WARNING, look), NAME, Severity.WARNING, "launching.exec_form"),
    fix_safety=FixSafety.SAFE,
    fix_note="A line of plain words becomes an array, one with variables gets `exec`; other lines are left. A program "
    "that is named by its path is rewritten on request only: a shell also runs a script without a shebang.",
    sources=("https://docs.docker.com/reference/dockerfile/#shell-and-exec-form",),
    consequence_of=("dev-runner-in-production", "package-manager-as-pid1"),
    bad=(
        Bad({"Dockerfile": "FROM node:22-slim\nCMD node server.js\n"}, "Dockerfile:2:5", "dash"),
        Bad({"Dockerfile": "FROM alpine:3.20\nCMD a.sh; httpd -f\n"}, "Dockerfile:2:5", "busybox"),
        Bad({"Dockerfile": "FROM gcr.io/distroless/base\nCMD /server\n"}, "Dockerfile:2:5", "does not have"),
        Bad({"Dockerfile": 'FROM debian:12\nENTRYPOINT server --port 80\nCMD ["x"]\n'}, "Dockerfile:2:12", "ignores"),
        Bad({"Dockerfile": 'FROM python:3.12\nCMD ["sh", "-c", "uvicorn app:app --port $PORT"]\n'}, "Dockerfile:2:5"),
        Bad(_pod('["sh", "-c", "node server.js; true"]'), "web.yaml:10:18", "PID 1 is sh"),
        Bad(_pod('[sh, -c, "uvicorn app:app --port $PORT"]', "python:3.13-slim"), "web.yaml:10:18", "dash"),
    ),
    good=(
        Good(_pod('[sh, -c, "migrate && node server.js"]'), "busybox would become it"),
        Good(_pod("[node, server.js]")),
        Good(_pod('[sh, -c, "while true; do date; sleep 9; done"]'), "single-restart-loop speaks of loops"),
        Good(
            {
                "web.yaml": _pod('[sh, -c, "node a.js; true"]')["web.yaml"]
                .replace("apps", "batch")
                .replace("Deployment", "Job")
            },
            "a job",
        ),
        Good({"Dockerfile": "FROM alpine:3.20\nCMD nginx -g 'daemon off;'\n"}, "a semicolon of its own"),
        Good(
            {"Dockerfile": "FROM debian:12\nCMD trap 'kill $p' TERM; server & p=$!; wait $p\n"}, "passes it on itself"
        ),
        Good({"Dockerfile": 'FROM node:22-slim\nCMD ["node", "server.js"]\n'}),
        Good({"Dockerfile": "FROM node:22-slim\nCMD exec node server.js --port $PORT\n"}),
        Good({"Dockerfile": "FROM node:22-alpine\nCMD node server.js\n"}, "busybox execs a simple command"),
        Good({"Dockerfile": "FROM rockylinux:9\nCMD migrate && httpd -DFOREGROUND\n"}, "bash execs the last of a && b"),
        Good({"Dockerfile": "FROM debian:12\nCMD bash\n"}, "a shell for a person"),
        Good({"Dockerfile": "FROM debian:12\nCMD cmp a /b && cmp c /d\n", "a": ""}, "ends by itself"),
        Good(
            {"Dockerfile": 'FROM debian:12\nCMD ["bash", "-c", "until nc -z db 5432; do sleep 1; done; server"]\n'},
            "bash execs the last of a; b",
        ),
        Good({"compose.yaml": "services:\n  web:\n    image: node:22-slim\n    command: node server.js\n"}),
    ),
)
