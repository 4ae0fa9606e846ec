"""The stop of an asyncio program: everything happens in its event loop, which must not be blocked for long.

    life = Life(lag=3)

    @life.hook
    async def close_pool() -> None: ...

    life.run(main())          # never returns: the process ends with the right code

Inside a server that owns the loop and the signals (uvicorn, gunicorn's workers) use `asgi.Middleware`.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, NoReturn, TypeVar

from seatrial.drain.background import awaited
from seatrial.drain.core import Core, Worker, flush_logs, log
from seatrial.drain.hooks import Hook, ready
from seatrial.drain.listeners import close_servers
from seatrial.drain.sources import Source
from seatrial.drain.state import Event, Phase

T = TypeVar("T")
PATIENCE = 1.0
"""Seconds that a source has to return from a take that was under way when the stop came; it may hold a job by then."""


class Life(Core):
    """The life of an asyncio program. See the module, and `core.Core` for the arguments."""

    def __init__(self, *, lag: float | None = None, deadline: float | None = None) -> None:
        super().__init__(lag=lag, deadline=deadline)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._giving: asyncio.Task[None] | None = None
        self._asked: Any = 0  # what the program gave to sys.exit
        self._early: list[tuple[Event, int]] = []
        self.closing: asyncio.Event
        """Set when it is time to stop accepting."""
        self.ended: asyncio.Event
        """Set when hooks and logs are done."""

    def attach(self, *, signals: bool = True, pass_on: bool = True) -> None:
        """Begin, in the running event loop; at most once. Signals are taken over from the server that runs it; its own
        handler is called when it is time to stop accepting."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None:
            self._reset()
        self._loop = loop
        self.closing, self.ended, self._no_more = asyncio.Event(), asyncio.Event(), asyncio.Event()
        if signals:
            self.take_signals(pass_on=pass_on)
        early, self._early = self._early, []
        for event, number in early:
            self._post(event, number)

    def run(self, main: Coroutine[Any, Any, Any], **runner: Any) -> NoReturn:
        """Run a program to its end and exit: it ends when `main` returns or fails, or on a signal. `runner` goes to
        `asyncio.Runner` (loop_factory, debug)."""
        self._runs = True
        self.take_signals()
        self.catch_thread_errors()
        try:
            with asyncio.Runner(**runner) as run:
                code = run.run(self._main(main))
        finally:
            self.release_thread_errors()
            self.restore_signals()
        sys.exit(code)

    async def _main(self, main: Coroutine[Any, Any, Any]) -> Any:
        self.attach(signals=False)
        asyncio.get_running_loop().set_exception_handler(self._loop_error)
        task = asyncio.create_task(self._noting_exit(main), name="main")
        ended = asyncio.create_task(self.ended.wait())
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not task.cancelled() and (error := task.exception()):
            self.fail(error)
        elif task.done():
            self.stop()
        await ended
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)
        return self.code or self._asked

    async def _noting_exit(self, main: Coroutine[Any, Any, Any]) -> None:
        """sys.exit in the program ends it as a return does; asyncio would let it through, past the stop."""
        try:
            await main
        except SystemExit as leaving:
            self._asked = leaving.code

    def _loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and ("task" in context or "future" in context):
            self.fail(error, f"task {context.get('task') or context.get('future')!r}")
        else:
            loop.default_exception_handler(context)

    # --- workers ---

    @property
    def running(self) -> bool:
        """For `while life.running:`, the loop of a worker. The stop waits until the task reads False here, or ends."""
        task = asyncio.current_task()
        if task is not None and self._taking:
            self._enrol(task, Worker(task.get_name()))
        elif task is not None:
            self._retire(task)
        return self._taking

    async def jobs(
        self,
        source: AsyncIterable[T] | asyncio.Queue[T] | Callable[[], Awaitable[T | None]] | Source,
        *,
        give_back: Callable[[T], Any] | None = None,
        name: str = "",
    ) -> AsyncIterator[T]:
        """The jobs of a source, until the stop: `async for job in life.jobs(queue):`.

        A source is an asyncio.Queue, an async iterable, a function that waits for one job and returns it, or None
        when there was none for a while, or a `sources.Source`. The job in hand may finish; when time runs out its task
        is cancelled and `give_back(job)` called. A take that is under way at the stop is cancelled after 1 s.
        """
        task = asyncio.current_task()
        assert task is not None
        self.attach(pass_on=False)
        worker = self._enrol(task, Worker(name or task.get_name()))
        worker.give_back = give_back
        if isinstance(source, Source):
            worker.give_back = give_back or _threaded(source.give_back)
        take = _taker(source)
        try:
            while self._taking:
                found, job = await self._next(take, patient=not isinstance(source, asyncio.Queue))
                if not found:
                    break
                if job is None:
                    continue
                worker.job, worker.busy = job, True
                yield job
                worker.job, worker.busy = None, False
                if isinstance(source, Source):
                    await _threaded(source.done)(job)
        finally:
            self._retire(task)

    async def _next(self, take: Callable[[], Awaitable[T | None]], *, patient: bool) -> tuple[bool, T | None]:
        """The next job, or that there is none; the take is given up when the stop comes."""
        taking = asyncio.ensure_future(_ended_as_none(take))
        waiting = asyncio.ensure_future(self._no_more.wait())
        try:
            await asyncio.wait({taking, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                await asyncio.wait({taking}, timeout=PATIENCE if patient else 0)
            return taking.result() if taking.done() else (False, None)
        finally:
            waiting.cancel()
            if not taking.done():
                taking.cancel()
                await asyncio.wait({taking})

    def _enrol(self, task: asyncio.Task[Any], worker: Worker) -> Worker:
        if task not in self.workers:
            self.workers[task] = worker
            task.add_done_callback(self._retire)
        return self.workers[task]

    def _retire(self, task: asyncio.Task[Any]) -> None:
        if self.workers.pop(task, None) is not None:
            self._check_workers()

    # --- what the machine commands ---

    def _post(self, event: Event, number: int = 0) -> None:
        if self._loop is None:
            self._early.append((event, number))
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, event, number)

    def _take(self, event: Event, number: int) -> None:
        self._handle(event, number)
        self._clock()

    def _clock(self) -> None:
        """Do what is due, and wake up for what is next."""
        assert self._loop is not None
        self._tick()
        if self._timer is not None:
            self._timer.cancel()
        wake = self.machine.wake()
        self._timer = None if wake is None else self._loop.call_later(max(0.0, wake - time.monotonic()), self._clock)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _close(self) -> None:
        self.closing.set()
        self._spawn(self._call_closers())

    async def _stop_server(self) -> None:
        """uvicorn closes its listener up to 0.1 s after its signal, whatever is in the queue, and at once those
        connections whose request it has not read yet: so the listener is closed before the signal is handed on."""
        server = getattr(self._handlers.get(signal.SIGTERM), "__self__", None)
        if servers := [server for server in getattr(server, "servers", ()) if hasattr(server, "sockets")]:
            await close_servers(servers)
        self._pass_on()

    async def _call_closers(self) -> None:
        for name, closer in self._closers:
            server = getattr(closer, "__self__", None)
            try:
                if isinstance(server, asyncio.AbstractServer):
                    await close_servers([server])
                elif inspect.isawaitable(found := closer()):
                    await found
            except Exception:
                log.exception("closing %s failed", name)
        self._post(Event.CLOSED)

    def _wake_workers(self) -> None:
        self._no_more.set()

    def _give_back(self) -> None:
        busy = [(task, worker) for task, worker in self.workers.items() if worker.busy]
        self._giving = self._spawn(self._take_jobs_back(busy)) if busy else None

    async def _take_jobs_back(self, busy: list[tuple[asyncio.Task[Any], Worker]]) -> None:
        """Cancel each worker first: a job is never given back while it is still being done."""
        for task, _ in busy:
            task.cancel()
        await asyncio.wait({task for task, _ in busy}, timeout=PATIENCE)
        for task, worker in busy:
            if worker.give_back is None or not (task.done() and task.cancelled()):
                continue
            try:
                found = worker.give_back(worker.job)
                if inspect.isawaitable(found):
                    await asyncio.wait_for(found, PATIENCE)
                log.warning("job of worker %s given back", worker.name)
            except Exception:
                log.exception("the job of worker %s could not be given back", worker.name)

    def _run_hooks(self) -> None:
        self._spawn(self._hooks_in_order())

    async def _hooks_in_order(self) -> None:
        if self._giving is not None:
            await asyncio.wait({self._giving})
        begun: dict[asyncio.Task[bool], str] = {}
        done: set[str] = set()
        while len(done) < len(self.hooks):
            for hook in ready(self.hooks, begun.values(), done):
                begun[self._spawn(self._run_hook(hook))] = hook.name
            pending = {task for task in begun if begun[task] not in done}
            finished, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            done |= {begun[task] for task in finished}
        if self.phase is Phase.HOOKS:
            self._post(Event.HOOKED)

    async def _run_hook(self, hook: Hook) -> bool:
        """Run one within its time. A hook that is no coroutine function runs in a thread: it may block."""
        try:
            call = hook.call() if inspect.iscoroutinefunction(hook.call) else awaited(hook.call, hook.name)
            await asyncio.wait_for(call, hook.timeout)
        except TimeoutError:
            log.error("hook %s not done after %g s: given up", hook.name, hook.timeout)
        except Exception:
            log.exception("hook %s failed", hook.name)
        else:
            return True
        if self.phase is Phase.HOOKS:
            self._post(Event.HOOK_FAILED)
        return False

    def _flush(self) -> None:
        self._spawn(self._flush_in_thread())

    async def _flush_in_thread(self) -> None:
        log.info("stopped: exit code %d", self.code)
        await awaited(flush_logs, "seatrial-flush")
        self._post(Event.FLUSHED)

    def _exit(self) -> None:
        """Let `run`, or the server, end. A server that is stuck, or was told to end at once, is not waited for."""
        self.ended.set()
        if not self._owns_process:
            self._let_go()
        elif self.machine.state.forced or self.machine.state.late:
            self._end(self.code)


def _taker(source: Any) -> Callable[[], Awaitable[Any]]:
    """How to take one job from a source."""
    if isinstance(source, asyncio.Queue):
        return source.get
    if isinstance(source, Source):
        return _threaded(source.take)
    if hasattr(source, "__aiter__"):
        return aiter(source).__anext__  # type: ignore[no-any-return]  # by its shape, not its type
    if callable(source):
        return source  # type: ignore[no-any-return]  # by its shape, not its type
    raise TypeError(
        f"no source of jobs: {type(source).__name__}\nhint: a queue, an async iterable, or an async function"
    )


def _threaded(call: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """A call that may block, to be awaited."""
    return lambda *arguments: awaited(partial(call, *arguments), "seatrial-source")


async def _ended_as_none(take: Callable[[], Awaitable[T | None]]) -> tuple[bool, T | None]:
    """A job, and whether the source goes on."""
    try:
        return True, await take()
    except StopAsyncIteration:
        return False, None
