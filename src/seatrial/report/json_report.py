"""The JSON report: what a machine reads. `schema.json` beside this file describes it and is part of the promise.

Fields are added, never changed in meaning, within one `format`. It sums a recording up; the recording itself is another
file (`--save`). Keys have units in their names; all times are seconds after the start of the run's instance.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from importlib import resources
from math import isfinite
from typing import Any

from seatrial.model import catalogue
from seatrial.model.advice import Advice
from seatrial.model.finding import Finding
from seatrial.model.recording import Readiness, Recording, Run
from seatrial.model.traffic import SHARES, Bulk, Outcome, Outside, Target
from seatrial.model.verdict import Verdict
from seatrial.report.comparison import Change, Comparison
from seatrial.report.summary import stop_seconds, tallies, warnings
from seatrial.report.trial import Trial

FORMAT = 1
"""Version of the report; it changes when an older reader would misunderstand a newer report."""


def schema() -> dict[str, Any]:
    """The JSON schema of the report."""
    text = resources.files("seatrial.report").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def render(trial: Trial) -> str:
    """The report as JSON text (ASCII), ending in a newline."""
    return json.dumps(document(trial), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def document(trial: Trial) -> dict[str, Any]:
    """The report as plain values."""
    recording = trial.recording
    return {
        "format": FORMAT,
        "tool": recording.tool,
        "recorded_at": recording.recorded_at,
        "result": trial.result.value,
        "counts": dict(Counter(verdict.ruling.value for verdict in trial.verdicts)),
        "service": _service(recording),
        "machine": _machine(recording),
        "verdicts": [_verdict(verdict) for verdict in trial.verdicts],
        "findings": [_finding(finding) for finding in trial.findings],
        "advice": [_advice(each) for each in trial.advice],
        "comparison": _comparison(trial.comparison),
        "warnings": list(warnings(recording)),
        "runs": [_run(run) for run in recording.runs],
    }


def _service(recording: Recording) -> dict[str, Any]:
    subject = recording.subject
    return {
        "name": subject.name,
        "argv": list(subject.argv),
        "argv_place": subject.argv_place,
        "final_argv": list(subject.final_argv),
        "final_place": subject.final_place,
        "init": subject.init,
        "user": subject.user,
        "stop_signal": subject.stop_signal,
        "grace_seconds": subject.grace,
        "healthcheck": list(subject.healthcheck),
    }


def _machine(recording: Recording) -> dict[str, Any]:
    machine = recording.machine
    return {
        "engine": machine.engine,
        "kernel": machine.kernel,
        "cores": machine.cores,
        "rootless": machine.rootless,
        "enforcement": list(machine.enforcement),
        "approximations": list(machine.approximations),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "requirement": verdict.requirement,
        "title": catalogue.title(verdict.requirement),
        "ruling": verdict.ruling.value,
        "summary": verdict.summary,
        "evidence": list(verdict.evidence),
        "remedy": verdict.remedy,
        "cause": verdict.cause,
        "figures": {name: figure for name, figure in verdict.figures.items() if isfinite(figure)},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "requirement": finding.requirement,
        "severity": finding.severity.value,
        "message": finding.message,
        "file": finding.place.file,
        "line": finding.place.line,
        "column": finding.place.column,
        "remedy": finding.remedy,
        "evidence": list(finding.evidence),
    }


def _advice(advice: Advice) -> dict[str, Any]:
    return {
        "setting": advice.setting.value,
        "requirement": advice.requirement,
        "proposed": advice.proposed,
        "value": advice.value,
        "figure": advice.figure,
        "said": advice.said,
        "holds": advice.holds,
    }


def _comparison(comparison: Comparison | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    return {
        "baseline": comparison.baseline.name,
        "baseline_service": comparison.baseline.service,
        "baseline_recorded_at": comparison.baseline.recorded_at,
        "changes": [
            {
                "requirement": shift.requirement,
                "change": shift.change.value,
                "before": shift.before.ruling.value if shift.before else None,
                "now": shift.now.ruling.value if shift.now else None,
                "figures": list(shift.figures),
            }
            for shift in comparison.shifts
            if shift.change is not Change.SAME or shift.figures
        ],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "scenario": run.scenario.value,
        "started_at": run.started_at,
        "readiness": _readiness(run.readiness),
        "target": _target(run.target),
        "signal": run.signal,
        "signalled_seconds": run.signalled,
        "grace_seconds": run.grace,
        "stop_seconds": stop_seconds(run),
        "exit": _exit(run),
        "rate_per_second": run.rate,
        "load_lag_seconds": run.load_lag,
        "disturbed": run.disturbed,
        "populations": _populations(run),
        "counted": [_counted(bulk) for bulk in run.bulk],
        "outside_load": _outside(run.outside),
        "log_lines": len(run.log) + run.log_truncated,
        "peak_memory_bytes": max((sample.memory for sample in run.samples), default=None),
        "memory_limit_bytes": run.memory or None,
        "charged_memory_bytes": run.charged.peak if run.charged and run.charged.peak >= 0 else None,
        "times_at_memory_limit": run.charged.refused if run.charged and run.charged.refused >= 0 else None,
        "cpu_seconds": max((sample.cpu for sample in run.samples), default=None),
    }


def _readiness(readiness: Readiness) -> dict[str, Any]:
    return {
        "ready": readiness.ready,
        "seconds": readiness.time,
        "by": readiness.by,
        "limit_seconds": readiness.limit,
        "detail": readiness.detail,
    }


def _target(target: Target | None) -> dict[str, Any] | None:
    if target is None:
        return None
    return {
        "family": target.family,
        "address": target.address,
        "port": target.port,
        "quick_path": target.quick_path,
        "slow_path": target.slow_path,
        "quick_by": target.quick_by,
        "slow_by": target.slow_by,
        "loopback_only": target.loopback_only,
        "stream_path": target.stream_path,
    }


def _populations(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "population": tally.population.value,
            "connections": tally.connections,
            "before_signal": _outcomes(tally.before),
            "after_signal": _outcomes(tally.after),
        }
        for tally in tallies(run)
    ]


def _counted(bulk: Bulk) -> dict[str, Any]:
    return {
        "population": bulk.population.value,
        "after_signal": bulk.after,
        "seconds": bulk.seconds,
        "connections": bulk.connections,
        "requests": bulk.requests,
        "answered": bulk.answered,
        "announced": bulk.announced,
        "errors": bulk.errors,
        "refused": bulk.refused,
        "abandoned": bulk.abandoned,
        "lost": bulk.lost,
        "latency_seconds": {f"p{100 * share:g}": took for share, took in zip(SHARES, bulk.latencies, strict=False)},
        "longest_seconds": bulk.longest,
    }


def _outside(outside: Outside | None) -> dict[str, Any] | None:
    if outside is None:
        return None
    return {
        "argv": list(outside.argv),
        "exit_code": outside.code,
        "connections": asdict(outside.seen),
    }


def _exit(run: Run) -> dict[str, Any] | None:
    if run.exit is None:
        return None
    return {
        "seconds": run.exit.time,
        "code": run.exit.code,
        "signal": run.exit.signal,
        "killed": run.exit.killed,
        "oom_kills": run.exit.oom_kills,
    }


def _outcomes(counted: Counter[Outcome]) -> dict[str, int]:
    return {outcome.value: counted[outcome] for outcome in Outcome if counted[outcome]}
