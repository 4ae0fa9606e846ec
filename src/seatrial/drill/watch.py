"""Watches an instance while it runs: its processes, and what listens. It looks; it never disturbs.

Looks twenty times a second, and holds a pidfd for each process that it saw, so that the end of each is known by the
kernel's word. Times are absolute until `record` makes them relative.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from seatrial.drill.pidfd import EndWatch
from seatrial.engine.interface import Ended, Instance, Listener, ProcessState
from seatrial.model.recording import Event, EventKind, ProcessSeen, Sample

INTERVAL = 0.05
MOST_SAMPLES = 400
"""Of more samples every other one is dropped, and half as many are taken from then on."""
WITH_NAMESPACE = 0.5
"""A SIGKILL this soon before PID 1's end is the kernel's, for the whole namespace (pid_namespaces(7))."""
CLEARLY_BEFORE = 0.1
"""Without an exit status: an end this long before PID 1's was not caused by it."""
_SIGKILL = 9


@dataclass(slots=True)
class Track:
    """What is known of one process so far."""

    state: ProcessState
    first: float
    last: float
    end: EndWatch
    argv: tuple[str, ...] = ()
    parent: int = 0
    handles: tuple[int, ...] = ()
    ignores: tuple[int, ...] = ()
    blocks: tuple[int, ...] | None = None
    once_handled: frozenset[int] = frozenset()
    zombie: float | None = None
    ours: bool = False
    cpu: float = 0.0

    def update(self, state: ProcessState, now: float) -> None:
        """Take in a new look at it. A zombie has no argv and no handlers any more: what it had is kept."""
        self.last = now
        self.cpu = max(self.cpu, state.cpu)
        if state.state == "Z":
            self.zombie = self.zombie or now
            return
        if not self.argv or not is_nameless(state.argv):
            self.argv = state.argv or self.argv
        self.parent = state.parent
        self.handles, self.ignores, self.blocks = state.handles, state.ignores, state.blocks
        self.once_handled |= frozenset(state.handles)

    def ended(self) -> float | None:
        """When it ended, as far as was seen."""
        return self.end.ended or self.zombie


def is_nameless(argv: tuple[str, ...]) -> bool:
    """Whether a process has only its short name ("[python]"): it is on its way out, or not there yet."""
    return not argv or (len(argv) == 1 and argv[0].startswith("["))


def where(listener: Listener) -> str:
    """A listener for people: "127.0.0.1:3000", "[::1]:3000", "/run/app.sock"."""
    if listener.family == "unix":
        return listener.address
    return f"[{listener.address}]:{listener.port}" if ":" in listener.address else f"{listener.address}:{listener.port}"


