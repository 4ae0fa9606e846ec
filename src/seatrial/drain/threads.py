"""The stop of a program of threads: one thread of ours sleeps until a signal, then carries out the stop.

    life = Life(lag=3)

    @life.hook
    def close_pool() -> None: ...

    life.run(main)            # never returns: the process ends with the right code

A thread can't be cancelled: what is not done at the deadline is named, its job given back, and the process ended.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NoReturn, TypeVar

from seatrial.drain.core import Core, Worker, flush_logs, log
from seatrial.drain.hooks import Hook, ready
from seatrial.drain.sources import Source
from seatrial.drain.state import FLUSH, Event, Phase

T = TypeVar("T")
LINGER = 1.0
"""Seconds that the main thread has to come back when all is done."""
PATIENCE = 1.0
"""Seconds that giving back a job may hold up the hooks."""
POLL = 0.2
"""Seconds after which a take from a queue looks whether there is a stop, and the stop whether a worker is gone."""


class Life(Core):
    """The life of a program of threads. See the module, and `core.Core` for the arguments."""

    def __init__(self, *, lag: float | None = None, deadline: float | None = None) -> None:
        super().__init__(lag=lag, deadline=deadline)
        self._events: queue.SimpleQueue[tuple[Event, int]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._returned = threading.Event()
        self._giving: list[threading.Thread] = []
        self.closing = threading.Event()
        """Set when it is time to stop accepting."""
        self.ended = threading.Event()
        """Set when hooks and logs are done."""

    def attach(self, *, signals: bool = True, pass_on: bool = True) -> None:
        """Begin; at most once. Signals are taken over from the server that runs the program; its own handler is called
        when it is time to stop accepting."""
        if self._thread is not None and self._thread.is_alive():
            return
        if signals:
            self.take_signals(pass_on=pass_on)
        self._thread = threading.Thread(target=self._drain, name="seatrial-drain", daemon=True)
        self._thread.start()

    def run(self, main: Callable[[], Any]) -> NoReturn:
        """Run a program in this thread to its end and exit: it ends when `main` returns or fails, or on a signal."""
        self._runs = True
        self.take_signals()
        self.catch_thread_errors()
        self.attach(signals=False)
        asked: object = 0
        try:
            main()
        except SystemExit as leaving:
            asked = leaving.code
        except Exception as error:
            self.fail(error)
        self._returned.set()
        self._retire(threading.current_thread())
        self.stop()
        while not self.ended.wait(POLL):  # in steps: a wait without end can't be interrupted everywhere
            pass
        self.release_thread_errors()
        self.restore_signals()
        sys.exit(self.code or asked)  # type: ignore[arg-type]  # what the program gave to sys.exit itself

    # --- workers ---

    @property
    def running(self) -> bool:
        """For `while life.running:`, the loop of a worker. The stop waits until the thread reads False, or ends."""
        thread = threading.current_thread()
        if self._taking:
            self._enrol(thread, Worker(thread.name))
        else:
            self._retire(thread)
        return self._taking

    def jobs(
        self,
        source: Iterable[T] | queue.Queue[T] | Callable[[], T | None] | Source,
        *,
        give_back: Callable[[T], Any] | None = None,
        name: str = "",
    ) -> Iterator[T]:
        """The jobs of a source, until the stop: `for job in life.jobs(queue):`.

        A source is a queue, an iterable, a function that waits for one job and returns it, or None when there was none
        (it must come back at least every second, for a thread can't be interrupted), or a `sources.Source`. The job in
        hand may finish; when time runs out `give_back(job)` is called, although the thread may still be at it: the
        process ends next.
        """
        thread = threading.current_thread()
        worker = self._enrol(thread, Worker(name or thread.name))
        worker.give_back = give_back
        if isinstance(source, Source):
            worker.give_back = give_back or source.give_back
        take = _taker(source)
        try:
            while self._taking:
                job = take()
                if job is _END:
                    break
                if job is None:
                    continue
                worker.job, worker.busy = job, True
                yield job
                worker.job, worker.busy = None, False
                if isinstance(source, Source):
                    source.done(job)
        finally:
            self._retire(thread)

    def _enrol(self, thread: threading.Thread, worker: Worker) -> Worker:
        return self.workers.setdefault(thread, worker)

    def _retire(self, thread: threading.Thread) -> None:
        if self.workers.pop(thread, None) is not None:
            self._check_workers()

    # --- the machine's own thread ---

    def _post(self, event: Event, number: int = 0) -> None:
        self._events.put((event, number))  # SimpleQueue: the one queue that a signal handler may use

    def _drain(self) -> None:
        while self.phase is not Phase.ENDED:
            wake = self.machine.wake()
            pause = None if wake is None else max(0.0, wake - time.monotonic())
            if self.phase is Phase.WORKERS:
                pause = POLL if pause is None else min(POLL, pause)
            try:
                event, number = self._events.get(timeout=pause)
            except queue.Empty:
                self._bury()
            else:
                self._handle(event, number)
            self._tick()

    def _bury(self) -> None:
        """Forget workers whose thread has ended without a word."""
        for thread in [thread for thread in list(self.workers) if not thread.is_alive()]:
            self._retire(thread)

    def _start(self, call: Callable[[], Any], name: str) -> None:
        threading.Thread(target=call, name=f"seatrial-{name}", daemon=True).start()

    def _close(self) -> None:
        self.closing.set()
        self._start(self._call_closers, "close")

    def _call_closers(self) -> None:
        for name, closer in self._closers:
            self._guarded(closer, f"closing {name}")
        self._post(Event.CLOSED)

    def _wake_workers(self) -> None:
        """They look by themselves: see POLL."""

    def _give_back(self) -> None:
        """In threads of their own: a broker that hangs must not hold up the stop."""
        for worker in list(self.workers.values()):
            if worker.busy and worker.give_back is not None:
                give = partial(self._give_job_back, worker.name, worker.give_back, worker.job)
                self._giving.append(threading.Thread(target=give, name="seatrial-give-back", daemon=True))
                self._giving[-1].start()

    def _give_job_back(self, name: str, give_back: Callable[[Any], Any], job: Any) -> None:
        try:
            give_back(job)
        except Exception:
            log.exception("the job of worker %s could not be given back", name)
        else:
            log.warning("job of worker %s given back", name)

    def _run_hooks(self) -> None:
        self._start(self._hooks_in_order, "hooks")

    def _hooks_in_order(self) -> None:
        _join(self._giving, PATIENCE)
        begun: set[str] = set()
        done: set[str] = set()
        ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        while len(done) < len(self.hooks):
            for hook in ready(self.hooks, begun, done):
                begun.add(hook.name)
                self._start(partial(self._run_hook, hook, ended), f"hook-{hook.name}")
            done.add(ended.get())
        if self.phase is Phase.HOOKS:
            self._post(Event.HOOKED)

    def _run_hook(self, hook: Hook, ended: queue.SimpleQueue[str]) -> None:
        """Run one within its time; after that its thread is left to itself."""
        failures: list[Exception] = []
        thread = threading.Thread(target=_caught, args=(hook.call, failures), name=hook.name, daemon=True)
        thread.start()
        thread.join(hook.timeout)
        if thread.is_alive():
            log.error("hook %s not done after %g s: given up", hook.name, hook.timeout)
        elif failures:
            log.error("hook %s failed", hook.name, exc_info=failures[0])
        if (thread.is_alive() or failures) and self.phase is Phase.HOOKS:
            self._post(Event.HOOK_FAILED)
        ended.put(hook.name)

    def _flush(self) -> None:
        log.info("stopped: exit code %d", self.code)
        self._start(self._flush_then_post, "flush")

    def _flush_then_post(self) -> None:
        _join(self._giving, FLUSH / 2)
        flush_logs()
        self._post(Event.FLUSHED)

    def _exit(self) -> None:
        """Let `run`, or the server, end. What is stuck, or was told to end at once, is not waited for."""
        self.ended.set()
        if not self._owns_process:
            self._let_go()
        elif self.machine.state.forced or self.machine.state.late or (self._runs and not self._returned.wait(LINGER)):
            self._end(self.code)


_END = object()


def _join(threads: list[threading.Thread], seconds: float) -> None:
    """Wait for all of these threads, no longer than this."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def _taker(source: Any) -> Callable[[], Any]:
    """How to take one job from a source: None where there is none for the moment, _END when there are no more."""
    if isinstance(source, Source):
        return source.take
    if hasattr(source, "get") and hasattr(source, "put"):
        return lambda: _taken(source)
    if callable(source):
        return source  # type: ignore[no-any-return]  # by its shape, not its type
    if hasattr(source, "__iter__"):
        iterator = iter(source)
        return lambda: next(iterator, _END)
    raise TypeError(f"no source of jobs: {type(source).__name__}\nhint: a queue, an iterable, or a function")


def _taken(source: queue.Queue[Any]) -> Any:
    try:
        return source.get(timeout=POLL)
    except queue.Empty:
        return None


def _caught(call: Callable[[], Any], failures: list[Exception]) -> None:
    try:
        call()
    except Exception as error:
        failures.append(error)
