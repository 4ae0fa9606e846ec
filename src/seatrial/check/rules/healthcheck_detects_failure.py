"""healthcheck-detects-failure: the health check can fail."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import health, launch
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong, task
from seatrial.check.manifests import also, on_containers
from seatrial.check.rules.healthcheck_tool_present import lacks
from seatrial.model.documents import ShellCommand, Unit
from seatrial.model.finding import Severity

NAME = "healthcheck-detects-failure"
_SWALLOWS = frozenset({"cat", "tee", "head", "tail", "sort", "sed", "awk", "tr", "xargs"})
_CARELESS = "curl without -f"
_YES = {("exit", "0"), ("true",), ("/bin/true",), ("/usr/bin/true",), (":",)}
_OPERATORS = frozenset({"||", "&&", ";", "|", ">", "2>&1", ">/dev/null"})


def look(unit: Unit) -> Iterator[Wrong]:
    """A health check that can't fail, or can't succeed, by its own words."""
    if not health.is_own(unit):
        return
    wrong = _yes_alone(unit) or (_exec_form(unit) if not health.in_shell(unit) else _shell_form(unit))
    # Where there is no curl at all, healthcheck-tool-present says so, and its options matter to nobody.
    if wrong is not None and not (_CARELESS in wrong.message and lacks(unit, "curl")):
        yield wrong


def _yes_alone(unit: Unit) -> Wrong | None:
    """A check that is nothing but a yes: among tests that is what is wanted."""
    only = unit.health[0]
    if len(unit.health) != 1 or only.words not in _YES or launch.is_fixture(unit):
        return None
    message = f"`{' '.join(only.words)}` asks nothing: the check succeeds whatever happens"
    return Wrong(message, only.place, "ask the program itself, or switch the check off (NONE, disable: true)")


def _exec_form(unit: Unit) -> Wrong | None:
    command = unit.health[0]
    operator = next((word for word in command.words[1:] if word in _OPERATORS), None)
    if operator is not None and not command.program.endswith("sh"):
        message = f"no shell reads this form: `{operator}` is an argument of {command.program} here"
        return Wrong(
            message,
            command.place,
            "use CMD-SHELL (compose), the shell form or sh -c, or leave the rest out",
            Severity.ERROR,
        )
    if len(command.words) == 1 and " " in command.words[0].strip():
        message = f"a program named {command.words[0][:60]!r}, with its blanks, does not exist: the check always fails"
        return Wrong(message, command.place, "write each word as a string of its own, or call a shell", Severity.ERROR)
    return _curl(command)


def _shell_form(unit: Unit) -> Wrong | None:
    commands = unit.health
    last = commands[-1]
    if health.is_yes(last) and last.before in ("||", ";", "\n", "|"):
        message = f"`{last.before.strip() or ';'} {' '.join(last.words[:2])}` makes the check succeed whatever happens"
        return Wrong(message, last.place, "end it in `|| exit 1`")
    if last.before == "||" and last.words == ("exit", "2"):
        return Wrong("exit code 2 is reserved by Docker", last.place, "end it in `|| exit 1`", Severity.INFO)
    if any("pipefail" in word for command in commands for word in command.words):
        return None
    if last.before == "|" and (last.program in _SWALLOWS or _is_careless_jq(last)):
        message = f"the status of the check is that of `{last.program}`, the end of the pipe, which does not fail"
        return Wrong(message, last.place, "let the command that asks come last, or add a grep for what is expected")
    if _finds_itself(commands):
        return Wrong(f"`ps | {last.words[0]}` finds its own line, so it never fails", last.place, "use pgrep -x NAME")
    return _first_careless_curl(commands)


def _is_careless_jq(command: ShellCommand) -> bool:
    return command.program == "jq" and not any(word == "--exit-status" or _has(word, "e") for word in command.words[1:])


def _finds_itself(commands: tuple[ShellCommand, ...]) -> bool:
    if len(commands) != 2 or commands[0].program != "ps" or commands[1].program not in ("grep", "egrep"):
        return False
    patterns = [word for word in commands[1].words[1:] if not word.startswith("-")]
    return bool(patterns) and "[" not in patterns[0] and "v" not in "".join(commands[1].words[1:-1])


def _first_careless_curl(commands: tuple[ShellCommand, ...]) -> Wrong | None:
    for command in commands:
        if command.after != "|":
            wrong = _curl(command)
            if wrong is not None:
                return wrong
    return None


def _curl(command: ShellCommand) -> Wrong | None:
    """curl exits 0 whatever the server answers, unless told otherwise; a status that is printed is looked at."""
    words = command.words[1:]
    if command.program != "curl" or not any("://" in word or "localhost" in word for word in words):
        return None
    if any(word.startswith("--fail") or _has(word, "f") for word in words):
        return None
    if any(word in ("-K", "--config") or "telnet" in word or "$(" in word for word in words):
        return None
    if any("[" in part or "test" in part for part in command.words[:1]):
        return None
    message = f"{_CARELESS} succeeds on an answer of 500, too: this check notices only that nobody listens"
    return Wrong(message, command.place, "write curl -f")


def _has(word: str, letter: str) -> bool:
    """Whether a bundle of short options has this one (`-sSf`); what follows an option with a value isn't one."""
    if not word.startswith("-") or word.startswith("--"):
        return False
    for character in word[1:]:
        if character == letter:
            return True
        if character in "ouHXdmwAeTbcKx":
            return False
    return False


