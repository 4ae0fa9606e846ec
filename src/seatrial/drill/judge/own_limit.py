"""What to write where requests were cut: for a server that has a limit of its own to its stop, whether that ended them.

The moment decides: a limit is named as the cause only where the requests ended when it was over.
"""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.drill.judge import remedy
from seatrial.drill.judge.launch import Program, commands, program, program_of, words
from seatrial.drill.judge.reaction import root_cause
from seatrial.drill.judge.view import AT_EXIT, REACTION, Pair, last_moment, seconds, stop_seconds, was_killed
from seatrial.model.recording import Recording, Run
from seatrial.model.servers import STOP_DEFAULT, STOP_OPTION, option_seconds

LATE = 1.0
"""Seconds after its limit within which a server cuts what is left: it looks from time to time, and has several."""


def cure_of_losses(recording: Recording, run: Run, lost: Iterable[Pair] = ()) -> str:
    """The remedy for requests in flight that were lost; without them, by when the stop ended."""
    if said := remedy.for_launcher(recording, run):
        return said
    if root_cause(recording):
        return remedy.of(remedy.HANDLER, recording, run)
    ended = [exchange.ended - (run.signalled or 0.0) for _, exchange in lost if exchange.ended is not None]
    return _by_moment(recording, run, ended or [stop_seconds(run) or 0.0])


def _by_moment(recording: Recording, run: Run, ended: list[float]) -> str:
    if was_killed(run) and min(ended) >= last_moment(run) - (run.signalled or 0.0) - AT_EXIT:
        return remedy.of(remedy.CLOSE_IN_TIME, recording, run)
    server = program(recording, run).value
    option = STOP_OPTION.get(server)
    if option is None:
        return remedy.of(remedy.FINISH, recording, run)
    said = _said(recording, run, server, option)
    limit = said if said is not None else STOP_DEFAULT.get(server)
    slow = run.target.slow_seconds if run.target is not None else 0.0
    above = f"the slowest request ({seconds(slow)} when tried)" if slow else "the slowest request"
    write = f"set `{option}` above {above}, and the grace period ({run.grace:g} s) above both"
    if limit is not None and limit - AT_EXIT <= min(ended) and max(ended) <= limit + LATE + run.load_lag:
        what = f"`{option} {limit:g}`" if said is not None else f"{limit:g} s where `{option}` says none"
        return f"its own limit ({what}) ended them {seconds(max(ended))} after {run.signal}: {write}"
    if said is None and min(ended) > REACTION + run.load_lag:
        return f"give it time: {write}"
    return remedy.FINISH[Program.OTHER]


def _said(recording: Recording, run: Run, server: str, option: str) -> float | None:
    """The limit that its command says."""
    argvs = [words(argv) for argv in commands(recording, run)]
    found = (option_seconds(argv, option) for argv in argvs if program_of(argv).value == server)
    return next((each for each in found if each is not None), None)
