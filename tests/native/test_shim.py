"""seatrial-shim: the description, the log in Docker's json-file format, the exit record, the ends of an instance."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.requirements import require

from .native_programs import RUNNER

pytestmark = pytest.mark.slow

NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, UTS, IPC, PID, network
PATH = "PATH=/usr/bin:/bin"
DEADLINE = 60.0
needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or bool(RUNNER), reason="new namespaces need root, and no emulator makes them"
)

Record = tuple[object, ...]


def description(records: list[Record]) -> bytes:
    """The description as the shim reads it: NUL-ended words, an empty one after each record."""
    parts = [b"seatrial-shim 1\0"]
    for name, *arguments in records:
        parts.append(str(name).encode() + b"\0")
        parts.extend(b"=" + (a if isinstance(a, bytes) else str(a).encode()) + b"\0" for a in arguments)
        parts.append(b"\0")
    return b"".join(parts)


@dataclass
class Running:
    """A started shim: its process, and what it tells."""

    process: subprocess.Popen[bytes]
    report: int
    said: bytes = b""

    def until(self, word: bytes) -> bytes:
        """All that it told up to a word and beyond; the shim must not end before."""
        while word not in self.said:
            part = os.read(self.report, 4096)
            assert part, self.said
            self.said += part
        return self.said

    def told(self) -> str:
        """All that it told, up to its end."""
        parts = []
        while part := os.read(self.report, 65536):
            parts.append(part)
        os.close(self.report)
        assert self.process.wait(DEADLINE) in (0, 70), "it crashed, or a sanitizer ended it"
        return b"".join(parts).decode("utf-8", "replace")


@pytest.fixture
def start(program: Callable[[str], Path]) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(raw: bytes, *, pass_fds: tuple[int, ...] = (), leaks: bool = True) -> Running:
        reading, writing = os.pipe()
        told, telling = os.pipe()
        command = [*RUNNER, str(program("seatrial-shim")), str(reading), str(telling)]
        environment = os.environ | ({} if leaks else {"ASAN_OPTIONS": "detect_leaks=0"})
        given = (reading, telling, *pass_fds)
        process = subprocess.Popen(command, pass_fds=given, stderr=subprocess.PIPE, env=environment)
        os.close(reading)
        os.close(telling)
        try:
            with os.fdopen(writing, "wb") as stream:
                stream.write(raw)
        except BrokenPipeError:
            pass  # a shim that refuses need not read to the end
        started.append(Running(process, told))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()
        assert each.process.stderr is not None
        each.process.stderr.close()


def shell(line: str, directory: Path, *more: Record, limit: int = -1, files: int = 1, namespaces: int = 0) -> bytes:
    """The description of `sh -c line`, its log in `directory`."""
    return description(
        [
            ("namespaces", namespaces),
            ("state", directory),
            ("log", directory, "log", limit, files),
            *more,
            ("argv", "sh", "-c", line),
            ("environment", PATH),
        ]
    )


def records(path: Path) -> list[dict[str, str]]:
    """The records of a log file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def text(path: Path, stream: str) -> bytes:
    """What a stream's records say together."""
    return "".join(r["log"] for r in records(path) if r["stream"] == stream).encode()


def test_output_and_exit_are_recorded(start: Callable[..., Running], tmp_path: Path) -> None:
    told = start(shell("echo out; echo err >&2; exit 3", tmp_path)).told()
    assert text(tmp_path / "log", "stdout") == b"out\n"
    assert text(tmp_path / "log", "stderr") == b"err\n"
    record = json.loads((tmp_path / "exit").read_text())
    assert (record["code"], record["signal"], record["version"]) == (3, 0, 1)
    assert told.splitlines()[0].startswith("started ") and told.splitlines()[-1] == "done"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


