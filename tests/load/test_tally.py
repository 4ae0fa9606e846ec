"""Counts are exact; latencies are at most 3.2 % off, and take no memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.load.tally import Tally, bucket_of, middle_of
from seatrial.model.traffic import Outcome, Population


@given(st.integers(0, 3_600_000_000))
def test_a_latency_read_back_is_hardly_off(microseconds: int) -> None:
    assert middle_of(bucket_of(microseconds)) * 1e6 == pytest.approx(microseconds, rel=0.032, abs=1.0)


def test_buckets_follow_one_another() -> None:
    buckets = [bucket_of(number) for number in range(100_000)]
    assert all(after - before in (0, 1) for before, after in pairwise(buckets))


def test_percentiles_and_counts_are_those_of_what_was_told() -> None:
    tally = Tally(Population.KEEP_ALIVE)
    tally.connections, tally.requests = 2, 1002
    for number in range(1000):
        tally.answered((number + 1) / 1000, 503 if number == 7 else 200, Outcome.COMPLETE)
    tally.answered(2.0, 200, Outcome.COMPLETE_CLOSE)
    tally.outcomes[Outcome.RST] += 1
    bulk = tally.bulk(after=True, seconds=3.0)
    assert (bulk.requests, bulk.answered, bulk.announced, bulk.errors, bulk.lost) == (1002, 1001, 1, 1, 1)
    assert bulk.latencies == pytest.approx((0.5, 0.9, 0.99, 1.0), rel=0.04)
    assert bulk.longest == 2.0


def test_nothing_was_told_and_nothing_is() -> None:
    bulk = Tally(Population.OPEN_LOOP).bulk(after=False, seconds=0.0)
    assert (bulk.latencies, bulk.longest) == ((0.0, 0.0, 0.0, 0.0), 0.0)
