"""Progress: one line per run on a terminal, one line per step elsewhere, none when quiet."""

from __future__ import annotations

import pytest

from seatrial.cli.progress import Board, progress
from seatrial.drill.options import Progress, Stage
from seatrial.model.recording import Scenario


def test_the_board_has_one_line_per_run_with_its_latest_step() -> None:
    board = Board(clock=lambda: 12.0)
    board.take(Progress(10.0, Scenario.STOP, Stage.STARTING))
    board.take(Progress(10.5, Scenario.INTERRUPT, Stage.STARTING))
    board.take(Progress(11.0, Scenario.STOP, Stage.SIGNALLED, "SIGTERM"))
    board.take(Progress(11.5, Scenario.INTERRUPT, Stage.DONE))
    assert board.lines(80) == ["   2.0 s  stop           signal sent: SIGTERM", "   1.0 s  interrupt      done"]


def test_the_board_fits_a_narrow_terminal_and_lets_no_control_through() -> None:
    board = Board(clock=lambda: 1.0)
    board.take(Progress(0.0, Scenario.STOP, Stage.WAITING, "\x1b[2J\r\npassword=hunter2 " + "x" * 200))
    (line,) = board.lines(40)
    assert len(line) == 39
    assert "\x1b" not in line
    assert "\r" not in line
    assert "hunter2" not in "".join(board.lines(400))


def test_elsewhere_each_step_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False, colour=False) as show:
        show(Progress(0.0, Scenario.STOP, Stage.READY, "health check"))
        show(Progress(0.0, Scenario.STOP, Stage.DONE))
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split("s  ", 1)[1] for line in err.splitlines()] == ["stop: ready: health check", "stop: done"]


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True, colour=False) as show:
        show(Progress(0.0, Scenario.STOP, Stage.READY))
    assert capsys.readouterr() == ("", "")
