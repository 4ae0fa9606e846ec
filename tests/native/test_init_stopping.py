"""seatrial-init's stop policy: delay, kill, waiting for descendants; the terminal; options and messages."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.requirements import require

from .native_programs import NAMESPACE, RUNNER, WITHIN, children_of, eventually, status_of

ROOT = Path(__file__).resolve().parents[2]


def test_a_stop_is_held_for_its_delay_and_a_second_one_skips_it(start, as_pid_1):
    program = start("-s", "--stop-delay", "1h", start.speaker, "15=0", as_pid_1=as_pid_1)
    program.ready()
    program.send(signal.SIGTERM)
    assert "serving on for 3600.000s" in program.wait_line("SIGTERM from")
    program.send(signal.SIGHUP)
    program.expect(1)
    program.send(signal.SIGTERM)
    program.wait_line("second SIGTERM")
    program.expect(15)
    assert program.code() == 0


def test_a_delayed_stop_is_passed_on_at_its_time(start):
    program = start("-s", "--stop-delay", "50ms", start.speaker, "15=5")
    program.ready()
    program.send(signal.SIGTERM)
    program.expect(15)
    assert program.code() == 5


def test_a_flood_of_other_signals_does_not_put_the_stop_off(start):
    program = start("-s", "--stop-delay", "50ms", start.speaker, "15=5")
    program.ready()
    program.send(signal.SIGTERM)
    while program.process.poll() is None:
        program.send(signal.SIGWINCH)
        if program.line() == "15":
            break
    assert program.code() == 5


def test_a_command_that_ends_during_the_delay_ends_it(start):
    program = start("-s", "--stop-delay", "1h", start.speaker, "1=7")
    program.ready()
    program.send(signal.SIGTERM, signal.SIGHUP)
    assert program.code() == 7


def test_what_a_stop_is_can_be_chosen(start):
    program = start("-s", "--stop-delay", "1h", "--stop-signal", "USR1,RTMIN+3", start.speaker)
    program.ready()
    program.send(signal.SIGTERM)
    program.expect(15)
    program.send(37)
    program.wait_line("SIGRTMIN+3 from")
    program.send(37)
    program.expect(37)


def test_who_outlives_its_time_is_named_and_killed(start, as_pid_1):
    program = start(
        "-s", "--kill-after", "60ms", "sh", "-c", f"{start.speaker} & exec {start.speaker}", as_pid_1=as_pid_1
    )
    program.ready(), program.ready()
    program.send(signal.SIGTERM)
    line = program.wait_line("still alive")
    assert line.count("speaker (") == 2 and "0.060s after SIGTERM" in line
    assert program.code() == 137


def test_killing_reaches_who_left_the_group(start, as_pid_1):
    program = start(
        "-s", "--kill-after=60ms", "sh", "-c", f"setsid {start.speaker} & exec {start.speaker}", as_pid_1=as_pid_1
    )
    program.ready(), program.ready()
    program.send(signal.SIGTERM)
    assert program.code() == 137


def test_a_command_that_ended_in_time_keeps_its_code_though_another_was_killed(start, as_pid_1):
    options = ("-s", "--kill-after=60ms")
    program = start(*options, "sh", "-c", f"{start.speaker} & exec {start.speaker} 15=5", as_pid_1=as_pid_1)
    program.ready(), program.ready()
    program.send(signal.SIGTERM)
    assert program.wait_line("still alive").count("speaker (") == 1
    assert program.code() == 5


@pytest.mark.slow
def test_pid_1_that_may_not_kill_says_so_and_ends_with_137(start, needs_pid_1):
    if os.geteuid() != 0:
        require("only root can be without CAP_KILL and start another user's program")
    become = "exec setpriv --reuid 65534 --regid 65534 --clear-groups sleep 1000"
    stop = 'until grep -q "^Uid:.65534" /proc/$$/status; do sleep 0.01; done; kill -TERM 1'
    command = ["sh", "-c", f'trap "" TERM; ({stop}) & {become}']
    lowered = ["setpriv", "--bounding-set=-kill", *start.command("seatrial-init")]
    ran = subprocess.run(
        [*NAMESPACE, *lowered, "--kill-after=50ms", "-e", "137=0", "--", *command],
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
        env=start.environment(),
    )
    assert ran.returncode == 137, ran.stderr
    assert "cannot pass SIGTERM on" in ran.stderr
    assert re.search(r"not ours to kill: sleep \(\d+\); ending with 137", ran.stderr), ran.stderr


def test_137_of_a_kill_is_never_mapped(start):
    program = start("-s", "--kill-after", "30ms", "-e", "137=0", start.speaker)
    program.ready()
    program.send(signal.SIGTERM)
    assert program.code() == 137
    assert start.run("-s", "-e", "137=0", "sh", "-c", "kill -9 $$").returncode == 0


def test_a_shell_that_dies_of_the_stop_does_not_take_its_program_along(start, as_pid_1):
    program = start("-s", "sh", "-c", f"{start.speaker} 15=0; true", as_pid_1=as_pid_1)
    program.ready()
    program.send(signal.SIGTERM)
    program.expect(15)
    assert program.code() == 143


def test_a_program_whose_shell_handled_the_stop_is_told_once_and_waited_for(start, as_pid_1):
    script = f"trap 'kill -TERM $p' TERM; {start.speaker} 10=0 & p=$!; wait $p; exit 9"
    program = start("-s", "sh", "-c", script, as_pid_1=as_pid_1)
    program.ready()
    child = program.wait_child()
    program.send(signal.SIGTERM)
    program.expect(15)
    eventually(lambda: child not in children_of(program.pid))
    assert program.process.poll() is None
    program.send(signal.SIGUSR1)
    program.expect(10)
    assert program.code() == 9


def test_with_the_group_told_all_are_waited_for(start, as_pid_1):
    program = start("-sg", "sh", "-c", f"{start.speaker} 15=0; true", as_pid_1=as_pid_1)
    program.ready()
    program.send(signal.SIGTERM)
    program.expect(15)
    assert program.code() == 143


def test_wait_all_never_ends_with_the_command(start, as_pid_1):
    program = start(
        "-s", "--wait-all=never", "sh", "-c", f"{start.speaker} & {start.speaker} & wait; wait", as_pid_1=as_pid_1
    )
    program.ready(), program.ready()
    program.send(signal.SIGTERM)
    assert program.code() == 143


@pytest.mark.parametrize("option", ["--wait-all", "--wait-all=always", "--wait-all=1"])
def test_wait_all_stays_while_a_descendant_is_left(start, option):
    program = start(option, "sh", "-c", f"{start.speaker} 12=0 & exit 4")
    program.ready()
    eventually(lambda: len(children_of(program.pid)) == 1 and "speaker" in program.comm(children_of(program.pid)[0]))
    assert program.process.poll() is None
    program.send(signal.SIGUSR2)
    program.expect(12)
    assert program.code() == 4


def test_without_a_stop_the_end_of_the_command_is_the_end(start):
    program = start("-s", "sh", "-c", f"{start.speaker} & exit 4")
    assert program.code() == 4


def test_a_descendant_in_a_session_of_its_own_is_waited_for_during_a_stop(start, as_pid_1):
    program = start(
        "-s", "sh", "-c", f"setsid {start.speaker} 10=0 & trap 'exit 6' TERM; echo set; wait", as_pid_1=as_pid_1
    )
    assert sorted([program.line().split()[0], program.line().split()[0]]) == ["ready", "set"]
    program.send(signal.SIGTERM)
    eventually(lambda: "speaker" in program.comm((children_of(program.pid) or [0])[-1]))
    program.send(signal.SIGUSR1)
    program.expect(10)
    assert program.code() == 6


# The terminal -------------------------------------------------------------------------------------


class Terminal:
    """A command in a session of its own on a new terminal."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            attributes = termios.tcgetattr(0)
            attributes[3] = attributes[3] & ~termios.ECHO | termios.NOFLSH  # else ^C throws away what was just printed
            termios.tcsetattr(0, termios.TCSANOW, attributes)
            os.execvpe(command[0], command, environment)
        self.output = b""

    def wait_output(self, part: bytes) -> None:
        """Reads on until `part` was printed, and forgets everything up to its end."""

        def seen() -> bool:
            if part not in self.output and select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError:  # the terminal's other end is closed
                    assert part in self.output, self.output
            return part in self.output

        eventually(seen)
        self.output = self.output.partition(part)[2]

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def foreground(self) -> int:
        return os.tcgetpgrp(self.master)

    def end(self) -> None:
        for pid in [*children_of(self.pid), self.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        os.waitpid(self.pid, 0)
        os.close(self.master)


@pytest.fixture
def terminal(start):
    opened = []

    def on_terminal(*command: str) -> Terminal:
        opened.append(Terminal(list(command), start.environment() | {"PS1": "$ "}))
        return opened[-1]

    yield on_terminal
    for one in opened:
        one.end()


@pytest.mark.parametrize("arguments", [["-s"], ["-s", "-g"], ["-c"], ["--setsid"], ["-s", "--same-group"]])
def test_the_interrupt_key_reaches_the_command_once(start, terminal, arguments):
    opened = terminal(*start.command("seatrial-init"), *arguments, start.speaker, "1=0")
    opened.wait_output(b"ready ")
    opened.type(b"\x03")
    opened.wait_output(b"2\r\n")
    os.kill(opened.pid, signal.SIGUSR1)
    opened.wait_output(b"10\r\n")
    assert b"2" not in opened.output


def test_the_command_has_the_foreground(start, terminal):
    opened = terminal(*start.command("seatrial-init"), "-s", "sh", "-c", "ps -o stat= -p $$; exec sed -u s/^/got-/")
    opened.wait_output(b"+")
    opened.type(b"hello\n")
    opened.wait_output(b"got-hello")


def test_a_suspended_command_suspends_the_init_and_the_shell_resumes_both(start, terminal):
    script = "echo $((40+1))-up; exec sed -u s/^/got-/"
    command = " ".join([*start.command("seatrial-init"), "-s", "sh", "-c", f"'{script}'"])
    opened = terminal("bash", "--norc", "-i")
    opened.wait_output(b"$ ")
    opened.type(command.encode() + b"\n")
    opened.wait_output(b"41-up")
    opened.type(b"one\n")
    opened.wait_output(b"got-one")
    opened.type(b"\x1a")
    opened.wait_output(b"Stopped")
    opened.wait_output(b"$ ")
    opened.type(b"echo the shell is $((40+2))\n")
    opened.wait_output(b"the shell is 42")
    opened.wait_output(b"$ ")
    opened.type(b"fg\n")
    opened.wait_output(b"exec sed")
    opened.type(b"two\n")
    opened.wait_output(b"got-two")
    opened.type(b"\x03")
    opened.wait_output(b"$ ")
    opened.type(b"echo back $?-$((40+3))\n")
    opened.wait_output(b"back 130-43")


@pytest.mark.usefixtures("needs_pid_1")
def test_the_suspend_key_cannot_stop_the_command_of_pid_1_for_good(start, terminal):
    init = start.command("seatrial-init")
    opened = terminal("unshare", "--pid", "--fork", "--kill-child", *init, "sed", "-u", "s/^/got-/")
    opened.type(b"one\n")
    opened.wait_output(b"got-one")
    opened.type(b"\x1a")
    opened.type(b"two\n")
    opened.wait_output(b"got-two")


def test_the_terminal_is_handed_back(start, terminal):
    command = " ".join([*start.command("seatrial-init"), "-s", "true"])
    opened = terminal("sh", "-c", f"{command}; read line; echo got $line")
    opened.type(b"input\n")
    opened.wait_output(b"got input")


def test_an_init_in_the_background_leaves_the_terminal_alone(start, terminal):
    command = " ".join([*start.command("seatrial-init"), "-s", start.speaker])
    opened = terminal("bash", "--norc", "-i")
    opened.wait_output(b"$ ")
    opened.type(command.encode() + b" &\n")
    opened.wait_output(b"ready ")
    assert opened.foreground() == os.getpgid(opened.pid)


# dumb-init's manners ------------------------------------------------------------------------------


def wait_state(program, stopped: bool) -> None:
    eventually(lambda: (program.state() == "T") == stopped)


def test_a_suspend_signal_suspends_an_init_with_dumb_inits_options(start):
    for arguments, received in ((["-c"], "20"), (["--setsid", "-r", "TSTP:HUP"], "1")):
        program = start(*arguments, start.speaker)
        program.ready()
        program.send(signal.SIGTSTP)
        program.expect(received)
        wait_state(program, stopped=True)
        program.send(signal.SIGCONT)
        program.expect(int(signal.SIGCONT))
        wait_state(program, stopped=False)


def test_in_a_session_of_its_own_a_suspend_signal_stops_both(start):
    program = start("--setsid", start.speaker)
    pid, *_ = program.ready()
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        program.send(number)
        eventually(lambda: program.state() == status_of(pid, "State")[0] == "T")
        program.send(signal.SIGCONT)
        program.expect(int(signal.SIGCONT))
        eventually(lambda: program.state() != "T" and status_of(pid, "State")[0] != "T")


@pytest.mark.slow
def test_called_dumb_init_it_tells_the_group_at_the_end(start, tmp_path, native_build):
    link = tmp_path / "dumb-init"
    link.symlink_to(native_build / "seatrial-init")
    environment = start.environment()
    with subprocess.Popen(
        [str(link), "sh", "-c", f"{start.speaker} & sleep 0.2"], stdout=subprocess.PIPE, env=environment
    ) as process:
        _, pid, *_ = process.stdout.readline().decode().split()
        assert process.stdout.readline() == b"15\n"
        os.kill(int(pid), signal.SIGKILL)
        assert process.wait(30) == 0


# Options and messages -----------------------------------------------------------------------------

ENVIRONMENT = {
    "SEATRIAL_INIT_REWRITE": ("15:10", 15, "10"),
    "SEATRIAL_INIT_EXIT_CODE": ("7=70", None, 70),
    "SEATRIAL_INIT_STOP_DELAY": ("20ms", 15, "15"),
    "SEATRIAL_INIT_GROUP": ("1", 10, "10"),
    "SEATRIAL_INIT_VERBOSE": ("3", 10, "10"),
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_options_come_from_the_environment(start, name):
    value, send, expected = ENVIRONMENT[name]
    if send is None:
        assert start.run("-s", "sh", "-c", "exit 7", env={name: value}).returncode == expected
        return
    program = start("-s", start.speaker, env={name: value})
    program.ready()
    program.send(send)
    program.expect(expected)


def test_the_command_line_wins_over_the_environment(start):
    assert start.run("-s", "-e", "7=1", "sh", "-c", "exit 7", env={"SEATRIAL_INIT_EXIT_CODE": "7=2"}).returncode == 1
    assert start.run("-s", "true", env={"SEATRIAL_INIT_EXIT_CODE": "x"}).returncode == 1
    assert start.run("-s", "true", env={"SEATRIAL_INIT_UNKNOWN": "x"}).returncode == 0


def test_a_flag_in_the_environment_can_be_off(start):
    for off in ("", "0", "no", "false", "off"):
        assert "zombie" in start.run("true", env={"SEATRIAL_INIT_SUBREAPER": off}).stderr


def test_peers_variables_work(start):
    assert "Received SIGCHLD" in start.run("-s", "true", env={"TINI_VERBOSITY": "3"}).stderr
    assert "Received SIGCHLD" in start.run("-s", "true", env={"DUMB_INIT_DEBUG": "1"}).stderr
    assert "Received SIGCHLD" in start.run("-s", "true", env={"CATATONIT_DEBUG": ""}).stderr
    assert start.run("true", env={"TINI_VERBOSITY": "0"}).stderr == ""
    program = start("-s", "sh", "-c", f"{start.speaker} 15=0 & wait; wait", env={"TINI_KILL_PROCESS_GROUP": ""})
    program.ready()
    program.send(signal.SIGTERM)
    program.expect(15)
    for value, own in (("0", False), ("1", True)):
        _, _, group, session = start(start.speaker, env={"DUMB_INIT_SETSID": value}).ready()
        assert (group != os.getpgid(0)) == own and (session != os.getsid(0)) == own


@pytest.mark.parametrize("flag", ["-h", "--help", "-V", "--version", "-l", "-L", "--license"])
def test_information_goes_to_standard_output(start, flag):
    result = start.run(flag)
    assert (result.returncode, result.stderr) == (0, "") and result.stdout.endswith("\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--"],
        ["--yolo", "true"],
        ["-Z", "true"],
        ["-r"],
        ["--rewrite"],
        ["-g", "--same-group", "true"],
        ["--stop-delay", "soon", "true"],
        ["--kill-after=-1", "true"],
        ["-p", "NOPE", "true"],
        ["--log-format", "xml", "true"],
        ["--wait-all=some", "true"],
        ["--drain-port", "0", "true"],
    ],
)
def test_a_usage_error_is_1_and_says_where_help_is(start, arguments):
    result = start.run(*arguments)
    assert result.returncode == 1
    assert "--help" in result.stderr or "hint:" in result.stderr or "exclude" in result.stderr


