"""Crash: SIGKILL to one worker, where a master has some, then to the program itself.

No handler sees a SIGKILL, so this is the crash in its plainest form. The program need not be PID 1: what an init, a
shell or a package manager in front of it makes of its end is what an engine gets to see.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable

from seatrial.drill import in_front
from seatrial.drill.acts import processes
from seatrial.drill.acts.interface import Act, Known
from seatrial.drill.exercise import Exercise
from seatrial.engine.interface import Instance, ProcessState
from seatrial.model.recording import Event, EventKind
from seatrial.model.service import Service

REPLACED_WITHIN = 5.0
"""Seconds that a master gets to replace a worker; the slowest seen takes one or two."""
ENDS_WITHIN = 3.0
"""Seconds that PID 1 gets to end after the program did."""
BACK_WITHIN = 15.0
"""Seconds, at least, that a service gets to be ready again; one that starts slowly gets three times its start."""
LOOK = 0.05
AGAIN = '"$@"; kill -9 -1 2>/dev/null; /usr/bin/find {scratch} -xdev -mindepth 1 -delete; /bin/sleep 0.1; exec "$@"'
"""What an engine does after a crash: nothing else is left, what is kept in memory is empty again, the first wait of the
contract, the same command once more."""


async def perform(exercise: Exercise, _known: Known) -> None:
    """Kill a worker and look whether it is replaced; then kill the program and look how PID 1 ends."""
    instance = exercise.instance
    assert instance is not None
    states = processes.alive(instance)
    main = processes.program(states)
    if main is None:
        exercise.disturbed = "the processes of the instance can't be seen"
        return
    await _kill_worker(exercise, instance, main)
    main = processes.program(processes.alive(instance))
    if main is not None and not exercise.is_over:
        await _kill(exercise, main, "program")
        await exercise.ends_within(ENDS_WITHIN)
    await exercise.note_end()


async def _kill_worker(exercise: Exercise, instance: Instance, main: ProcessState) -> None:
    forked = processes.workers(processes.alive(instance), main)
    if forked and await _kill(exercise, forked[0], "worker"):
        await _wait(REPLACED_WITHIN, lambda: exercise.is_over or _has_new(instance, main, forked))
        if exercise.watcher is not None:
            exercise.watcher.look()  # it has to be seen before what comes next


async def recover(exercise: Exercise, known: Known) -> None:
    """Kill the program and wait until the service is ready again."""
    instance = exercise.instance
    assert instance is not None
    main = processes.program(processes.alive(instance))
    if main is None or (main.pid == 1 and not known.restarts):
        exercise.disturbed = "the program could not be told from what starts it again"
        return
    limit = max(BACK_WITHIN, 3.0 * known.ready_seconds)
    if await _kill(exercise, main, "program"):
        begun = time.monotonic()
        if known.restarts:
            await _wait(limit, lambda: exercise.is_over or instance.restarts > 0)
            await exercise.renew_load()
        await exercise.wait_again(limit - (time.monotonic() - begun))
    await exercise.note_end()


def _has_new(instance: Instance, main: ProcessState, known: list[ProcessState]) -> bool:
    """Whether the master has a worker that it had not before."""
    seen = {(state.pid, state.start_ticks) for state in known}
    found = processes.workers(processes.alive(instance), main)
    return any((state.pid, state.start_ticks) not in seen for state in found)


async def _kill(exercise: Exercise, state: ProcessState, what: str) -> bool:
    """SIGKILL to one process, with the event that says so."""
    assert exercise.instance is not None
    title = exercise.clean(" ".join(state.argv))[:200]
    event = Event(time.monotonic(), EventKind.KILLED, what, title, pid=state.pid)
    if not await processes.kill(exercise.instance, state):
        exercise.disturbed = f"the {what} could not be killed"
        return False
    exercise.events.append(event)
    return True


async def _wait(limit: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + limit
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(LOOK)


def started_again(service: Service, known: Known) -> Service:
    """The service below a shell that starts it once more, in the same namespaces and on the same files; as it is where
    the engine does that."""
    if known.restarts:
        return service
    scratch = [mount.value.target for mount in service.mounts if mount.value.kind == "tmpfs"]
    return in_front.behind(service, AGAIN.format(scratch=shlex.join(["/dev/shm", *scratch])))


ACT = Act(perform)
RECOVERY = Act(recover, changed=started_again, restart="always")
