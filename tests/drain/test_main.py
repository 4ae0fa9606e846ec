"""`python -m seatrial.drain -- COMMAND`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.drain import __main__ as command
from tests.requirements import missing_module, require

PYTHON = sys.executable
SERVING = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("told", flush=True), sys.exit(7)))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


def test_our_own_options_go_into_the_environment() -> None:
    assert command.split(["--lag", "3", "--grace", "30", "--", "gunicorn", "-w", "2"]) == ["gunicorn", "-w", "2"]
    assert (os.environ["SEATRIAL_LAG"], os.environ["SEATRIAL_GRACE"]) == ("3", "30")


@pytest.mark.parametrize("arguments", [[], ["--"], ["--unknown"], ["--lag"]])
def test_a_command_is_needed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(arguments) == 2
    assert "seatrial.drain: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["gunicorn", "a:b"], "gunicorn"),
        (["/usr/bin/uvicorn", "a:b"], "uvicorn"),
        (["python3.11", "-m", "uvicorn", "a:b"], "uvicorn"),
        (["waitress-serve", "a:b"], "waitress"),
    ],
)
def test_servers_are_known_by_their_command(argv: list[str], name: str) -> None:
    found = command.known(argv)
    assert found is not None
    assert (found[0].__name__, found[1][-1]) == (name, "a:b")


def test_other_programs_are_not_known() -> None:
    assert command.known(["node", "server.js"]) is None
    assert command.known(["python", "-m", "http.server"]) is None


@pytest.mark.slow
@pytest.mark.parametrize("argv", [["uvicorn", "--reload", "a:b"], ["uvicorn", "--workers", "2", "--reload", "a:b"]])
def test_what_can_not_be_drained_is_refused_with_a_hint(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    require(missing_module("uvicorn"))
    assert command.main(["--", *argv]) == 2
    assert "--reload is not drained\nhint: " in capsys.readouterr().err


@pytest.mark.parametrize("server", ["hypercorn", "granian"])
def test_a_server_whose_command_only_gets_the_lag_says_what_to_do(
    server: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seatrial.drain.hold.run", len)
        assert command.main(["--", str(tmp_path / server), "app:app"]) == 2
    err = capsys.readouterr().err
    assert f"{server}'s own command only gets the lag\nhint: seatrial.drain.serve.{server}(app)" in err


@pytest.mark.parametrize("argument", ["-c", "--config=x.py", "-cx.py"])
def test_gunicorn_with_a_configuration_of_its_own_is_told_what_to_do(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--", "gunicorn", argument, "app:app"]) == 2
    assert "hint: in that file, from seatrial.drain.gunicorn import *" in capsys.readouterr().err


class Held:
    """A program behind the holder."""

    def __init__(self, *options: str, code: str = SERVING, environment: dict[str, str] | None = None) -> None:
        argv = [PYTHON, "-m", "seatrial.drain", *options, "--", PYTHON, "-c", code]
        self.process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def ended(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, out


@pytest.mark.slow
def test_a_program_gets_the_signal_after_the_lag(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    held = Held("--lag", "1", environment={"SEATRIAL_READY_FILE": str(ready)})
    assert ready.exists()
    begun = time.monotonic()
    held.process.send_signal(signal.SIGTERM)
    assert held.ended() == (7, "told\n")
    assert time.monotonic() - begun >= 0.9
    assert not ready.exists()


@pytest.mark.slow
def test_a_second_signal_ends_the_lag() -> None:
    held = Held("--lag", "600")
    held.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)  # two at once are one: signals do not queue (signal(7))
    held.process.send_signal(signal.SIGINT)
    assert held.ended() == (7, "told\n")


@pytest.mark.slow
def test_a_third_signal_kills_and_the_code_says_so() -> None:
    deaf = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    held = Held("--lag", "600", code=deaf)
    for _ in range(3):
        held.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    assert held.ended()[0] == 137


@pytest.mark.slow
def test_a_program_that_does_not_end_in_time_is_killed_and_the_code_says_so() -> None:
    deaf = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    held = Held("--grace", "1", code=deaf)
    held.process.send_signal(signal.SIGTERM)
    assert held.ended()[0] == 124


def test_a_lag_that_leaves_no_time_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--lag", "10", "--grace", "5", "--", "node", "server.js"]) == 2
    assert "a lag of 10 s leaves no time in a grace period of 5 s" in capsys.readouterr().err


@pytest.mark.slow
def test_a_program_that_is_missing_gives_127() -> None:
    argv = [PYTHON, "-m", "seatrial.drain", "--", "/does/not/exist"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, "No such file" in done.stderr) == (127, True)


@pytest.mark.slow
def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import seatrial.drain; new = set(sys.modules) - before;"
        "print(sorted(name for name in new if not name.startswith('seatrial')))"
    )
    done = subprocess.run(
        [PYTHON, "-S", "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "['__future__']"
