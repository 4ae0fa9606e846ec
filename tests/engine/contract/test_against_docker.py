"""The pure machine beside a real Docker engine: the same programs and wishes give the same events, states and codes.

All cases run side by side once; each is then compared by a test of its own, which runs it again where it differs: a
machine under load may have been late, and what is really different stays so. Durations are not compared but for the
least ones, because an engine may be slow and not early.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.health import KEPT, Check, Kind, cut, timed_out
from seatrial.engine.contract.lifecycle import State

from ...docker_engine import IMAGE, DockerEngine, _Connection
from .docker_cases import CASES, START, Ask, Case, Seen
from .simulation import Behaviour, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WITHIN = 60.0
SIDE_BY_SIDE = 10
TRIES = 3
EARLY = 0.5
"""The part of a wait that must at least have been: dockerd starts its clock before it tells of the end."""
SIGNALS = {1: "HUP", 2: "INT", 10: "USR1", 15: "TERM"}


@dataclass(frozen=True)
class Outcome:
    """What was seen: actions (those that come in either order sorted), attributes, the answers' status, and the end."""

    actions: tuple[str, ...]
    kills: tuple[str, ...]
    codes: tuple[str, ...]
    refused: tuple[int, ...]
    state: str
    code: int
    restarts: int
    oom: bool
    has_error: bool
    health: tuple[Any, ...]

    def __str__(self) -> str:
        return "\n".join(f"  {name} = {getattr(self, name)}" for name in self.__dict__)


def in_order(actions: list[str]) -> tuple[str, ...]:
    """`die` and `stop` come in either order in Docker: here always `die` first; and so does the `unpause` that a signal
    brings about, which is left out as the probes' commands are."""
    found = [action for action in actions if not action.startswith(("exec_", "attach", "resize"))]
    pairs = zip(["", *found], found, strict=False)
    found = [action for before, action in pairs if action != "unpause" or before == "pause"]
    for place in range(len(found) - 1):
        if found[place : place + 2] == ["stop", "die"]:
            found[place : place + 2] = ["die", "stop"]
    return tuple(found)


def predicted(case: Case, *, docker_quirks: bool = True) -> tuple[Outcome, World]:
    """What the machine does."""
    world = World(case.terms(docker_quirks=docker_quirks), case.behaviours)
    refused = []
    for step in case.steps:
        if isinstance(step, Seen):
            world.wait_for("start" if step.action == "ready" else step.action, step.times)
            continue
        before = len(world.commands)
        world.wish(step.wish)
        if not step.later:
            world.wait_until_done()
        said = [one.status for one in world.commands[before:] if isinstance(one, c.Refuse)]
        failed = any(isinstance(one, c.Report) for one in world.commands[before:])
        refused.append(said[0] if said else 400 if failed else 200)
    if case.behaviours[-1].fails_to_start:
        world.wait(5)
    return outcome_of(world, case, refused), world


def outcome_of(world: World, case: Case, refused: list[int]) -> Outcome:
    instance = world.instance
    monitor = instance.monitor
    health: tuple[Any, ...] = ()
    if case.check and instance.state is not State.REMOVED:
        health = (monitor.status.value, monitor.streak if case.exact_health else None)
    is_gone = instance.state is State.REMOVED
    return Outcome(
        in_order(world.actions),
        tuple(attributes["signal"] for _, action, attributes in world.emitted if action == "kill"),
        tuple(attributes["exitCode"] for _, action, attributes in world.emitted if action == "die"),
        tuple(refused),
        instance.state.value,
        0 if is_gone else instance.exit_code,
        0 if is_gone else instance.manager.count,
        not is_gone and instance.oom_killed,
        not is_gone and bool(instance.error),
        health,
    )


def script(case: Case) -> list[str]:
    """The behaviours as a program of the shell, that counts its runs in /s."""
    if case.program == ("vanishing",):
        return ["/s/program"]
    if case.program:
        return list(case.program)
    lines = ["n=$(cat /s/runs 2>/dev/null || echo 0); n=$((n + 1)); echo $n >/s/runs; echo 0 >/s/probes; case $n in"]
    for number, behaviour in enumerate(case.behaviours, 1):
        pattern = "*" if number == len(case.behaviours) else str(number)
        lines.append(f"{pattern}) {behave(behaviour)} ;;")
    return ["sh", "-c", "\n".join([*lines, "esac"])]


def behave(behaviour: Behaviour) -> str:
    traps = [
        f"trap '{f'sleep {seconds}; ' if seconds else ''}exit {code}' {SIGNALS[number]}"
        for number, (seconds, code) in behaviour.handles.items()
    ]
    traps.append("echo >>/s/ready")
    if behaviour.lasts is None:
        return "; ".join([*traps, "while :; do sleep 1000 & wait $!; done"])
    return "; ".join([*traps, f"exit {behaviour.code}"])


