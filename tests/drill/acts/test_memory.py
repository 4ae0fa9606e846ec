"""When a proposed memory limit is tried, and with what, told with an engine that starts nothing."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seatrial.drill import exercise
from seatrial.drill.acts import load, memory
from seatrial.drill.acts import usage as looking
from seatrial.drill.options import DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.interface import Ended, ProcessState, StartOptions
from seatrial.model.memory import MIB
from seatrial.model.place import Sourced
from seatrial.model.recording import Charged, Recording, Scenario
from seatrial.model.service import Limits, Service

from ..fakes import Behaviour, FakeEngine, FakeInstance, FakeLoad, service

RUNS = frozenset({Scenario.LOAD, Scenario.MEMORY, Scenario.MORE_MEMORY})


class LimitedInstance(FakeInstance):
    """One that is killed for memory at its end, where it has less than it needs."""

    kills = 0

    def _finish(self, code: int, number: int) -> None:
        if not self._end.done():
            self._end.set_result(Ended(time.monotonic(), code, number, self.kills))


@dataclass
class LimitingEngine(FakeEngine):
    """Enforces memory limits, by these means; with less than `needs` MiB there are kills."""

    needs: int = 0
    means: str = "cgroup1"
    limits: list[Limits] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(Behaviour())

    async def start(self, service: Service, options: StartOptions) -> FakeInstance:
        assert service.argv is not None
        self.limits.append(service.limits)
        instance = LimitedInstance(self, service.argv.value, options)
        limit = service.limits.memory.value if service.limits.memory else 0
        instance.enforcement = (f"memory {limit // MIB} MiB: {self.means}",) if limit else ()
        instance.kills = int(0 < limit < self.needs * MIB)
        self.open.add(instance)
        return instance


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercise, "Load", FakeLoad)
    monkeypatch.setattr(load, "SETTLES", 0.0)
    monkeypatch.setattr(memory, "peak", lambda _run: 60 * MIB)


def trial(engine: FakeEngine, of: Service | None = None, runs: frozenset[Scenario] = RUNS) -> Recording:
    recording = asyncio.run(drill(of or service(), engine, DrillOptions(only=runs, ready_timeout=5.0)))
    assert not engine.open
    return recording


def tried(recording: Recording) -> list[tuple[str, int]]:
    return [(run.scenario.value, run.memory // MIB) for run in recording.runs]


def test_no_limit_is_tried_that_a_growing_service_would_outgrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "growth", lambda _usage: "it was still growing")
    recording = trial(LimitingEngine())
    assert tried(recording) == [("load", 0)]
    assert recording.why_skipped(Scenario.MEMORY) == "it was still growing: its peak is not known"


def test_the_limit_that_the_peak_proposes_is_tried_with_no_swap_beyond_it() -> None:
    engine = LimitingEngine()
    reserved = service(limits=Limits(memory=Sourced(512 * MIB), memory_reservation=Sourced(128 * MIB)))
    recording = trial(engine, reserved)
    assert tried(recording) == [("load", 512), ("memory", 96)]
    said = engine.limits[-1]
    assert (said.memory, said.memory_swap, said.memory_reservation) == (Sourced(96 * MIB), Sourced(96 * MIB), None)
    assert recording.machine.enforcement == ("memory 512 MiB: cgroup1",), "its own limit, and not the drill's"
    run = recording.run(Scenario.MEMORY)
    assert run is not None
    assert run.charged == Charged(), "the kernel has nothing to say of what isn't there"


@pytest.mark.parametrize(
    ("needs", "runs", "why"),
    [
        (0, [("load", 0), ("memory", 96)], "at 96 MiB nothing was proved"),  # a load without requests
        (100, [("load", 0), ("memory", 96), ("more-memory", 144)], ""),
        (500, [("load", 0), ("memory", 96), ("more-memory", 144)], ""),
    ],
)
def test_the_next_larger_limit_is_tried_where_the_first_was_refuted_and_no_other(
    needs: int, runs: list[tuple[str, int]], why: str
) -> None:
    recording = trial(LimitingEngine(needs=needs))
    assert tried(recording) == runs
    assert recording.why_skipped(Scenario.MORE_MEMORY) == why


@pytest.mark.parametrize("means", ["not enforced by this engine", "rlimit (RLIMIT_DATA for each process)"])
def test_without_a_controller_nothing_is_run_that_would_look_like_a_proof(means: str) -> None:
    recording = trial(LimitingEngine(means=means))
    assert tried(recording) == [("load", 0)]
    assert means in recording.why_skipped(Scenario.MEMORY)
    assert recording.why_skipped(Scenario.MORE_MEMORY) == recording.why_skipped(Scenario.MEMORY)


def test_without_a_peak_no_limit_is_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = trial(LimitingEngine(), runs=RUNS - {Scenario.LOAD})
    assert (tried(alone), alone.why_skipped(Scenario.MEMORY)) == ([], "the load drill was not run")
    killed = trial(LimitingEngine(needs=100), service(limits=Limits(memory=Sourced(64 * MIB))))
    assert tried(killed) == [("load", 64)]
    assert "killed for memory before" in killed.why_skipped(Scenario.MEMORY)
    monkeypatch.setattr(memory, "peak", lambda _run: 0)
    unread = trial(LimitingEngine())
    assert tried(unread) == [("load", 0)]
    assert unread.why_skipped(Scenario.MEMORY) == "the memory in use could not be read"


def test_a_smaller_reservation_stays() -> None:
    said = memory.limited(service(limits=Limits(memory_reservation=Sourced(32 * MIB))), 96 * MIB).limits
    assert said.memory_reservation == Sourced(32 * MIB)


def state(pid: int) -> ProcessState:
    return ProcessState(1, 0, pid, 1, "S", (), 0, (), ())


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory.max_usage_in_bytes": "7000\n", "memory.failcnt": "3\n"}, Charged(7000, 3)),
        ({"memory.peak": "8000\n", "memory.events": "low 0\nhigh 1\nmax 5\noom 0\noom_kill 0\n"}, Charged(8000, 5)),
        ({"memory.peak": "8000\n"}, Charged(8000, -1)),
        ({"memory.current": "1"}, Charged()),  # a kernel before 5.19
        ({}, Charged()),
    ],
)
def test_what_the_kernel_charged_is_read_in_the_words_of_either_version(
    files: dict[str, str], expected: Charged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    monkeypatch.setattr(looking, "_memory_cgroups", lambda _pid: [tmp_path / "missing", tmp_path])
    assert looking.charged([state(0), state(4242)]) == expected
    assert looking.charged([]) == Charged()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "memory.limit_in_bytes": "9999\n",
                "memory.usage_in_bytes": "9000\n",
                "memory.stat": "cache 5\ntotal_inactive_file 2000\n",
            },
            7000,
        ),
        ({"memory.max": "9999\n", "memory.current": "9000\n", "memory.stat": "anon 5\ninactive_file 3000\n"}, 6000),
        ({"memory.max": "9999\n", "memory.current": "9000\n"}, 9000),
        ({"memory.max": "max\n", "memory.current": "9000\n", "memory.stat": "file_mapped 100\n"}, 9400),
        (
            {
                "memory.limit_in_bytes": "9223372036854771712\n",
                "memory.usage_in_bytes": "9000\n",
                "memory.stat": "total_mapped_file 700\n",
            },
            9000,
        ),
    ],
)
def test_what_is_used_is_what_the_kernel_charges_to_a_cgroup_of_its_own(
    files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    """Without a limit, what it has mapped counts too that was charged to others."""
    ours = [tmp_path / "ours"]
    monkeypatch.setattr(looking, "_file_pages", lambda _pid: 500)
    monkeypatch.setattr(looking, "_memory_cgroups", lambda pid: ours if pid == os.getpid() else [*ours, tmp_path])
    used = looking.usage([state(2**22 + 1)], 1.0)
    assert (used.memory, used.charged) == (expected, True)
    ours.append(tmp_path)
    shared = looking.usage([state(2**22 + 1)], 1.0)
    assert (shared.memory, shared.charged) == (0, False), "in a cgroup that others share its own is not known"


def test_the_files_that_a_process_has_mapped_are_known() -> None:
    assert looking._file_pages(os.getpid()) > MIB
    assert looking._file_pages(2**22 + 1) == 0
