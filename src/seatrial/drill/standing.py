"""What stands in for each dependency during one trial: a program of this machine with the folder that it begins with,
what an engine has started already, or nothing that answers, and then why.

A folder is prepared once and copied for each instance. Each is in a memory that its program alone sees (a tmpfs in its
mount namespace) and that the kernel drops with the last who has it open: nothing is left, however a trial ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seatrial.drill.dependencies import Dependency
from seatrial.drill.programs import DATA, NOBODY, PROGRAMS, Program, StandIn, lacking, lowered
from seatrial.engine.native import beside

PREPARED_WITHIN = 60.0
PREPARED = "prepared"
KEPT = 4096
"""Bytes that are kept of what a program says."""


def told(one: Dependency) -> StandIn:
    """What can stand in for it here, before anything is prepared."""
    program = PROGRAMS.get(one.kind)
    if program is None:
        return StandIn(one)
    why = lacking(program)
    return StandIn(one, why=why) if why else StandIn(one, program)


@contextlib.asynccontextmanager
async def standing(
    found: Sequence[Dependency], neighbours: Mapping[str, str] | None = None, clean: Callable[[str], str] = str
) -> AsyncIterator[tuple[StandIn, ...]]:
    """All that stands in, prepared. With an engine's `neighbours` (addresses by name) it is what they are, and no
    program of this machine. What can't be prepared stands there without its program, and says why, as `clean` leaves
    it."""
    if neighbours is not None:
        yield tuple(StandIn(one, elsewhere=_at(one, neighbours)) for one in found)
        return
    ready: list[StandIn] = []
    try:
        await asyncio.gather(*(_prepare(told(one), ready, clean) for one in found))
        yield tuple(sorted(ready, key=lambda one: found.index(one.dependency)))
    finally:
        for one in ready:
            if one.template >= 0:
                os.close(one.template)


def _at(one: Dependency, neighbours: Mapping[str, str]) -> tuple[str, int] | None:
    return (neighbours[one.host], one.port) if one.host in neighbours else None


async def _prepare(one: StandIn, ready: list[StandIn], clean: Callable[[str], str]) -> None:
    """Have it ready, with its folder if it needs one."""
    if one.program is None or not one.program.steps:
        ready.append(one)
        return
    pipe = asyncio.subprocess.PIPE
    words = beside.command({}, ["/bin/sh", "-c", _script(one.program, one.dependency)])
    running = await asyncio.create_subprocess_exec(
        *words, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT, cwd="/", start_new_session=True
    )
    try:
        why = await asyncio.wait_for(_said(running, clean), PREPARED_WITHIN)
        template = -1 if why else os.open(f"/proc/{running.pid}/root{DATA}", os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:  # a time-out among them, which says nothing
        why, template = str(error) or f"it took longer than {PREPARED_WITHIN:.0f} s", -1
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.terminate()
        await running.wait()
    why = why and f"{one.program.name} could not be prepared: {why}"
    ready.append(replace(one, program=None, why=why) if why else replace(one, template=template))


def _script(program: Program, of: Dependency) -> str:
    """All steps, in a memory of its own, which stays until its input ends."""
    lines = [_alone(), f"mkdir -m 700 {DATA}"]
    if os.geteuid() == 0:
        lines.append(f"chown {NOBODY}:{NOBODY} {DATA}")
    for step in program.steps:
        words = shlex.join(lowered(program, program.filled(step.words, of), beside=False))
        lines.append(f"printf %s {shlex.quote(program.text(step, of))} | {words}")
    return f"{{ {' && '.join(lines)}; }} 2>&1 && echo && echo {PREPARED} && read -r _"


def _alone() -> str:
    """A condition of a shell: what is written is in nobody else's memory."""
    shared = Path(beside.MEMORY).stat().st_dev
    otherwise = '{ echo "it can have no memory of its own here"; false; }'
    return f'{{ test "$(stat -c %d {beside.MEMORY})" != {shared} || {otherwise}; }}'


async def _said(running: asyncio.subprocess.Process, clean: Callable[[str], str]) -> str:
    """Wait until all is prepared: "", or why it is not."""
    assert running.stdout is not None
    said = b""
    while data := await running.stdout.read(4096):
        said = (said + data)[-KEPT:]
        if said.endswith(f"\n{PREPARED}\n".encode()):
            return ""
    return last_line(said, clean)


def last_line(said: bytes | bytearray, clean: Callable[[str], str]) -> str:
    """The end of what a program said, of which no more than `KEPT` bytes are there. It is cut when it is clean, and
    where its begin is not there nothing is told: that could be half a secret."""
    lines = said.decode(errors="replace").rstrip().splitlines()
    if len(said) >= KEPT:
        lines = lines[1:]
    return clean(lines[-1].strip())[:300] if lines else "it said nothing"


def beginning(one: StandIn, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words, behind a shell that copies the folder that it begins with into a memory of its own."""
    if one.template < 0:
        return words
    script = f'{_alone()} && cp -a "/proc/self/fd/$0/." {DATA} && exec "$@"'
    return ("/bin/sh", "-c", script, str(one.template), *words)
