"""What the drivers share: the registers of open requests, busy workers, closers and hooks, and the taking of signals.

`aio.Life` and `threads.Life` are the two ways to wait. Nothing here waits, and nothing here decides: `state.py` does.
A signal handler of ours only posts an event: no lock, no log line, no work.
"""

from __future__ import annotations

import itertools
import logging
import math
import os
import signal
import sys
import threading
import time
from _thread import start_new_thread
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, TypeVar

from seatrial.drain.hooks import TIMEOUT, Hook, added, longest
from seatrial.drain.state import CODE_LATE, DEADLINE, FLUSH, Command, Event, Machine, Phase, Plan

HANDLED = (signal.SIGTERM, signal.SIGINT)
LAST_RESORT = 0.25
"""Seconds after the deadline and the logs' own time at which a process that still is there is ended."""
LAST_WORDS = 0.25
"""Seconds that the last lines and the streams have then: nobody may be reading them."""
log = logging.getLogger("seatrial.drain")
F = TypeVar("F", bound=Callable[..., Any])


def deadline_from(grace: str | None) -> float:
    """The deadline below an engine's grace period in seconds, as SEATRIAL_GRACE gives it: 1 s less, or a quarter."""
    if not grace:
        return DEADLINE
    try:
        seconds = float(grace.removesuffix("s"))
    except ValueError:
        raise ValueError(f"SEATRIAL_GRACE is {grace!r}\nhint: seconds, as in SEATRIAL_GRACE=30") from None
    if not 0 < seconds < math.inf:
        raise ValueError(f"SEATRIAL_GRACE is {grace!r}: a grace period is more than nothing, and has an end")
    return seconds - min(1.0, seconds / 4)


def lag_from(text: str | None) -> float:
    """The lag in seconds, as SEATRIAL_LAG gives it."""
    try:
        seconds = float((text or "0").removesuffix("s"))
    except ValueError:
        raise ValueError(f"SEATRIAL_LAG is {text!r}\nhint: seconds, as in SEATRIAL_LAG=3") from None
    if not 0 <= seconds < math.inf:
        raise ValueError(f"SEATRIAL_LAG is {text!r}: a lag is 0 or more seconds, and has an end")
    return seconds


