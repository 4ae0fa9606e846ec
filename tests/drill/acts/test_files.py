"""Which files grew while a service ran, and what processes use, seen from outside."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from seatrial.drill.acts import measuring
from seatrial.drill.acts.files import Files, grown
from seatrial.drill.acts.usage import usage
from seatrial.drill.exercise import Exercise
from seatrial.drill.options import DrillOptions
from seatrial.engine.interface import ProcessState
from seatrial.model.place import Sourced
from seatrial.model.recording import Scenario
from seatrial.model.service import Mount, Service

from ..fakes import FakeInstance

MARK = "0123456789abcdef0123456789abcdef"


def state(host_pid: int, pid: int = 1) -> ProcessState:
    return ProcessState(pid, 0, host_pid, 1, "S", ("x",), 0, (), ())


class Seen(FakeInstance):
    """An instance of which only the processes are asked."""

    def __init__(self, states: tuple[ProcessState, ...], ago: float = 0.0) -> None:
        self.states = states
        self.started = time.monotonic() - ago

    def processes(self) -> tuple[ProcessState, ...]:
        return self.states


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Where a service at /srv with a volume at /data may write, below a directory of ours."""
    for name in ("srv/node_modules", "var/log", "data"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(Files, "root", lambda _self: str(tmp_path))
    mounts = (Sourced(Mount("volume", "v", "/data")), Sourced(Mount("bind", "/x", "/bound")))
    of = Service("api", "/x", Sourced(("x",)), workdir=Sourced("/srv"), mounts=mounts)
    return Files(Seen(()), of)


def test_files_that_are_new_or_larger_have_grown(places: Files, tmp_path: Path) -> None:
    (tmp_path / "srv/app.log").write_text("one\n")
    (tmp_path / "srv/same").write_text("same")
    (tmp_path / "srv/less").write_text("a lot")
    before = places.look()
    assert before == {"/srv/app.log": 4, "/srv/same": 4, "/srv/less": 5}
    with (tmp_path / "srv/app.log").open("a") as file:
        file.write(f"request {MARK}\n")
    (tmp_path / "srv/less").write_text("")
    (tmp_path / "data/new.db").write_text("row")
    (tmp_path / "var/log/empty").write_text("")
    found = grown(places, before, places.look(), frozenset({MARK}))
    assert [(file.path, file.before, file.after, file.marked) for file in found] == [
        ("/data/new.db", None, 3, False),
        ("/srv/app.log", 4, 4 + len(f"request {MARK}\n"), True),
    ]


def test_a_file_is_found_wherever_its_directory_has_changed_since_the_start(
    places: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("usr", "opt/app/logs", "bound"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "usr/old").write_text("old")
    (tmp_path / "opt/app/logs/app.log").write_text("one\n")
    (tmp_path / "bound/other.log").write_text("one\n")
    assert places.look() == {"/opt/app/logs/app.log": 4, "/usr/old": 3}
    monkeypatch.setattr(places, "_instance", Seen((), ago=-1000.0))
    assert places.look() == {}


def test_what_grows_where_nothing_can_be_written_is_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root/home").mkdir(parents=True)
    mounts = "1 0 0:1 / / rw - tmpfs tmpfs rw\n2 1 8:3 / /home ro,nosuid - ext4 /dev/sda3 rw\n"
    (tmp_path / "mountinfo").write_text(mounts)
    monkeypatch.setattr(Files, "root", lambda _self: str(tmp_path / "root"))
    places = Files(Seen(()), Service("api", "/x", Sourced(("x",))))
    for name in ("home/own.log", "app.log"):
        (tmp_path / "root" / name).write_text("one\n")
    assert [file.path for file in grown(places, {}, places.look(), frozenset())] == ["/app.log"]


def test_packages_and_links_are_not_looked_into(places: Files, tmp_path: Path) -> None:
    (tmp_path / "srv/node_modules/big.log").write_text("x")
    (tmp_path / "srv/link").symlink_to("/etc")
    (tmp_path / "srv/file").symlink_to("/etc/passwd")
    assert places.look() == {}


def overlay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Files, Path]:
    """What an instance shows of /srv, with the directory of this host that is below, whose name has blanks in it."""
    root, below = folder / "root", folder / "the host: its, files"
    (root / "srv").mkdir(parents=True)
    below.mkdir()
    lower = str(below).replace(":", "\\:").replace(",", "\\,").replace("\\", "\\134").replace(" ", "\\040")
    options = f"rw,lowerdir={lower}:/nowhere,upperdir=/u,workdir=/w"
    lines = (
        f"1 0 0:1 / / rw - overlay overlay {options.replace(lower, '/none')}",
        "2 1 0:2 / /tmp rw - tmpfs tmpfs rw",
    )
    (folder / "mountinfo").write_text("\n".join((*lines, f"3 1 0:3 / /srv rw - overlay overlay {options}")))
    monkeypatch.setattr(Files, "root", lambda _self: str(root))
    return Files(Seen(()), Service("api", "/x", Sourced(("x",)), workdir=Sourced("/srv"))), below


def test_what_somebody_writes_on_the_host_is_not_the_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places, below = overlay(tmp_path, monkeypatch)
    for name in ("host.log", "copied.log"):
        (below / name).write_text("one\n")
    (tmp_path / "root/srv/host.log").hardlink_to(below / "host.log")
    before = places.look()
    (below / "host.log").write_text("one\ntwo\n")
    for name in ("copied.log", "own.log"):
        (tmp_path / "root/srv" / name).write_text("one\ntwo\n")
    found = grown(places, before, places.look(), frozenset())
    assert [file.path for file in found] == ["/srv/copied.log", "/srv/own.log"]


def test_what_a_process_has_open_for_writing_is_looked_at_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service("api", "/x", Sourced(("x",)), workdir=Sourced("/nowhere"))
    seen = Files(Seen((state(os.getpid()),), ago=-1000.0), service)
    monkeypatch.setattr(seen, "_folders", ())
    path = tmp_path / "open"
    read = tmp_path / "read"
    read.write_text("x")
    with path.open("w") as file, read.open():
        file.write("some")
        file.flush()
        found = seen.look()
    assert found[str(path)] == 4
    assert str(read) not in found


def test_an_instance_that_has_ended_has_no_files() -> None:
    service = Service("api", "/x", Sourced(("x",)))
    assert Files(Seen(()), service).look() == {}


def test_a_measurement_that_breaks_off_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a field is missing")

    service = Service("api", "/x", Sourced(("x",)))
    exercise = Exercise(service, DrillOptions(), Scenario.LOAD, lambda _step: None)
    exercise.instance = Seen((state(os.getpid()),))

    async def measure() -> None:
        async with measuring.measured(exercise):
            monkeypatch.setattr(measuring.processes, "alive", broken)
            await asyncio.sleep(0)

    asyncio.run(measure())
    assert "could not be measured to the end: ValueError('a field is missing')" in exercise.disturbed


def test_what_is_used_is_summed_and_shared_pages_count_once() -> None:
    alone = usage([state(os.getpid())], time.monotonic())
    assert alone.processes == 1
    assert alone.descriptors > 2
    assert alone.memory > 1 << 20
    gone = usage([state(os.getpid()), state(2**22 + 1, 2), state(0, 3)], 1.0)
    assert gone.processes == 2
    assert gone.memory < 1.5 * alone.memory
