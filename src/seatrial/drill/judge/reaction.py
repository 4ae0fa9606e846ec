"""What the service did about the signal, told from its behaviour; SigCgt and the command's text are evidence only.

The kernel ignores a signal without a handler for PID 1 (pid_namespaces(7)); under an init the same program dies of the
signal's default action. Both look like "stopped" or "slow", and are neither.
"""

from __future__ import annotations

from enum import Enum

from seatrial.drill.judge.launch import Launcher, in_the_way, launcher_of, main_process
from seatrial.drill.judge.view import (
    AT_EXIT,
    DEFAULT_ACTION,
    LOST,
    REACTION,
    closing,
    crashed_before,
    held,
    in_flight,
    is_crossing,
    last_moment,
    new_connections,
    pairs,
    signal_of,
    stop_seconds,
    was_killed,
)
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.served import is_limit, is_new_error
from seatrial.model.traffic import COMPLETE, Outcome, Population

TEARDOWN = 0.25
"""Seconds that the kernel may take to end what a PID 1 has left, listeners and all, before its own end is told."""


class Reaction(Enum):
    """What became of the signal."""

    HANDLED = "handled"
    UNFINISHED = "handled, and not finished within the grace period"
    IGNORED = "ignored"
    DEFAULT_ACTION = "killed by the signal's default action"
    NOT_PASSED_ON = "not passed on by the launcher"


def reaction(recording: Recording, run: Run) -> Reaction | None:
    """The reaction of a run's instance to its signal; None where none can be told."""
    if run.signalled is None or run.exit is None or crashed_before(run):
        return None
    if was_killed(run):
        return _of_killed(recording, run)
    if run.exit.code == 137 and run.exit.signal in (0, 9):
        return None  # somebody else's SIGKILL, such as the kernel's for memory
    return Reaction.IGNORED if is_deaf(recording, run) else _of_ended(recording, run)


def _of_ended(recording: Recording, run: Run) -> Reaction:
    """The reaction where PID 1 ended by itself within the grace period."""
    assert run.exit is not None
    launched = in_the_way(recording, run) is not Launcher.NONE
    cut, finished = _fates(run)
    if launched and ((cut and not finished) or _was_left_running(run)):
        return Reaction.NOT_PASSED_ON
    if run.exit.code != 128 + signal_of(run) or not _died_of_it(recording, run):
        return Reaction.HANDLED
    took = stop_seconds(run) or 0.0
    if finished and not cut:
        return Reaction.HANDLED
    if finished and took > DEFAULT_ACTION + run.load_lag:
        return Reaction.HANDLED
    return Reaction.NOT_PASSED_ON if launched else Reaction.DEFAULT_ACTION


def _of_killed(recording: Recording, run: Run) -> Reaction | None:
    """The reaction where SIGKILL was needed. A program without connections shows only that it has a handler."""
    if _changed(run):
        return Reaction.UNFINISHED
    if run.grace < REACTION:
        return None
    main = main_process(run)
    silent = run.target is None and in_the_way(recording, run) is Launcher.NONE
    return Reaction.UNFINISHED if silent and main and signal_of(run) in main.handles else Reaction.IGNORED


def is_deaf(recording: Recording, run: Run) -> bool:
    """Whether the kernel can't have brought the signal to the shell that is the main process, however it ended.

    For PID 1 a signal with its default action is dropped when it is sent. Under an init the same signal kills, so that
    there only one that is set to be ignored goes unheard. Only of a shell can this be said: another program may sit in
    sigwait, which takes a signal that is neither handled nor, while it waits, blocked.
    """
    main, number = main_process(run), signal_of(run)
    if in_the_way(recording, run) not in (Launcher.SHELL, Launcher.SCRIPT) or main is None or main.blocks is None:
        return False
    if number in (*main.blocks, *main.handles, *main.once_handled):
        return False
    return main.pid == 1 or number in main.ignores


