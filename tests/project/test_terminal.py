"""`exec` and `run` with a terminal, driven through a real one: a person's side is a pseudo-terminal of the test."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.project.conftest import Harness, shell

pytestmark = pytest.mark.slow

WAIT = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
INTERRUPTED = """sh -c 'trap "exit 44" INT; echo wait''ing; while :; do sleep 0.1; done'; echo code $?"""
"""A command in the foreground of a shell that says when Ctrl-C may come: before, it may hit the shell."""


class Seat:
    """A person before a terminal in which a command runs."""

    def __init__(self, project: Harness, *words: str, rows: int = 33, columns: int = 77) -> None:
        self.keyboard, self.screen = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.screen)
        self.seen = ""
        end = self.screen
        self.process: subprocess.Popen[str] = project.start(*words, stdin=end, stdout=end, stderr=end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.keyboard)
        os.close(self.screen)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def types(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def sees(self, text: str, within: float = 30.0) -> None:
        """Wait until a text is on the screen after what was waited for before."""
        end = time.monotonic() + within
        while text not in self.seen:
            ready, _, _ = select.select([self.keyboard], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} is not on the screen: {self.seen!r}"
            self.seen += os.read(self.keyboard, 65536).decode()
        self.seen = self.seen.partition(text)[2]

    def ends(self) -> int:
        """Wait for the end; what is still drawn is taken off the screen meanwhile."""
        end = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end: {self.seen!r}"
            if select.select([self.keyboard], [], [], 0.05)[0]:
                self.seen += os.read(self.keyboard, 65536).decode()
        assert termios.tcgetattr(self.screen) == self.before, "the terminal was not given back as it was"
        return self.process.returncode


@pytest.fixture
def web(project: Harness) -> Iterator[Harness]:
    """A project with a service that waits, as an ordinary user."""
    project.write("services:\n" + shell("web", WAIT, "    user: '1234'\n"))
    project.run("up", "-d")
    yield project


def test_command_gets_a_terminal_of_its_own_with_our_size(web: Harness) -> None:
    with Seat(web, "exec", "-it", "web", "sh") as seat:
        seat.types("tty; stty size; echo $TERM >$(tty); id -u\n")
        for text in ("/dev/pts/0", "33 77", "xterm", "1234"):
            seat.sees(text)
        seat.resize(22, 55)
        seat.process.send_signal(signal.SIGWINCH)
        seat.types("until stty size | grep '22 5'5; do :; done; exit 6\n")
        seat.sees("22 55")
        assert seat.ends() == 6


def test_ctrl_c_goes_to_the_command_and_ctrl_d_is_its_end_of_file(web: Harness) -> None:
    with Seat(web, "exec", "web", "sh") as seat:
        seat.types(f"{INTERRUPTED}\n")
        seat.sees("waiting")
        seat.types("\x03")
        seat.sees("code 44")
        seat.types("cat; exit 9\n")
        seat.types("ahoy\n\x04")
        seat.sees("ahoy\r\nahoy")
        assert seat.ends() == 9


def test_terminal_is_given_back_although_we_are_ended(web: Harness) -> None:
    with Seat(web, "exec", "web", "sh", "-c", "echo up; sleep 1000") as seat:
        seat.sees("up")
        seat.process.terminate()
        assert seat.ends() == 143


def test_without_a_terminal_none_is_made_and_none_can_be_had(web: Harness) -> None:
    assert web.run("exec", "web", "sh", "-c", "tty; cat", code=0, given="piped\n") == "not a tty\npiped\n"
    with web.start("exec", "-t", "web", "true") as process:
        _, error = process.communicate(timeout=30)
    assert (process.returncode, error.splitlines()[0]) == (2, "error: the input device is not a TTY")
    with Seat(web, "exec", "-T", "web", "sh", "-c", "test -t 0 && echo ours") as seat:
        seat.sees("ours")
        assert seat.ends() == 0


def test_one_service_in_the_foreground_has_our_terminal(project: Harness) -> None:
    with Seat(project, "run", "-it", "-q", "--", "sh") as seat:
        seat.types(f"tty; stty size; {INTERRUPTED}; exit 7\n")
        for text in ("/dev/console", "33 77", "waiting"):
            seat.sees(text)
        seat.types("\x03")
        seat.sees("code 44")
        assert seat.ends() == 7


def test_each_run_of_a_service_has_a_terminal(project: Harness) -> None:
    line = "tty; echo again; exit 3"
    with Seat(project, "run", "-it", "-q", "--restart", "on-failure:1", "--", "sh", "-c", line) as seat:
        seat.sees("/dev/console\r\nagain")
        seat.sees("/dev/console\r\nagain")
        assert seat.ends() == 3


def test_file_asks_for_a_terminal_which_is_there_where_ours_is(project: Harness) -> None:
    project.write("services:\n" + shell("web", "tty; cat", "    tty: true\n    stdin_open: true\n"))
    assert project.run("run", "-q", "web", given="piped\n") == "not a tty\npiped\n"
    with Seat(project, "run", "-q", "web") as seat:
        seat.sees("/dev/console")
        seat.types("typed\n")
        seat.sees("typed\r\ntyped")
        seat.types("\x04")
        assert seat.ends() == 0


def test_supervisor_knows_nothing_of_it_and_may_die(web: Harness) -> None:
    with Seat(web, "exec", "web", "sh") as seat:
        seat.types("echo be''gun\n")
        seat.sees("begun")
        os.kill(web.supervisor(), signal.SIGKILL)
        seat.types("echo still; exit 2\n")
        seat.sees("still")
        assert seat.ends() == 2
    assert Path(web.inspect("web")["LogPath"]).exists()


def test_menu_shows_watches_and_detaches(project: Harness) -> None:
    rule = "    develop: {watch: [{path: ., action: restart}]}\n"
    project.write("services:\n" + shell("web", "echo begins; exec sleep 999", rule))
    with Seat(project, "up", "--menu") as seat:
        seat.sees("v View   w Watch on/off   d Detach")
        seat.types("v")
        seat.sees("shop-web-1   busybox")
        seat.types("w")
        seat.sees("Watch enabled")
        seat.types("w")
        seat.sees("Watch disabled")
        seat.types("d")
        seat.sees("Detached")
        assert seat.ends() == 0
    assert project.rows()["web"]["State"] == "running"
    with project.start("up", "--menu") as process:  # nobody is there to press keys
        process.send_signal(signal.SIGINT)
        assert "v View" not in process.communicate(timeout=60)[1]