@pytest.mark.parametrize("value", ["1", "1s", "0.5s", "200ms", "2m", "1h", "0"])
def test_durations_are_understood(start, value):
    assert start.run("-s", "--stop-delay", value, "true").returncode == 0


def test_messages_name_the_sender(start):
    program = start("-s", "-v", start.speaker)
    program.ready()
    program.send(signal.SIGUSR1)
    assert re.fullmatch(
        rf"seatrial-init: SIGUSR1 from pid {os.getpid()} \(.+\), uid {os.getuid()}: SIGUSR1 for \d+",
        program.wait_line("SIGUSR1"),
    )


@pytest.mark.usefixtures("needs_pid_1")
def test_a_sender_outside_the_container_is_called_so(start):
    program = start("-v", start.speaker, as_pid_1=True)
    program.ready()
    program.send(signal.SIGUSR1)
    program.wait_line("SIGUSR1 from outside the container")


def test_messages_as_json_are_json_whatever_the_name(start, tmp_path):
    odd = tmp_path / 'a"b\\\n\x01é'
    odd.symlink_to(start.speaker)
    program = start("-s", "-vv", "--log-format", "json", str(odd), "15=0")
    program.ready()
    program.send(signal.SIGTERM)
    assert program.code() == 0
    lines = [json.loads(line) for line in program.process.stderr.read().decode("ascii").splitlines()]
    assert {line["level"] for line in lines} == {"info", "debug"}
    assert all(line["program"] == "seatrial-init" and line["message"] for line in lines)


