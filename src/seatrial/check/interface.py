"""What a rule is: one requirement in one file, its documentation, its examples and a pure function together.

A rule module defines `RULE = Rule(name="…", …, check=…)` and is named in `seatrial.check.table`. Its function gets a
`Context` and yields findings made by `RULE.finding(…)`-like helpers (`finding` below). It must never raise whatever the
files hold, never do I/O, and stay quiet where it isn't sure: a finding that a maintainer would dispute is a bug.

What the framework does with the findings (`seatrial.check.run`): the same finding at the same place is kept once;
inline ignores, the baseline, `--select/--ignore` are applied; a finding is hidden if its service has one of a
requirement named in `consequence_of`; where `many` is given, the findings of several services of one file become one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum

from seatrial.model.documents import Documents, Unit
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule sees: the documents of one project; `units` are its services, each with its documents."""

    documents: Documents
    today: str = ""
    """The date as "2026-11-01"; a rule that needs it says nothing where it is empty."""
    mended: frozenset[tuple[str, str]] = frozenset()
    """For a fix: the requirements, each with its service, whose findings are mended together with its own."""

    @property
    def units(self) -> tuple[Unit, ...]:
        """The services."""
        return self.documents.units


class FixSafety(Enum):
    """What applying the fix can change besides meeting the requirement."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    NONE = "no fix"


@dataclass(frozen=True, slots=True)
class Bad:
    """Files that break the requirement: exactly one finding, at `at` ("Dockerfile:3:5"), whose message holds `says`."""

    files: Mapping[str, str]
    at: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Good:
    """Files that meet the requirement, or about which the rule has to be quiet."""

    files: Mapping[str, str]
    why: str = ""


def task(container: str, more: str = "") -> dict[str, str]:
    """The file of an example: a task definition of ECS, in whose third line the container's own fields begin."""
    text = (
        '{"family": "web"' + more + ', "containerDefinitions": [\n  {"name": "web", "image": "a.org/web:1", '
        '"logConfiguration": {"logDriver": "awslogs"},\n' + container + "}]}\n"
    )
    return {"task.json": text}


FARGATE = ', "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"'
"""What makes the task of an example one of Fargate's."""

Check = Callable[[Context], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement: metadata, documentation, examples and the function.

    `what` says what is asked, `why` what bites who doesn't meet it, `instead` what to write; `example` and `instead`
    are file excerpts for the page. `many` is the message where several services of one file lack the same:
    "{count} services have no memory limit: {names}". `sources` are addresses or `file` names that prove the why.
    """

    name: str
    severity: Severity
    what: str
    why: str
    example: str
    instead: str
    check: Check
    bad: tuple[Bad, ...] = ()
    good: tuple[Good, ...] = ()
    confidence: Confidence = Confidence.HIGH
    fix_safety: FixSafety = FixSafety.NONE
    fix_note: str = ""
    sources: tuple[str, ...] = ()
    consequence_of: tuple[str, ...] = ()
    many: str = ""

    @property
    def title(self) -> str:
        """The one-line demand, from the catalogue."""
        from seatrial.model.catalogue import title

        return title(self.name)

    @property
    def group(self) -> str:
        """The group of the catalogue."""
        from seatrial.model.catalogue import find

        found = find(self.name)
        return found.group if found else ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What a check of one service says: where and what. `severity` and `confidence` default to the rule's."""

    message: str
    place: Place | None
    remedy: str = ""
    severity: Severity | None = None
    confidence: Confidence | None = None
    related: tuple[Sourced[str], ...] = ()
    evidence: tuple[str, ...] = field(default=())
    service: str = ""
    """Whose fault it is, where that is a part of what was looked at."""


def per_service(
    name: str, severity: Severity, look: Callable[[Unit], Iterable[Wrong]], confidence: Confidence = Confidence.HIGH
) -> Check:
    """A check that looks at one service after the other. What has no place in any file is dropped."""

    def check(context: Context) -> Iterator[Finding]:
        for unit in context.units:
            for wrong in look(unit):
                made = finding(name, severity, wrong, unit.service.name, confidence)
                if made is not None:
                    yield made

    return check


def finding(
    name: str, severity: Severity, wrong: Wrong, service: str = "", confidence: Confidence = Confidence.HIGH
) -> Finding | None:
    """The finding that this makes, None without a place."""
    if wrong.place is None:
        return None
    return Finding(
        name,
        wrong.severity or severity,
        wrong.message,
        wrong.place,
        wrong.remedy,
        wrong.evidence,
        wrong.confidence or confidence,
        wrong.service or service,
        wrong.related,
    )


def over(
    name: str,
    severity: Severity,
    units: Callable[[tuple[Unit, ...]], Iterable[Unit]],
    look: Callable[[Unit], Iterable[Wrong]],
    confidence: Confidence = Confidence.HIGH,
) -> Check:
    """Like `per_service`, over those services that `units` chooses."""

    def check(context: Context) -> Iterator[Finding]:
        for unit in units(context.units):
            for wrong in look(unit):
                made = finding(name, severity, wrong, unit.service.name, confidence)
                if made is not None:
                    yield made

    return check