def _was_left_running(run: Run) -> bool:
    """Whether the program listened on until the kernel ended it together with PID 1, which had not waited for it."""
    assert run.exit is not None
    left = [process for process in run.processes if process.pid != 1 and process.killed_with_namespace]
    if not any(process.argv and launcher_of(process.argv) is Launcher.NONE for process in left):
        return False
    moment = closing(run)
    return run.target is not None and (moment is None or moment > run.exit.time - TEARDOWN)


def _died_of_it(recording: Recording, run: Run) -> bool:
    """Whether 128+N can be the default action: only of a process that isn't PID 1, which an init then reports."""
    assert run.exit is not None
    return bool(recording.subject.init) or run.exit.signal != 0 or in_the_way(recording, run) is not Launcher.NONE


def _fates(run: Run) -> tuple[int, int]:
    """How many requests open at the signal were cut, and how many were answered after it."""
    open_ones = [exchange for _, exchange in (*in_flight(run), *held(run))]
    cut = [e for e in open_ones if e.outcome in LOST and not is_crossing(run, e)]
    return len(cut), sum(exchange.outcome in COMPLETE for exchange in open_ones)


def _changed(run: Run) -> bool:
    """Whether anything about the service changed with the signal although it did not end."""
    return closing(run) is not None or _closed_idle(run) or _began_announcing(run) or _stopped_serving(run)


def _closed_idle(run: Run) -> bool:
    """Most idle connections were closed at once. (Node's own idle limit is 5 s: such a close is no reaction, nor is
    what SIGKILL closes.)"""
    assert run.signalled is not None
    open_ones = [
        c for c in run.connections if c.population is Population.IDLE and (c.closed is None or c.closed > run.signalled)
    ]
    until = min(run.signalled + REACTION + run.load_lag, last_moment(run) - AT_EXIT)
    at_once = [c for c in open_ones if c.closed is not None and c.closed <= until]
    return len(at_once) * 2 > len(open_ones)


def _began_announcing(run: Run) -> bool:
    assert run.signalled is not None
    answered = [e for _, e in pairs(run) if e.outcome in COMPLETE and e.first_byte is not None]
    before = [e for e in answered if e.first_byte is not None and e.first_byte <= run.signalled]
    after = [e for e in answered if e.first_byte is not None and e.first_byte > run.signalled + REACTION]
    close = Outcome.COMPLETE_CLOSE
    return any(e.outcome is close for e in after) and not any(e.outcome is close for e in before)


def _stopped_serving(run: Run) -> bool:
    """Most new connections went unserved, leaving out the last second: those may wait for SIGKILL."""
    assert run.signalled is not None and run.exit is not None
    late = [
        exchange
        for connection, exchange in new_connections(run)
        if run.signalled + REACTION < connection.begun < last_moment(run) - 1.0
    ]
    unserved = sum(e.outcome not in COMPLETE or (is_new_error(run, e) and not is_limit(run, e)) for e in late)
    return len(late) >= 5 and unserved * 2 > len(late)


def ended_unasked(recording: Recording, run: Run) -> bool:
    """Whether PID 1 ended by itself after a signal that it can't have heard: its end then proves nothing of a stop."""
    return not was_killed(run) and reaction(recording, run) is Reaction.IGNORED


def root_cause(recording: Recording) -> str:
    """The requirement whose failure explains what else went wrong at the stop, or the empty string."""
    run = recording.run(Scenario.STOP)
    if run is None:
        return ""
    unheard = (Reaction.IGNORED, Reaction.DEFAULT_ACTION, Reaction.NOT_PASSED_ON)
    return "handles-sigterm" if reaction(recording, run) in unheard else ""


def launcher_cause(recording: Recording, run: Run) -> str:
    """The launcher's requirement, where a launcher kept the signal from the program."""
    launcher = in_the_way(recording, run)
    lost = reaction(recording, run) in (Reaction.IGNORED, Reaction.DEFAULT_ACTION, Reaction.NOT_PASSED_ON)
    proved_here = launcher in (Launcher.SHELL, Launcher.SCRIPT, Launcher.MANAGER)
    return launcher.value if lost and proved_here else ""
