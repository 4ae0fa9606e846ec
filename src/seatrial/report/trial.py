"""What a report is about: one recording, its verdicts, and the findings of the files, ordered for a reader.

`prepare` is the only way in: it takes secrets out once, so that no printer of a report has to think of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from seatrial.model.advice import Advice, advise
from seatrial.model.finding import Finding, Severity
from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.comparison import COUNTED, GOOD, RANK, Baseline, Comparison, compare, stops
from seatrial.report.redact import Redactor, secrets_of

_SEVERITY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Entry:
    """A verdict to show, those that it explains (its consequences, to be hidden under it), and the requirements of
    which the very same was said (`also`): a service that never became ready proves thirteen things not."""

    verdict: Verdict
    consequences: tuple[Verdict, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def requirements(self) -> tuple[str, ...]:
        """The names of all requirements that this entry stands for."""
        return (self.verdict.requirement, *self.also)


@dataclass(frozen=True, slots=True)
class Trial:
    """All that a report shows. Made by `prepare`; holds no secret that could be recognised."""

    recording: Recording
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...] = ()
    comparison: Comparison | None = None

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What the recording advises to write into the files."""
        return advise(self.recording)

    @property
    def has_files(self) -> bool:
        """Whether files describe the service, so that advice can be written into them."""
        subject = self.recording.subject
        return bool(subject.argv_place) or subject.composed

    @property
    def result(self) -> Ruling:
        """The worst ruling; NOT_PROVED where there is no verdict at all."""
        return min((verdict.ruling for verdict in self.verdicts), key=RANK.__getitem__, default=Ruling.NOT_PROVED)

    def count(self, ruling: Ruling) -> int:
        """How many verdicts have this ruling."""
        return sum(verdict.ruling is ruling for verdict in self.verdicts)

    @property
    def proved_nothing(self) -> bool:
        """Whether not one requirement was proved, either way: the service never came up, or nothing was run."""
        return not (self.count(Ruling.PASS) or self.count(Ruling.FAIL))

    def counted(self, ruling: Ruling) -> tuple[int, str]:
        """How many have this ruling by themselves, and in words how many do because of another: " with 12
        consequences", or ""."""
        follow = sum(each.ruling is ruling for entry in self.entries() for each in entry.consequences)
        words = f" with {follow} consequence{'s' if follow > 1 else ''}" if follow else ""
        return self.count(ruling) - follow, words

    def headline(self) -> str:
        """The counts in words: "3 failed with 12 consequences, 1 not proved, 9 passed, 5 skipped"."""
        told = [(self.counted(ruling), name) for ruling, name in COUNTED.items() if self.count(ruling)]
        return ", ".join(f"{number} {name}{follow}" for (number, follow), name in told) or "no verdict"

    def entries(self) -> tuple[Entry, ...]:
        """Failures first, then what was not proved, passes, and what was skipped; consequences under their cause."""
        bad = {verdict.requirement for verdict in self.verdicts if verdict.ruling not in GOOD}
        hidden: dict[str, list[Verdict]] = {}
        shown: list[Verdict] = []
        for verdict in self.verdicts:
            root = _root(verdict, self.verdicts) if verdict.ruling not in GOOD else ""
            if root and root != verdict.requirement and root in bad:
                hidden.setdefault(root, []).append(verdict)
            else:
                shown.append(verdict)
        shown.sort(key=lambda verdict: RANK[verdict.ruling])
        return tuple(_merge(Entry(verdict, tuple(hidden.get(verdict.requirement, ()))) for verdict in shown))


def _merge(entries: Iterable[Entry]) -> list[Entry]:
    """Entries that were not proved, or skipped, for the same reason, as one."""
    merged: list[Entry] = []
    places: dict[tuple[str, tuple[str, ...]], int] = {}
    for entry in entries:
        verdict = entry.verdict
        same = (verdict.summary, verdict.evidence)
        if verdict.ruling in (Ruling.FAIL, Ruling.PASS) or entry.consequences:
            merged.append(entry)
        elif same in places:
            known = merged[places[same]]
            merged[places[same]] = replace(known, also=(*known.also, verdict.requirement))
        else:
            places[same] = len(merged)
            merged.append(entry)
    return merged


def _root(verdict: Verdict, verdicts: Iterable[Verdict]) -> str:
    """The first cause in a chain of causes that were reported; a circle ends where it began."""
    causes = {each.requirement: each.cause for each in verdicts if each.ruling not in GOOD}
    name, seen = verdict.requirement, {verdict.requirement}
    while (cause := causes.get(name, "")) in causes:
        if cause in seen:
            return ""
        seen.add(cause)
        name = cause
    return name


def prepare(
    recording: Recording,
    verdicts: Iterable[Verdict],
    findings: Iterable[Finding] = (),
    *,
    secrets: Iterable[str] = (),
    baseline: Baseline | None = None,
) -> Trial:
    """A trial that can be printed: secrets replaced, findings worst first. `secrets` are values known to be such."""
    redactor = Redactor((*secrets, *secrets_of(recording)))
    verdicts = tuple(verdicts)
    ordered = sorted(findings, key=lambda finding: (_SEVERITY[finding.severity], finding.place))
    return Trial(
        redactor.value(recording),
        tuple(redactor.value(verdict) for verdict in verdicts),
        tuple(redactor.value(finding) for finding in ordered),
        redactor.value(compare(baseline, recording.subject.name, verdicts, stops(recording))) if baseline else None,
    )