class Worker:
    """A loop that takes jobs: what it has in hand, and how to give that back."""

    __slots__ = ("busy", "give_back", "job", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.job: Any = None
        self.busy = False
        self.give_back: Callable[[Any], Any] | None = None


def describe(what: object) -> str:
    """A name for something open: a text as it is, an ASGI scope or WSGI environment as its method and path."""
    if not isinstance(what, dict):
        return str(what)
    method = what.get("method") or what.get("REQUEST_METHOD") or what.get("type", "request")
    return f"{method} {what.get('path') or what.get('PATH_INFO') or '/'}"


class Core(ABC):
    """One process's life. Create one, as early as possible; see `aio.Life` and `threads.Life`.

    `lag` is for how many seconds to serve on after the signal (default: SEATRIAL_LAG, or 0). `deadline` is for the
    whole stop (default: SEATRIAL_GRACE less 1 s, or 8 s).
    """

    def __init__(self, *, lag: float | None = None, deadline: float | None = None) -> None:
        lag = lag_from(os.environ.get("SEATRIAL_LAG")) if lag is None else lag
        deadline = deadline_from(os.environ.get("SEATRIAL_GRACE")) if deadline is None else deadline
        self.machine = Machine(Plan(lag=lag, deadline=deadline))
        self.ready: bool
        """False from the stop signal on: what a readiness probe must tell."""
        self.stopping: bool
        """True from the stop signal on: announce the close in responses."""
        self.open: dict[int, tuple[object, float]] = {}
        self.workers: dict[Any, Worker] = {}
        self.hooks: list[Hook] = []
        self._runs = False
        self._timer_of_last_resort: threading.Timer | None = None
        self._numbers = itertools.count(1)
        self._serves = False
        self._closers: list[tuple[str, Callable[[], Any]]] = []
        self._callbacks: list[Callable[[], None]] = []
        self._handlers: dict[int, Any] = {}
        self._passing = False
        self._excepthook: Callable[..., Any] | None = None
        self._home = 0
        """The process that took the signals."""
        self._reset()

    def _reset(self) -> None:
        """As before a stop: test clients start and stop an application many times in one process."""
        self.machine = Machine(self.machine.plan)
        self.ready, self.stopping, self._taking = True, False, True
        self._skips_lag = self._awaits_requests = self._awaits_workers = False
        self._signalled, self._heard = 0.0, 0

    # --- for the application ---

    @property
    def code(self) -> int:
        """The exit code so far."""
        return self.machine.state.code

    @property
    def phase(self) -> Phase:
        """Where the stop is."""
        return self.machine.state.phase

    def stop(self, *, skip_lag: bool = False) -> None:
        """Begin the stop, as a signal would. From any thread. `skip_lag` where nothing can be served any more."""
        if self.phase is Phase.SERVING:
            self._skips_lag = self._skips_lag or skip_lag
            self._post(Event.STOP)

    def fail(self, error: BaseException, where: str = "main") -> None:
        """Log an exception that nothing caught, then stop with exit code 1. From any thread."""
        log.critical("uncaught exception in %s: stopping", where, exc_info=error)
        self._post(Event.FAILURE)

    def hook(
        self, function: F | None = None, *, name: str = "", after: Iterable[str] | None = None, timeout: float = TIMEOUT
    ) -> Any:
        """Declare something to do when the last request and job are done: `@life.hook` or `@life.hook(after=…)`.

        Without `after` it follows the hook declared before it; `after=()` starts at once, side by side with others.
        """
        if function is None:
            return lambda declared: self.hook(declared, name=name, after=after, timeout=timeout)
        called = name or getattr(function, "__name__", "hook")
        self.hooks.append(added(self.hooks, called, function, after, timeout))
        return function

    def on_close(self, closer: Callable[[], Any], name: str = "") -> None:
        """Have something called when it is time to stop accepting: close a listener, tell a server to end."""
        self._serves = True
        self._closers.append((name or getattr(closer, "__name__", "closer"), closer))

    def on_unready(self, callback: Callable[[], None]) -> None:
        """Have something quick called as soon as readiness fails."""
        self._callbacks.append(callback)

    @contextmanager
    def request(self, name: object = "request") -> Iterator[None]:
        """Count something in flight: the stop waits for it."""
        key = self.enter(name)
        try:
            yield
        finally:
            self.leave(key)

    def enter(self, what: object) -> int:
        """Count something in flight, and get the key to `leave` with."""
        self._serves = True
        key = next(self._numbers)
        self.open[key] = (what, time.monotonic())
        return key

    def leave(self, key: int) -> None:
        """Something in flight is done."""
        self.open.pop(key, None)
        if self._awaits_requests and not self.open:
            self._post(Event.QUIET)

    # --- for the drivers ---

    @abstractmethod
    def _post(self, event: Event, number: int = 0) -> None:
        """Hand an event to the machine's own thread. Safe in a signal handler."""

    @abstractmethod
    def _close(self) -> None:
        """Call the closers, then post CLOSED."""

    @abstractmethod
    def _wake_workers(self) -> None:
        """Tell those who wait for a job that there will be none."""

    @abstractmethod
    def _give_back(self) -> None:
        """Give back the jobs in hand, before any hook runs."""

    @abstractmethod
    def _run_hooks(self) -> None:
        """Run the hooks in their order, then post HOOKED."""

    @abstractmethod
    def _flush(self) -> None:
        """Flush the logs, then post FLUSHED."""

    @abstractmethod
    def _exit(self) -> None:
        """The stop is over."""

    def _handle(self, event: Event, number: int = 0) -> None:
        """Take an event and do what follows from it. In the machine's own thread only."""
        now = time.monotonic()
        if self.phase is Phase.SERVING:
            self._settle_plan()
            now = self._signalled if event is Event.SIGNAL and self._signalled else now
        self._do(self.machine.receive(event, now, number), event, number)

    def _tick(self) -> None:
        self._do(self.machine.tick(time.monotonic()), None, 0)

    def _settle_plan(self) -> None:
        """What is known only when the stop begins: a program that serves nothing has no use for a lag."""
        plan = self.machine.plan
        lag = plan.lag if self._serves and not self._skips_lag else 0.0
        reserve = min(longest(self.hooks), plan.deadline / 4, (plan.deadline - lag) / 2)
        self.machine.plan = plan._replace(lag=lag, reserve=reserve)

    def _do(self, commands: tuple[Command, ...], event: Event | None, number: int) -> None:
        for command in commands:
            if command is Command.UNREADY:
                self._begin(event, number)
            else:
                self._DOES[command](self)

    def _begin(self, event: Event | None, number: int) -> None:
        self.ready, self.stopping = False, True
        plan, state = self.machine.plan, self.machine.state
        over = state.began + plan.deadline + FLUSH + LAST_RESORT
        self._arm(max(0.0, over - time.monotonic()))  # first: the line may go to a pipe that nobody reads
        why = signal.Signals(number).name if number else event.value if event else "stop"
        log.info("stopping (%s): %d open, lag %g s, deadline %g s", why, len(self.open), plan.lag, plan.deadline)
        for callback in self._callbacks:
            self._guarded(callback, "at unready")

    def _finish_requests(self) -> None:
        self._awaits_requests = True
        if not self.open:
            self._post(Event.QUIET)

    def _finish_workers(self) -> None:
        self._taking, self._awaits_workers = False, True
        self._wake_workers()
        self._check_workers()

    def _check_workers(self) -> None:
        if self._awaits_workers and not self.workers:
            self._post(Event.IDLE)

    def _name_open(self) -> None:
        now = time.monotonic()
        for what, since in list(self.open.values()):
            log.error("not done in time: %s, open for %.1f s", describe(what), now - since)
        for worker in list(self.workers.values()):
            log.error("not done in time: worker %s%s", worker.name, " with a job in hand" if worker.busy else "")

    def _guarded(self, call: Callable[[], Any], name: str) -> Any:
        try:
            return call()
        except Exception:
            log.exception("%s failed", name)
            return None

    _DOES = {  # noqa: RUF012  # a table, never changed
        Command.CLOSE: lambda self: self._close(),
        Command.FINISH_REQUESTS: lambda self: self._finish_requests(),
        Command.FINISH_WORKERS: lambda self: self._finish_workers(),
        Command.NAME_OPEN: lambda self: self._name_open(),
        Command.GIVE_BACK: lambda self: self._give_back(),
        Command.RUN_HOOKS: lambda self: self._run_hooks(),
        Command.FLUSH: lambda self: self._flush(),
        Command.EXIT: lambda self: self._exit(),
    }

    # --- signals and the end of the process ---

    def take_signals(self, *, pass_on: bool = False) -> bool:
        """Take SIGTERM and SIGINT; False outside of the main thread. `pass_on`: a server in this process has handlers
        of its own, and its SIGTERM handler is called when it is time to stop accepting."""
        if threading.current_thread() is not threading.main_thread():
            return False
        if self._handlers:
            return True
        self._home = os.getpid()
        for number in HANDLED:
            self._handlers[number] = signal.signal(number, self._on_signal)
        if pass_on and callable(self._handlers[signal.SIGTERM]) and ("server", self._stop_server) not in self._closers:
            self.on_close(self._stop_server, "server")
        return True

    def restore_signals(self) -> None:
        """Put back the handlers that were there before."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._handlers.clear()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Post, and nothing that takes a lock: what it interrupts may hold it."""
        if os.getpid() != self._home:  # forked, by multiprocessing say: this stop is the parent's
            self.restore_signals()
            os.kill(os.getpid(), number)
        elif self._passing:
            self._passing = False
            self._handlers[number](number, frame)
        else:
            self._heard += 1
            if self._heard in (1, 3):
                self._signalled = self._signalled or time.monotonic()
                start_new_thread(self._watch, (self._heard, number))  # a threading.Thread would take a lock
            self._post(Event.SIGNAL, number)

    def _watch(self, heard: int, number: int) -> None:
        """End the process if the first signal has not even begun the stop by its deadline, or the third has not ended
        it: an event loop that is blocked hears of neither."""
        signalled = self._signalled
        time.sleep(FLUSH + LAST_RESORT + (self.machine.plan.deadline if heard == 1 else 0.0))
        if not self._handlers or self._signalled != signalled:
            return  # this life is over, and the process lives on
        if heard == 1 and self.phase is Phase.SERVING:
            self._last_resort()
        elif heard == 3 and self.phase is not Phase.ENDED:  # the third signal
            _within(LAST_WORDS, self._last_words)
            self._end(128 + number)

    def _stop_server(self) -> Any:
        """Have the server in this process stop; may be awaitable."""
        self._pass_on()

    def _pass_on(self) -> None:
        """Give the server the signal that it waits for, in the main thread and with its wake-up descriptor."""
        self._passing = True
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGTERM)  # kill(2) may choose another thread, and leave a sleeping one asleep

    def _arm(self, seconds: float) -> None:
        """The last resort: a thread that ends the process if the stop itself is stuck, say in a blocked event loop."""
        self._timer_of_last_resort = threading.Timer(seconds, self._last_resort)
        self._timer_of_last_resort.daemon = True
        self._timer_of_last_resort.start()

    @property
    def _owns_process(self) -> bool:
        """Whether the process is ours to end: we run it, or a signal asked for its end. A test client that starts and
        stops an application asks for nothing of the kind."""
        return self._runs or self.machine.state.signals > 0

    def _let_go(self) -> None:
        """The stop is over, and the process may live on: leave it as it was."""
        if self._timer_of_last_resort is not None:
            self._timer_of_last_resort.cancel()
        if threading.current_thread() is threading.main_thread():
            self.restore_signals()

    def _last_resort(self) -> None:
        _within(LAST_WORDS, self._last_words)
        self._end(self.code or CODE_LATE)

    def _last_words(self) -> None:
        self._name_open()
        log.critical("still running after the deadline: ending the process")
        flush_logs()

    def _end(self, code: int) -> None:
        """End the process at once, with what was written so far."""
        _within(LAST_WORDS, flush_streams)
        os._exit(code)

    def catch_thread_errors(self) -> None:
        """Stop with exit code 1 when a thread dies of an exception (threading.excepthook)."""
        self._excepthook = threading.excepthook
        threading.excepthook = self._thread_error

    def release_thread_errors(self) -> None:
        """Put back the hook that was there before."""
        if self._excepthook is not None:
            threading.excepthook, self._excepthook = self._excepthook, None

    def _thread_error(self, args: threading.ExceptHookArgs) -> None:
        if issubclass(args.exc_type, SystemExit):
            return  # a thread that ends itself, and is none of ours to judge (threading.excepthook gets it too)
        error: BaseException = args.exc_value or RuntimeError(str(args.exc_type))
        traceback: TracebackType | None = args.exc_traceback
        self.fail(error.with_traceback(traceback), f"thread {args.thread.name if args.thread else '?'}")


def _within(seconds: float, call: Callable[[], Any]) -> None:
    """Call something that may hang, and don't wait longer than this: a full pipe, a lock of whoever is stuck."""
    done = threading.Lock()
    done.acquire()

    def work() -> None:
        try:
            call()
        finally:
            done.release()

    start_new_thread(work, ())
    done.acquire(timeout=seconds)


def flush_logs() -> None:
    """Flush every handler of the standard logging, and both streams."""
    loggers = [logging.root, *(x for x in logging.root.manager.loggerDict.values() if isinstance(x, logging.Logger))]
    _flush_all(handler.flush for handler in {handler for logger in loggers for handler in logger.handlers})
    flush_streams()


def flush_streams() -> None:
    """Flush stdout and stderr."""
    _flush_all(stream.flush for stream in (sys.stdout, sys.stderr) if stream is not None and not stream.closed)


def _flush_all(calls: Iterable[Callable[[], Any]]) -> None:
    for flush in calls:
        try:
            flush()
        except Exception as error:  # a handler of somebody's: the others are flushed all the same
            with suppress(OSError, ValueError):
                print(f"seatrial.drain: a log could not be flushed: {error!r}", file=sys.stderr)
