"""Verdicts about the log under load: logs-to-stdout, logs-structured, logs-carry-correlation."""

from __future__ import annotations

import json
import re

from seatrial.drill.judge import remedy
from seatrial.drill.judge.at_work import at_work, has_job, meanwhile
from seatrial.drill.judge.ids import ids_in
from seatrial.drill.judge.view import count, events, exchanges_of, pairs, skipped, unproved
from seatrial.model.recording import EventKind, FileGrown, LogLine, Recording, Run
from seatrial.model.traffic import COMPLETE
from seatrial.model.verdict import Ruling, Verdict

TO_STDOUT, STRUCTURED, CORRELATED = "logs-to-stdout", "logs-structured", "logs-carry-correlation"
MOST = 0.9
"""The part of lines that shows a habit: a banner of a runtime, or a warning of its own, is no log."""
_LOG_NAME = re.compile(r"\.log(\.|$)|/logs?/|/var/log/|\.(out|err)$")
_LEVEL = frozenset({"level", "severity", "lvl", "loglevel", "log.level", "levelname"})
_TIME = frozenset({"time", "timestamp", "ts", "@timestamp", "datetime", "date", "asctime", "t"})
_MESSAGE = frozenset({"message", "msg", "event", "text", "body", "@message"})


def _lines(run: Run) -> list[LogLine]:
    return [line for line in run.log if line.text.strip()]


# --- logs-to-stdout ---


def logs_to_stdout(recording: Recording) -> Verdict:
    """Whether the log goes to stdout and stderr, and no log file inside the container grows."""
    run = at_work(recording, TO_STDOUT, calm=False)
    if isinstance(run, Verdict):
        return run
    if not run.processes:
        return unproved(TO_STDOUT, "its files can't be seen from here")
    logs = [file for file in run.files if file.marked or _LOG_NAME.search(file.path)]
    others = [file for file in run.files if file not in logs]
    lines = len(_lines(run)) + run.log_truncated
    figures = {"log_files": float(len(logs)), "other_files": float(len(others)), "lines": float(lines)}
    evidence = (
        *(_grew(file) for file in logs),
        *(f"{_grew(file)}, which does not look like a log" for file in others),
        f"{count(lines, 'line')} by stdout and stderr",
        *([_per(run, 1)] if has_job(run) else ()),
    )
    if logs:
        paths = ", ".join(file.path for file in logs[:3])
        summary = f"{count(len(logs), 'log file')} grew inside the container: {paths}"
        return Verdict(TO_STDOUT, Ruling.FAIL, summary, evidence[:10], remedy.STDOUT, figures=figures)
    if not lines:
        return unproved(TO_STDOUT, f"no log file grew, and nothing was written while {meanwhile(run)}")
    summary = f"no log file grew while {meanwhile(run)}; {count(lines, 'line')} by stdout and stderr"
    return Verdict(TO_STDOUT, Ruling.PASS, summary, evidence[:10], figures=figures)


def _grew(file: FileGrown) -> str:
    if file.before is None:
        return f"{file.path}: new, {file.after} bytes"
    return f"{file.path}: from {file.before} to {file.after} bytes"


# --- logs-structured ---


def logs_structured(recording: Recording) -> Verdict:
    """Whether each line is one JSON object with level, time and message."""
    run = at_work(recording, STRUCTURED, calm=False)
    if isinstance(run, Verdict):
        return run
    lines = _lines(run)
    if not lines:
        return unproved(STRUCTURED, "the service wrote nothing under load")
    lacking = [(line, _lacks(line.text)) for line in lines]
    good = sum(not lack for _, lack in lacking)
    share = good / len(lines)
    figures = {"lines": float(len(lines)), "structured": float(good), "structured_share": round(share, 4)}
    wrong = [(line, lack) for line, lack in lacking if lack]
    evidence = tuple(f"{line.stream}: {line.text[:120]} ({lack})" for line, lack in wrong[:3])
    told = f"{good} of {count(len(lines), 'line')} are JSON objects with level, time and message"
    if share >= MOST:
        return Verdict(STRUCTURED, Ruling.PASS, told, evidence, figures=figures)
    return Verdict(STRUCTURED, Ruling.FAIL, told, evidence, remedy.JSON_LINES, figures=figures)


def _lacks(text: str) -> str:
    """What keeps a line from being a record of a log; "" if nothing does."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(value, dict):
        return "not an object"
    names = {str(name).lower() for name in value}
    wanted = {"level": _LEVEL, "time": _TIME, "message": _MESSAGE}
    missing = [what for what, known in wanted.items() if not names & known]
    return f"without {', '.join(missing)}" if missing else ""


# --- logs-carry-correlation ---


def logs_carry_correlation(recording: Recording) -> Verdict:
    """Whether the id that came in X-Request-ID shows up in the log."""
    run = at_work(recording, CORRELATED, calm=False)
    if isinstance(run, Verdict):
        return run
    if has_job(run):
        return skipped(CORRELATED, "it takes jobs and no requests, so no X-Request-ID came with them")
    lines = _lines(run)
    if not lines:
        return unproved(CORRELATED, "the service wrote nothing under load")
    marks = [e.mark for e in exchanges_of(pairs(run)) if e.outcome in COMPLETE and e.mark]
    logged = ids_in((line.text for line in lines), frozenset(marks))
    found = sum(mark in logged for mark in marks)
    figures = {"requests": float(len(marks)), "with_id": float(found), **_volume(run, len(marks))}
    if run.log_truncated:
        return unproved(CORRELATED, "the log was longer than what is kept of it")
    if not figures["lines_per_request"]:
        return unproved(CORRELATED, f"it wrote nothing while {count(len(marks), 'request')} were answered")
    first = next((line for line in lines if ids_in([line.text], logged)), lines[-1])
    evidence = (f"{first.stream}: {first.text[:160]}", _per(run, len(marks)))
    told = f"the id of {found} of {count(len(marks), 'answered request')} is in the log"
    if marks and found >= MOST * len(marks):
        return Verdict(CORRELATED, Ruling.PASS, told, evidence, figures=figures)
    return Verdict(CORRELATED, Ruling.FAIL, told, evidence, remedy.CORRELATE, figures=figures)


def _per(run: Run, number: int) -> str:
    """How much is logged for each request, or job, in words."""
    lines, size = _volume(run, number).values()
    return f"{lines:.1f} lines and {size:.0f} bytes a {'job' if has_job(run) else 'request'}"


def _volume(run: Run, requests: int) -> dict[str, float]:
    """How much is logged for each request, or job, from the first one on."""
    given = [event.time for event in events(run, EventKind.WORK)]
    begun = min((*given, *(connection.begun for connection in run.connections)), default=0.0)
    later = [line for line in _lines(run) if line.time >= begun]
    size = sum(len(line.text) + 1 for line in later)
    some = max(1, requests)
    return {"lines_per_request": round(len(later) / some, 3), "bytes_per_request": round(size / some, 1)}
