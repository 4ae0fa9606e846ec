"""An error that nobody catches, raised in the running program: an exception, or a promise that is rejected.

It can be done where the runtime loads something of ours first and lets it listen to a signal that nobody uses: node, by
NODE_OPTIONS. The program's own handlers, and node's default, then do what they would do with an error of its own.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from seatrial.drill.acts import processes
from seatrial.drill.acts.interface import Act, Known
from seatrial.drill.exercise import Exercise
from seatrial.drill.judge.crash_judges import MESSAGE
from seatrial.drill.judge.launch import Program, program_of, without_init, words
from seatrial.model.place import Sourced
from seatrial.model.recording import Event, EventKind, Scenario
from seatrial.model.service import Service, signal_number

SIGNAL = "SIGPWR"
ENDS_WITHIN = 5.0
"""Seconds that the program gets to log the error and end; a drain without connections is over at once."""
_BODY = {
    Scenario.EXCEPTION: f"setImmediate(()=>{{throw new Error('{MESSAGE}')}})",
    Scenario.REJECTION: f"void Promise.reject(new Error('{MESSAGE}'))",
}


def preload(scenario: Scenario) -> str:
    """The option that makes node listen to the signal."""
    source = f"process.on('{SIGNAL}',()=>{{{_BODY[scenario]}}})"
    return f"--import=data:text/javascript,{quote(source, safe='')}"


def why_not(service: Service, known: Known) -> str:
    """Why no error can be raised in it, or ""."""
    argvs: Iterable[tuple[str, ...]] = known.argvs or [
        *((without_init(service.argv.value),) if service.argv else ()),
        *(hop.argv for hop in service.hops),
    ]
    if any(program_of(words(argv)) is Program.NODE for argv in argvs):
        return ""
    return "no way is known to raise an error in this program from outside: it is done for node"


def _changed(scenario: Scenario, service: Service, _known: Known) -> Service:
    own = service.environment.get("NODE_OPTIONS")
    text = " ".join(part for part in (own.value if own else "", preload(scenario)) if part)
    return replace(service, environment={**service.environment, "NODE_OPTIONS": Sourced(text)})


async def perform(exercise: Exercise, _known: Known) -> None:
    """Send the signal to the program that listens to it, and wait for what becomes of it."""
    instance = exercise.instance
    assert instance is not None
    number = signal_number(SIGNAL)
    main = processes.program(processes.alive(instance))
    if main is None:
        exercise.disturbed = "the processes of the instance can't be seen"
        return
    if number not in main.handles:
        exercise.disturbed = "node did not load what raises the error (--import in NODE_OPTIONS)"
        return
    event = Event(time.monotonic(), EventKind.RAISED, exercise.scenario.value, pid=main.pid)
    if not processes.send(instance, main, number):
        exercise.disturbed = "the error could not be raised"
        return
    exercise.events.append(event)
    await exercise.ends_within(ENDS_WITHIN)
    await exercise.note_end()


EXCEPTION, REJECTION = (
    Act(perform, why_not, functools.partial(_changed, scenario))
    for scenario in (Scenario.EXCEPTION, Scenario.REJECTION)
)
