"""A trial as JUnit XML: a test case for each requirement; what was not proved is skipped, too, with its reason.

In the common form that the xUnit plug-in of Jenkins, GitLab and GitHub's reporters read. Times are of the runs, which
are what took time, and stand with the suite.
"""

from __future__ import annotations

from seatrial.model import catalogue
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.escaping import xml_attribute, xml_text
from seatrial.report.trial import Trial


def render(trial: Trial) -> str:
    """The document."""
    recording = trial.recording
    skipped = trial.count(Ruling.NOT_PROVED) + trial.count(Ruling.SKIPPED)
    counts = f'tests="{len(trial.verdicts)}" failures="{trial.count(Ruling.FAIL)}" errors="0"'
    time = sum(run.exit.time for run in recording.runs if run.exit is not None)
    stamp = recording.recorded_at.partition("+")[0].removesuffix("Z")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="seatrial drill" {counts}>',
        f"<testsuite name={xml_attribute(recording.subject.name)} {counts} "
        f'skipped="{skipped}" time="{time:.3f}" timestamp={xml_attribute(stamp)}>',
        "<properties>",
        *(f"<property name={xml_attribute(name)} value={xml_attribute(value)}/>" for name, value in _properties(trial)),
        "</properties>",
        *(_case(recording.subject.name, verdict) for verdict in trial.verdicts),
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _properties(trial: Trial) -> list[tuple[str, str]]:
    machine = trial.recording.machine
    found = [("tool", trial.recording.tool), ("engine", machine.engine), ("kernel", machine.kernel)]
    found += [(f"advice: {each.setting.value}", f"{each.proposed} ({each.figure})") for each in trial.advice]
    if trial.comparison is not None:
        found.append((f"compared with {trial.comparison.baseline.name}", trial.comparison.headline()))
    return found


def _case(service: str, verdict: Verdict) -> str:
    head = f"<testcase classname={xml_attribute(f'seatrial.drill.{service}')} name={xml_attribute(verdict.requirement)}"
    message = xml_attribute(verdict.summary)
    if verdict.ruling is Ruling.PASS:
        return f"{head}/>"
    if verdict.ruling is Ruling.NOT_PROVED:
        message = xml_attribute(f"not proved: {verdict.summary}")
    if verdict.ruling in (Ruling.NOT_PROVED, Ruling.SKIPPED):
        return f"{head}><skipped message={message}/></testcase>"
    parts = [catalogue.title(verdict.requirement), *verdict.evidence]
    if verdict.cause:
        parts.append(f"because of {verdict.cause}")
    if verdict.remedy:
        parts.append(f"instead: {verdict.remedy}")
    return f'{head}><failure type="fail" message={message}>{xml_text(chr(10).join(parts))}</failure></testcase>'
