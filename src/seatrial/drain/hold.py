"""Hold the stop signal back for the lag, then hand it on: for programs that nothing else is known of.

The program serves on meanwhile, unaware. What it does with the signal then is its own affair; with SEATRIAL_GRACE it is
killed at the deadline below that, and the exit code is 124. Readiness can be told by a file:
SEATRIAL_READY_FILE=/tmp/ready is there until the signal.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from seatrial.drain.core import deadline_from, lag_from
from seatrial.drain.health import ReadyFile
from seatrial.drain.state import CODE_LATE

STOPS = (signal.SIGTERM, signal.SIGINT)
PASSED_ON = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGWINCH)
LONG = 3600.0
WATCHED = (*STOPS, *PASSED_ON, signal.SIGCHLD)


def run(argv: Sequence[str]) -> int:
    """Run a program; its exit code, 128+n if a signal killed it. A second signal ends the lag, a third kills."""
    lag = lag_from(os.environ.get("SEATRIAL_LAG"))
    grace = os.environ.get("SEATRIAL_GRACE")
    deadline = deadline_from(grace) if grace else math.inf
    if lag >= deadline:
        raise ValueError(f"a lag of {lag:g} s leaves no time in a grace period of {grace} s")
    ready = ReadyFile(path) if (path := os.environ.get("SEATRIAL_READY_FILE")) else None
    # Blocked before the program starts, so that none is lost between; the program gets an empty mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    try:
        child = subprocess.Popen(argv, preexec_fn=_unblock)  # noqa: PLW1509  # there are no threads yet
    except OSError as error:
        print(f"seatrial.drain: {argv[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    code = _watch(child, lag, deadline, ready)
    if ready is not None:
        ready.remove()
    return code if code >= 0 else 128 - code


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)


def _watch(child: subprocess.Popen[bytes], lag: float, deadline: float, ready: ReadyFile | None) -> int:
    """Wait for signals until the program ends; its return code."""
    seen, until, over, told = 0, 0.0, math.inf, False
    while child.poll() is None:
        now = time.monotonic()
        if now >= over:
            return _give_up(child, deadline)
        pause = min(LONG, over - now) if not seen or told else max(0.0, until - now)
        info = signal.sigtimedwait(WATCHED, pause)
        if info is not None and info.si_signo in PASSED_ON:
            child.send_signal(info.si_signo)
        elif info is not None and info.si_signo in STOPS:
            seen += 1
            until = time.monotonic() + lag if seen == 1 else 0.0
            over = min(over, time.monotonic() + deadline)
            if seen == 1 and ready is not None:
                ready.remove()
        if seen > 2:
            child.kill()
        elif seen and not told and time.monotonic() >= until:
            told = True
            child.send_signal(signal.SIGTERM)
    return child.returncode


def _give_up(child: subprocess.Popen[bytes], deadline: float) -> int:
    """Kill what did not end in its time."""
    print(f"seatrial.drain: still running {deadline:g} s after the signal: killed", file=sys.stderr, flush=True)
    child.kill()
    child.wait()
    return CODE_LATE
