"""Work: a queue worker has a job in hand when it is asked to stop. Is it finished, given back, or lost?

What a job is and what became of it only its owner can say: two shell lines, run where its queue is on 127.0.0.1, with
this machine's programs. `--job` gives a job. `--job-state` prints one word of it: waiting, taken, done, or twice.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

from seatrial.drill.acts.interface import Act, Known
from seatrial.drill.acts.measuring import measured
from seatrial.drill.exercise import Exercise
from seatrial.drill.scenarios import Recipe
from seatrial.model.recording import Event, EventKind
from seatrial.model.service import Service

LIMIT = 10.0
"""Seconds that a shell line gets, and in which the job has to be taken."""
FINISHES = 15.0
"""Seconds that a job gets from its begin to its end, where nothing stops it."""
SETTLES = 3.0
"""Seconds after the end in which a broker gives back what a lost connection held."""
PACE = 0.1
OUT_OF_REACH = (
    "its queue is in a network of the engine's, which can be entered as root on the engine's own machine alone"
)
WORDS = ("waiting", "taken", "done", "twice")


def why_not(_service: Service, known: Known) -> str:
    """Why there is no job, or ""."""
    if not (known.job and known.job_state):
        return "what a job is, and what became of it, is not known: --job COMMAND gives one, --job-state COMMAND tells"
    return "" if known.enters else OUT_OF_REACH


def _is_worker(service: Service, known: Known) -> bool:
    """Whether it may well be a queue worker, which can be given a job here: it listens nowhere."""
    return known.target is None and not service.ports and known.enters


async def perform(exercise: Exercise, known: Known) -> None:
    """Give it a job, wait until it has it in hand, stop it, and look what became of the job; what it takes meanwhile
    is measured."""
    async with measured(exercise) as look_again:
        if not await _give(exercise, known.job):
            return
        if not await _wait_for(exercise, known.job_state, ("taken",), LIMIT):
            exercise.disturbed = exercise.disturbed or _not_taken(exercise)
            await look_again(frozenset())
            return
        await exercise.stop(None, Recipe(), before=partial(look_again, frozenset()))
    await _wait_for(exercise, known.job_state, ("done", "twice", "waiting"), SETTLES)


async def finish(exercise: Exercise, known: Known) -> None:
    """Give it a job, and wait until it is done or the service has ended."""
    if await _give(exercise, known.job):
        await _wait_for(exercise, known.job_state, ("done", "twice"), FINISHES, alive=True)


async def _give(exercise: Exercise, command: str) -> bool:
    """Whether it was given a job; else why not is taken down."""
    code, said = await _run(exercise, command)
    if code != 0:
        exercise.disturbed = f"--job ended with {code}: {said}"
        return False
    exercise.events.append(Event(time.monotonic(), EventKind.WORK, "given", said[:200]))
    return True


def _not_taken(exercise: Exercise) -> str:
    last = next((e.detail or e.name for e in reversed(exercise.events) if e.kind is EventKind.WORK), "nothing")
    return f"the job was not seen in hand before the stop (--job-state said last: {last}): is it long enough?"


async def _wait_for(
    exercise: Exercise, command: str, words: tuple[str, ...], limit: float, *, alive: bool = False
) -> bool:
    """Ask for the job's state until it is one of these; each change is an event. `alive`: no longer than it lives."""
    deadline, last = time.monotonic() + limit, ""
    while True:
        code, said = await _run(exercise, command)
        word = said.split()[0] if said.split() else ""
        if code != 0 or word not in WORDS:
            word = "unknown"
        if word != last:
            told = said[:200] + (f" (exit code {code})" if code else "")
            exercise.events.append(Event(time.monotonic(), EventKind.WORK, word, told))
            last = word
        if word in words or time.monotonic() > deadline or (alive and exercise.is_over):
            return word in words
        await asyncio.sleep(PACE)


async def _run(exercise: Exercise, command: str) -> tuple[int, str]:
    """The exit code and the output of a shell line beside the instance, without secrets."""
    assert exercise.instance is not None
    try:
        await exercise.around.bring_near(exercise.instance)
        process = await exercise.instance.spawn_near_dependencies(("/bin/sh", "-c", command))
    except ProcessLookupError as error:
        return 1, exercise.clean(str(error))
    try:
        output, complaint = await asyncio.wait_for(process.communicate(), LIMIT)
    except TimeoutError:
        process.kill()
        await process.wait()
        return 124, f"no end within {LIMIT:g} s"
    return process.returncode or 0, exercise.clean((output + complaint).decode("utf-8", "replace")).strip()


ACT = Act(perform, why_not, idles=True, wanted=_is_worker)
