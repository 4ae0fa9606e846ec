"""Runs the rules over the documents of a project and settles what is told.

In this order: the same finding once; `--select/--ignore`; inline ignores; the baseline; consequences hidden under their
cause; the same lack of several services of one file told as one; sorted by file and place. Pure.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from seatrial.check import baseline
from seatrial.check.ignores import read_ignores, unknown_names
from seatrial.check.interface import Context, Rule
from seatrial.check.table import NAMES, rules_for
from seatrial.model.documents import Documents
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass, field, replace

RANKS = {severity: rank for rank, severity in enumerate(Severity)}
"""0 for the worst."""
_TAIL = 32
"""Characters at the end of a message, behind the names: they tell its kind where there is no remedy."""
_KNOWN = frozenset({*NAMES, "syntax"})
"""What an inline comment may ignore."""
_SAY_MORE = ("syntax", "dependencies-audited")
_MANY_ALIKE = 4
"""From so many findings of `syntax` with one remedy on, a file has them told as one."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to look for. An empty `select` is everything; `known` is a baseline, from which what was met is taken.

    `prefix` ("web/", or "") is put before the files of all places: where the project lies from where the user stands.
    `here` ("/home/me/shop/", or "") is taken from the front of files that are named by their whole path.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    known: Counter[baseline.Key] = field(default_factory=Counter)
    prefix: str = ""
    here: str = ""
    today: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The requirements to look for."""
        if not self.select and not self.ignore:
            return NAMES
        return tuple(name for name in NAMES if self.wants(name))

    def wants(self, name: str) -> bool:
        """Whether findings of this requirement are to be told."""
        return (not self.select or name in self.select) and name not in self.ignore


@dataclass(frozen=True, slots=True)
class Ignored:
    """A finding that an inline comment took back, and the reason that it gives."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is told (`findings`), and what isn't, so that a report can count it. `all_findings` is what a baseline of
    now would hold."""

    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...] = ()
    consequences: tuple[Finding, ...] = ()
    in_baseline: int = 0
    all_findings: tuple[Finding, ...] = ()


def run(documents: Documents, options: Options | None = None) -> Outcome:
    """Check one project."""
    options = options or Options()
    rules = rules_for(documents, options.names)
    found = once(_found(Context(documents, options.today), rules.values(), options.wants))
    ignores = read_ignores(documents)
    kept, ignored = [], []
    for finding in found:
        by = next((ignore for ignore in ignores if ignore.covers(finding)), None)
        if by is None:
            kept.append(finding)
        else:
            ignored.append(Ignored(moved(finding, options.prefix, options.here), by.reason))
    if options.wants("syntax"):
        kept += unknown_names(ignores, _KNOWN)
    causes = tuple(moved(finding, options.prefix, options.here) for finding in kept)
    fresh, known = _without_known(causes, documents, options)
    shown, hidden = _without_consequences(fresh, causes, rules)
    return Outcome(tuple(sorted(_together(shown, rules), key=_order)), tuple(ignored), hidden, known, causes)


def _without_known(
    findings: tuple[Finding, ...], documents: Documents, options: Options
) -> tuple[tuple[Finding, ...], int]:
    if not options.known:
        return findings, 0
    texts = {moved_file(file, options.prefix, options.here): text for file, text in documents.texts.items()}
    return baseline.without_known(findings, texts, options.known)


def moved(finding: Finding, prefix: str, here: str = "") -> Finding:
    """The finding with all its places as they are seen from above its project."""
    if not prefix and not here:
        return finding
    related = tuple(Sourced(each.value, _moved_place(each.place, prefix, here)) for each in finding.related)
    file = moved_file(finding.place.file, prefix, here)
    message = _renamed(finding.message, finding.related, related)
    return replace(finding, message=message, place=replace(finding.place, file=file), related=related)


def _renamed(message: str, before: Iterable[Sourced[str]], after: Iterable[Sourced[str]]) -> str:
    """The message with the places that it names in brackets called as those beside it are."""
    for old, new in zip(before, after, strict=True):
        if old.place is not None and new.place is not None and old.place.file != new.place.file:
            line = f":{old.place.line})"
            message = message.replace(f"({old.place.file}{line}", f"({new.place.file}{line}")
    return message


@lru_cache(maxsize=64)
def moved_file(file: str, prefix: str, here: str = "") -> str:
    """A file's name seen from above its project."""
    if file.startswith("/"):
        return file[len(here) :] if here and file.startswith(here) else file
    return posixpath.normpath(prefix + file) if prefix else file