def test_record_is_written_as_docker_writes_it(start: Callable[..., Running], tmp_path: Path) -> None:
    awkward = bytes([0x22, 0x5C, 0x09, 0x0D, 0x01, 0x7F, 0xFF]) + "<>&é\u2028\u2029😀".encode() + b"\xc3(\xed\xa0\x80"
    (tmp_path / "awkward").write_bytes(awkward + b"\n\n" + b"rest")
    start(shell(f"cat {tmp_path}/awkward", tmp_path)).told()
    lines = (tmp_path / "log").read_text().splitlines()
    expected = (
        '{"log":"\\"\\\\\\u0009\\r\\u0001\x7f\\ufffd\\u003c\\u003e\\u0026é\\u2028\\u2029😀\\ufffd(\\ufffd\\ufffd\\ufffd\\n",'
        '"stream":"stdout","time":"'
    )
    assert lines[0].startswith(expected)
    assert [r["log"] for r in records(tmp_path / "log")][1:] == ["\n", "rest"]
    for record in records(tmp_path / "log"):
        assert record["time"].endswith("Z") and not record["time"].endswith("0Z")


def test_long_line_is_cut_at_16_kib_and_keeps_the_time_of_its_first_part(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "long").write_bytes(b"a" * 16384 * 2 + b"b" * 5 + b"\n" + b"c" * 16384 + b"\n")
    start(shell(f"cat {tmp_path}/long", tmp_path)).told()
    found = records(tmp_path / "log")
    assert [len(r["log"]) for r in found] == [16384, 16384, 6, 16384, 1]
    assert found[0]["time"] == found[1]["time"] == found[2]["time"]
    assert found[4]["log"] == "\n"


def test_attributes_stand_between_stream_and_time(start: Callable[..., Running], tmp_path: Path) -> None:
    raw = description(
        [
            ("namespaces", 0),
            ("log", tmp_path, "log", -1, 1, '{"tag":"x"}'),
            ("argv", "echo", "hi"),
            ("environment", PATH),
        ]
    )
    start(raw).told()
    assert list(records(tmp_path / "log")[0]) == ["log", "stream", "attrs", "time"]


