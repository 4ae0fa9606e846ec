"""What every init owes: the command runs as it would alone, signals reach it, its end is ours, orphans are reaped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from .native_programs import ROOT, children_of, eventually, status_of

FORWARDED = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, 32, 33)]


@pytest.mark.parametrize("code", [0, 1, 2, 42, 126, 127, 128, 255])
def test_ends_with_the_code_of_the_command(start, code):
    assert start.run("-s", "sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize("name", ["HUP", "INT", "TERM", "KILL", "SEGV", "ABRT"])
def test_ends_with_128_plus_the_signal_that_ended_the_command(start, name):
    result = start.run("-s", "sh", "-c", f"ulimit -c 0; kill -{name} $$")
    assert result.returncode == 128 + getattr(signal, f"SIG{name}")


def test_a_command_that_does_not_exist_is_127(start):
    result = start.run("-s", "/does/not/exist")
    assert (result.returncode, result.stderr) == (127, "seatrial-init: /does/not/exist: No such file or directory\n")
    assert start.run("-s", "does-not-exist").returncode == 127
    assert start.run("-s", "").returncode == 127
    assert start.run("-s", "/dev/null/x").returncode == 127


def test_a_command_that_cannot_be_executed_is_126(start, tmp_path):
    (tmp_path / "data").write_text("x")
    assert start.run("-s", str(tmp_path / "data")).returncode == 126
    assert start.run("-s", str(tmp_path)).returncode == 126
    assert "Permission denied" in start.run("-s", "data", env={"PATH": str(tmp_path)}).stderr


def test_a_script_without_an_interpreter_line_is_run_by_the_shell(start, tmp_path):
    (tmp_path / "script").write_text('echo "$0 $1 $#"; exit 3')
    (tmp_path / "script").chmod(0o755)
    result = start.run("-s", "script", "a b", "c", env={"PATH": f"/nowhere:{tmp_path}"})
    assert (result.returncode, result.stdout) == (3, f"{tmp_path}/script a b 2\n")


def test_the_first_executable_in_path_is_taken(start, tmp_path):
    for place, mode in (("one", 0o644), ("two", 0o755), ("three", 0o755)):
        (tmp_path / place).mkdir()
        (tmp_path / place / "tool").write_text(f"#!/bin/sh\necho {place}\n")
        (tmp_path / place / "tool").chmod(mode)
    path = ":".join(str(tmp_path / place) for place in ("one", "two", "three"))
    assert start.run("-s", "tool", env={"PATH": path}).stdout == "two\n"


def test_without_path_the_usual_places_are_searched(start):
    environment = start.environment()
    del environment["PATH"]
    result = subprocess.run(
        [*start.command("seatrial-init"), "-s", "true"], check=False, env=environment, capture_output=True
    )
    assert result.returncode == 0


def test_options_end_at_the_command(start):
    assert start.run("-s", "echo", "-v", "--help", "-l").stdout == "-v --help -l\n"
    assert start.run("-s", "--", "echo", "--", "x").stdout == "-- x\n"
    assert start.run("-s", "--", "--", "true").returncode == 127


def test_every_signal_reaches_the_command_once(start, as_pid_1):
    program = start("-s", start.speaker, as_pid_1=as_pid_1)
    program.ready()
    for number in FORWARDED:
        program.send(number)
        program.expect(number)
    program.send(signal.SIGUSR1)
    program.expect(int(signal.SIGUSR1))


def test_a_child_signal_sent_by_somebody_is_forwarded_too(start):
    program = start("-s", start.speaker)
    program.ready()
    program.send(signal.SIGCHLD)
    program.expect(int(signal.SIGCHLD))


def test_the_end_by_a_forwarded_signal(start, as_pid_1):
    program = start("-s", "sleep", "100", as_pid_1=as_pid_1)
    program.wait_child()
    program.send(signal.SIGTERM)
    assert program.code() == 143


def test_the_command_leads_a_group_of_its_own(start):
    pid, parent, group, session = (program := start("-s", start.speaker)).ready()
    assert (group, parent, session) == (pid, program.pid, os.getsid(0))


def test_same_group_leaves_the_command_in_ours(start):
    _, _, group, _ = start("-s", "--same-group", start.speaker).ready()
    assert group == os.getpgid(0)


def test_setsid_gives_the_command_a_session(start):
    pid, _, group, session = start("--setsid", start.speaker).ready()
    assert pid == group == session


@pytest.mark.parametrize("how", [["-g"], ["--group"], ["--setsid"], ["-sg"], ["-gs"]])
def test_the_group_gets_the_signal(start, how):
    program = start("-s", *how, "sh", "-c", f"{start.speaker} 15=0 & {start.speaker} 15=0 & wait; wait; exit 3")
    program.ready(), program.ready()
    program.send(signal.SIGTERM)
    program.expect(15, 15)
    assert program.code() == 143


def test_the_command_alone_gets_the_signal_by_default(start):
    program = start("-s", "sh", "-c", f"trap 'echo shell' USR1; {start.speaker} & wait; wait")
    program.ready()
    program.send(signal.SIGUSR1)
    program.expect("shell")
    program.send(signal.SIGKILL)


@pytest.mark.parametrize(
    ("rules", "sent", "received"),
    [
        (["-r", "15:3"], 15, 3),
        (["--rewrite", "TERM:QUIT"], 15, 3),
        (["--rewrite=SIGTERM:SIGQUIT,HUP:10"], 1, 10),
        (["-r1:64", "-r", "64:1"], 1, 64),
        (["-r", "TERM:RTMIN+3"], 15, 37),
    ],
)
def test_a_signal_is_rewritten(start, rules, sent, received):
    program = start("-s", *rules, start.speaker)
    program.ready()
    program.send(sent)
    program.expect(received)


def test_a_signal_rewritten_to_nothing_is_dropped(start):
    program = start("-s", "-r", "15:0", "-r", "USR1:0", start.speaker)
    program.ready()
    program.send(signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    program.expect(int(signal.SIGUSR2))


@pytest.mark.parametrize(
    "rule", ["", "15", "15:", ":15", "15:12:1", "0:1", "65:1", "1:65", "1:32", "33:1", "herp:derp", "15 :1", "-1:2"]
)
def test_a_rewrite_that_is_none_is_refused(start, rule):
    result = start.run("-s", "-r", rule, "true")
    assert result.returncode == 1
    assert "rewrite" in result.stderr and "hint:" in result.stderr


@pytest.mark.parametrize(
    ("mapping", "code", "expected"),
    [("143", 143, 0), ("3=0", 3, 0), ("3=77", 3, 77), ("3", 4, 4), ("1,2,3=9", 3, 9), ("0=5", 0, 5)],
)
def test_exit_codes_are_mapped(start, mapping, code, expected):
    assert start.run("-s", "-e", mapping, "sh", "-c", f"exit {code}").returncode == expected


@pytest.mark.parametrize("mapping", ["", "256", "-1", "1=", "1=256", "x", "1=2=3", "1,,2"])
def test_a_mapping_that_is_none_is_refused(start, mapping):
    assert start.run("-s", "-e", mapping, "true").returncode == 1


def inherited(blocked: set[int], ignored: set[int]):
    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    return prepare


@pytest.mark.parametrize("arguments", [[], ["-g"], ["-c"], ["--setsid"]])
def test_mask_and_ignored_signals_are_the_commands_as_inherited(start, arguments):
    blocked = {signal.SIGTERM, signal.SIGILL, signal.SIGTTIN, signal.SIGRTMIN}
    ignored = {signal.SIGINT, signal.SIGSEGV, signal.SIGTTOU, signal.SIGCHLD, signal.SIGHUP}
    prepare = inherited(blocked, ignored)
    alone = subprocess.run(
        ["grep", "^Sig", "/proc/self/status"], preexec_fn=prepare, capture_output=True, text=True, check=False
    )
    under = start.run("-s", *arguments, "grep", "^Sig", "/proc/self/status", preexec_fn=prepare)
    wanted = [line for line in alone.stdout.splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]
    assert [line for line in under.stdout.splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt"))] == wanted


def test_started_with_every_signal_ignored_or_blocked_it_still_ends(start, as_pid_1):
    catchable = {n for n in range(1, 32) if n not in (signal.SIGKILL, signal.SIGSTOP)}
    assert (
        start("-s", "sh", "-c", "exit 3", as_pid_1=as_pid_1, preexec_fn=inherited(set(), {signal.SIGCHLD})).code() == 3
    )
    assert start("-s", "sh", "-c", "exit 4", preexec_fn=inherited(catchable, catchable)).code() == 4


def test_an_ignored_signal_is_forwarded_all_the_same(start):
    program = start("-s", start.speaker, preexec_fn=inherited(set(), {signal.SIGHUP}))
    program.ready()
    program.send(signal.SIGHUP)
    program.expect(1)


def test_the_command_keeps_the_working_directory_and_the_init_holds_none(start, tmp_path):
    program = start("-s", "sh", "-c", f"pwd; exec {start.speaker}", cwd=tmp_path)
    program.expect(tmp_path)
    program.ready()
    assert Path(f"/proc/{program.pid}/cwd").readlink() == Path("/")


def descriptors_of(pid: int) -> set[str]:
    return {entry.name for entry in Path(f"/proc/{pid}/fd").iterdir()}


@pytest.mark.usefixtures("needs_pid_1")
def test_the_command_keeps_the_descriptors_and_the_init_holds_three(start):
    read, write = os.pipe()
    program = start("-s", "sh", "-c", f"echo through > /proc/self/fd/{write}; exec {start.speaker}", pass_fds=[write])
    os.close(write)
    program.ready()
    assert os.read(read, 100) == b"through\n"
    eventually(lambda: descriptors_of(program.pid) == {"0", "1", "2"})
    program.send(signal.SIGKILL)
    os.close(read)


def test_socket_activation_names_the_command(start):
    program = start("-s", "sh", "-c", "echo $LISTEN_PID $$", env={"LISTEN_PID": "1"})
    assert program.line().split()[0] == "1"
    shell = [
        "sh",
        "-c",
        'LISTEN_PID=$$ exec "$@"',
        "sh",
        *start.command("seatrial-init"),
        "-s",
        "sh",
        "-c",
        "echo $LISTEN_PID $$",
    ]
    result = subprocess.run(shell, check=False, capture_output=True, text=True, env=start.environment())
    listen, own = result.stdout.split()
    assert listen == own


def test_orphans_are_reaped(start, as_pid_1):
    program = start("-s", start.speaker, "orphans", "50", as_pid_1=as_pid_1)
    program.ready()
    command = program.wait_child()
    eventually(lambda: children_of(program.pid) == [command])


def test_not_pid_1_and_no_subreaper_is_said(start):
    assert "zombie reaping won't work" in start.run("true").stderr
    assert start.run("-q", "true").stderr == ""
    for ours in ({"SEATRIAL_INIT_SUBREAPER": "1"}, {"TINI_SUBREAPER": ""}):
        assert start.run("true", env=ours).stderr == ""


@pytest.mark.usefixtures("needs_pid_1")
def test_pid_1_says_nothing(start):
    program = start("true", as_pid_1=True)
    assert program.code() == 0
    assert program.line("stderr") == ""


def test_reaped_orphans_are_told_on_request(start):
    program = start("-sw", start.speaker, "orphans", "1")
    program.ready()
    program.wait_line("Reaped zombie process with pid=")


def test_the_init_is_told_of_its_parents_end_and_passes_it_on(start, tmp_path):
    command = " ".join(start.command("seatrial-init"))
    told = tmp_path / "told"
    script = f"trap 'echo told > {told}; exit 0' USR1; kill -KILL $PARENT; while :; do sleep 0.01; done"
    outer = 'export PARENT=$$; "$@" & wait'
    program = subprocess.Popen(
        ["sh", "-c", outer, "sh", *command.split(), "-s", "-p", "USR1", "sh", "-c", script], env=start.environment()
    )
    assert program.wait(30) == -signal.SIGKILL
    eventually(lambda: told.exists() and told.read_text() == "told\n")


@pytest.mark.usefixtures("needs_pid_1")
def test_the_command_is_told_of_the_inits_end(start):
    program = start("-s", "-p", "USR2", start.speaker, "12=0")
    program.ready()
    os.kill(program.pid, signal.SIGKILL)
    program.expect(int(signal.SIGUSR2))


def test_a_stopped_command_obeys_a_stop(start):
    program = start("-s", "sleep", "100")
    child = program.wait_child()
    eventually(lambda: program.comm(child) == "sleep")
    os.kill(child, signal.SIGSTOP)
    eventually(lambda: status_of(child, "State")[0] == "T")
    wait_asleep(program)  # without a terminal the init is not suspended with it
    program.send(signal.SIGTERM)
    assert program.code() == 143


def wait_asleep(program) -> None:
    eventually(lambda: program.state() == "S")


def test_pause_reaps_and_ends_at_a_stop(start, as_pid_1):
    for number in (signal.SIGTERM, signal.SIGINT):
        program = start("-s", "--pause", as_pid_1=as_pid_1)
        wait_asleep(program)
        program.send(signal.SIGHUP, number)
        assert program.code() == 0


@pytest.mark.slow
@pytest.mark.usefixtures("needs_pid_1")
def test_an_idle_init_does_not_wake_up(start):
    program = start("-s", "--stop-delay=1s", "--drain=1s", "--kill-after=1s", start.speaker)
    program.ready()
    eventually(lambda: program.state() == "S")
    before = status_of(program.pid, "voluntary_ctxt_switches")
    subprocess.run(["sleep", "0.3"], check=True)
    assert status_of(program.pid, "voluntary_ctxt_switches") == before


def test_a_full_standard_error_does_not_block_the_init(start):
    read, write = os.pipe()
    os.set_blocking(write, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(write, b"x" * 65536)
    os.set_blocking(write, True)
    program = subprocess.Popen(
        [*start.command("seatrial-init"), "-s", "-vv", "sh", "-c", "exit 6"], stderr=write, env=start.environment()
    )
    try:
        assert program.wait(30) == 6
    finally:
        program.kill()
        os.close(read), os.close(write)


def test_a_closed_standard_error_harms_nobody(start):
    program = start("-s", "-vv", start.speaker)
    program.ready()
    program.process.stderr.close()
    program.send(signal.SIGUSR1, signal.SIGHUP)
    assert {program.line(), program.line()} == {"1", "10"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seatrial-init", "seatrial-probe", "seatrial-shim"])
def test_the_same_source_gives_the_same_bytes_wherever_it_lies(native_build, tmp_path, name):
    made = []
    for place in (tmp_path / "a", tmp_path / "another-place-of-a-longer-name" / "b"):
        shutil.copytree(ROOT / "native", place / "native", ignore=shutil.ignore_patterns("build"))
        (place / "src" / "seatrial").mkdir(parents=True)
        shutil.copy(ROOT / "src" / "seatrial" / "__init__.py", place / "src" / "seatrial")
        target = place / "native" / "build" / name
        subprocess.run(["make", "-s", "-C", str(place / "native"), str(target)], check=True)
        made.append(target.read_bytes())
    assert made[0] == made[1]
