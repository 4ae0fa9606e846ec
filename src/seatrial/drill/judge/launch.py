"""What stands between the engine and the program: a shell, a package manager, an init, or nothing.

A launcher that replaced itself (bash's `sh -c`, `exec "$@"`, `poetry run`) is out of the way: the process seen at the
time of the signal decides, not the text of the command.
"""

from __future__ import annotations

from enum import Enum
from pathlib import PurePosixPath

from seatrial.drill.judge.view import first_process
from seatrial.model.recording import ProcessSeen, Recording, Run, Scenario, Subject

INITS = frozenset({"tini", "tini-static", "dumb-init", "catatonit", "docker-init", "seatrial-init", "s6-svscan"})
SHELLS = frozenset({"sh", "bash", "dash", "ash", "busybox", "zsh", "ksh"})
MANAGERS = frozenset({"npm", "npx", "yarn", "yarnpkg", "pnpm", "pnpx", "bunx", "corepack"})
MANAGERS_IF_RUN = frozenset({"uv", "poetry", "pipenv", "rye", "pdm", "hatch", "bun"})
DEV_RUNNERS = frozenset({"nodemon", "ts-node-dev", "pm2", "forever", "watchexec"})
_WITH_VALUE = frozenset({"-e", "-p", "-r", "--rewrite"})


class Launcher(Enum):
    """What kind of program stands in front; the value is the requirement that it breaks."""

    NONE = ""
    SHELL = "exec-form-command"
    SCRIPT = "entrypoint-hands-over"
    MANAGER = "package-manager-as-pid1"
    DEV_RUNNER = "dev-runner-in-production"


class Program(Enum):
    """What finally runs, as far as a remedy differs by it."""

    NODE = "node"
    UVICORN = "uvicorn"
    GUNICORN = "gunicorn"
    HYPERCORN = "hypercorn"
    GRANIAN = "granian"
    WAITRESS = "waitress"
    FLASK = "flask"
    PYTHON = "python"
    OTHER = "program"


def base(word: str) -> str:
    """The name of a program without its directory, `.js` and the `-` of a login shell."""
    return PurePosixPath(word).name.removesuffix(".js").removesuffix("-cli").removeprefix("-")


def without_init(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command behind an init and its options."""
    if not argv or base(argv[0]) not in INITS:
        return argv
    index = 1
    while index < len(argv) and argv[index].startswith("-"):
        if argv[index] == "--":
            return argv[index + 1 :]
        index += 2 if argv[index] in _WITH_VALUE else 1
    return argv[index:]


def words(argv: tuple[str, ...]) -> tuple[str, ...]:
    """An argv as words: npm and others write their whole title into the first."""
    return tuple(argv[0].split()) if len(argv) == 1 else argv


def launcher_of(argv: tuple[str, ...]) -> Launcher:
    """What kind of launcher a command is, if it is one."""
    parts = words(argv)
    if len(parts) > 1 and base(parts[0]) == "busybox":  # one of its programs, by its name
        parts = parts[1:]
    if not parts:
        return Launcher.NONE
    names = [base(part) for part in parts[:2]]
    if names[0] in ("node", "nodejs", "bun", "python", "python3") and len(names) > 1:
        names = names[1:] if names[1] in MANAGERS | DEV_RUNNERS else names[:1]
    if names[0] in MANAGERS or (names[0] in MANAGERS_IF_RUN and names[1:2] in (["run"], ["start"], ["x"])):
        return Launcher.MANAGER
    if names[0] in DEV_RUNNERS:
        return Launcher.DEV_RUNNER
    if names[0] in SHELLS:
        return Launcher.SHELL if any(part.startswith("-") and "c" in part for part in parts[1:3]) else Launcher.SCRIPT
    return Launcher.SCRIPT if names[0].endswith(".sh") else Launcher.NONE


def declared(subject: Subject) -> Launcher:
    """What the command's text puts in front of the program."""
    found = launcher_of(without_init(subject.argv))
    return Launcher.SHELL if subject.shell_form and found in (Launcher.NONE, Launcher.SCRIPT) else found


def main_process(run: Run) -> ProcessSeen | None:
    """The process that the command became: PID 1, or the first child of an init."""
    first = first_process(run)
    if first is None or not first.argv or base(first.argv[0]) not in INITS:
        return first
    children = sorted((p for p in run.processes if p.parent == 1), key=lambda p: (p.first_seen, p.pid))
    return children[0] if children else first


def in_the_way(recording: Recording, run: Run | None = None) -> Launcher:
    """The launcher that still stood between the signal and the program."""
    run = run or recording.run(Scenario.STOP)
    main = main_process(run) if run else None
    if main is not None and main.argv and not main.argv[0].startswith("["):
        return launcher_of(main.argv)
    return declared(recording.subject)


def program(recording: Recording, run: Run | None = None) -> Program:
    """What finally runs: by the files, else by what was seen."""
    known = (program_of(words(argv)) for argv in commands(recording, run))
    return next((found for found in known if found is not Program.OTHER), Program.OTHER)


def commands(recording: Recording, run: Run | None = None) -> list[tuple[str, ...]]:
    """The commands that may be what finally runs, the likeliest first: by the files, else as seen."""
    run = run or recording.run(Scenario.STOP)
    argvs = [recording.subject.final_argv]
    if run is not None:
        main = main_process(run)
        argvs += [main.argv] if main else []
        argvs += [process.argv for process in run.processes if process.parent != 0]
    return [*argvs, without_init(recording.subject.argv)]


def program_of(argv: tuple[str, ...]) -> Program:
    """What a command runs, if it is the program itself and no launcher in front of it."""
    names = [base(part) for part in argv[:4]]
    if not names or launcher_of(argv) is not Launcher.NONE:
        return Program.OTHER
    for found in (Program.UVICORN, Program.GUNICORN, Program.HYPERCORN, Program.GRANIAN, Program.FLASK):
        if found.value in names or names[0].startswith(f"{found.value}:"):
            return found
    if names[0] == "waitress-serve":
        return Program.WAITRESS
    if names[0] in ("node", "nodejs"):
        return Program.NODE
    return Program.PYTHON if names[0].startswith("python") else Program.OTHER


def describe(process: ProcessSeen | None) -> str:
    """A process for people: "PID 1 (node server.js)"."""
    if process is None:
        return "PID 1"
    text = " ".join(process.argv)
    return f"PID {process.pid} ({text if len(text) <= 60 else text[:59] + '…'})"
