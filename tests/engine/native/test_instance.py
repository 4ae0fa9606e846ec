"""Trials: one real instance each, on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import pytest

from seatrial.engine.interface import StartError
from seatrial.engine.native import NativeEngine
from seatrial.model.errors import InputError, UnsupportedError
from seatrial.model.place import Sourced
from seatrial.model.service import Copy, Limits, Mount, Ulimit
from tests.requirements import require

from .conftest import DEADLINE, PYTHON, finished, needs_root, output_of, service, started

pytestmark = pytest.mark.slow


def test_command_is_pid_1_and_its_own_exit_code_is_reported(project: Path) -> None:
    async def trial() -> None:
        async with started(service(project, PYTHON, "speaker.py")) as run:
            await run.wait_text("ready (pid 1)")
            await run.instance.signal(signal.SIGTERM)
            ended = await asyncio.wait_for(run.instance.wait(), DEADLINE)
            assert (ended.code, ended.signal, ended.error) == (3, 0, "")
            assert "got SIGTERM" in run.text()
            assert ended.time > run.instance.started

    asyncio.run(trial())


def test_pid_1_without_a_handler_ignores_sigterm_and_is_killed_after_the_grace_period(project: Path) -> None:
    async def trial() -> None:
        async with started(service(project, "sleep", "1000")) as run:
            ended, killed = await run.instance.stop(signal.SIGTERM, 0.3)
            assert (ended.code, ended.signal, killed) == (137, 9, True)

    asyncio.run(trial())


def test_death_by_its_own_signal_is_128_plus_n(project: Path) -> None:
    async def trial() -> None:
        run = await finished(service(project, PYTHON, "-c", "import os; os.abort()"))
        ended = await run.instance.wait()
        # PID 1 can't be killed by its own abort(): libc then executes an instruction that is a fault
        assert ended.signal in {signal.SIGABRT, signal.SIGSEGV, signal.SIGILL}
        assert ended.code == 128 + ended.signal

    asyncio.run(trial())


@pytest.mark.parametrize(("command", "code"), [("/no/such/program", 127), ("nosuchprogram", 127), ("/etc", 126)])
def test_command_that_cannot_be_executed(project: Path, command: str, code: int) -> None:
    async def trial() -> None:
        run = await finished(service(project, command))
        ended = await run.instance.wait()
        assert ended.code == code
        assert command in ended.error

    asyncio.run(trial())


def test_no_command_is_the_users_error(project: Path) -> None:
    with pytest.raises(InputError, match="no command"):
        asyncio.run(NativeEngine().start(service(project)))


def test_step_that_fails_is_named(project: Path) -> None:
    broken = service(project, "true", workdir=Sourced("/etc/passwd/x"), copies=())
    with pytest.raises(StartError) as caught:
        asyncio.run(NativeEngine().start(broken))
    assert caught.value.step in {"file system", "working directory /etc/passwd/x"}


def test_nothing_of_the_caller_leaks_into_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    text = output_of(project, "env | sort", environment={"PORT": Sourced("80")}, hostname="box")
    names = {line.partition("=")[0] for line in text.splitlines()}
    assert names - {"PWD", "_", "SHLVL", "OLDPWD"} == {"HOME", "HOSTNAME", "PATH", "PORT"}
    assert "HOSTNAME=box" in text


def test_signals_are_all_default_and_unblocked(project: Path) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        text = output_of(project, "exec grep -E '^Sig(Blk|Ign)|^ShdPnd' /proc/1/status")
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    assert {line.split()[1] for line in text.splitlines()} == {"0" * 16}


def test_no_descriptor_is_inherited(project: Path) -> None:
    kept = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(kept, True)
    try:
        code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:-1])"
        run = asyncio.run(finished(service(project, PYTHON, "-c", code)))
    finally:
        os.close(kept)
    assert run.text().strip() == "[0, 1, 2]"


def test_project_can_be_written_to_inside_and_never_changes(project: Path) -> None:
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in project.iterdir()}
    text = output_of(project, "pwd; echo changed > speaker.py; echo new > new.txt; rm -rf gone; ls; cat speaker.py")
    assert text.split() == ["/app", "new.txt", "speaker.py", "changed"]
    after = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in project.iterdir()}
    assert after == before


@needs_root
def test_host_is_never_written(project: Path) -> None:
    mark = f"/usr/share/seatrial-{os.getpid()}"
    text = output_of(project, f"touch {mark} /etc/seatrial-mark /var/seatrial-mark; ls {mark}")
    assert mark in text
    assert not any(Path(path).exists() for path in (mark, "/etc/seatrial-mark", "/var/seatrial-mark"))


def test_home_directories_are_hidden(project: Path) -> None:
    assert output_of(project, "ls -A /root /home; true").split() in ([], ["/home:", "/root:"], ["/root:", "/home:"])


def test_copies_put_parts_of_the_project_elsewhere(project: Path) -> None:
    (project / "conf").mkdir()
    (project / "conf" / "a.ini").write_text("a")
    (project / "start.sh").write_text("#!/bin/sh\n")
    copies = (
        Copy(("conf",), "/etc/service/"),
        Copy(("start.sh",), "/usr/local/bin/start"),
        Copy(("speaker.py",), "./"),
    )
    text = output_of(project, "cat /etc/service/a.ini; ls /usr/local/bin/start /app/speaker.py", copies=copies)
    assert text.split() == ["a/usr/local/bin/start", "/app/speaker.py"] or "/app/speaker.py" in text
    assert text.startswith("a")


def test_read_only_root_leaves_tmpfs_writable(project: Path) -> None:
    script = "for d in / /app /etc /tmp /scratch /dev/shm; do touch $d/x 2>/dev/null && echo $d; done; true"
    text = output_of(
        project, script, read_only=Sourced(True), mounts=(Sourced(Mount("tmpfs", "", "/scratch", options="size=1m")),)
    )
    assert text.split() == ["/scratch", "/dev/shm"]


def test_volume_is_an_empty_directory_of_the_services_user(project: Path) -> None:
    mounts = (Sourced(Mount("volume", "data", "/data")),)
    text = output_of(project, "id -u; touch /data/x; stat -c %u /data", user=Sourced("1000:1000"), mounts=mounts)
    assert text.split() == ["1000", "1000"]


def test_volume_at_a_place_of_the_project_begins_with_its_files_and_can_be_written_to(project: Path) -> None:
    (project / "seeds").mkdir()
    (project / "seeds" / "note").write_text("seed")
    script = "cat /app/seeds/note; touch /app/seeds/x && stat -c ' %u' /app/seeds"
    mounts = (Sourced(Mount("volume", "", "/app/seeds")),)
    text = output_of(project, script, user=Sourced("1000:1000"), read_only=Sourced(True), mounts=mounts)
    assert text.split() == ["seed", "1000"]
    assert [path.name for path in (project / "seeds").iterdir()] == ["note"]


@needs_root
def test_environment_of_a_project_below_tmp_is_there_although_tmp_is_a_tmpfs(project: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        clone = Path(place) / "clone"
        shutil.copytree(project, clone)
        programs = clone / ".venv" / "bin"
        programs.mkdir(parents=True)
        (programs / "serve-shop").write_text("#!/bin/sh\necho from $0\n")
        (programs / "serve-shop").chmod(0o755)
        mounts = (Sourced(Mount("tmpfs", "", "/tmp")),)
        text = asyncio.run(finished(service(clone, "serve-shop", mounts=mounts))).text()
        assert text.strip() == f"from {programs}/serve-shop"


def test_bind_shows_the_files_and_keeps_them(project: Path, tmp_path: Path) -> None:
    (project / "shared").mkdir()
    (project / "shared" / "note").write_text("old")
    mounts = (Sourced(Mount("bind", "./shared", "/mnt/shared")),)
    assert output_of(project, "cat /mnt/shared/note; echo new > /mnt/shared/note", mounts=mounts) == "old"
    assert (project / "shared" / "note").read_text() == "old"


def test_unknown_user_gets_an_entry_and_a_home(project: Path) -> None:
    trial = asyncio.run(
        finished(service(project, "/bin/sh", "-c", "id -un; touch ~/x && pwd", user=Sourced("nosuchuser")))
    )
    assert trial.text().split() == ["nosuchuser", "/app"]
    assert any("nosuchuser" in sentence for sentence in trial.instance.approximations)


def test_user_has_no_capabilities_and_root_has_dockers(project: Path) -> None:
    script = "grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status"
    text = output_of(project, script, user=Sourced("1000"), no_new_privileges=True)
    assert text.split() == ["CapEff:", "0" * 16, "CapBnd:", "00000000a80425fb", "NoNewPrivs:", "1"]
    text = output_of(project, script, cap_drop=("ALL",), cap_add=("NET_BIND_SERVICE",))
    assert text.split() == ["CapEff:", "0000000000000400", "CapBnd:", "0000000000000400", "NoNewPrivs:", "0"]


def test_ulimits_are_the_services_own(project: Path) -> None:
    limits = Limits(ulimits=(Sourced(Ulimit("nofile", 100, 200)),))
    assert output_of(project, "ulimit -Sn; ulimit -Hn; umask", limits=limits).split() == ["100", "200", "0022"]


def test_only_loopback_is_there_and_low_ports_are_free_to_all(project: Path) -> None:
    code = (
        "import socket\n"
        "for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):\n"
        "    with socket.create_server((host, 80), family=family): print('ok')\n"
        "print([name for _, name in socket.if_nameindex()])\n"
    )
    run = asyncio.run(finished(service(project, PYTHON, "-c", code, user=Sourced("1000"))))
    assert run.text().splitlines()[:2] == ["ok", "ok"], run.text("stderr")
    assert "'lo'" in run.text()
    assert "eth" not in run.text()


@pytest.mark.parametrize("init", ["tini", "seatrial-init", "catatonit", "dumb-init"])
def test_init_is_pid_1_and_forwards_the_signal(project: Path, init: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from seatrial.engine.native import programs

    monkeypatch.setattr(programs, "INITS", {init: programs.INITS[init]})
    try:
        programs.find_init()
    except UnsupportedError as error:
        require(f"{init} is not installed: {error}")

    async def trial() -> None:
        async with started(service(project, PYTHON, "speaker.py", init=Sourced(True))) as run:
            await run.wait_text("ready (pid ")
            assert "ready (pid 1)" not in run.text()
            assert run.instance.init == init
            ended, killed = await run.instance.stop(signal.SIGTERM, DEADLINE)
            assert (ended.code, killed) == (3, False)

    asyncio.run(trial())


def test_processes_are_seen_with_their_numbers_inside_zombies_too(project: Path) -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *a: None)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "if os.fork() == 0: os._exit(0)\n"
        "print('ready', flush=True)\n"
        "time.sleep(1000)\n"
    )

    async def trial() -> None:
        async with started(service(project, PYTHON, "-c", code)) as run:
            await run.wait_text("ready")
            await run.wait_for(
                lambda: [one.state for one in run.instance.processes() if one.pid != 1] == ["Z"], "a zombie"
            )
            first, zombie = run.instance.processes()
            assert (first.pid, first.parent, zombie.parent) == (1, 0, 1)
            assert first.argv[:2] == (PYTHON, "-c")
            assert signal.SIGTERM in first.handles
            assert signal.SIGHUP in first.ignores
            assert first.start_ticks > 0
            assert Path(f"/proc/{first.host_pid}").exists()

    asyncio.run(trial())


def test_looking_at_processes_is_cheap_enough_for_fifty_times_a_second(project: Path) -> None:
    async def trial() -> None:
        async with started(service(project, "sleep", "1000")) as run:
            run.instance.processes()
            spent = []
            for _ in range(20):
                begun = time.thread_time()
                assert run.instance.processes()
                spent.append(time.thread_time() - begun)
            assert min(spent) < 0.02  # of processor time: how long it took on the clock is the machine's business

    asyncio.run(trial())


def test_listeners_are_found_in_every_family(project: Path) -> None:
    code = (
        "import socket, time\n"
        "a = socket.create_server(('0.0.0.0', 8001)); b = socket.create_server(('::1', 8002), family=socket.AF_INET6)\n"
        "c = socket.socket(socket.AF_UNIX); c.bind('/tmp/here.sock'); c.listen()\n"
        "print('ready', flush=True); time.sleep(1000)\n"
    )

    async def trial() -> None:
        async with started(service(project, PYTHON, "-c", code)) as run:
            await run.wait_text("ready")
            found = {one.family: one for one in run.instance.listeners()}
            assert (found["ipv4"].address, found["ipv4"].port, found["ipv4"].wildcard) == ("127.0.0.1", 8001, True)
            assert (found["ipv6"].address, found["ipv6"].port, found["ipv6"].wildcard) == ("::1", 8002, False)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(found["unix"].address)

    asyncio.run(trial())


def test_execute_shares_namespaces_environment_user_and_directory(project: Path) -> None:
    async def trial() -> None:
        what = service(project, "sleep", "1000", user=Sourced("1000:1000"), environment={"PORT": Sourced("80")})
        async with started(what) as run:
            script = "id -u; pwd; echo $PORT; test -r /proc/1/status && cat /proc/1/comm; echo oops >&2; exit 5"
            result = await run.instance.execute(["sh", "-c", script], timeout=DEADLINE)
            assert result.code == 5
            assert result.output.split() == ["1000", "/app", "80", "sleep", "oops"]
            assert result.begun <= result.ended

    asyncio.run(trial())


def test_secrets_of_the_environment_are_in_no_command_line(project: Path) -> None:
    async def trial() -> None:
        what = service(project, "sleep", "1000", environment={"TOKEN": Sourced("very-secret-token")})
        async with started(what) as run:
            running = asyncio.create_task(run.instance.execute(["sleep", "1000"], timeout=1000))
            await run.wait_for(lambda: len(run.instance.processes()) == 2, "the command")
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    assert b"very-secret-token" not in file.read_bytes()
            await run.instance.close()
            await running

    asyncio.run(trial())


def test_standard_output_can_be_opened_by_name_as_any_user(project: Path) -> None:
    assert output_of(project, "echo here > /dev/stdout", user=Sourced("1000")) == "here\n"


def test_execute_cuts_the_output_and_tells_what_is_not_there(project: Path) -> None:
    async def trial() -> None:
        async with started(service(project, "sleep", "1000")) as run:
            result = await run.instance.execute(["sh", "-c", "yes | head -c 100000"], timeout=DEADLINE)
            assert (result.code, len(result.output)) == (0, 4096)
            result = await run.instance.execute(["nosuchprogram"], timeout=DEADLINE)
            assert result.code == 127
            assert "nosuchprogram" in result.error

    asyncio.run(trial())


def test_execute_has_the_limits_that_no_cgroup_enforces(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.engine.native.engine._trees", lambda: ())
    wanted = Limits(cpus=Sourced(0.5), memory=Sourced(900 << 20), oom_score_adj=Sourced(321))
    look = "import os, resource; print(os.sched_getaffinity(0), os.nice(0), resource.getrlimit(resource.RLIMIT_DATA), "
    look += "open('/proc/self/oom_score_adj').read().strip(), flush=True)"

    async def trial() -> None:
        what = service(project, PYTHON, "-c", f"{look}; import time; time.sleep(60)", limits=wanted)
        async with started(what) as run:
            first = await run.wait_for(lambda: run.text().endswith("\n") and run.text(), "a line")
            result = await run.instance.execute([PYTHON, "-c", look], timeout=DEADLINE)
            assert (result.code, result.output) == (0, first), result
            own = min(os.sched_getaffinity(0))
            assert first == f"{{{own}}} 3 ({900 << 20}, {900 << 20}) 321\n"

    asyncio.run(trial())


def test_execute_kills_the_whole_tree_at_its_timeout(project: Path) -> None:
    async def trial() -> None:
        async with started(service(project, "sleep", "1000")) as run:
            result = await run.instance.execute(["sh", "-c", "sleep 71 & sleep 72 | cat"], timeout=0.5)
            assert result.code is None
            await run.wait_for(
                lambda: {one.argv for one in run.instance.processes() if one.state != "Z"} == {("sleep", "1000")},
                "only PID 1 is left",
            )

    asyncio.run(trial())


def test_orphan_of_an_executed_command_becomes_a_child_of_pid_1(project: Path) -> None:
    async def trial() -> None:
        async with started(service(project, PYTHON, "speaker.py")) as run:
            await run.wait_text("ready")
            script = "(sleep 1000 >/dev/null 2>&1 &)"
            await run.instance.execute(["sh", "-c", script], timeout=DEADLINE)
            await run.wait_for(
                lambda: [one for one in run.instance.processes() if one.argv == ("sleep", "1000") and one.parent == 1],
                "an orphan below PID 1",
            )

    asyncio.run(trial())


def test_program_beside_reaches_the_service_and_outlives_it(project: Path) -> None:
    (project / "index.html").write_text("hello")
    code = (
        "import sys, urllib.request\n"
        "print(urllib.request.urlopen('http://127.0.0.1:8000/').read().decode(), flush=True)\n"
        "sys.stdin.readline(); print('still here')\n"
    )

    async def trial() -> None:
        async with started(service(project, PYTHON, "-m", "http.server", "8000")) as run:
            await run.wait_for(run.instance.listeners, "a listener")
            process = await run.instance.spawn_beside([sys.executable, "-c", code])
            assert process.stdin is not None and process.stdout is not None
            assert await asyncio.wait_for(process.stdout.readline(), DEADLINE) == b"hello\n"
            await run.instance.signal(signal.SIGKILL)
            await run.instance.wait()
            process.stdin.write(b"\n")
            assert await asyncio.wait_for(process.stdout.readline(), DEADLINE) == b"still here\n"
            await process.wait()

    asyncio.run(trial())


def test_end_of_process_and_end_of_output_are_two_events(project: Path) -> None:
    async def trial() -> None:
        async with started(service(project, "sh", "-c", "echo out; echo err >&2; exec sleep 1000")) as run:
            await run.wait_text("out")
            await run.instance.signal(signal.SIGKILL)
            await asyncio.wait_for(run.instance.wait(), DEADLINE)
            await asyncio.wait_for(run.instance.wait_output(), DEADLINE)
            assert run.text("stderr") == "err\n"
            assert sorted(piece.stream for piece in run.pieces if not piece.data) == ["stderr", "stdout"]

    asyncio.run(trial())


@needs_root
def test_memory_kill_is_told_from_any_other(project: Path) -> None:
    limits = Limits(memory=Sourced(48 << 20), pids=Sourced(64))
    hungry = "x = bytearray(200 << 20)"

    async def trial() -> None:
        run = await finished(service(project, PYTHON, "-c", hungry, limits=limits))
        ended = await run.instance.wait()
        assert any("memory 48 MiB: cgroup" in sentence for sentence in run.instance.enforcement), (
            run.instance.enforcement
        )
        assert (ended.code, ended.oom_kills >= 1) == (137, True)
        parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hungry!r}]); sys.exit(0)"
        run = await finished(service(project, PYTHON, "-c", parent, limits=limits))
        ended = await run.instance.wait()
        assert (ended.code, ended.oom_kills >= 1) == (0, True)

    asyncio.run(trial())


@needs_root
def test_every_limit_is_enforced_or_said_not_to_be(project: Path) -> None:
    limits = Limits(cpus=Sourced(0.5), cpu_shares=Sourced(512), cpuset=Sourced("0"), pids=Sourced(-1))
    run = asyncio.run(finished(service(project, "nproc", limits=limits)))
    words = dict(sentence.split(": ", 1) for sentence in run.instance.enforcement)
    assert set(words) == {"cpus 0.5", "cpu_shares 512", "cpuset 0"}
    assert all(how.startswith(("cgroup", "not enforced")) for how in words.values())
    if words["cpuset 0"].startswith("cgroup"):
        assert run.text().strip() == "1"


@needs_root
def test_pids_limit_holds(project: Path) -> None:
    code = (
        "import os, time\n"
        "n = 0\n"
        "try:\n"
        "    while n < 100:\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        n += 1\n"
        "except BlockingIOError: print('denied', n)\n"
    )
    run = asyncio.run(finished(service(project, PYTHON, "-c", code, limits=Limits(pids=Sourced(20)))))
    assert run.text().split() == ["denied", "19"], run.instance.enforcement


def test_machine_tells_what_it_can_enforce() -> None:
    machine = NativeEngine().machine()
    assert machine.engine == "native"
    assert {sentence.partition(":")[0] for sentence in machine.enforcement} == {"memory", "cpus", "pids"}


def test_network_of_the_machine_is_shared_where_that_is_asked_for(project: Path) -> None:
    async def trial() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            code = f"import socket; socket.create_connection(('friend', {port})).sendall(b'x'); print('sent')"
            options = {"network": "host", "hosts": {"friend": "127.0.0.1"}}
            run = await finished(service(project, PYTHON, "-c", code), **options)
            assert run.text().strip() == "sent", run.text("stderr")
            async with started(service(project, "sleep", "1000"), **options) as run:
                result = await run.instance.execute(["readlink", "/proc/1/ns/net"], timeout=DEADLINE)
                assert result.output.strip() == str(Path("/proc/self/ns/net").readlink())

    asyncio.run(trial())
