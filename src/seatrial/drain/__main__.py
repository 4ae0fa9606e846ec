"""`python -m seatrial.drain -- gunicorn …`: an unchanged command with the order of the stop.

gunicorn, uvicorn and waitress-serve get the middleware around their application and stay this one process (PID 1, where
it is). For any other program the signal is held back for the lag and then handed on. Settings come from the
environment: SEATRIAL_LAG, SEATRIAL_GRACE, SEATRIAL_READY (a readiness path), SEATRIAL_READY_FILE.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

USAGE = "usage: python -m seatrial.drain [--lag SECONDS] [--grace SECONDS] -- COMMAND [ARGUMENT]…"


class UsageError(Exception):
    """A command that can't be run in this way."""


def gunicorn(arguments: Sequence[str]) -> int:
    """Become gunicorn, with our configuration file."""
    if any(a in ("-c", "--config") or a.startswith(("--config=", "-c")) for a in arguments):
        raise UsageError(
            "gunicorn takes one configuration file, and this command has one\n"
            "hint: in that file, from seatrial.drain.gunicorn import *"
        )
    argv = [sys.executable, "-m", "gunicorn", "-c", "python:seatrial.drain.gunicorn", *arguments]
    os.execv(sys.executable, argv)


def uvicorn(arguments: Sequence[str]) -> int:
    """Run uvicorn's own command in this process, with the application wrapped; its workers, where it has some."""
    from importlib import import_module

    from seatrial.drain import workers
    from seatrial.drain.serve import ignore_repeated_signals

    command: Any = import_module("uvicorn.main").main
    context = command.make_context("uvicorn", list(arguments))
    if context.params.get("reload"):
        raise UsageError("uvicorn's --reload is not drained\nhint: it is for development: run uvicorn alone")
    os.environ["SEATRIAL_APP"] = context.params["app"]
    if context.params.get("factory"):
        os.environ["SEATRIAL_FACTORY"], context.params["factory"] = "1", False
    context.params["app"] = "seatrial.drain.wrapped:app"
    if workers.wanted(context.params) > 1:
        return workers.run(context.params)
    ignore_repeated_signals(lambda: _life() is not None)
    with context:
        command.invoke(context)
    return 1 if (life := _life()) is None else life.code


def _life() -> Any:
    """The life of the application, when that is imported."""
    return vars(sys.modules.get("seatrial.drain.wrapped", sys)).get("life")


def waitress(arguments: Sequence[str]) -> int:
    """Run waitress with the arguments of `waitress-serve`."""
    from importlib import import_module

    from seatrial.drain import serve
    from seatrial.drain.wrapped import found, health_from_environment

    options, names = import_module("waitress.adjustments").Adjustments.parse_args(list(arguments))
    if len(names) != 1 or options.pop("help"):
        raise UsageError("waitress-serve [OPTIONS] MODULE:APP")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  # a text is wanted
    app = found(names[0])
    serve.waitress(app() if options.pop("call") else app, health=health_from_environment(), **options)


KNOWN: dict[str, Callable[[Sequence[str]], int]] = {
    "gunicorn": gunicorn,
    "uvicorn": uvicorn,
    "waitress-serve": waitress,
    "waitress": waitress,
}

HELD_ONLY = {
    "hypercorn": "seatrial.drain.serve.hypercorn(app) also stops accepting without a loss",
    "granian": "seatrial.drain.serve.granian(app) also announces the close",
}
"""Servers that lose something as any other program is run, and what to do about it."""


def known(command: Sequence[str]) -> tuple[Callable[[Sequence[str]], int], Sequence[str]] | None:
    """Which server a command starts, and its arguments; also as `python -m SERVER`."""
    name, rest = PurePath(command[0]).name, command[1:]
    if name.startswith("python") and len(rest) > 1 and rest[0] == "-m":
        name, rest = rest[1], rest[2:]
    return (KNOWN[name], rest) if name in KNOWN else None


def split(arguments: Sequence[str]) -> Sequence[str]:
    """Take our own options from the front, into the environment; the command."""
    left = list(arguments)
    while left and left[0] in ("--lag", "--grace"):
        option = left.pop(0)
        if not left:
            raise UsageError(f"{option} needs a number of seconds")
        os.environ[f"SEATRIAL_{option[2:].upper()}"] = left.pop(0)
    if left and left[0] == "--":
        left.pop(0)
    if not left or left[0].startswith("-"):
        raise UsageError(USAGE)
    return left


def main(arguments: Sequence[str]) -> int:
    """Run a command; its exit code."""
    try:
        command = split(arguments)
        if server := known(command):
            run, rest = server
            return run(rest)
        from seatrial.drain import hold

        if (name := PurePath(command[0]).name) in HELD_ONLY:
            print(f"seatrial.drain: {name}'s own command only gets the lag\nhint: {HELD_ONLY[name]}", file=sys.stderr)
        return hold.run(command)
    except (UsageError, ValueError) as error:
        print(f"seatrial.drain: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
