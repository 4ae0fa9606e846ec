"""The checklist: everything that matters is said in words, in any width, without colour."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.comparison import Baseline
from seatrial.report.terminal import Detail, Style, render
from seatrial.report.trial import prepare

from . import sample

ESCAPE = "\x1b"


def test_a_terrible_stop_is_told_whole() -> None:
    assert (
        render(sample.terrible(), Style(100))
        == """\
api · native engine · seatrial 0.1.0
  command  npm start --token '[redacted]'  (Dockerfile:9:1)
  program  node server.js  (package.json:6:14)
  load     http://127.0.0.1:3000, quick / (default), no slow path
  stop  ready after 0.40 s (port), SIGTERM, exit code 137 (128 + SIGKILL) after 10.01 s of 10 s,
        killed
  interrupt  never ready: connection refused, exit code 1 after 0.20 s, before it was asked to stop

failed (2 with 2 consequences)
  ✗ handles-sigterm — the stop signal reaches a handler
    npm start is PID 1; node server.js never got SIGTERM
    │ PID 1 `npm start` handles SIGTERM
    │ +0.010 s: `sh -c node server.js` ended
    │ +10.010 s: exit 137
    → write the command as CMD ["node", "server.js"] (Dockerfile:9:1)
    this explains 2 others: stops-in-time, exit-code-clean
  ✗ in-flight-finish — requests in flight are answered
    3 of 3 requests in flight were cut
    │ GET /slow: closed without an answer (FIN) +0.020 s
    → close the listener, wait for open requests, then exit

not proved (1)
  ? init-reaps-orphans — somebody reaps orphans
    the orphan drill was not run

passed (1)
  ✓ logs-flushed: 403 lines, the last one complete

in the files (2)
  error  compose.yaml:7:5: services.api.port is not a key: ports?
  warning  Dockerfile:3:1: unknown instruction MAINTAINR
    → MAINTAINER is deprecated, too: use LABEL org.opencontainers.image.authors

measured, for the files
  start_period  5 s: ready after 0.40 s at most, times 3; now no health check
    → seatrial fix --from RECORDING writes it (--save keeps one)

approximated here, and not so in the real image
  · the base image node:22-slim is not used: the programs of this machine are