def test_rotation_keeps_the_number_of_files_and_never_splits_a_record(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    told = start(shell("seq 1 2000", tmp_path, limit=20_000, files=3)).told()
    assert sorted(p.name for p in tmp_path.glob("log*")) == ["log", "log.1", "log.2"]
    numbers = [int(r["log"]) for name in ("log.2", "log.1", "log") for r in records(tmp_path / name)]
    assert numbers == list(range(numbers[0], 2001))
    for name in ("log.2", "log.1"):
        assert 20_000 <= (tmp_path / name).stat().st_size < 20_200
    assert told.count("log-rotated") >= 2


def test_one_file_alone_begins_anew(start: Callable[..., Running], tmp_path: Path) -> None:
    start(shell("seq 1 2000", tmp_path, limit=20_000)).told()
    assert [p.name for p in tmp_path.glob("log*")] == ["log"]
    assert int(records(tmp_path / "log")[-1]["log"]) == 2000


def test_log_that_cannot_be_moved_is_gone_on_with(start: Callable[..., Running], tmp_path: Path) -> None:
    (tmp_path / "log.1" / "below").mkdir(parents=True)
    told = start(shell("seq 1 2000", tmp_path, limit=20_000, files=2)).told()
    assert "log-error" in told and "log-rotated" not in told and told.endswith("done\n")
    assert [int(r["log"]) for r in records(tmp_path / "log")] == list(range(1, 2001))


def test_log_that_somebody_removed_begins_anew(start: Callable[..., Running], tmp_path: Path) -> None:
    line = f"seq 1 10; while ! test -s log; do :; done; rm {tmp_path}/log; seq 11 1000"
    told = start(shell(line, tmp_path, ("chdir", tmp_path), limit=20_000, files=2)).told()
    assert "log-rotated" in told and "log-error" not in told
    assert int(records(tmp_path / "log")[-1]["log"]) == 1000


def test_compressed_files_are_moved_along(start: Callable[..., Running], tmp_path: Path) -> None:
    (tmp_path / "log.1.gz").write_bytes(b"packed")
    start(shell("seq 1 400", tmp_path, limit=20_000, files=4)).told()
    assert (tmp_path / "log.2.gz").read_bytes() == b"packed"


def test_every_line_of_a_million_arrives_in_order(start: Callable[..., Running], tmp_path: Path) -> None:
    start(shell("seq 1 1000000", tmp_path)).told()
    expected = 1
    with (tmp_path / "log").open(encoding="ascii") as stream:
        for line in stream:
            assert line.startswith(f'{{"log":"{expected}\\n"')
            expected += 1
    assert expected == 1_000_001


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB with 300 kB left, until its file `ballast` goes."""
    if os.geteuid() != 0:
        require("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    (disk / "ballast").write_bytes(b"x" * 1_700_000)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_full_disk_holds_the_service_back_and_loses_nothing(start: Callable[..., Running], full_disk: Path) -> None:
    running = start(shell("seq 1 10000", full_disk))
    running.until(b"log-full")
    (full_disk / "ballast").unlink()
    running.told()
    assert [int(r["log"]) for r in records(full_disk / "log")] == list(range(1, 10_001))


@pytest.mark.parametrize("state", ["another disk", "the full disk"])
def test_full_disk_does_not_hide_the_end_of_the_instance(
    start: Callable[..., Running], full_disk: Path, tmp_path: Path, state: str
) -> None:
    kept = full_disk if state == "the full disk" else tmp_path
    log: Record = ("log", full_disk, "log", -1, 1)
    command: Record = ("argv", "sh", "-c", "seq 1 10000; exec sleep 1000")
    running = start(description([("state", kept), log, command, ("environment", PATH)]))
    os.kill(int(running.until(b"log-full").split()[1]), signal.SIGKILL)
    assert b"log-full" in running.until(b"exited")
    assert json.loads((kept / "exit").read_text())["signal"] == signal.SIGKILL
    assert not (kept / "exit.part").exists()
    (full_disk / "ballast").unlink()
    assert running.told().endswith("done\n")


def test_death_by_signal_is_128_and_the_number(start: Callable[..., Running], tmp_path: Path) -> None:
    start(shell("kill -9 $$", tmp_path)).told()
    record = json.loads((tmp_path / "exit").read_text())
    assert (record["code"], record["signal"]) == (137, 9)


@needs_namespaces
def test_command_is_pid_1_of_its_own_namespaces(start: Callable[..., Running], tmp_path: Path) -> None:
    steps: list[Record] = [
        ("mount", "", "/", "", hex(0x44000), ""),
        ("mount", "proc", "/proc", "proc", 14, ""),
        ("hostname", "box"),
        ("loopback",),
        ("umask", 0o22),
        ("limit", 7, 512, 1024),
        ("groups", ""),
        ("group", 65534),
        ("user", 65534),
        ("no-new-privileges",),
    ]
    line = "echo $$ $(hostname) $(id -u):$(id -g) $(ulimit -n) $(umask); "
    line += "grep -E '^(NoNewPrivs|SigIgn|SigBlk)' /proc/self/status"
    start(shell(line, tmp_path, *steps, namespaces=NAMESPACES)).told()
    said = text(tmp_path / "log", "stdout").decode().split("\n")
    assert said[0] == "1 box 65534:65534 512 0022"
    assert [part.split()[1].lstrip("0") for part in said[1:4]] == ["", "", "1"]


def test_terminal_that_is_given_is_the_controlling_one(start: Callable[..., Running], tmp_path: Path) -> None:
    ours, its = pty.openpty()
    given: list[Record] = [("input", its), ("output", its, its), ("terminal", its)]
    line = "trap 'exit 5' INT; tty -s && echo from the terminal >/dev/tty; read word"
    running = start(shell(line, tmp_path, *given), pass_fds=(its,))
    os.close(its)
    said = b""
    while b"from the terminal" not in said:
        said += os.read(ours, 1024)
    os.write(ours, b"\x03")  # for the processes in the foreground of the session that has this terminal
    running.told()
    os.close(ours)
    assert json.loads((tmp_path / "exit").read_text())["code"] == 5


@needs_namespaces
def test_steps_build_the_world_in_their_order(start: Callable[..., Running], tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    bind, private = 0x1000 | 0x4000, 0x4000 | 0x40000
    linked: list[Record] = [("symlink", f"usr/{name}", f"{root}/{name}") for name in ("bin", "lib", "lib64")]
    steps: list[Record] = [
        ("mount", "", "/", "", private, ""),
        ("mount", "tmpfs", root, "tmpfs", 0, "size=1m"),
        *(("directory", f"{root}/{name}", "0755") for name in ("usr", "dev", "proc", "gone")),
        ("mount", "/usr", f"{root}/usr", "", bind, ""),
        ("read-only", f"{root}/usr", "all"),
        *linked,
        ("mount", "proc", f"{root}/proc", "proc", 14, ""),
        ("mount", "tmpfs", f"{root}/gone", "tmpfs", 0, ""),
        ("unmount", f"{root}/gone"),
        ("node", f"{root}/dev/null", hex(0o20000), 1, 3),
        ("mode", f"{root}/dev/null", "0666"),
        ("file", f"{root}/hello", "0644", "XXXXX world"),
        ("write", f"{root}/hello", "hello"),
        ("own", f"{root}/hello", 1000, 1001),
        ("root", root),
        ("chdir", "/dev"),
        ("bound", "0x400"),
        ("capabilities", "0x400"),
        ("parent-death", 9),
    ]
    line = (
        "pwd; cat /hello; echo; stat -c '%n %a %u %g %F' /hello /dev/null; ls -d /gone/..; touch /usr/x || echo kept; "
    )
    line += "grep -c gone /proc/mounts; grep -E '^Cap(Prm|Bnd)' /proc/self/status"
    start(shell(line, tmp_path, *steps, namespaces=NAMESPACES)).told()
    assert text(tmp_path / "log", "stdout").decode().splitlines() == [
        "/dev",
        "hello world",
        "/hello 644 1000 1001 regular file",
        "/dev/null 666 0 0 character special file",
        "/gone/..",
        "kept",
        "0",
        "CapPrm:\t0000000000000400",
        "CapBnd:\t0000000000000400",
    ]


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([("argv", "nope"), ("environment", PATH)], "error exec 2 nope"),
        ([("argv", "/etc"), ("environment",)], "error exec 13 /etc"),
        ([("chdir", "/nope"), ("argv", "true"), ("environment", PATH)], "error chdir 2 /nope"),
        ([("argv", "true")], "error description 22"),
        ([("argv", "true"), ("environment",), ("log", "/nope", "log", 1, 1)], "error log 2 /nope"),
        ([("moun", "x"), ("argv", "true"), ("environment",)], "error description 38 moun"),
        ([("mount", "x"), ("argv", "true"), ("environment",)], "error description 22 mount"),
        ([("umask", "many"), ("argv", "true"), ("environment",)], "error description 22 many"),
        ([("namespaces", "many"), ("argv", "true"), ("environment",)], "error description 22 many"),
        ([("namespaces", "0x100"), ("argv", "true"), ("environment",)], "error namespaces 22 0x100"),
        ([("capabilities", "all"), ("argv", "true"), ("environment",)], "error description 22 all"),
        ([("bound", "all"), ("argv", "true"), ("environment",)], "error description 22 all"),
        ([("log", "/tmp", "log", "10k", 1), ("argv", "true"), ("environment",)], "error description 22 10k"),
        ([("?state", "/"), ("argv", "true"), ("environment",)], "error description 38 ?state"),
        ([("hold",), ("argv", "true"), ("environment",)], "error description 22 hold"),
        ([("remove",), ("argv", "true"), ("environment",)], "error description 22 remove"),
        ([("cgroup", "/nope"), ("argv", "true"), ("environment",)], "error cgroup 2 /nope"),
        ([("enter", 0, 0x40000000), ("argv", "true"), ("environment",)], "error enter 22 1073741824"),
        ([("mount", "x", "/nope/y", "", 0x1000, ""), ("argv", "true"), ("environment",)], "error mount "),
    ],
)
def test_failed_step_is_named_with_its_errno(start: Callable[..., Running], records: list[Record], told: str) -> None:
    running = start(description(records))
    assert running.told().startswith(told)
    assert running.process.returncode == 70


@pytest.mark.parametrize(
    "raw", [b"", b"seatrial-shim 2\0", b"seatrial-shim 1\0argv", b"seatrial-shim 1\0\0", b"\xff" * 300_000]
)
def test_broken_description_is_refused(start: Callable[..., Running], raw: bytes) -> None:
    running = start(raw)
    assert running.told().startswith("error description ")
    assert running.process.returncode == 70


def test_instance_dies_with_its_owner(start: Callable[..., Running], tmp_path: Path) -> None:
    watched, owner = os.pipe()
    running = start(shell("exec sleep 1000", tmp_path, ("owner", watched, "kill")), pass_fds=(watched,))
    os.close(watched)
    os.close(owner)
    assert "exited" in running.told()
    assert json.loads((tmp_path / "exit").read_text())["code"] == 137


def test_instance_outlives_its_owner_where_it_shall(start: Callable[..., Running], tmp_path: Path) -> None:
    watched, owner = os.pipe()
    os.mkfifo(tmp_path / "fifo")
    raw = shell("read x < fifo; echo $x", tmp_path, ("chdir", tmp_path), ("owner", watched, "stay"))
    running = start(raw, pass_fds=(watched,))
    os.close(watched)
    os.close(owner)
    pid = int(os.read(running.report, 4096).split()[1])
    os.kill(pid, 0)
    os.kill(pid, signal.SIGTERM)
    running.told()
    assert json.loads((tmp_path / "exit").read_text())["signal"] == signal.SIGTERM


def test_orphan_that_holds_the_output_does_not_delay_the_exit_record(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    running = start(shell("sleep 1000 & echo $! > pid; exit 5", tmp_path, ("chdir", tmp_path)))
    running.until(b"exited")
    assert json.loads((tmp_path / "exit").read_text())["code"] == 5
    assert running.process.poll() is None, "the log is not complete before the orphan lets go of it"
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert "done" in running.told()


def test_output_is_copied_as_it_is(start: Callable[..., Running], tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as errors:
        copy: Record = ("copy", out.fileno(), errors.fileno())
        raw = shell("printf 'a\\n\\377\\0rest'; echo e >&2", tmp_path, copy)
        start(raw, pass_fds=(out.fileno(), errors.fileno())).told()
    assert (tmp_path / "out").read_bytes() == b"a\n\xff\0rest"
    assert (tmp_path / "err").read_bytes() == b"e\n"
    assert text(tmp_path / "log", "stdout") == "a\n\ufffd\0rest".encode()


def test_reader_of_the_copy_that_went_away_does_not_matter(start: Callable[..., Running], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told = start(shell("seq 1 100000", tmp_path, ("copy", writing, writing)), pass_fds=(writing,)).told()
    os.close(writing)
    assert told.count("log-error 32") == 1
    assert text(tmp_path / "log", "stdout").count(b"\n") == 100_000


def test_owner_that_does_not_read_holds_nothing_up(start: Callable[..., Running], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    line = "read x < fifo; seq 1 20000"
    running = start(shell(line, tmp_path, ("chdir", tmp_path), limit=1000, files=2))
    running.until(b"started")
    fcntl.fcntl(running.report, fcntl.F_SETPIPE_SZ, 4096)
    (tmp_path / "fifo").write_text("go\n")
    assert running.process.wait(DEADLINE) == 0
    assert json.loads((tmp_path / "exit").read_text())["code"] == 0
    assert int(records(tmp_path / "log")[-1]["log"]) == 20_000


def test_resident_memory_is_at_most_400_kb(start: Callable[..., Running], tmp_path: Path) -> None:
    if os.environ.get("SEATRIAL_NATIVE_BUILD"):
        pytest.skip("a build for checks is larger than the real one")
    if not shutil.which("musl-gcc"):
        require("a static glibc alone takes 1 MB. hint: apt-get install musl-tools")
    os.mkfifo(tmp_path / "fifo")
    running = start(shell("seq 1 100000; read x < fifo", tmp_path, ("chdir", tmp_path), ("parent-death", 9)))
    assert os.read(running.report, 4096).startswith(b"started")
    status = Path(f"/proc/{running.process.pid}/status")
    resident = 0
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and (tmp_path / "log").stat().st_size < 6_000_000:
        time.sleep(0.02)
    resident = int(next(line for line in status.read_text().splitlines() if line.startswith("VmRSS")).split()[1])
    assert resident <= 400


def owned(start: Callable[..., Running], mode: str, *records: Record) -> tuple[Running, int]:
    """A shim and the end of the pipe that makes us its owner."""
    watched, owner = os.pipe()
    running = start(description([("owner", watched, mode), *records]), pass_fds=(watched,))
    os.close(watched)
    return running, owner


def is_alive(pid: int) -> bool:
    """Whether a process is there and not a zombie that somebody else has to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_dead(pid: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.01)


@pytest.mark.parametrize("mode", ["kill", "stay"])
def test_held_instance_begins_when_its_owner_says_so(start: Callable[..., Running], tmp_path: Path, mode: str) -> None:
    command: Record = ("argv", "touch", tmp_path / "begun")
    running, owner = owned(start, mode, ("hold",), command, ("environment", PATH))
    pid = int(running.until(b"created").split()[1])
    assert Path(f"/proc/{pid}/ns/net").exists()
    assert not (tmp_path / "begun").exists()
    os.write(owner, b"g")
    assert "done" in running.told()
    assert (tmp_path / "begun").exists()
    os.close(owner)


@pytest.mark.parametrize("mode", ["kill", "stay"])
def test_held_instance_whose_owner_goes_never_begins_and_is_removed(
    start: Callable[..., Running], tmp_path: Path, mode: str
) -> None:
    (tmp_path / "stage" / "below").mkdir(parents=True)
    command: Record = ("argv", "touch", tmp_path / "begun")
    gone: Record = ("remove", tmp_path / "stage")
    running, owner = owned(start, mode, ("hold",), gone, command, ("environment", PATH))
    pid = int(running.until(b"created").split()[1])
    os.close(owner)
    running.told()
    assert running.process.returncode == 70
    assert not is_alive(pid)
    assert list(tmp_path.iterdir()) == []


def test_step_that_may_fail_is_told_and_its_substitute_is_taken(start: Callable[..., Running], tmp_path: Path) -> None:
    steps: list[Record] = [
        ("?chdir", "/nope"),
        ("|?file", "/nope/x", "0644", ""),
        ("|file", tmp_path / "taken", "0644", ""),
        ("|mode", tmp_path / "taken", "0600"),
        ("?chdir", "/"),
        ("|file", tmp_path / "left out", "0644", ""),
    ]
    told = start(description([*steps, ("argv", "true"), ("environment", PATH)])).told().splitlines()
    assert told[:2] == ["skipped chdir 2 /nope", "skipped file 2 /nope/x"]
    assert told[2].startswith("started ")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken").stat().st_mode & 0o777 == 0o600


def test_files_are_made_copied_and_removed(start: Callable[..., Running], tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(range(256)) * 1000)
    (tmp_path / "old").write_text("")
    steps: list[Record] = [
        ("umask", 0),
        ("directory", tmp_path / "a/b/c", "0700"),
        ("directory", tmp_path / "a", "0700"),
        ("install", tmp_path / "source", tmp_path / "a/b/copy", "0751"),
        ("unlink", tmp_path / "old"),
        ("unlink", tmp_path / "never there"),
    ]
    told = start(description([*steps, ("argv", "true"), ("environment", PATH)])).told()
    assert "done" in told, told
    assert (tmp_path / "a/b/copy").read_bytes() == (tmp_path / "source").read_bytes()
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/b/c", "a/b/copy")}
    assert modes == {"a": 0o755, "a/b": 0o755, "a/b/c": 0o700, "a/b/copy": 0o751}
    assert not (tmp_path / "old").exists()


def test_limit_above_what_may_be_had_is_as_much_as_that(start: Callable[..., Running], tmp_path: Path) -> None:
    line = "ulimit -Sn; ulimit -Hn"
    start(shell(line, tmp_path, ("limit", 7, 100, 200), ("limit", 7, 1 << 40, 1 << 40))).told()
    assert text(tmp_path / "log", "stdout").split() == [b"200", b"200"]


@pytest.mark.parametrize(("command", "code"), [("nope", 127), ("/etc/passwd/x", 127), ("/etc", 126)])
def test_command_that_cannot_be_executed_has_an_exit_record(
    start: Callable[..., Running], tmp_path: Path, command: str, code: int
) -> None:
    running = start(description([("state", tmp_path), ("argv", command), ("environment", PATH)]))
    told = running.told().splitlines()
    assert told[0].startswith("error exec ") and told[1].startswith("exited ")
    assert json.loads((tmp_path / "exit").read_text())["code"] == code
    assert running.process.returncode == 70


def test_command_dies_with_the_shim_where_it_shall(start: Callable[..., Running], tmp_path: Path) -> None:
    running = start(shell("exec sleep 1000", tmp_path, ("parent-death", 9)))
    pid = int(running.until(b"started").split()[1])
    running.process.kill()
    wait_dead(pid)


def test_output_may_be_given_and_is_nobody_elses_then(start: Callable[..., Running], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    line = "sleep 1000 & echo $!; echo err >&2"
    command: Record = ("argv", "sh", "-c", line)
    running = start(description([("output", writing, writing), command, ("environment", PATH)]), pass_fds=(writing,))
    os.close(writing)
    assert "done" in running.told(), "whoever still holds the output does not hold the shim"
    with os.fdopen(reading, "rb") as stream:
        pid = int(stream.readline())
        assert stream.readline() == b"err\n"
        os.kill(pid, signal.SIGKILL)
        assert stream.read() == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_file_that_is_given_as_output_stays_its_owners(start: Callable[..., Running], tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        given: Record = ("output", out.fileno(), err.fileno())
        raw = description([given, ("user", 65534), ("argv", "id", "-u"), ("environment", PATH)])
        start(raw, pass_fds=(out.fileno(), err.fileno())).told()
    assert (tmp_path / "out").read_bytes() == b"65534\n"
    assert (tmp_path / "out").stat().st_uid == 0


def test_copy_ends_when_the_stream_does(start: Callable[..., Running], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.mkfifo(tmp_path / "fifo")
    line = "echo out; exec >&- ; read x < fifo"
    with (tmp_path / "errors").open("wb") as errors:
        copy: Record = ("copy", writing, errors.fileno())
        raw = shell(line, tmp_path, copy, ("chdir", tmp_path))
        running = start(raw, pass_fds=(writing, errors.fileno()))
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            assert stream.read() == b"out\n"
        assert b"exited" not in running.said and running.process.poll() is None
        (tmp_path / "fifo").write_text("go\n")
        running.told()


def test_owner_that_goes_is_not_waited_for_by_an_orphan(start: Callable[..., Running], tmp_path: Path) -> None:
    line = f"sleep 1000 & echo $! > {tmp_path}/pid"
    running, owner = owned(start, "kill", ("argv", "sh", "-c", line), ("environment", PATH))
    running.until(b"exited")
    os.close(owner)
    assert "done" in running.told()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@needs_namespaces
def test_command_enters_the_namespaces_of_another(start: Callable[..., Running], tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    private: Record = ("mount", "", "/", "", hex(0x44000), "")
    steps = (private, ("mount", "proc", "/proc", "proc", 14, ""), ("hostname", "box"), ("parent-death", 9))
    other = start(shell("exec sleep 1000", tmp_path / "first", *steps, namespaces=NAMESPACES))
    pid = int(other.until(b"started").split()[1])
    flags = {"ipc": 0x08000000, "uts": 0x04000000, "net": 0x40000000, "pid": 0x20000000, "mnt": 0x00020000}
    opened = {name: os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in flags}
    entered: list[Record] = [("enter", opened[name], flag) for name, flag in flags.items()]
    line = "hostname; cat /proc/1/comm; for n in ipc uts net pid mnt; do readlink /proc/self/ns/$n; done"
    raw = shell(line, tmp_path / "second", *entered)
    start(
        raw, pass_fds=tuple(opened.values()), leaks=False
    ).told()  # a sanitizer's own child would enter, too, and wait
    expected = [str(Path(f"/proc/{pid}/ns/{name}").readlink()) for name in flags]
    for descriptor in opened.values():
        os.close(descriptor)
    os.kill(pid, signal.SIGKILL)
    assert text(tmp_path / "second" / "log", "stdout").decode().split() == ["box", "sleep", *expected]


@needs_namespaces
def test_namespace_is_left_by_a_step(start: Callable[..., Running], tmp_path: Path) -> None:
    start(shell("readlink /proc/self/ns/uts", tmp_path, ("unshare", 0x04000000))).told()
    assert text(tmp_path / "log", "stdout").decode().strip() != str(Path("/proc/self/ns/uts").readlink())


def test_rotation_waits_for_whoever_moves_the_files(start: Callable[..., Running], tmp_path: Path) -> None:
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    running = start(shell("seq 1 2000", tmp_path, limit=20_000, files=3))
    running.until(b"started")
    deadline = time.monotonic() + DEADLINE
    while (tmp_path / "log").stat().st_size < 20_000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [path.name for path in tmp_path.glob("log*")] == ["log"]
    os.close(lock)
    assert "log-rotated" in running.told()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_any_bytes_survive_any_chunking(start: Callable[..., Running], tmp_path: Path, seed: int) -> None:
    """Valid text comes out as it went in, whatever the lengths of its lines."""
    chance = random.Random(seed)
    content = "".join(
        "".join(chance.choices('aé😀<"\\\t\u2028', k=chance.choice((0, 1, 7, 200, 9000)))) + "\n"
        for _ in range(chance.randrange(12))
    ).encode() + b"x" * chance.randrange(3)
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "log").unlink(missing_ok=True)
    start(shell(f"cat {tmp_path}/content", tmp_path)).told()
    # A cut at 16 KiB may fall into a character: Docker replaces its bytes, and so do we.
    cut = any(len(line) > 16384 for line in content.split(b"\n"))
    if not cut:
        assert text(tmp_path / "log", "stdout") == content
    assert sum(1 for r in records(tmp_path / "log") if r["log"].endswith("\n")) == content.count(b"\n")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300).map(lambda rest: b"seatrial-shim 1\0" + rest))
def test_no_description_crashes_it(start: Callable[..., Running], raw: bytes) -> None:
    running = start(raw)
    running.told()
    assert running.process.returncode == 70


SETTINGS = (
    "argv",
    "environment",
    "namespaces",
    "map",
    "cgroup",
    "state",
    "log",
    "output",
    "copy",
    "owner",
    "oom",
    "given",
)
STEPS = (
    "umask",
    "limit",
    "chdir",
    "bound",
    "capabilities",
    "groups",
    "group",
    "user",
    "no-new-privileges",
    "parent-death",
    "terminal",
)
NASTY = ("", "0", "1", "-1", "07", "0x", "1 ", "many", "=", "9" * 30, "/nope", "true", "a" * 5000, "\ufffd")
"""Such that nothing outside is changed by them, whatever they are put together to. No descriptor has such a number."""
nasty_records = st.tuples(
    st.sampled_from(("", "", "?", "|", "|?", "??")),
    st.sampled_from(SETTINGS + STEPS),
    st.lists(st.sampled_from(NASTY[6:]), max_size=6),
).map(lambda parts: (parts[0] + parts[1], *parts[2]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(nasty_records, max_size=6), numbers=st.lists(st.sampled_from(NASTY[:9]), min_size=2, max_size=3)
)
def test_no_record_crashes_it(
    start: Callable[..., Running], tmp_path: Path, records: list[Record], numbers: list[str]
) -> None:
    log: Record = ("log", tmp_path, "log", *numbers)
    running = start(description([*records, log, ("argv", "true"), ("environment", PATH)]))
    told = running.told().splitlines()
    assert told and told[-1].split()[0] in {"done", "error", "exited"}, told