def test_no_messages_on_request(start):
    assert start.run("-vv", "--log-format=none", "/does/not/exist").stderr == ""


def test_every_option_of_the_help_is_in_the_manual_and_in_the_documentation(start):
    options = set(re.findall(r"--[a-z][a-z-]+", start.run("--help").stdout))
    manual = (ROOT / "native" / "seatrial-init.1").read_text().replace("\\-", "-")
    documentation = (ROOT / "docs" / "init.md").read_text()
    assert len(options) > 20
    assert {name for name in options if name not in manual} == set()
    assert {name for name in options if name not in documentation} == set()


WORDS = st.one_of(
    st.sampled_from(
        [
            "-g",
            "-s",
            "-v",
            "-w",
            "-e",
            "-r",
            "-p",
            "-c",
            "--",
            "--setsid",
            "--drain",
            "--stop-delay=1",
            "--rewrite",
            "--exit-code=",
            "--wait-all",
            "-",
            "",
        ]
    ),
    st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=12),
    st.from_regex(r"--?[a-z-]{0,14}(=[0-9:,A-Za-z.+]{0,12})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,24}[:=smh,.]?[0-9A-Z+]{0,8}", fullmatch=True),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(words=st.lists(WORDS, max_size=6), variable=WORDS)
def test_whatever_the_options_are_it_ends_with_a_code(native_build, words, variable):
    words = [word for word in words if not re.match(r"-[a-zA-Z]*P|--pause", word)]
    environment = (
        {"PATH": "/nowhere", "ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "SEATRIAL_INIT_REWRITE": variable}
        if len(words) > 4
        else {"PATH": "/nowhere"}
    )
    command = [*RUNNER, str(native_build / "seatrial-init"), *words, "nothing"]
    result = subprocess.run(command, check=False, capture_output=True, timeout=30, env=environment)
    assert result.returncode in (0, 1, 126, 127), result