api: 2 failed with 2 consequences, 1 not proved, 1 passed
hint: seatrial explain handles-sigterm
"""
    )


def test_colour_adds_nothing_but_colour() -> None:
    plain, coloured = (render(sample.terrible(), Style(80, colour=colour)) for colour in (False, True))
    assert ESCAPE not in plain
    assert ESCAPE in coloured
    without = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in without.splitlines()] == plain.splitlines()


@pytest.mark.parametrize("width", [1, 24, 40, 79, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = render(sample.terrible(), Style(width, detail=Detail.VERBOSE)).splitlines()
    assert max(len(line) for line in lines) <= max(width, 24)


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = render(sample.terrible(), Style(80, unicode=False, detail=Detail.VERBOSE))
    assert text.isascii()
    assert "x handles-sigterm" in text


def test_quiet_leaves_out_what_passed_and_keeps_what_did_not() -> None:
    text = render(sample.terrible(), Style(80, detail=Detail.QUIET))
    assert "logs-flushed" not in text
    assert "handles-sigterm" in text
    assert render(sample.good(), Style(80, detail=Detail.QUIET)).strip() == "api: 4 passed"


def test_what_was_skipped_is_told_last_and_in_a_line_for_each_reason() -> None:
    skipped = [Verdict(name, Ruling.SKIPPED, "it depends on nothing") for name in ("readiness-is-deep", "no-such")]
    trial = prepare(sample.GOOD, [*skipped, Verdict("stops-in-time", Ruling.PASS, "ended")])
    text = render(trial, Style(100))
    assert "  · readiness-is-deep, no-such: it depends on nothing\n" in text
    assert text.index("skipped (2)") > text.index("passed (1)")
    assert trial.headline() == "1 passed, 2 skipped"
    assert trial.result is Ruling.PASS
    assert "skipped" not in render(trial, Style(100, detail=Detail.QUIET)).replace(trial.headline(), "")


def test_verbose_tells_consequences_figures_and_the_load() -> None:
    text = render(sample.terrible(), Style(100, detail=Detail.VERBOSE))
    for expected in ("stops-in-time: SIGKILL was needed", "stop_seconds = 10.01", "3 reset (RST)", "ulimit nofile"):
        assert expected in text


def test_what_a_service_wrote_is_harmless() -> None:
    verdict = Verdict("logs-flushed", Ruling.FAIL, "a\x1b[2Jb", ("\x1b]0;x\x07c\rd [bold]e[/bold] :smile:",), "f\x07")
    text = render(prepare(sample.GOOD, [verdict]), Style(80))
    assert ESCAPE not in text
    assert "\r" not in text
    assert "\x07" not in text
    assert "[bold]e[/bold] :smile:" in text


def test_long_evidence_is_cut_and_says_so() -> None:
    verdict = Verdict("logs-flushed", Ruling.FAIL, "many", tuple(f"line {n}" for n in range(20)))
    assert "… and 12 more (--verbose)" in render(prepare(sample.GOOD, [verdict]), Style(80))


def test_a_service_that_never_came_up_ends_with_its_own_output() -> None:
    recording = replace(sample.TERRIBLE, runs=(sample.never_ready_run(),))
    verdict = Verdict("handles-sigterm", Ruling.NOT_PROVED, "the service exited with 1")
    text = render(prepare(recording, [verdict]), Style(80))
    assert "the service's own last lines" in text
    assert "│ Error: Cannot find module './server.js'" in text


def test_a_trial_without_verdicts_is_told() -> None:
    assert "api: no verdict" in render(prepare(sample.GOOD, ()), Style(80))


def test_where_the_load_went_is_a_line() -> None:
    run = sample.TERRIBLE.runs[0]
    target = replace(sample.TARGET, family="ipv6", address="::1", slow_path="", slow_by="", stream_path="/events")
    trial = prepare(replace(sample.TERRIBLE, runs=(replace(run, target=target),)), ())
    line = "  load     http://[::1]:3000, quick / (default), no slow path, stream /events"
    assert line in render(trial, Style(100))
    assert "http://[::1]:3000" not in render(trial, Style(100, detail=Detail.QUIET))


@pytest.mark.parametrize("detail", list(Detail))
def test_a_service_that_nothing_outside_its_container_reaches_is_warned_about(detail: Detail) -> None:
    run = replace(sample.TERRIBLE.runs[0], target=replace(sample.TARGET, loopback_only=True))
    text = " ".join(render(prepare(replace(sample.TERRIBLE, runs=(run,)), ()), Style(100, detail=detail)).split())
    assert "it listens on 127.0.0.1 only: in a container nothing outside reaches it; listen on 0.0.0.0" in text
    assert "in a container nothing" not in render(sample.terrible(), Style(100, detail=detail))


def test_advice_that_holds_or_has_no_figure_is_told_only_where_all_is_asked_for() -> None:
    usual, all_ = (render(sample.good(), Style(200, detail=detail)) for detail in (Detail.NORMAL, Detail.VERBOSE))
    assert "stop grace" not in usual
    assert "stop grace  5 s: a stop took 1.25 s; the longest times 1.5; now 10 s, which is enough" in all_
    assert "memory limit  no figure: the memory in use was not measured" in all_
    assert "measured" not in render(sample.good(), Style(200, detail=Detail.QUIET))


def test_files_that_do_not_exist_are_not_said_to_be_written() -> None:
    command = replace(sample.TERRIBLE, subject=replace(sample.TERRIBLE.subject, argv_place=""))
    composed = replace(command, subject=replace(command.subject, composed=True))
    told = [
        "seatrial fix --from" in render(prepare(recording, ()), Style(200, detail=Detail.VERBOSE))
        for recording in (sample.TERRIBLE, composed, command)
    ]
    assert told == [True, True, False]


def test_what_changed_since_the_baseline_is_told_by_name() -> None:
    before = Baseline("main.json", "api", "2026-01-01", sample.GOOD_VERDICTS, sample.GOOD)
    text = render(prepare(sample.TERRIBLE, sample.TERRIBLE_VERDICTS, baseline=before), Style(200))
    told = text.partition("compared with main.json (2026-01-01)\n")[2].partition("\n\n")[0].splitlines()
    assert told[0] == "  ✗ worse: handles-sigterm (pass → fail): npm start is PID 1; node server.js never got SIGTERM"
    assert told[-1] == "  4 worse, 2 not in the baseline"
    assert "compared" not in render(sample.terrible(), Style(200))