@dataclass(slots=True)
class Watcher:
    """Looks at one instance until told to stop. `clean` takes secrets out of what goes into a recording."""

    instance: Instance
    clean: Callable[[str], str]
    others: frozenset[tuple[str, int]] = frozenset()
    """Addresses and ports of what listens beside the service."""
    events: list[Event] = field(default_factory=list)
    listening: tuple[Listener, ...] = ()
    _tracks: dict[tuple[int, int], Track] = field(default_factory=dict)
    _samples: list[Sample] = field(default_factory=list)
    _pause: float = 0.0
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look no more, and let go of the pidfds. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        for track in self._tracks.values():
            track.end.close()

    async def _watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(INTERVAL)

    def look(self) -> None:
        """One look, now."""
        now = time.monotonic()
        # The instance may be on its way out: then there is nothing to see, which is no news.
        with contextlib.suppress(OSError):
            states = self.instance.processes()
            self._look_at_processes(now, states)
            self._sample(now, states)
        with contextlib.suppress(OSError):
            self._look_at_listeners(now, self._own_listeners())

    def _look_at_processes(self, now: float, states: tuple[ProcessState, ...]) -> None:
        own = {track.state.pid for track in self._tracks.values() if track.ours and track.last >= now - 2 * INTERVAL}
        for state in sorted(states, key=lambda state: state.start_ticks):
            key = (state.pid, state.start_ticks)
            track = self._tracks.get(key)
            if track is None:
                track = Track(state, now, now, EndWatch(state.host_pid))
                # What came in from outside (a health probe) is not the service's, nor are its children.
                track.ours = state.pid != 1 and (state.parent == 0 or state.parent in own)
                if track.ours:
                    own.add(state.pid)
                self._tracks[key] = track
                if not track.ours:
                    self.events.append(Event(now, EventKind.FORKED, self._title(state.argv), pid=state.pid))
            track.update(state, now)

    def _sample(self, now: float, states: tuple[ProcessState, ...]) -> None:
        """Take down what they use, which came along with the look; nothing where the engine doesn't know it."""
        if self._samples and now - self._samples[-1].time < self._pause:
            return
        seen = [state for state in states if not self._tracks[state.pid, state.start_ticks].ours]
        memory = sum(state.memory for state in seen) + max((state.shared for state in seen), default=0)
        if not memory:
            return
        cpu = sum(track.cpu for track in self._tracks.values() if not track.ours)
        self._samples.append(Sample(now, memory, cpu))
        if len(self._samples) > MOST_SAMPLES:
            del self._samples[1::2]
            self._pause = max(2 * self._pause, 1.5 * INTERVAL)

    def samples(self, zero: float) -> tuple[Sample, ...]:
        """What the processes used over time, relative to `zero`."""
        return tuple(Sample(round(one.time - zero, 3), one.memory, round(one.cpu, 3)) for one in self._samples)

    def _own_listeners(self) -> tuple[Listener, ...]:
        return tuple(each for each in self.instance.listeners() if (each.address, each.port) not in self.others)

    def _look_at_listeners(self, now: float, found: tuple[Listener, ...]) -> None:
        before = set(self.listening)
        for listener in found:
            if listener not in before:
                self.events.append(Event(now, EventKind.LISTENING, where(listener)))
        for listener in before - set(found):
            self.events.append(Event(now, EventKind.NOT_LISTENING, where(listener)))
        self.listening = found

    def _title(self, argv: tuple[str, ...]) -> str:
        return self.clean(" ".join(argv))[:200]

    def argvs(self) -> frozenset[tuple[str, ...]]:
        """The commands of the service's processes that were seen so far."""
        return frozenset(track.argv for track in self._tracks.values() if not track.ours and track.argv)

    def record(self, zero: float, exit_: Ended | None) -> tuple[ProcessSeen, ...]:
        """All processes of the service, relative to `zero`. Called after `stop`."""
        return tuple(self._seen(track, zero, exit_) for track in self._tracks.values() if not track.ours)

    def end_events(self, zero: float, exit_: Ended | None) -> list[Event]:
        """A PROCESS_ENDED event for each process that ended before PID 1, relative to `zero`."""
        seen = (p for p in self.record(zero, exit_) if p.pid != 1 and p.ended is not None)
        return [Event(p.ended or 0.0, EventKind.PROCESS_ENDED, " ".join(p.argv)[:200], pid=p.pid) for p in seen]

    def _seen(self, track: Track, zero: float, exit_: Ended | None) -> ProcessSeen:
        ended, killed = fate(track, exit_)
        return ProcessSeen(
            pid=track.state.pid,
            parent=track.parent,
            argv=tuple(self.clean(word)[:1000] for word in track.argv[:100]),
            first_seen=round(track.first - zero, 6),
            last_seen=round(track.last - zero, 6),
            ended=None if ended is None else round(ended - zero, 6),
            killed_with_namespace=killed,
            handles=track.handles,
            ignores=track.ignores,
            user=track.state.user,
            blocks=track.blocks,
            once_handled=tuple(sorted(track.once_handled)),
            signal=track.end.signal or 0,
        )


def fate(track: Track, exit_: Ended | None) -> tuple[float | None, bool]:
    """When a process ended by itself, and whether the kernel killed it with the namespace instead. (None, False): it
    was alive at the last look, or the kernel did not tell which came first."""
    ended, signal = track.ended(), track.end.signal
    if exit_ is None:
        return ended, False
    if track.state.pid == 1:
        return exit_.time, False
    if ended is None and not track.end.works and track.last < exit_.time - CLEARLY_BEFORE:
        return track.last + INTERVAL, False
    if ended is not None and ended < exit_.time - WITH_NAMESPACE:
        return ended, False
    if signal is not None:
        return (None, True) if signal == _SIGKILL else (min(ended or exit_.time, exit_.time), False)
    if track.zombie is not None or (ended is not None and ended < exit_.time - CLEARLY_BEFORE):
        return ended, False
    if exit_.signal == _SIGKILL:
        return None, True
    return None, False