_FROM = "FROM node:22\n"
_TEST = "services:\n  a:\n    image: x\n    healthcheck:\n      test: {}\n"
_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
    "        livenessProbe: {exec: {command: TEST}}\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="The check's exit status is not zero when the service does not work.",
    why="A check that can't fail is worse than none: it says that all is well. curl without -f takes a 500 for an "
    "answer, a pipe gives the status of its last command, and `|| true` gives none at all. In the exec form there is "
    "no shell, so `||` is an argument.",
    example="HEALTHCHECK CMD curl http://localhost:3000/health\n",
    instead="HEALTHCHECK CMD curl -f http://localhost:3000/health\n",
    check=also(on_containers(NAME, Severity.WARNING, look), NAME, Severity.WARNING, "launching.can_fail"),
    fix_safety=FixSafety.SAFE,
    fix_note="-f is added to curl; other lines are left to their authors.",
    sources=("https://curl.se/docs/manpage.html#-f", "https://docs.docker.com/reference/dockerfile/#healthcheck"),
    bad=(
        Bad({"Dockerfile": _FROM + "HEALTHCHECK CMD curl -s http://localhost/\n"}, "Dockerfile:2:17", "without -f"),
        Bad(
            {"Dockerfile": _FROM + "HEALTHCHECK CMD curl -f http://localhost/ || true\n"}, "Dockerfile:2:46", "|| true"
        ),
        Bad(
            {"Dockerfile": _FROM + "HEALTHCHECK CMD curl -f localhost | tee /l\n"}, "Dockerfile:2:37", "end of the pipe"
        ),
        Bad({"Dockerfile": _FROM + "HEALTHCHECK CMD exit 0\n"}, "Dockerfile:2:17", "asks nothing"),
        Bad(
            {"Dockerfile": _FROM + "HEALTHCHECK CMD curl -so /dev/null -w '%{http_code}' http://localhost/\n"},
            "Dockerfile:2:17",
            "without -f",
        ),
        Bad({"web.yaml": _POD.replace("TEST", '[sh, -c, "curl http://a/ || true"]')}, "web.yaml:10:41", "|| true"),
        Bad({"web.yaml": _POD.replace("TEST", '["curl -f http://a"]')}, "web.yaml:10:41", "blanks"),
        Bad({"compose.yaml": _TEST.format('["CMD", "true"]')}, "compose.yaml:5:13", "asks nothing"),
        Bad({"Dockerfile": _FROM + "HEALTHCHECK CMD ps aux | grep node\n"}, "Dockerfile:2:26", "its own line"),
        Bad(
            {"compose.yaml": _TEST.format('["CMD", "curl", "-f", "http://a", "||", "exit", "1"]')},
            "compose.yaml:5:13",
            "argument",
        ),
        Bad({"compose.yaml": _TEST.format('["CMD", "curl -f http://localhost"]')}, "compose.yaml:5:13", "blanks"),
        Bad(
            task('"healthCheck": {"command": ["CMD-SHELL", "curl http://localhost/"]}'), "task.json:3:28", "without -f"
        ),
    ),
    good=(
        Good({"Dockerfile": _FROM + "HEALTHCHECK CMD curl -sSf http://localhost/ || exit 1\n"}),
        Good({"Dockerfile": _FROM + "HEALTHCHECK CMD curl --fail-with-body http://localhost/\n"}),
        Good({"Dockerfile": _FROM + "HEALTHCHECK CMD curl -s http://localhost/ | grep -q ok\n"}),
        Good({"Dockerfile": _FROM + 'HEALTHCHECK CMD test "$(curl -sw "%{http_code}" http://localhost/)" = 200\n'}),
        Good({"Dockerfile": _FROM + "HEALTHCHECK CMD curl -sw '%{http_code}' http://localhost/ | grep -q 200\n"}),
        Good({"web.yaml": _POD.replace("TEST", '[sh, -c, "curl -f http://a/ || exit 2"]')}, "2 is as good as 1 there"),
        Good({"Dockerfile": _FROM + "HEALTHCHECK CMD wget -qO- http://localhost/ || exit 1\n"}),
        Good({"Dockerfile": "FROM node:22-slim\nHEALTHCHECK CMD curl http://localhost/\n"}, "there is no curl"),
        Good({"compose.yaml": _TEST.format('["CMD-SHELL", "pg_isready || exit 1"]')}),
        Good(task('"healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]}')),
    ),
)
