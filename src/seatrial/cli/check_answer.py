"""What `seatrial check` answers: settings, projects and findings, put together into a report. Prints nothing."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from seatrial.check import run as checking
from seatrial.check.run import Options
from seatrial.cli import codes
from seatrial.cli.check_projects import Checked, check_path
from seatrial.cli.check_settings import Settings, known_findings, read_settings
from seatrial.files.cache import Answer
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.finding import Finding, Severity
from seatrial.report.findings_values import FindingsReport, Page, TextStyle, render


def find_answer(arguments: argparse.Namespace, style: TextStyle) -> Answer:
    """Check everything, and give what is to be printed."""
    settings = _settings(arguments)
    options = Options(settings.select, settings.ignore, known_findings(settings.baseline), today=today())
    checked = Checked()
    for path in arguments.paths or ["."]:
        check_path(Path(path), options, checked)
    if not checked.outcomes and not checked.problems:
        raise NothingFoundError(
            "no Dockerfile, compose file, Kubernetes manifest or task definition found",
            hint="name a directory, a Dockerfile, a compose file or a manifest",
        )
    if arguments.audit is not None:
        _audit(arguments, options, checked)
    if arguments.write_baseline:
        return _write_baseline(Path(arguments.write_baseline), checked)
    report = _report(checked, arguments.format)
    text = render(report, arguments.format, style)
    code = codes.FAILED if _fails(report.findings, settings.fail_on) else codes.GOOD
    return Answer(codes.USAGE if checked.problems else code, text, tuple(checked.talk))


def _audit(arguments: argparse.Namespace, options: Options, checked: Checked) -> None:
    """Have other people's auditors say what they know."""
    from seatrial.cli.check_audit import audited

    # Also what isn't told: for a comment that ignores it, a baseline, or the cause that it follows from.
    known = [finding for each in checked.outcomes for finding in each.all_findings]
    known += [ignored.finding for each in checked.outcomes for ignored in each.ignored]
    outcome, texts, talk = audited(arguments.audit, arguments.paths, known, options)
    checked.outcomes.append(outcome)
    checked.texts.update({file: text for file, text in texts.items() if file not in checked.texts})
    checked.talk += talk


def today() -> str:
    """The date in UTC: what is supported depends on it."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def _settings(arguments: argparse.Namespace) -> Settings:
    return read_settings(Path(arguments.config) if arguments.config else None).overridden(
        select=_names(arguments.select),
        ignore=_names(arguments.ignore),
        fail_on=arguments.fail_on,
        baseline=arguments.baseline,
    )


def _names(given: list[str]) -> tuple[str, ...]:
    return tuple(name for part in given for each in part.split(",") if (name := each.strip()))


def _report(checked: Checked, form: str) -> FindingsReport:
    from seatrial import __version__

    outcomes = checked.outcomes
    findings = [finding for each in outcomes for finding in each.findings]
    findings = sorted(checking.without_parts(findings) if len(outcomes) > 1 else findings, key=_order)
    names = {finding.requirement for finding in findings}
    names |= {each.finding.requirement for outcome in outcomes for each in outcome.ignored}
    return FindingsReport(
        "seatrial",
        __version__,
        tuple(checking.once(findings)),
        checked.texts,
        _pages(names, everything=form == "junit") if form in ("sarif", "junit") else {},
        tuple((each.finding, each.reason) for outcome in outcomes for each in outcome.ignored),
        sum(len(outcome.consequences) for outcome in outcomes),
        sum(outcome.in_baseline for outcome in outcomes),
        checked.services,
        len(checked.texts),
        tuple(checked.problems),
    )


def _order(finding: Finding) -> tuple[str, int, int]:
    return finding.place.file, finding.place.line, finding.place.column


def _pages(names: set[str], *, everything: bool) -> dict[str, Page]:
    """The documentation of these requirements (of all that are checked, if `everything`)."""
    from seatrial.check.table import NAMES, rule
    from seatrial.model import catalogue

    pages = {name: Page(name, catalogue.title(name)) for name in names}
    for name in NAMES:
        if everything or name in names:
            found = rule(name)
            pages[name] = Page(name, found.title, found.what, found.why, found.instead, found.group, found.severity)
    return pages


def _write_baseline(file: Path, checked: Checked) -> Answer:
    from seatrial.check import baseline

    findings = [finding for outcome in checked.outcomes for finding in outcome.all_findings]
    try:
        file.write_text(baseline.write(findings, checked.texts), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} can't be written: {error.strerror}") from error
    return Answer(codes.GOOD, "", (f"{file}: {len(findings)} findings of now will not be told again",))


def _fails(findings: tuple[Finding, ...], level: str) -> bool:
    if level == "never":
        return False
    limit = checking.RANKS[Severity(level)]
    return any(checking.RANKS[finding.severity] <= limit for finding in findings)
