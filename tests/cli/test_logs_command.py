"""`seatrial logs`: the flags of `docker logs` and `docker compose logs`, what goes where, and the exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest

from seatrial.cli import logs_arguments, logs_command
from seatrial.engine.logs.interface import LogSource
from seatrial.engine.logs.moments import Now
from seatrial.engine.logs.reading import Window
from seatrial.engine.logs.rendering import Style
from seatrial.engine.logs.showing import ShowOptions
from seatrial.model.errors import InputError
from tests.engine.logs.writer import START, record_bytes

NOW = Now(1_763_733_600_000_000_000)


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    logs_arguments.add_arguments(parser)
    return parser.parse_args(argv)


def options(*argv: str, single: bool = False, color: bool = True) -> ShowOptions:
    return logs_arguments.show_options(parsed(*argv), str, NOW, single=single, color=color)


def test_defaults_are_composes() -> None:
    assert options() == ShowOptions(Window(), Style(prefix=True, color=True), report=str)
    assert options(color=False).style == Style(prefix=True)


def test_flags_are_dockers() -> None:
    given = options("web", "-f", "--since", "1m", "--until=1763733599", "-n", "5", "-t", "--details", "--docker-quirks")
    window = Window(1_763_733_540_000_000_000, 1_763_733_599_000_000_000, 5)
    style = Style(timestamps=True, details=True, prefix=True, color=True)
    assert given == ShowOptions(window, style, follow=True, docker_quirks=True, report=str)


@pytest.mark.parametrize(("flag", "style"), [("--no-color", Style(prefix=True)), ("--no-log-prefix", Style())])
def test_colours_and_names_can_be_left_out(flag: str, style: Style) -> None:
    assert options(flag).style == style


def test_one_instance_that_was_named_has_no_prefix() -> None:
    assert options("web", single=True).style == Style()


@pytest.mark.parametrize(("text", "tail"), [("all", None), ("0", 0), ("12", 12), ("-1", None), ("many", None)])
def test_tail_is_a_number_and_all_else_is_all(text: str, tail: int | None) -> None:
    assert logs_arguments.parse_tail(text) == tail


def test_time_that_can_not_be_read_names_its_flag() -> None:
    with pytest.raises(InputError, match="--until"):
        options("--until", "tomorrow")


@pytest.fixture
def log(tmp_path: Path) -> LogSource:
    """A log with a line for each stream, and garbage."""
    raw = record_bytes("out\n") + record_bytes("err\n", START + 1, "stderr") + b"garbage\n"
    (tmp_path / "web.log").write_bytes(raw)
    return LogSource("web-1", tmp_path / "web.log", lambda: True)


def test_streams_go_to_their_own(log: LogSource, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert logs_command.show([log], parsed("web")) == 0
    said = capfdbinary.readouterr()
    assert said.out == b"out\n"
    assert b"err\n" in said.err
    assert b"warning: web-1: web.log: 1 line is no record and was skipped" in said.err


def test_several_go_to_stdout_with_their_names(log: LogSource, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert logs_command.show([log, LogSource("db-1", log.path.with_name("none"))], parsed()) == 0
    assert capfdbinary.readouterr().out == b"web-1  | out\nweb-1  | err\n"


def test_reader_that_goes_away_is_no_error(log: LogSource, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", gone)
        assert logs_command.show([log], parsed("web")) == 0
