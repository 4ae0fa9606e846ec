"""A stop drill through podman's compatible socket: a service that drains, and one that does not hear its signal.

It runs with SEATRIAL_ALL_SERVERS=1 alone: not every machine that has Docker has podman.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.docker import DockerEngine
from seatrial.model.recording import Recording, Scenario
from seatrial.model.service import Service
from seatrial.model.verdict import Ruling
from tests import docker_engine as testing
from tests.engine.docker.conftest import import_host_image, left, on_host_files
from tests.requirements import missing_module, missing_program, require
from tests.trials.conftest import missing, not_measured, service

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not os.environ.get("SEATRIAL_ALL_SERVERS"), reason="with SEATRIAL_ALL_SERVERS=1"),
]


class PodmanEngine(testing.DockerEngine):
    """`podman system service` with a socket, images, containers and networks of its own."""

    def _command(self) -> list[str]:
        unshare = ["unshare", "--mount", "--propagation", "private", "--pid", "--net", "--fork", "--kill-child"]
        folders = ["--root", f"{self.folder}/data", "--runroot", f"{self.folder}/run", "--tmpdir", f"{self.folder}/tmp"]
        how = ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        return [
            *unshare,
            "--mount-proc",
            "podman",
            *folders,
            *how,
            "system",
            "service",
            "--time=0",
            f"unix://{self.socket}",
        ]

    def close(self) -> None:
        super().close()
        for parent in Path("/sys/fs/cgroup").glob("*/libpod_parent"):
            for left_over in (parent / "conmon", parent):
                with contextlib.suppress(OSError):  # it is another podman's as well
                    left_over.rmdir()


@pytest.fixture(scope="module")
def podman() -> Iterator[PodmanEngine]:
    require("" if os.geteuid() == 0 else "podman is run as root here")
    require(missing_program("podman") or missing_program("unshare") or missing_module("docker"))
    folder = Path(tempfile.mkdtemp(prefix="podman-for-tests-"))
    try:
        engine = PodmanEngine(folder)
    except testing.EngineError as error:
        shutil.rmtree(folder, ignore_errors=True)
        require(str(error))
    yield engine
    engine.close()


async def stopped(subject: Service, engine: DockerEngine) -> Recording:
    """The stop drill alone."""
    slow = Candidates(slow=(Candidate("/slow", "tests"),))
    async with engine.prepared(subject) as ready:
        return await drill(ready, engine, DrillOptions(candidates=slow, only=frozenset({Scenario.STOP})))


@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("stoppable", {"announces-close"}),
        ("node plain", {"handles-sigterm", "stop-signal-handled", "stops-in-time", "exit-code-clean"}),
    ],
)
def test_a_stop_is_judged_through_the_compatible_socket(
    name: str, failing: set[str], podman: PodmanEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(missing(name) or not_measured(name))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{podman.socket}")
    subject = on_host_files(service(name), import_host_image(podman))
    recording = asyncio.run(stopped(subject, DockerEngine()))
    told = {verdict.requirement: verdict for verdict in judge(recording)}
    stop = recording.run(Scenario.STOP)
    assert stop is not None and stop.exit is not None and stop.exit.killed == ("stops-in-time" in failing)
    wrong = {each for each, verdict in told.items() if verdict.ruling is Ruling.FAIL}
    assert failing <= wrong, told
    good = {"handles-sigterm", "stop-signal-handled", "stops-in-time", "in-flight-finish"} - failing
    assert {told[each].ruling for each in good} == {Ruling.PASS}, told
    assert left(podman) == []
