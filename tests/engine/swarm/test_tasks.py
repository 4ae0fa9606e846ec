"""What Swarm tells of tasks becomes replicas: lists as a 20.10 engine gave them, events as they came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from seatrial.engine.swarm.tasks import Tasks, wall

ZERO = datetime(2026, 11, 21, 20, 0, tzinfo=UTC).timestamp()
"""The engine's clock when ours shows 100."""


def at(seconds: float) -> str:
    """A moment of our clock as the engine writes it: with nanoseconds."""
    return datetime.fromtimestamp(ZERO + seconds - 100.0, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


def task(name: str, state: str, seconds: float, **changes: Any) -> dict[str, Any]:
    container = {"ContainerID": f"c-{name}", "PID": 7, "ExitCode": changes.pop("code", 0)}
    status = {"Timestamp": at(seconds), "State": state, "ContainerStatus": container, "Err": changes.pop("error", "")}
    told = {"ID": name * 8, "CreatedAt": at(50), "UpdatedAt": at(seconds), "Slot": 1, "NodeID": "n1"}
    return {**told, "DesiredState": "running", "Status": status, **changes}


def event(name: str, action: str, seconds: float, **attributes: str) -> dict[str, Any]:
    of = {"com.docker.swarm.task.id": name * 8, **attributes}
    return {"Action": action, "Actor": {"Attributes": of}, "timeNano": int((ZERO + seconds - 100.0) * 1e9)}


def tasks(grace: float = 10.0) -> Tasks:
    return Tasks("api", grace, 100.0 - ZERO, lambda node: {"n1": "host-1"}.get(node, node))


def test_a_replacement_is_put_together_from_lists_and_events() -> None:
    seen = tasks()
    seen.listed([task("a", "running", 60)], 100.0)
    seen.listed(
        [
            task("a", "running", 60, DesiredState="shutdown", UpdatedAt=at(100.1)),
            task("b", "new", 100.2, CreatedAt=at(100.15)),
        ],
        100.3,
    )
    seen.heard(event("b", "start", 100.5))
    seen.listed([task("b", "running", 100.6, CreatedAt=at(100.15))], 100.7)
    seen.heard(event("a", "kill", 101.0, signal="15"))
    seen.heard(event("a", "die", 102.0, exitCode="143"))
    seen.listed([task("a", "shutdown", 102.4, code=143, DesiredState="shutdown")], 102.5)
    old, new = seen.replicas()
    assert (old.name, old.slot, old.node) == ("api.1.aaaaaaaa", "1", "host-1")
    assert (old.told, old.signalled, old.ended) == (
        pytest.approx(100.1, abs=1e-3),
        pytest.approx(101.0, abs=1e-3),
        pytest.approx(102.0, abs=1e-3),
    )
    assert (old.code, old.killed, new.told) == (143, False, None)
    assert (new.created, new.started, new.ready) == (
        pytest.approx(100.15, abs=1e-3),
        pytest.approx(100.5, abs=1e-3),
        pytest.approx(100.6, abs=1e-3),
    )


def test_what_ended_before_the_first_list_is_history() -> None:
    seen = tasks()
    seen.listed([task("a", "shutdown", 60, DesiredState="shutdown"), task("b", "running", 70)], 100.0)
    assert [one.name for one in seen.replicas()] == ["api.1.bbbbbbbb"]


def test_a_second_signal_that_kills_is_the_engines() -> None:
    seen = tasks()
    seen.listed([task("a", "running", 60)], 100.0)
    seen.heard(event("a", "kill", 101.0, signal="15"))
    seen.heard(event("a", "kill", 111.0, signal="9"))
    seen.heard(event("a", "die", 111.1, exitCode="137"))
    (old,) = seen.replicas()
    assert (old.killed, old.code, old.told) == (True, 137, pytest.approx(101.0, abs=1e-3))


def test_a_task_of_another_node_is_known_by_the_list_alone() -> None:
    seen = tasks(grace=5.0)
    seen.listed([task("a", "running", 60)], 100.0)
    seen.listed([task("a", "running", 60, DesiredState="shutdown")], 100.4)
    seen.listed(
        [task("a", "failed", 105.4, code=137, error="task: non-zero exit (137)", DesiredState="shutdown")], 105.6
    )
    (old,) = seen.replicas()
    assert (old.told, old.signalled, old.killed) == (100.4, None, True)
    assert (old.detail, old.ended) == ("task: non-zero exit (137)", pytest.approx(105.4, abs=1e-3))


def test_a_signal_is_not_later_than_what_it_did() -> None:
    seen = tasks()
    seen.listed([task("a", "running", 60)], 100.0)
    seen.heard(event("a", "kill", 101.0, signal="SIGTERM"))
    seen.seen["a" * 8].closed = 100.99
    (old,) = seen.replicas()
    assert old.told == old.signalled == 100.99


def test_events_of_others_and_moments_that_never_were_are_nothing() -> None:
    seen = tasks()
    seen.heard(event("z", "die", 101.0, exitCode="1"))
    assert seen.replicas() == ()
    assert wall("0001-01-01T00:00:00Z") == 0.0 and wall("") == 0.0


def test_a_task_that_ended_by_itself_was_not_told_to() -> None:
    seen = tasks()
    seen.listed([task("a", "running", 60)], 100.0)
    seen.heard(event("a", "die", 101.0, exitCode="1"))
    seen.listed([task("a", "failed", 101.1, code=1, DesiredState="shutdown", UpdatedAt=at(101.2))], 101.3)
    (one,) = seen.replicas()
    assert (one.told, one.code, one.ended) == (None, 1, pytest.approx(101.0, abs=1e-3))