def _moved_place(place: Place | None, prefix: str, here: str) -> Place | None:
    return replace(place, file=moved_file(place.file, prefix, here)) if place else None


def _found(context: Context, rules: Iterable[Rule], wants: Callable[[str], bool]) -> Iterator[Finding]:
    yield from (finding for finding in context.documents.findings if wants(finding.requirement))
    for rule in rules:
        yield from rule.check(context)


def once(findings: Iterable[Finding]) -> list[Finding]:
    """One finding of a requirement at a place: two services (or projects) built from one Dockerfile have its faults in
    common. What points at the beginning of a file may say several things there."""
    seen: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        message = finding.message if finding.requirement in _SAY_MORE else ""
        seen.setdefault((finding.requirement, finding.place, message), finding)
    return list(seen.values())


def without_parts(findings: Iterable[Finding]) -> list[Finding]:
    """Without those that another one says of more services: one project may include the files of another."""
    groups: dict[tuple[object, ...], list[tuple[Finding, set[str]]]] = {}
    for each in findings:
        key = (each.requirement, each.severity, each.confidence, each.place.file, each.remedy)
        groups.setdefault(key, []).append((each, set(each.service.split(", "))))
    return [
        finding
        for group in groups.values()
        for finding, services in group
        if not any(services < others and _places(finding) <= _places(other) for other, others in group)
    ]


def _places(finding: Finding) -> set[Place | None]:
    return {finding.place, *(each.place for each in finding.related)}


def _without_consequences(
    findings: Iterable[Finding], causes: Iterable[Finding], rules: Mapping[str, Rule]
) -> tuple[list[Finding], tuple[Finding, ...]]:
    there = {(finding.requirement, finding.service) for finding in causes}
    shown: list[Finding] = []
    hidden: list[Finding] = []
    for finding in findings:
        rule = rules.get(finding.requirement)
        is_consequence = rule is not None and any((cause, finding.service) in there for cause in rule.consequence_of)
        (hidden if is_consequence else shown).append(finding)
    return shown, tuple(hidden)


def _together(findings: Iterable[Finding], rules: Mapping[str, Rule]) -> Iterator[Finding]:
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for number, finding in enumerate(findings):
        rule = rules.get(finding.requirement)
        is_shared = rule is not None and rule.many and finding.service and finding.severity is rule.severity
        place: object = (finding.place.file, finding.severity, finding.confidence) if is_shared else number
        if finding.requirement == "syntax":
            # One cause, many places: a section that is missing, a word that is unknown everywhere.
            kind = finding.remedy or finding.message[-_TAIL:]
            place = (finding.place.file, finding.severity, kind)
        groups.setdefault((finding.requirement, place), []).append(finding)
    for group in groups.values():
        if group[0].requirement == "syntax":
            yield from group if len(group) < _MANY_ALIKE else [_first_of_many(group)]
        else:
            is_one = len({finding.service for finding in group}) == 1
            yield from group if is_one else [_merged(group, rules[group[0].requirement])]


def _first_of_many(group: list[Finding]) -> Finding:
    first, *others = sorted(group, key=_order)
    message = f"{first.message} (and {len(others)} more of this kind)"
    return replace(first, message=message, related=tuple(Sourced(each.message, each.place) for each in others))


def _merged(group: list[Finding], rule: Rule) -> Finding:
    group = sorted(group, key=_order)
    names = list(dict.fromkeys(finding.service for finding in group))
    shown = ", ".join(names[:-1]) + " and " + names[-1]
    others = tuple(Sourced(finding.service, finding.place) for finding in group[1:])
    message = rule.many.format(count=len(names), names=shown)
    return replace(group[0], message=message, related=(*group[0].related, *others), service=", ".join(names))


def _order(finding: Finding) -> tuple[object, ...]:
    place = finding.place
    return place.file, place.line, place.column, RANKS[finding.severity], finding.requirement, finding.message
