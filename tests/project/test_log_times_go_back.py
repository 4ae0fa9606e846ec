"""A log whose clock was stepped back while it was written: no line is lost, or shown twice, or out of its order."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from seatrial.engine.logs.interface import LogSource
from seatrial.engine.logs.reading import Window
from seatrial.engine.logs.rendering import Style
from seatrial.engine.logs.showing import ShowOptions, render_logs

HOURS = ("12", "13", "11", "12", "14")
"""The clock goes back by two hours after the second line."""


@pytest.fixture
def logs(tmp_path: Path) -> Callable[[], LogSource]:
    numbers = count(1)

    def made() -> LogSource:
        path = tmp_path / f"{next(numbers)}.log"
        records = [
            {"log": f"{number}\n", "stream": "stdout", "time": f"2026-01-02T{hour}:00:00Z"}
            for number, hour in enumerate(HOURS)
        ]
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return LogSource(path.stem, path, lambda: True)

    return made


def shown(sources: list[LogSource], window: Window, style: Style | None = None, *, follow: bool = False) -> str:
    found = b""

    def write(_stream: str, data: bytes) -> None:
        nonlocal found
        found += data

    render_logs(sources, ShowOptions(window, style or Style(), follow=follow), write)
    return found.decode()


def seconds(hour: int) -> int:
    return (1767312000 + hour * 3600) * 1_000_000_000  # 2026-01-02


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize(
    ("window", "lines"),
    [
        (Window(), "01234"),
        (Window(tail=3), "234"),
        (Window(since=seconds(13)), "1234"),  # nothing is left out after the first that is late enough
        (Window(since=seconds(14)), "4"),
        (Window(until=seconds(12)), "0"),  # the first that is too late ends it
    ],
)
def test_one_log(logs: Callable[[], LogSource], window: Window, lines: str, follow: bool) -> None:
    assert shown([logs()], window, follow=follow) == "".join(f"{line}\n" for line in lines)


def test_each_of_two_logs_keeps_its_own_order(logs: Callable[[], LogSource]) -> None:
    found = shown([logs(), logs()], Window(), Style(prefix=True)).splitlines()
    for name in ("1", "2"):
        assert [line.rpartition(" ")[2] for line in found if line.startswith(name)] == list("01234")
