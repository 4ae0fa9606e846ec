"""A load that was counted has a place of its own in each report, by phase."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seatrial.model.recording import Run
from seatrial.model.traffic import Bulk, Outside, Population, Seen
from seatrial.report import trial_markdown
from seatrial.report.html import page
from seatrial.report.phases import phases
from seatrial.report.terminal import Detail, Style, render
from seatrial.report.trial import Trial, prepare

from . import sample

HEAVY = (
    Bulk(Population.KEEP_ALIVE, False, 2.0, 64, 20_000, 20_000, 0, 0, 0, 0, 0, (0.001, 0.002, 0.004, 0.009), 0.25),
    Bulk(Population.KEEP_ALIVE, True, 0.5, 64, 1, 0, 0, 0, 0, 0, 1),
)
WRK = Outside(
    ("/usr/bin/wrk", "-d60s"),
    None,
    "",
    Seen(early=50, late=12, open=50, busy=3, answered=2, unanswered_reset=1, idle_fin=47, refused=12, missed=0),
)
PHASES = [
    ("busy keep-alive", "before the signal"),
    ("busy keep-alive", "after the signal"),
    ("wrk", "before the signal"),
    ("wrk", "open at the signal"),
    ("wrk", "after the signal"),
]
TOLD = [
    "20,000 requests on 64 connections (10,000 a second); 20,000 answered; half within 1 ms, 99 % within 4 ms, "
    "the longest 0.25 s",
    "1 request on 64 connections (2 a second); 1 lost",
    "50 connections",
    "50 connections; 3 with a request in flight (2 were sent something first, 1 met RST without one byte); "
    "47 idle ones closed with FIN",
    "12 new connections; 12 refused",
]


def loaded(**changes: Any) -> Run:
    return replace(sample.good_run(), **{"bulk": HEAVY, "outside": WRK, **changes})


def trial(run: Run) -> Trial:
    return prepare(replace(sample.GOOD, runs=(run,)), sample.GOOD_VERDICTS)


def test_each_phase_is_told_in_words() -> None:
    told = phases(loaded())
    assert [(phase.load, phase.when) for phase in told] == PHASES
    assert [phase.told for phase in told] == TOLD


def test_a_run_without_such_a_load_tells_nothing() -> None:
    assert phases(sample.good_run()) == ()
    bare = trial(sample.good_run())
    reports = trial_markdown.render(bare) + page.render(bare) + render(bare, Style(200))
    assert "counted by phase" not in reports
    assert ", counted" not in reports


def test_what_was_not_seen_makes_it_uncertain() -> None:
    unsure = replace(WRK, seen=replace(WRK.seen, missed=1_200))
    assert phases(loaded(outside=unsure, bulk=()))[0].told == ("50 connections; 1,200 packets were not seen: uncertain")


def test_every_report_shows_all_phases() -> None:
    shown = trial(loaded())
    printed = render(shown, Style(400))
    assert "the load of stop, counted\n" in printed
    for report in (printed, trial_markdown.render(shown), page.render(shown)):
        assert [told for told in TOLD if told not in report] == []
    assert ", counted" not in render(shown, Style(400, detail=Detail.QUIET))


def test_the_name_of_a_load_is_no_markup() -> None:
    shown = trial(loaded(outside=replace(WRK, argv=("<b>|wrk",))))
    assert "<b>|wrk" not in page.render(shown) + trial_markdown.render(shown)
