"""Reads what `seatrial drill --compare FILE` holds a trial against: a saved recording, or a JSON report.

A recording is judged again, so that both are measured by the same judges; a report has its verdicts as they were.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seatrial.model.errors import InputError
from seatrial.model.place import Place
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.comparison import STOPS, Baseline, stops

_HINT = "a baseline is written by `seatrial drill --save FILE`, or by `--json FILE`"


def load_baseline(path: Path) -> Baseline:
    """The baseline in this file. Raises InputError for anything else."""
    from seatrial.drill import archive

    text = archive.read(path)
    try:
        data = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise InputError(f"is no baseline: {error}", place=Place(str(path), 1), hint=_HINT) from None
    if isinstance(data, dict) and "verdicts" in data:
        return _of_report(path, data)
    if isinstance(data, dict) and "subject" in data:
        return _of_recording(path, text)
    raise InputError("is neither a recording nor a JSON report", place=Place(str(path), 1), hint=_HINT)


def _of_recording(path: Path, text: str) -> Baseline:
    from seatrial.cli.subject import Choice
    from seatrial.drill import archive
    from seatrial.drill.judge import judge

    recording = archive.loads(text, str(path))
    verdicts = Choice.of(recording).among(judge(recording))
    return Baseline(
        str(path), recording.subject.name, recording.recorded_at, verdicts, recording, stops=stops(recording)
    )


def _of_report(path: Path, data: Mapping[str, Any]) -> Baseline:
    from seatrial.report.json_report import FORMAT

    if data.get("format") != FORMAT:
        problem = f"has format {data.get('format')!r}: this version reads format {FORMAT}"
        raise InputError(problem, place=Place(str(path), 1), hint=_HINT)
    try:
        verdicts = tuple(_verdict(each) for each in data["verdicts"])
        service, recorded_at = str(data["service"]["name"]), str(data["recorded_at"])
        return Baseline(str(path), service, recorded_at, verdicts, stops=tuple(_stops(data.get("runs", ()))))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        problem = f"is not a JSON report: {type(error).__name__} {error}"
        raise InputError(problem, place=Place(str(path), 1), hint=_HINT) from None


def _stops(runs: Iterable[Mapping[str, Any]]) -> Iterator[float]:
    repeated = [scenario.value for scenario in STOPS]
    for run in runs:
        if run["scenario"] in repeated and run["stop_seconds"] is not None:
            yield float(run["stop_seconds"])


def _verdict(data: Mapping[str, Any]) -> Verdict:
    figures = {str(name): float(value) for name, value in data.get("figures", {}).items()}
    return Verdict(str(data["requirement"]), Ruling(data["ruling"]), str(data["summary"]), figures=figures)
