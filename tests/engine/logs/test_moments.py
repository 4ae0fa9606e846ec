"""The moments of --since and --until in all the forms that Docker's command line takes."""

from __future__ import annotations

import pytest

from seatrial.engine.logs.moments import Now, parse_duration, parse_moment
from seatrial.engine.logs.records import parse_time
from seatrial.model.errors import InputError

NOW = Now(1_763_733_600_700_000_000, zone=3600)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("42m", 1_763_733_600_000_000_000 - 42 * 60 * 10**9),
        ("1h30m", 1_763_733_600_000_000_000 - 90 * 60 * 10**9),
        ("1.5s", 1_763_733_599_000_000_000),
        ("-1m", 1_763_733_660_000_000_000),
        ("500ms", 1_763_733_600_000_000_000),
        ("0", 0),
        ("1136073600", 1_136_073_600_000_000_000),
        ("1136073600.000000001", 1_136_073_600_000_000_001),
        ("1136073600.5", 1_136_073_600_500_000_000),
        ("1136073600.12345678901", 1_136_073_600_123_456_789),
        ("2013-01-02T13:23:37Z", parse_time("2013-01-02T13:23:37Z")),
        ("2013-01-02T13:23:37.000000001Z", parse_time("2013-01-02T13:23:37.000000001Z")),
        ("2013-01-02T13:23:37.25+02:00", parse_time("2013-01-02T11:23:37.25Z")),
        ("2013-01-02T13:23:37.25-02:00", parse_time("2013-01-02T15:23:37.25Z")),
        ("2013-01-02T13:23:37", parse_time("2013-01-02T12:23:37Z")),
        ("2013-01-02T13:23:37.5", parse_time("2013-01-02T12:23:37.5Z")),
        ("2013-01-02T13:23", parse_time("2013-01-02T12:23:00Z")),
        ("2013-01-02T13:23Z", parse_time("2013-01-02T13:23:00Z")),
        ("2013-01-02T13", parse_time("2013-01-02T12:00:00Z")),
        ("2013-01-02T13+01:00", parse_time("2013-01-02T12:00:00Z")),
        ("2013-01-02", parse_time("2013-01-01T23:00:00Z")),
        ("2013-01-02Z", parse_time("2013-01-02T00:00:00Z")),
        ("2013-01-02-02:00", parse_time("2013-01-02T02:00:00Z")),
    ],
)
def test_moment_is_read(text: str, moment: int) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1h 30m",
        "2013-1-2",
        "2013-13-02",
        "2013-02-30T00:00:00Z",
        "2013-01-02T25",
        "1d",
        "1.2.3",
        "2013-01-02T13:23:60Z",
        "2013-01-02T13:23:37z",
        "9" * 200,
        "1h" * 200,
    ],
)
def test_what_is_no_moment_is_refused_with_the_flag(text: str) -> None:
    with pytest.raises(InputError, match="--until"):
        parse_moment(text, NOW, "--until")


@pytest.mark.parametrize(
    ("text", "nanoseconds"), [("1h2m3s4ms5us6ns", 3_723_004_005_006), (".5s", 500_000_000), ("+1µs", 1000)]
)
def test_durations_are_gos(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds
