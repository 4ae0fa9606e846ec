"""What became of each process: ended by itself, killed with the namespace, or not to be told."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.drill.pidfd import EndWatch
from seatrial.drill.watch import INTERVAL, MOST_SAMPLES, Track, Watcher, fate, where
from seatrial.engine.interface import Ended, Listener, ProcessState
from seatrial.model.recording import EventKind, Sample

STATE = ProcessState(8, 1, 0, 5, "S", ("worker",), 0, (15,), ())
EXIT = Ended(10.0, 0)


def track(
    last: float = 9.98, ended: float | None = None, killed_by: int | None = None, zombie: float | None = None
) -> Track:
    """A process as it was tracked; with `ended` or `killed_by` the kernel told its end."""
    end: Any = SimpleNamespace(ended=ended, signal=killed_by, works=ended is not None)
    return Track(STATE, 1.0, last, end, ("worker",), 1, zombie=zombie)


@pytest.mark.parametrize(
    ("seen", "ended", "expected"),
    [
        (track(ended=9.9, killed_by=0), EXIT, (9.9, False)),
        (track(ended=9.9, killed_by=15), EXIT, (9.9, False)),
        (track(ended=10.02, killed_by=0), EXIT, (10.0, False)),
        (track(ended=9.999, killed_by=9), EXIT, (None, True)),
        (track(ended=4.0, killed_by=9), EXIT, (4.0, False)),
        (track(ended=9.999), EXIT, (None, False)),
        (track(ended=9.8), EXIT, (9.8, False)),
        (track(zombie=9.97), EXIT, (9.97, False)),
        (track(last=9.0), EXIT, (9.05, False)),
        (track(last=9.98), EXIT, (None, False)),
        (track(ended=9.999), Ended(10.0, 137, 9), (None, True)),
        (track(), None, (None, False)),
    ],
)
def test_the_fate_of_a_process(seen: Track, ended: Ended | None, expected: tuple[float | None, bool]) -> None:
    assert fate(seen, ended) == expected


class Scene:
    """An instance whose processes and listeners are set by hand."""

    def __init__(self, *states: ProcessState) -> None:
        self.states = states
        self.found: tuple[Listener, ...] = ()

    def processes(self) -> tuple[ProcessState, ...]:
        return self.states

    def listeners(self) -> tuple[Listener, ...]:
        return self.found


def watching(scene: Any) -> Watcher:
    """A watcher that looks when it is told to."""
    return Watcher(scene, lambda text: text.replace("hunter2", "[redacted]"))


async def looks() -> Watcher:
    first = replace(STATE, pid=1, parent=0, start_ticks=1, argv=("sh", "--key=hunter2"))
    probe = replace(STATE, pid=20, parent=0, start_ticks=9, argv=("curl",))
    child_of_probe = replace(STATE, pid=21, parent=20, start_ticks=10, argv=("sleep",))
    scene = Scene(first, STATE, probe, child_of_probe)
    watcher = watching(scene)
    watcher.look()
    scene.states = (replace(first, argv=("node", "server.js")), replace(STATE, state="Z", argv=(), handles=()))
    scene.found = (Listener("ipv4", "127.0.0.1", 3000),)
    watcher.look()
    scene.found = ()
    watcher.look()
    await watcher.stop()
    return watcher


def test_looks_follow_exec_zombies_and_listeners_and_leave_out_what_came_from_outside() -> None:
    watcher = asyncio.run(looks())
    seen = {process.pid: process for process in watcher.record(0.0, None)}
    assert set(seen) == {1, 8}
    assert seen[1].argv == ("node", "server.js")
    assert (seen[8].argv, seen[8].handles) == (("worker",), (15,))
    assert seen[8].ended is not None
    kinds = [(event.kind, event.name) for event in watcher.events]
    assert kinds == [
        (EventKind.FORKED, "sh --key=[redacted]"),
        (EventKind.FORKED, "worker"),
        (EventKind.LISTENING, "127.0.0.1:3000"),
        (EventKind.NOT_LISTENING, "127.0.0.1:3000"),
    ]


def test_an_instance_that_is_gone_is_no_error() -> None:
    class Gone(Scene):
        def processes(self) -> tuple[ProcessState, ...]:
            raise ProcessLookupError

        def listeners(self) -> tuple[Listener, ...]:
            raise FileNotFoundError

    watching(Gone()).look()


def sampled(*scenes: tuple[ProcessState, ...]) -> tuple[Sample, ...]:
    """What a watcher samples that looks once at each of these."""

    async def look() -> tuple[Sample, ...]:
        scene = Scene()
        watcher = watching(scene)
        for states in scenes:
            scene.states = states
            watcher.look()
        await watcher.stop()
        return watcher.samples(0.0)

    return asyncio.run(look())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher's time goes on by one interval with each look."""
    looks = count()
    monkeypatch.setattr("seatrial.drill.watch.time", SimpleNamespace(monotonic=lambda: next(looks) * INTERVAL))


@pytest.mark.usefixtures("clock")
def test_what_processes_use_is_summed_shared_pages_once_and_probes_left_out() -> None:
    first = replace(STATE, pid=1, parent=0, start_ticks=1, memory=10, shared=7, cpu=0.5)
    probe = replace(STATE, pid=20, parent=0, start_ticks=9, memory=1000, shared=1000, cpu=9.0)
    before, after = sampled((first, replace(STATE, memory=20, shared=5, cpu=0.25), probe), (replace(first, cpu=0.75),))
    assert (before.memory, before.cpu) == (37, 0.75)
    assert (after.memory, after.cpu) == (17, 1.0), "what the ended one ran stays counted"


@pytest.mark.usefixtures("clock")
def test_a_long_run_keeps_fewer_samples_evenly_spread() -> None:
    samples = sampled(*[(replace(STATE, pid=1, parent=0, memory=10),)] * 5_000)
    assert MOST_SAMPLES / 2 <= len(samples) <= MOST_SAMPLES
    assert samples[0].time == 0.0
    assert samples[-1].time > 240.0
    gaps = [after.time - before.time for before, after in pairwise(samples)]
    assert max(gaps) < 3 * min(gaps)


def test_an_engine_that_knows_nothing_of_memory_gives_no_samples() -> None:
    assert sampled((replace(STATE, pid=1, parent=0),)) == ()


@pytest.mark.parametrize(
    ("listener", "text"),
    [
        (Listener("ipv4", "127.0.0.1", 80), "127.0.0.1:80"),
        (Listener("ipv6", "::1", 80), "[::1]:80"),
        (Listener("unix", "/run/app.sock", 0), "/run/app.sock"),
    ],
)
def test_listeners_are_written_as_people_do(listener: Listener, text: str) -> None:
    assert where(listener) == text


@pytest.mark.parametrize("number", [0, signal.SIGTERM, signal.SIGKILL])
def test_a_pidfd_tells_the_end_and_where_the_kernel_can_the_signal(number: int) -> None:
    async def story() -> EndWatch:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        watch = EndWatch(process.pid)
        assert watch.works
        if number:
            process.send_signal(number)
        else:
            assert process.stdin is not None
            process.stdin.write(b"\n")
        await process.wait()
        async with asyncio.timeout(10):
            while watch.ended is None:
                await asyncio.sleep(0.001)
        watch.close()
        watch.close()
        return watch

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of descriptors
    assert asyncio.run(story()).signal in (number, None)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_a_process_that_is_gone_already_is_not_watched() -> None:
    async def story() -> bool:
        return EndWatch(0).works or EndWatch(2**22 + 1).works

    assert asyncio.run(story()) is False
