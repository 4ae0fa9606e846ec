"""Which source file a command runs: from the words of a command line to files and modules. Pure; opens nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seatrial.model.patterns import pattern
from seatrial.model.values import dataclass

_NODES = frozenset({"node", "nodejs", "bun", "deno", "tsx", "ts-node", "ts-node-dev", "tsnd", "nodemon", "pm2-runtime"})
_NODE_VALUES = frozenset(
    {"-r", "--require", "--import", "--env-file", "--loader", "--experimental-loader", "-C", "--conditions", "--title"}
    | {"-P", "--project", "-w", "--exec", "-x", "--inspect-port", "--max-old-space-size", "--config", "--tsconfig"}
)
_LOADS = frozenset({"-r", "--require", "--import"})
_SCRIPT = pattern(r"\.(?:[cm]?[jt]sx?)$")
_APPLICATION = pattern(r"([A-Za-z_][\w.]*)(?::[\w.()\[\]'\"]+)?")
_SERVER_VALUES = {
    "gunicorn": frozenset(
        {"-b", "--bind", "-w", "--workers", "-k", "--worker-class", "-t", "--timeout", "-c", "--config", "--chdir"}
        | {"--log-level", "--threads", "--access-logfile", "--error-logfile", "--log-file", "--max-requests", "--env"}
        | {
            "--max-requests-jitter",
            "--graceful-timeout",
            "--keep-alive",
            "--worker-tmp-dir",
            "-n",
            "--name",
            "-e",
            "-u",
        }
        | {"--user", "-g", "--group", "--pythonpath", "--log-config", "--access-logformat", "--worker-connections"}
        | {"--forwarded-allow-ips", "--certfile", "--keyfile", "--pid", "-p", "--statsd-host", "--limit-request-line"}
        | {"--limit-request-field_size", "--limit-request-fields", "--log-config-json", "--backlog", "--umask", "-m"}
    ),
    "uvicorn": frozenset(
        {"--host", "--port", "--workers", "--log-level", "--app-dir", "--uds", "--fd", "--loop", "--http", "--ws"}
        | {"--log-config", "--root-path", "--forwarded-allow-ips", "--timeout-keep-alive", "--limit-concurrency"}
        | {"--timeout-graceful-shutdown", "--ssl-keyfile", "--ssl-certfile", "--reload-dir", "--env-file", "--backlog"}
        | {"--interface", "--lifespan", "--header", "--limit-max-requests", "--reload-include", "--reload-exclude"}
    ),
    "hypercorn": frozenset(
        {"-b", "--bind", "-w", "--workers", "-k", "--worker-class", "-c", "--config", "--root-path"}
    ),
    "granian": frozenset({"--host", "--port", "--workers", "--interface", "--log-level", "--runtime-threads"}),
    "daphne": frozenset({"-b", "--bind", "-p", "--port", "-u", "-e", "--endpoint", "-v", "--access-log", "-t"}),
    "waitress-serve": frozenset(),
}
_CHANGES_DIRECTORY = ("--chdir", "--app-dir", "--pythonpath")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a command runs: files by their paths in the container, Python modules by their names, in `directory`.

    `runner` is who starts it: "node", "python", or the server that loads the application.
    """

    runner: str
    paths: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    directory: str = ""


def read_entry(argv: Sequence[str]) -> Entry | None:
    """What this command runs; None where it is no program of which the source could be here."""
    if not argv:
        return None
    program = argv[0].rpartition("/")[2]
    words = list(argv[1:])
    if program in _NODES:
        return _node(program, words)
    if re.fullmatch(r"python[0-9.]*|pypy[0-9.]*", program):
        return _python(words)
    if program in _SERVER_VALUES:
        return _server(program, words)
    if program == "flask":
        return _flask(words)
    if program in ("fastapi", "nest"):
        return _by_convention(program, words)
    if _SCRIPT.search(argv[0]):
        return Entry("node", (argv[0],))
    return Entry("python", (argv[0],)) if argv[0].endswith(".py") else None


def _by_convention(program: str, words: list[str]) -> Entry | None:
    if program == "nest":
        return Entry("node", ("src/main.ts",)) if words[:1] == ["start"] else None
    files = [word for word in words[1:] if word.endswith(".py")]
    known = words[:1] in (["run"], ["dev"])
    return Entry("uvicorn", tuple(files[:1]) or ("main.py", "app.py", "app/main.py")) if known else None


def _node(program: str, words: list[str]) -> Entry | None:
    loads: list[str] = []
    at = 0
    if program in ("bun", "deno") and words[:1] == ["run"]:
        words = words[1:]
    while at < len(words) and words[at].startswith("-"):
        name, equals, value = words[at].partition("=")
        if name in ("-e", "--eval", "-p", "--print", "--test", "-v", "--version", "--run"):
            return None
        takes = not equals and name in _NODE_VALUES
        if name in _LOADS:
            loads.append(value if equals else next(iter(words[at + 1 : at + 2]), ""))
        at += 2 if takes else 1
    if at >= len(words) or words[at] in ("inspect", "install", "add", "x", "test", "watch"):
        at += 1
    if at >= len(words):
        return None
    local = [each for each in loads if each.startswith((".", "/"))]
    return Entry("node", (words[at], *local))


def _python(words: list[str]) -> Entry | None:
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "-m":
            rest = words[at + 1 :]
            if not rest:
                return None
            return _server(rest[0], rest[1:]) if rest[0] in _SERVER_VALUES else Entry("python", (), (rest[0],))
        if words[at] == "-c":
            found = re.match(r"from ([\w.]+) import", next(iter(words[at + 1 :]), ""))
            return Entry("python", (), (found.group(1),)) if found else None
        at += 2 if words[at] in ("-X", "-W") else 1
    return Entry("python", (words[at],)) if at < len(words) else None


def _server(program: str, words: list[str]) -> Entry | None:
    values = _SERVER_VALUES[program]
    directory, at = "", 0
    while at < len(words):
        name, equals, value = words[at].partition("=")
        if not name.startswith("-"):
            found = _APPLICATION.fullmatch(words[at])
            return Entry(program, (), (found.group(1),), directory) if found else None
        if name in _CHANGES_DIRECTORY:
            directory = value if equals else next(iter(words[at + 1 : at + 2]), "")
        at += 2 if not equals and name in values else 1
    return None


def _flask(words: list[str]) -> Entry | None:
    if "run" not in words:
        return None
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("--app", "-A"):
            app = (value if equals else next(iter(words[at + 1 : at + 2]), "")).partition(":")[0]
            return Entry("flask", (app,) if app.endswith(".py") else (), () if app.endswith(".py") else (app,))
    return Entry("flask", ("app.py", "wsgi.py"))
