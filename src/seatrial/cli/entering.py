"""Runs a command inside an instance that runs, with our own stdin, stdout and stderr: `seatrial exec`.

No terminal is allocated (as `docker compose exec -T`): what is run sees ours only if stdin and stdout are one.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from seatrial.cli.streams import complain
from seatrial.model.errors import InputError
from seatrial.project.interface import KEPT


def enter(directory: Path, arguments: argparse.Namespace) -> int:
    """Run it in the instance of this directory; gives its exit code."""
    try:
        return asyncio.run(_enter(directory, _command(arguments), as_root=bool(arguments.user)))
    except KeyboardInterrupt:
        return 130


def _command(arguments: argparse.Namespace) -> list[str]:
    """The command, with directory and variables by env(1): the engine gives it the service's own."""
    words: list[str] = []
    if arguments.workdir:
        words += ["-C", arguments.workdir]
    for word in arguments.env:
        if "=" not in word.lstrip("="):
            raise InputError(f"--env {word!r} has no value", hint="-e NAME=VALUE")
        words.append(word)
    return ["env", *words, *arguments.words] if words else list(arguments.words)


async def _enter(directory: Path, argv: list[str], *, as_root: bool) -> int:
    from seatrial.engine.native.keeping import adopt

    instance = await adopt(str(directory / KEPT))
    try:
        code, error = await instance.attach(argv, as_root=as_root)
    finally:
        await instance.release()
    if error:
        complain(f"error: {error}")
    return code
