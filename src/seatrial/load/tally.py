"""Counts requests that are too many to be kept: outcomes exactly, latencies in a histogram of fixed size.

The histogram's buckets grow with what they hold, as HdrHistogram's: below 64 µs one microsecond wide, above that a 32nd
of their octave, so that a value read from it is at most 3.2 % off.
"""

from __future__ import annotations

from seatrial.model.traffic import SHARES, Bulk, Outcome, Population

_LINEAR = 64
_STEPS = 5
"""2**5 buckets an octave."""
_OCTAVES = 26
"""Up to an hour."""
_BUCKETS = (_OCTAVES << _STEPS) + _LINEAR


def bucket_of(microseconds: int) -> int:
    """The bucket that a latency falls into."""
    if microseconds < _LINEAR:
        return microseconds
    shift = microseconds.bit_length() - _STEPS - 1
    return min((shift << _STEPS) + (microseconds >> shift), _BUCKETS - 1)


def middle_of(bucket: int) -> float:
    """The latency, in seconds, that a bucket stands for."""
    if bucket < _LINEAR:
        return bucket / 1e6
    shift = (bucket >> _STEPS) - 1
    return (((bucket - (shift << _STEPS)) + 0.5) * (1 << shift)) / 1e6


class Tally:
    """The requests of one population, before the signal or after it."""

    __slots__ = ("_buckets", "_population", "announced", "connections", "errors", "longest", "outcomes", "requests")

    def __init__(self, population: Population) -> None:
        self._population = population
        self._buckets = [0] * _BUCKETS
        self.connections = 0
        self.requests = 0
        self.errors = 0
        self.longest = 0.0
        self.outcomes = dict.fromkeys(Outcome, 0)

    @property
    def is_used(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.connections or self.requests)

    def answered(self, latency: float, status: int, outcome: Outcome) -> None:
        """A whole answer came."""
        self.outcomes[outcome] += 1
        self._buckets[bucket_of(int(latency * 1e6))] += 1
        if latency > self.longest:
            self.longest = latency
        if status >= 500:
            self.errors += 1

    def _percentile(self, share: float) -> float:
        wanted = share * sum(self._buckets)
        so_far = 0
        for bucket, number in enumerate(self._buckets):
            so_far += number
            if number and so_far >= wanted:
                return round(min(middle_of(bucket), self.longest), 6)
        return 0.0

    def bulk(self, *, after: bool, seconds: float) -> Bulk:
        """What was counted, in the recording's words."""
        counted = self.outcomes
        answered = counted[Outcome.COMPLETE] + counted[Outcome.COMPLETE_CLOSE]
        left = counted[Outcome.REFUSED] + counted[Outcome.ABANDONED]
        return Bulk(
            population=self._population,
            after=after,
            seconds=round(seconds, 6),
            connections=self.connections,
            requests=self.requests,
            answered=answered,
            announced=counted[Outcome.COMPLETE_CLOSE],
            errors=self.errors,
            refused=counted[Outcome.REFUSED],
            abandoned=counted[Outcome.ABANDONED],
            lost=sum(counted.values()) - answered - left,
            latencies=tuple(self._percentile(share) for share in SHARES),
            longest=round(self.longest, 6),
        )
