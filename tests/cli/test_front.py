"""Every end has its exit code, and no stream can make us fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.cli import arguments, front
from seatrial.engine.interface import StartError
from seatrial.model.errors import InputError, NothingFoundError, UnsupportedError
from seatrial.model.place import Place

SEATRIAL = [sys.executable, "-m", "seatrial"]


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def dispatch(_argv: object) -> int:
        raise error

    monkeypatch.setattr(arguments, "dispatch", dispatch)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            InputError("is wrong", place=Place("a.yaml", 2, 3), hint="right"),
            2,
            "error: a.yaml:2:3: is wrong\nhint: right\n",
        ),
        (NothingFoundError("nothing"), 3, "error: nothing\n"),
        (UnsupportedError("cannot", hint="one\ntwo"), 4, "error: cannot\nhint: one\nhint: two\n"),
        (StartError("mount", "no", hint=""), 4, "error: mount: no\n"),
        (
            ModuleNotFoundError("x", name="rich.text"),
            4,
            "error: this command needs rich.text: pip install 'seatrial[cli]'\n",
        ),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (InputError("is not JSON", place=Place("/etc/passwd", 1)), 2, "error: /etc/passwd:1:1: is not JSON\n"),
        (InputError("\x1b[2Jpassword=hunter2"), 2, "error: password=[redacted]\n"),
    ],
)
def test_bad_news_has_a_code_and_a_message(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, error)
    assert front.run(["drill"]) == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    "error", [RuntimeError("oops"), OSError(5, "oops"), ModuleNotFoundError("oops", name="nonsense")]
)
def test_a_bug_of_ours_shows_its_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, error)
    assert front.run(["drill"]) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "please report" in err


def finished(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell line with `$seatrial` in it."""
    shown = {**os.environ, "seatrial": " ".join(SEATRIAL), **environment}
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=shown, timeout=60, check=False)


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    # The reader is gone before the first byte: it ends while the writer waits for it.
    told = finished("{ $seatrial list; echo $? >&2; } | true")
    assert told.stderr == "0\n"


def test_a_full_disk_is_told() -> None:
    told = finished("$seatrial list > /dev/full")
    assert (told.returncode, told.stderr) == (4, "error: the output cannot be written: No space left on device\n")


def test_a_full_disk_is_told_of_a_report_that_no_buffer_holds(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "Dockerfile").write_text("FROM node\nCOPY . .\nCMD npm start\n")
    told = finished(f"cd {tmp_path} && $seatrial check --no-cache > /dev/full")
    assert (told.returncode, told.stderr) == (4, "error: the output cannot be written: No space left on device\n")


def test_closed_streams_are_no_error() -> None:
    assert finished("$seatrial list >&-").returncode == 0
    assert finished("$seatrial nonsense 2>&-").returncode == 2


def test_output_without_unicode_is_no_error() -> None:
    told = finished("$seatrial list", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert told.returncode == 0
    assert told.stdout.isascii()


def test_the_light_commands_import_nothing_heavy() -> None:
    heavy = ("rich", "jinja2", "yaml", "asyncio", "seatrial.model.recording", "seatrial.drill.trial", "tempfile")
    code = (
        "import sys; from seatrial.cli import front; front.run(sys.argv[1:]);"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    for words in (["--version"], ["list"], ["explain", "stops-in-time"]):
        told = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=True
        )
        assert told.stderr == "[]\n"
    version = "import sys; from seatrial.cli import front; front.run(['-V']); print('argparse' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", version], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.endswith("False\n")
