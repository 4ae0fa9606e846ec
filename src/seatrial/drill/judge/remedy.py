"""What to write instead, by what was seen to run. One sentence or two each, with the line to write."""

from __future__ import annotations

from seatrial.drill.judge.launch import Launcher, Program, in_the_way, program, words
from seatrial.model.recording import Recording, Run

HANDLER = {
    Program.NODE: (
        "handle it in the server's own file: `process.on('SIGTERM', () => { server.close(() => process.exit(0)); "
        "setInterval(() => server.closeIdleConnections(), 100); })`. An init alone is no cure: node would die at once, "
        "with all in flight"
    ),
    Program.FLASK: (
        "Flask's development server has no handler: run the app under `gunicorn --worker-class gthread` or "
        "another server that drains"
    ),
    Program.WAITRESS: (
        "waitress has no handler for SIGTERM: install one that calls `server.close()` and waits for its tasks, or run "
        "the app under gunicorn"
    ),
    Program.PYTHON: (
        "install a handler: `signal.signal(signal.SIGTERM, …)` that stops accepting, lets requests finish and exits 0, "
        "or run the app under a server that has one (uvicorn, gunicorn)"
    ),
    Program.OTHER: (
        "install a handler for the signal in the program: stop accepting, finish what is in flight, exit 0. As PID 1 "
        "the kernel ignores a signal without a handler; under an init it kills at once"
    ),
}
SMALLER = (
    "start from a slim base image, copy only what runs into a last stage of its own, and keep package caches out of "
    "the layers (`--mount=type=cache`, or cleaned in the same RUN)"
)
FINISH = {
    Program.NODE: (
        "on the signal call `server.close()` and exit in its callback; don't call `process.exit()` or "
        "`closeAllConnections()` before it"
    ),
    Program.OTHER: "on the signal stop accepting, wait for the requests in flight, and only then exit",
}
CLOSE_IN_TIME = {
    Program.NODE: (
        "`server.close()` waits for connections that it does not close: send `Connection: close` during the drain, "
        "call `server.closeIdleConnections()` again until none is left, and exit after a limit below the grace period"
    ),
    Program.UVICORN: "set `--timeout-graceful-shutdown` below the grace period: by default uvicorn waits for ever",
    Program.GUNICORN: "set `--graceful-timeout` to less than the grace period",
    Program.GRANIAN: "set `--workers-kill-timeout` below the grace period: by default granian waits for ever",
    Program.OTHER: "limit the drain: after a time shorter than the grace period close what is left and exit",
}
REFUSE = {
    Program.UVICORN: (
        "with `--workers` the parent keeps the listener open while the workers drain: run one worker a container, and "
        "more containers"
    ),
    Program.GUNICORN: (
        "the listener stays open while the workers drain: run one `uvicorn` or `gthread` worker a container, or let "
        "the load balancer stop sending first (`preStop` sleep)"
    ),
    Program.HYPERCORN: "hypercorn keeps its listener open while it drains: let the load balancer stop sending first",
    Program.OTHER: "close the listening socket first, before waiting for requests: a refused client tries elsewhere",
}
MEMORY = "raise the memory limit above the peak, or bound what the program keeps"
ANNOUNCE = {
    Program.NODE: "from the signal on, `response.setHeader('Connection', 'close')` on every response not yet begun",
    Program.OTHER: "from the signal on, send `Connection: close` with every response, so that clients don't reuse it",
}

CHECK = {
    "refused": "let the check's own status through: no `|| true`, no `; exit 0`, no pipe behind it",
    "frozen": (
        "ask the service itself, with a time limit: "
        "`curl -fsS --max-time 2 http://127.0.0.1:PORT/health` or `seatrial-probe`; that a process or a port is there "
        "says nothing"
    ),
    "error": "fail on an error status: `curl -f` (without -f curl exits 0 for a 500), or compare the status",
}
"""By what the health check did not notice, the plainest first."""
TOOL = (
    "check with a program that the image has: `node -e` or `python3 -c` with a request, or `seatrial-probe` "
    "(slim and distroless images have no curl, alpine has busybox's wget)"
)

HONEST = (
    "let PID 1 end with the program's own status: start the program itself, or with `exec`; no `|| true`, no "
    "`; exit 0`, no `tail -f` behind it"
)
FATAL = (
    "let handlers of uncaughtException and unhandledRejection log the error and end the program with 1 "
    "(`process.exitCode = 1` and the drain, or `process.exit(1)`), or leave them out: node does both by itself"
)
REPLACE = (
    "let the master fork another worker when one dies (node's cluster: on 'exit'), or end with an error itself, so "
    "that the engine starts all again"
)
STALE = (
    "let the start cope with what a crash leaves behind: take away stale pid, lock and socket files, and repair what "
    "was half written"
)
RESTART = "write `restart: unless-stopped` in the compose file (`on-failure` does nothing after an exit code 0)"
MISFIT = (
    "check what the service needs before it serves: say on stderr what is missing or taken, and exit with 1 at once; "
    "give every wait for something outside a limit"
)

STDOUT = (
    "log to stdout and stderr, or link the file there (`ln -sf /dev/stdout /var/log/app.log`): a file inside the "
    "container is lost with it, and fills the disk until then"
)
JSON_LINES = (
    "write one JSON object a line with level, time and message: pino in node, structlog or python-json-logger in "
    "Python; servers have an option for it (`uvicorn --log-config`, `gunicorn --access-logformat`)"
)
CORRELATE = (
    "log the id of `X-Request-ID` (or of `traceparent`) with each line about a request, and make one where none came"
)
LIMIT = (
    "set a limit with room above the peak, and swap equal to it: "
    "`mem_limit: {megabytes}m`, `memswap_limit: {megabytes}m`"
)

USER = "write `USER 10001:10001` into the Dockerfile; as that user it was started here: {outcome}"
READ_ONLY = (
    "give these paths a volume, or a tmpfs where they may be lost: {paths}; "
    "then set `read_only: true` and `tmpfs: /tmp`"
)


def of(table: dict[Program, str], recording: Recording, run: Run | None = None) -> str:
    """The table's remedy for what runs here."""
    return table.get(program(recording, run)) or table[Program.OTHER]


def for_launcher(recording: Recording, run: Run | None = None) -> str:
    """How to take the launcher out of the way; empty where there is none."""
    launcher = in_the_way(recording, run)
    final = recording.subject.final_argv
    known = bool(final) and words(final) != words(recording.subject.argv)
    argv = ", ".join(f'"{word}"' for word in final) if known else '"program", "argument"'
    by_launcher = {
        Launcher.MANAGER: f"start the program itself: `CMD [{argv}]`, or write `exec` before it in the script",
        Launcher.SHELL: f"use the exec form: `CMD [{argv}]`, or put `exec` before the last command of the line",
        Launcher.SCRIPT: 'end the script with `exec "$@"`, so that the program takes the place of the shell',
        Launcher.DEV_RUNNER: f"start the program itself in production: `CMD [{argv}]`; restarts belong to the engine",
    }
    return by_launcher.get(launcher, "")
