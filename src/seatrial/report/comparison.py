"""What became of the verdicts since a baseline: better, worse, or the same. Pure.

The rulings alone decide, and what was not proved is no ruling: a failure after it is not called worse, because nobody
knows how it was before, and it is not called better after a failure, because nobody knows how it is now. Measured
numbers differ from run to run: they are told where they changed by more than their noise, and are never what is called
worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

from seatrial.model.recording import Recording, Scenario
from seatrial.model.values import dataclass
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.summary import stop_seconds

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
STOPS = (Scenario.STOP, Scenario.SECOND_SIGNAL, Scenario.ROLLOUT)
"""The runs that repeat one stop under one load: so far as their times differ, those of two trials may, too."""


class Change(Enum):
    """What became of one requirement."""

    WORSE = "worse"
    FOUND = "now proved to fail"
    UNPROVED = "no longer proved"
    UNKNOWN = "no longer known to fail"
    BETTER = "better"
    NEW = "not in the baseline"
    SKIPPED = "no longer applies"
    GONE = "in the baseline alone"
    SAME = "the same"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is compared with: verdicts, how long its stops took, and the whole recording where that was kept."""

    name: str
    service: str
    recorded_at: str
    verdicts: tuple[Verdict, ...]
    recording: Recording | None = None
    stops: tuple[float, ...] = ()


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


def stops(recording: Recording) -> tuple[float, ...]:
    """How long each repetition of the stop took."""
    times = (stop_seconds(run) for run in recording.runs if run.scenario in STOPS)
    return tuple(time for time in times if time is not None)


def compare(baseline: Baseline, service: str, verdicts: Sequence[Verdict], stopped: Sequence[float] = ()) -> Comparison:
    """Hold verdicts, and how long the stops took, against a baseline."""
    before = {each.requirement: each for each in baseline.verdicts}
    now = {each.requirement: each for each in verdicts}
    stops_of_both = (baseline.stops, tuple(stopped))
    names = (*now, *(name for name in before if name not in now))
    return Comparison(
        baseline, service, tuple(_shift(name, before.get(name), now.get(name), stops_of_both) for name in names)
    )


def _shift(
    name: str, before: Verdict | None, now: Verdict | None, stops_of_both: tuple[Sequence[float], Sequence[float]]
) -> Shift:
    if before is None or now is None:
        return Shift(name, Change.NEW if before is None else Change.GONE, before, now)
    if before.ruling is now.ruling:
        return Shift(name, Change.SAME, before, now, tuple(_changed(before.figures, now.figures, *stops_of_both)))
    return Shift(name, _became(before.ruling, now.ruling), before, now)


def _became(before: Ruling, now: Ruling) -> Change:
    """What two rulings that differ are called."""
    if now is Ruling.SKIPPED:
        return Change.SKIPPED
    if now is Ruling.FAIL:
        return Change.FOUND if before is Ruling.NOT_PROVED else Change.WORSE
    if before is Ruling.SKIPPED:
        return Change.NEW
    if now is Ruling.NOT_PROVED:
        return Change.UNKNOWN if before is Ruling.FAIL else Change.UNPROVED
    return Change.BETTER


def _changed(
    before: Mapping[str, float], now: Mapping[str, float], stops_before: Sequence[float], stops_now: Sequence[float]
) -> Iterator[str]:
    """The figures that differ by more than their noise, in words."""
    for name, value in now.items():
        if name not in before:
            continue
        repeated = (stops_before, stops_now) if name == "stop_seconds" else ((), ())
        if _are_apart(name, (before[name], *repeated[0]), (value, *repeated[1])):
            yield f"{name} {before[name]:.3g} → {value:.3g}"


def _are_apart(name: str, before: Sequence[float], now: Sequence[float]) -> bool:
    """Whether all of one side are beyond the noise of all of the other."""
    lower, upper = (before, now) if max(before) < min(now) else (now, before)
    return max(lower) < min(upper) and is_beyond_noise(name, max(lower), min(upper))


def is_beyond_noise(name: str, before: float, now: float) -> bool:
    """Whether a figure changed by more than two runs of the same service may differ."""
    unit = name.rpartition("_")[2]
    if unit not in NOISE:
        return False
    (factor, more), (low, high) = NOISE[unit], sorted((before, now))
    return high > factor * low + more
