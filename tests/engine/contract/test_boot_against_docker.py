"""The machine starts anew: what a real Docker engine starts again, and with which codes, is what `record` says."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.instance import Instance, Terms
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.record import Clock, at_boot, load, save, take_over
from seatrial.engine.contract.restarting import parse

from ...docker_engine import IMAGE, DockerEngine, EngineError, missing
from ...requirements import require
from .simulation import Behaviour, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WITHIN = 30.0
POLITE = Behaviour(handles={15: (0.0, 7)})
SCRIPT = "trap 'exit 7' TERM; echo >>/s/{name}; while :; do sleep 1000 & wait $!; done"


@dataclass(frozen=True)
class Kept:
    """A container before the end of its engine, and whether somebody had stopped it."""

    restart: str
    stopped_by_hand: bool = False
    never_started: bool = False

    @property
    def name(self) -> str:
        words = "stopped" if self.stopped_by_hand else "new" if self.never_started else "running"
        return f"{self.restart.replace(':', '-')}-{words}"


KEPT = [
    *(Kept(policy) for policy in ("no", "always", "unless-stopped", "on-failure")),
    *(Kept(policy, stopped_by_hand=True) for policy in ("always", "unless-stopped")),
    Kept("always", never_started=True),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerEngine]:
    """An engine of its own, because it is ended and started again."""
    require(missing())
    folder = Path(tempfile.mkdtemp(prefix="docker-for-tests-"))
    try:
        found = DockerEngine(folder)
    except EngineError as error:
        shutil.rmtree(folder, ignore_errors=True)
        require(str(error))
    yield found
    found.close()


def start_again(engine: DockerEngine) -> None:
    # What lies below /run is gone after a boot. Left, a pid in it may be that of another process in the new namespace,
    # which dockerd then takes for its containerd and waits for in vain.
    (engine.folder / "pid").unlink(missing_ok=True)
    shutil.rmtree(engine.folder / "run", ignore_errors=True)
    (engine.folder / "run").mkdir()
    engine._process = subprocess.Popen(
        engine._command(), stdin=subprocess.DEVNULL, stdout=engine._output, stderr=engine._output
    )
    engine._wait_ready()


def eventually(condition: object, what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def bring_up(engine: DockerEngine, folder: Path, found: dict[Kept, str]) -> None:
    """All containers, as they are before the end."""
    for kept in KEPT:
        name, _, times = kept.restart.partition(":")
        host = {
            "NetworkMode": "none",
            "Binds": [f"{folder}:/s"],
            "RestartPolicy": {"Name": name, "MaximumRetryCount": int(times or 0)},
        }
        command = ["sh", "-c", SCRIPT.format(name=kept.name)]
        found[kept] = str(
            engine.call("POST", "/containers/create", {"Image": IMAGE, "Cmd": command, "HostConfig": host})["Id"]
        )
        if kept.never_started:
            continue
        engine.start(found[kept])
        eventually((folder / kept.name).exists, f"{kept.name} is not ready")
        if kept.stopped_by_hand:
            engine.call("POST", f"/containers/{found[kept]}/stop")


def predicted(kept: Kept, *, is_crash: bool) -> Instance:
    """What the machine says of it after the end of one supervisor and the start of the next."""
    world = World(Terms(restart=parse(kept.restart)), (POLITE,))
    if not kept.never_started:
        world.wish(c.StartAsked())
        world.wait(1)
        if kept.stopped_by_hand or not is_crash:
            world.wish(c.StopAsked(is_shutdown=not kept.stopped_by_hand))
            world.wait(1)
    before, after = Clock(world.now, 1e6), Clock(5.0, 1e6 + 100)
    instance, _ = take_over(load(save(world.instance, before), world.terms, after), None, after, is_alive=False)
    return at_boot(instance)[0]


@pytest.mark.parametrize("is_crash", [False, True], ids=["shutdown", "power cut"])
def test_docker_starts_again_what_the_record_says(engine: DockerEngine, is_crash: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="docker-case-"))
    containers: dict[Kept, str] = {}
    try:
        bring_up(engine, folder, containers)
        if is_crash:
            engine._process.kill()  # all that it started is in its PID namespace, and dies with it
        else:
            os.kill(engine.pid(), signal.SIGTERM)
        engine._process.wait(WITHIN)
        start_again(engine)
        for kept, container in containers.items():
            instance = predicted(kept, is_crash=is_crash)
            starts = instance.is_starting or instance.state is State.RESTARTING
            expected = ("running", 0) if starts else (instance.state.value, instance.exit_code)

            def found(container: str = container) -> tuple[str, int]:
                state = engine.inspect(container)["State"]
                return state["Status"], state["ExitCode"]

            with contextlib.suppress(AssertionError):
                eventually(lambda expected=expected, found=found: found() == expected, "")
            assert found() == expected, f"{kept.name}: docker {found()}, we {expected}"
    finally:
        for container in containers.values():
            engine.remove(container)
        shutil.rmtree(folder, ignore_errors=True)
