"""What became of the verdicts since a baseline: better, worse, or the same. Pure.

The rulings alone decide. Measured numbers differ from run to run: they are told where they changed by more than their
noise, and are never what is called worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

from seatrial.model.recording import Recording
from seatrial.model.values import dataclass
from seatrial.model.verdict import Ruling, Verdict

RANK = {Ruling.FAIL: 0, Ruling.NOT_PROVED: 1, Ruling.PASS: 2, Ruling.SKIPPED: 3}
"""Every ruling, the worst first."""
COUNTED = {
    Ruling.FAIL: "failed",
    Ruling.NOT_PROVED: "not proved",
    Ruling.PASS: "passed",
    Ruling.SKIPPED: "skipped",
}
"""How their number is told."""
GOOD = (Ruling.PASS, Ruling.SKIPPED)
"""What asks nothing of the reader."""
NOISE = {"seconds": (2.0, 0.5), "bytes": (1.25, float(16 << 20))}
"""By the end of a figure's name: how many times as much, and how much more on top, two runs of the same may differ.
Other figures count what a drill happened to send, and are not compared."""


class Change(Enum):
    """What became of one requirement."""

    WORSE = "worse"
    UNPROVED = "no longer proved"
    BETTER = "better"
    NEW = "not in the baseline"
    SKIPPED = "no longer applies"
    GONE = "in the baseline alone"
    SAME = "the same"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is compared with: verdicts, and the whole recording where that is what was kept."""

    name: str
    service: str
    recorded_at: str
    verdicts: tuple[Verdict, ...]
    recording: Recording | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """One requirement then and now; `figures` are the numbers that changed by more than their noise."""

    requirement: str
    change: Change
    before: Verdict | None
    now: Verdict | None
    figures: tuple[str, ...] = ()

    @property
    def rulings(self) -> str:
        """ "pass → fail"; one that is missing is a dash."""
        return " → ".join(each.ruling.value if each else "—" for each in (self.before, self.now))

    @property
    def summary(self) -> str:
        """What is said of it now, or was said then."""
        told = self.now or self.before
        return told.summary if told else ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All requirements of both, in the order of the report."""

    baseline: Baseline
    service: str
    shifts: tuple[Shift, ...]

    def of(self, *changes: Change) -> tuple[Shift, ...]:
        """The requirements that changed in one of these ways."""
        return tuple(shift for shift in self.shifts if shift.change in changes)

    @property
    def is_another(self) -> bool:
        """Whether the baseline is of a service of another name."""
        return self.baseline.service != self.service

    def headline(self) -> str:
        """ "2 worse, 1 better, 23 the same"; "nothing changed"."""
        counts = [(len(self.of(change)), change) for change in Change]
        if all(change is Change.SAME for number, change in counts if number):
            return "nothing changed"
        return ", ".join(f"{number} {change.value}" for number, change in counts if number)


def compare(baseline: Baseline, service: str, verdicts: Sequence[Verdict]) -> Comparison:
    """Hold verdicts against a baseline."""
    before = {each.requirement: each for each in baseline.verdicts}
    now = {each.requirement: each for each in verdicts}
    shifts = [_shift(name, before.get(name), now.get(name)) for name in (*now, *(n for n in before if n not in now))]
    return Comparison(baseline, service, tuple(shifts))


def _shift(name: str, before: Verdict | None, now: Verdict | None) -> Shift:
    if before is None or now is None:
        return Shift(name, Change.NEW if before is None else Change.GONE, before, now)
    if before.ruling is now.ruling:
        return Shift(name, Change.SAME, before, now, tuple(_changed(before.figures, now.figures)))
    if now.ruling is Ruling.SKIPPED:
        return Shift(name, Change.SKIPPED, before, now)
    if before.ruling is Ruling.SKIPPED and now.ruling is not Ruling.FAIL:
        return Shift(name, Change.NEW, before, now)
    if RANK[now.ruling] > RANK[before.ruling]:
        return Shift(name, Change.BETTER, before, now)
    return Shift(name, Change.WORSE if now.ruling is Ruling.FAIL else Change.UNPROVED, before, now)


def _changed(before: Mapping[str, float], now: Mapping[str, float]) -> Iterator[str]:
    """The figures that differ by more than their noise, in words."""
    for name, value in now.items():
        if name in before and is_beyond_noise(name, before[name], value):
            yield f"{name} {before[name]:.3g} → {value:.3g}"


def is_beyond_noise(name: str, before: float, now: float) -> bool:
    """Whether a figure changed by more than two runs of the same service may differ."""
    unit = name.rpartition("_")[2]
    if unit not in NOISE:
        return False
    (factor, more), (low, high) = NOISE[unit], sorted((before, now))
    return high > factor * low + more