def probe(codes: Any) -> str:
    table = " ".join(f"{number}) exit {code};;" for number, code in enumerate(codes))
    return f"n=$(cat /s/probes); echo $((n + 1)) >/s/probes; case $n in {table} *) exit {codes[-1]};; esac"


class Engine:
    """A Docker engine, its events by container, and its answers with their status."""

    def __init__(self, engine: DockerEngine) -> None:
        self.engine = engine
        self.events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._connection = _Connection(engine.socket)
        self._connection.request("GET", "/events?filters=" + '{"type":["container"]}')
        response = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, args=(response,), daemon=True)
        self._thread.start()

    def _read(self, response: Any) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            while line := response.readline():
                event = json.loads(line)
                self.events[event["Actor"]["ID"]].append(event)

    def close(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._connection.close()

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = _Connection(self.engine.socket)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            said = response.read()
            return response.status, json.loads(said) if said else None
        finally:
            connection.close()

    def create(self, case: Case, folder: Path, *, probe_script: str = "") -> str:
        name, _, times = case.restart.partition(":")
        host: dict[str, Any] = {
            "NetworkMode": "none",
            "Binds": [f"{folder}:/s"],
            "RestartPolicy": {"Name": name, "MaximumRetryCount": int(times or 0)},
            "AutoRemove": case.remove_at_end,
        }
        if case.memory:
            host |= {"Memory": case.memory, "MemorySwap": case.memory}
        wanted: dict[str, Any] = {
            "Image": IMAGE,
            "Cmd": script(case),
            "HostConfig": host,
            "StopTimeout": int(case.grace),
        }
        if case.stop_signal:
            wanted["StopSignal"] = case.stop_signal
        if case.check:
            check = case.check
            wanted["Healthcheck"] = {
                "Test": ["CMD-SHELL", probe_script or probe(case.behaviours[0].probes)],
                "Interval": int(check.interval * 1e9),
                "Timeout": int(check.timeout * 1e9),
                "StartPeriod": int(check.start_period * 1e9),
                "Retries": check.retries,
            }
        status, said = self.request("POST", "/containers/create", wanted)
        assert status == 201, said
        return str(said["Id"])

    def ask(self, container: str, wish: Any) -> int:
        base = f"/containers/{container}"
        grace = f"?t={int(wish.grace)}" if getattr(wish, "grace", None) is not None else ""
        method, path = {
            c.StartAsked: ("POST", f"{base}/start"),
            c.StopAsked: ("POST", f"{base}/stop{grace}"),
            c.RestartAsked: ("POST", f"{base}/restart{grace}"),
            c.KillAsked: ("POST", f"{base}/kill?signal={getattr(wish, 'signal', 0)}"),
            c.PauseAsked: ("POST", f"{base}/pause"),
            c.UnpauseAsked: ("POST", f"{base}/unpause"),
            c.RemoveAsked: ("DELETE", f"{base}?force={int(getattr(wish, 'force', False))}"),
        }[type(wish)]
        status, _ = self.request(method, path)
        return 200 if status < 300 else status

    def actions(self, container: str) -> list[str]:
        return [event["Action"] for event in self.events[container]]


@dataclass
class Lived:
    """A case on the engine, seen until it is as predicted, or for long enough."""

    outcome: Outcome
    waits: list[float]


def live(engine: Engine, case: Case) -> Lived:
    """Run a case on the engine."""
    folder = Path(tempfile.mkdtemp(prefix="docker-case-"))
    if case.program == ("vanishing",):
        (folder / "program").write_text("#!/bin/sh\nrm /s/program\nexit 3\n")
        (folder / "program").chmod(0o755)
    container = engine.create(case, folder)
    expected, _ = predicted(case)
    try:
        refused: list[int] = []
        waiting: list[threading.Thread] = []
        for step in case.steps:
            carry_out(engine, container, folder, step, refused, waiting)
        for thread in waiting:
            thread.join(WITHIN)
        outcome = eventually(lambda: seen(engine, container, case, refused), expected)
        times = [(event["Action"], event["timeNano"] / 1e9) for event in engine.events[container]]
        return Lived(outcome, waits(times))
    finally:
        engine.request("DELETE", f"/containers/{container}?force=1")
        shutil.rmtree(folder, ignore_errors=True)


def carry_out(
    engine: Engine, container: str, folder: Path, step: Seen | Ask, refused: list[int], waiting: list[threading.Thread]
) -> None:
    if isinstance(step, Seen):
        wait_for(engine, container, folder, step)
    elif step.later:
        place = len(refused)
        refused.append(0)
        wish = step.wish

        def ask() -> None:
            refused[place] = engine.ask(container, wish)

        waiting.append(threading.Thread(target=ask))
        waiting[-1].start()
    else:
        refused.append(engine.ask(container, step.wish))


def wait_for(engine: Engine, container: str, folder: Path, step: Seen) -> None:
    """Wait for a step's event, as long as it takes; what never comes shows in the comparison."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if step.action == "ready":
            ready = folder / "ready"
            count = len(ready.read_text()) if ready.exists() else 0
        else:
            count = engine.actions(container).count(step.action)
        if count >= step.times:
            return
        time.sleep(0.05)


def eventually(look: Any, expected: Outcome) -> Outcome:
    """What is seen, as soon as it is what is expected, or at the end."""
    deadline = time.monotonic() + WITHIN / 4
    while (found := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def seen(engine: Engine, container: str, case: Case, refused: list[int]) -> Outcome:
    """What the engine says now."""
    events = engine.events[container][:]
    status, said = engine.request("GET", f"/containers/{container}/json")
    state = said["State"] if status == 200 else {}
    health: tuple[Any, ...] = ()
    if case.check and state:
        health = (state["Health"]["Status"], state["Health"]["FailingStreak"] if case.exact_health else None)
    attributes = [(event["Action"], event["Actor"]["Attributes"]) for event in events]
    return Outcome(
        in_order([event["Action"] for event in events]),
        tuple(values["signal"] for action, values in attributes if action == "kill"),
        tuple(values["exitCode"] for action, values in attributes if action == "die"),
        tuple(refused),
        state.get("Status", "removed"),
        state.get("ExitCode", 0),
        said["RestartCount"] if state else 0,
        state.get("OOMKilled", False),
        bool(state.get("Error", "")),
        health,
    )


def waits(events: list[tuple[str, float]]) -> list[float]:
    """The seconds from each end to the start after it."""
    found, died = [], None
    for action, moment in events:
        if action == "die":
            died = moment
        elif action == "start" and died is not None:
            found.append(moment - died)
            died = None
    return found


@pytest.fixture(scope="module")
def engine(docker_engine: DockerEngine) -> Iterator[Engine]:
    found = Engine(docker_engine)
    yield found
    found.close()


@pytest.fixture(scope="module")
def lives(engine: Engine) -> Iterator[dict[str, Future[Lived]]]:
    """All cases, side by side, those that take longest first."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        order = sorted(CASES, key=lambda case: -predicted(case)[1].now)
        yield {case.name: pool.submit(live, engine, case) for case in order}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_machine_does_what_docker_does(
    case: Case, engine: Engine, lives: dict[str, Future[Lived]], record_property: Any
) -> None:
    expected, world = predicted(case)
    lived = lives[case.name].result()
    tries = 1
    while lived.outcome != expected and tries < TRIES:
        lived, tries = live(engine, case), tries + 1
    record_property("tries", tries)
    assert lived.outcome == expected, f"\ndocker:\n{lived.outcome}\nwe:\n{expected}"
    least = waits([(action, moment) for moment, action, _ in world.emitted])
    for wait, really in zip(least, lived.waits, strict=True):
        assert really >= EARLY * wait, f"docker waited {really:.3f} s, we {wait:.3f} s"


@pytest.mark.parametrize("case", [case for case in CASES if case.differs], ids=lambda case: case.name)
def test_without_the_quirks_it_restarts_where_docker_does_not(case: Case) -> None:
    _, world = predicted(case, docker_quirks=False)
    world.wait(1)
    assert world.instance.state is State.RUNNING and world.actions[-1] == "start"


def test_names_of_cases_are_told_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40


PROBES = {
    "says much": ("head -c 5000 /dev/zero | tr '\\0' a; exit 3", 3, cut("a" * 5000)),
    "says a line on each stream": ("echo out; echo err >&2; exit 2", 2, "out\nerr\n"),
    "hangs": ("sleep 1000", -1, "Health check exceeded timeout (500ms)"),
}


@pytest.mark.parametrize("name", PROBES)
def test_results_of_probes_are_kept_in_dockers_shape(name: str, engine: Engine) -> None:
    script, code, output = PROBES[name]
    check = Check(Kind.EXECUTE, ("probe",), interval=0.1, timeout=0.5, retries=1)
    case = Case(name, (START, Seen("health_status: unhealthy")), (Behaviour(probes=(code,)),), check=check)
    folder = Path(tempfile.mkdtemp(prefix="docker-case-"))
    container = engine.create(case, folder, probe_script=script)
    try:
        for step in case.steps:
            carry_out(engine, container, folder, step, [], [])
        _, said = engine.request("GET", f"/containers/{container}/json")
        health = said["State"]["Health"]
        assert 1 <= len(health["Log"]) <= KEPT and health["Status"] == "unhealthy"
        for result in health["Log"]:
            assert set(result) == {"Start", "End", "ExitCode", "Output"} and result["Start"] < result["End"]
            assert result["ExitCode"] == code
            said_lines = sorted(result["Output"].splitlines())  # two streams have no order
            assert result["Output"].startswith(output) if code == -1 else said_lines == sorted(output.splitlines())
        if code == -1:
            assert timed_out(check, 0.0, 0.5, "").output.startswith(output)
    finally:
        engine.request("DELETE", f"/containers/{container}?force=1")
        shutil.rmtree(folder, ignore_errors=True)
