"""What stands in for each dependency during one trial: a program of this machine with the folder that it begins with,
what an engine has started already, or nothing that answers, and then why.

A folder is prepared once and copied for each instance. All are below one of the trial's own, which is gone at its end;
what a killed trial left there the next one removes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seatrial.drill.dependencies import Dependency
from seatrial.drill.programs import NOBODY, PROGRAMS, Program, StandIn, Step, lacking, lowered

PREFIX = "seatrial-dependencies-"
MEMORY = "/dev/shm"
"""Where folders are while there is room: a copy of PostgreSQL's, a thousand small files, takes a disk a second."""
ROOM = 1 << 30
PREPARED_WITHIN = 60.0
_copies = itertools.count(1)


def told(one: Dependency) -> StandIn:
    """What can stand in for it here, before anything is prepared."""
    program = PROGRAMS.get(one.kind)
    if program is None:
        return StandIn(one)
    why = lacking(program)
    return StandIn(one, why=why) if why else StandIn(one, program)


@contextlib.asynccontextmanager
async def standing(
    found: Sequence[Dependency], neighbours: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[StandIn, ...]]:
    """All that stands in, prepared. With an engine's `neighbours` (addresses by name) it is what they are, and no
    program of this machine. What can't be prepared stands there without its program, and says why."""
    if neighbours is not None:
        yield tuple(StandIn(one, elsewhere=_at(one, neighbours)) for one in found)
        return
    ready = [told(one) for one in found]
    if not any(one.program is not None and one.program.steps for one in ready):
        yield tuple(ready)
        return
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_place())
    try:
        Path(folder).chmod(0o711)
        yield tuple(await asyncio.gather(*(_prepared(one, f"{folder}/{n}") for n, one in enumerate(ready))))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> str:
    with contextlib.suppress(OSError):
        there = os.statvfs(MEMORY)
        if there.f_bavail * there.f_frsize >= ROOM and os.access(MEMORY, os.W_OK):
            return MEMORY
    return tempfile.gettempdir()


def _at(one: Dependency, neighbours: Mapping[str, str]) -> tuple[str, int] | None:
    return (neighbours[one.host], one.port) if one.host in neighbours else None


async def _prepared(one: StandIn, folder: str) -> StandIn:
    if one.program is None or not one.program.steps:
        return one
    _make(folder)
    for step in one.program.steps:
        why = await _run(one.program, step, one.dependency, folder)
        if why:
            return replace(one, program=None, why=why)
    return replace(one, template=folder)


def _make(folder: str) -> None:
    Path(folder).mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)


async def _run(program: Program, step: Step, of: Dependency, folder: str) -> str:
    """Why a step failed, or ""."""
    words = lowered(program, program.filled(step.words, of, folder), beside=False)
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        *words, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT, cwd="/", start_new_session=True
    )
    try:
        said, _ = await asyncio.wait_for(running.communicate(program.text(step, of).encode()), PREPARED_WITHIN)
    except TimeoutError:
        return f"{program.name} could not be prepared in {PREPARED_WITHIN:.0f} s"
    finally:
        await _end(running)
    return f"{program.name} could not be prepared: {last_line(said)}" if running.returncode else ""


def last_line(said: bytes | bytearray) -> str:
    """The end of what a program said."""
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


async def copied(template: str) -> str:
    """A copy of a folder, beside it, with its owner."""
    to = f"{template}-{next(_copies)}"
    running = await asyncio.create_subprocess_exec("cp", "-a", template, to, stdin=asyncio.subprocess.DEVNULL)
    try:
        await running.wait()
    finally:
        await _end(running)
    return to


async def _end(running: asyncio.subprocess.Process) -> None:
    """Nothing writes below a folder that is about to be removed."""
    if running.returncode is None:
        running.kill()
        await running.wait()
