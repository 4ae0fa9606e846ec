"""Runs a command inside an instance that runs (`seatrial exec`): with our own stdin, stdout and stderr, or with a
terminal that is connected with ours.

As `docker compose exec`: a terminal is made where ours is one, unless `-T` says no. Where stdin or stdout is none, none
is made; to ask for it all the same (`-t`) is an error.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.cli import codes
from seatrial.cli.running import Interrupted, run
from seatrial.cli.streams import complain
from seatrial.model.errors import InputError
from seatrial.project.interface import KEPT

if TYPE_CHECKING:
    from seatrial.engine.native.execution import Attached
    from seatrial.engine.native.instance import NativeInstance

AFTER_END = 0.25
"""Seconds that output may come after the command's end, from what it left in the background."""


def enter(directory: Path, arguments: argparse.Namespace) -> int:
    """Run it in the instance of this directory; gives its exit code."""
    argv = with_surroundings(arguments.words, arguments.workdir, arguments.env)
    has_terminal = wants_terminal(asked=arguments.tty, refused=arguments.no_tty)
    try:
        return run(enter_instance(directory, argv, None, as_root=bool(arguments.user), has_terminal=has_terminal))
    except Interrupted as interrupted:
        return codes.SIGNALLED + interrupted.number


def wants_terminal(*, asked: bool, refused: bool) -> bool:
    """Whether to make a terminal. Raises InputError where it is asked for and ours is none."""
    if asked and refused:
        raise InputError("-t and -T contradict each other", hint="leave one of them out")
    if asked and not os.isatty(0):
        raise InputError("the input device is not a TTY", hint="leave -t out, or run it from a terminal")
    return not refused and os.isatty(0) and (asked or os.isatty(1))


def with_surroundings(command: Sequence[str], directory: str, variables: Sequence[str]) -> list[str]:
    """The command, with directory and variables by env(1): the engine gives it the service's own."""
    words = ["-C", directory] if directory else []
    for word in variables:
        if "=" not in word.lstrip("="):
            raise InputError(f"--env {word!r} has no value", hint="-e NAME=VALUE")
        words.append(word)
    return ["env", *words, *command] if words else list(command)


async def enter_instance(
    directory: Path, argv: list[str], to: Attached | None, *, as_root: bool, has_terminal: bool = False
) -> int:
    """Run a command in the instance that is kept in this directory; gives its exit code."""
    from seatrial.engine.native.keeping import adopt

    instance = await adopt(str(directory / KEPT))
    try:
        if has_terminal:
            code, error = await _on_a_terminal(instance, argv, as_root=as_root)
        else:
            code, error = await instance.attach(argv, to, as_root=as_root)
    finally:
        await instance.release()
    if error:
        complain(f"error: {error}")
    return code


async def _on_a_terminal(instance: NativeInstance, argv: list[str], *, as_root: bool) -> tuple[int, str]:
    from seatrial.engine.native.execution import Attached
    from seatrial.project.terminal import Terminal

    with Terminal(is_read=True) as terminal:
        master, slave = instance.new_terminal()
        terminal.connect(master)
        result = await instance.attach(argv, Attached(terminal=slave), as_root=as_root)
        await terminal.wait_drawn(AFTER_END)
    return result
