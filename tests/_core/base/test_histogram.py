"""Buckets promise: at most 1/32 wide, read as their middle, nothing lost."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.histogram import Histogram, _bucket_of

LAST = 2**35 - 1
durations = st.one_of(st.integers(0, 200), st.integers(0, LAST), st.integers(0, 35).map(lambda n: min(2**n, LAST)))


def filled(values):
    h = Histogram()
    for ns in values:
        h.add(ns)
    return h


@given(durations)
def test_a_value_is_read_back_within_three_percent(ns):
    _, value = _bucket_of(ns)
    assert abs(value - ns) <= ns * 0.016
    assert ns >= 64 or value == ns


@given(durations, durations)
def test_buckets_are_in_the_order_of_their_values(a, b):
    low, high = sorted((a, b))
    assert _bucket_of(low)[0] <= _bucket_of(high)[0]


def test_no_bucket_is_skipped():
    assert [_bucket_of(ns)[0] for ns in range(64)] == list(range(64))
    starts = [(32 + i) << shift for shift in range(1, 30) for i in range(32)]
    assert [_bucket_of(ns)[0] for ns in starts] == list(range(64, 992))


@given(st.lists(durations, min_size=1), st.floats(0, 100))
def test_a_percentile_is_the_nearest_rank(values, q):
    rank = max(1, math.ceil(q * len(values) / 100 - 1e-9))
    exact = sorted(values)[rank - 1]
    assert abs(filled(values).percentile(q) - exact) <= exact * 0.016


@given(st.lists(durations), st.lists(durations))
def test_merging_is_counting_both(a, b):
    both, one = filled(a + b), filled(a)
    one.merge(filled(b))
    assert (one.count, one.sum, one.max) == (both.count, both.sum, both.max) == (len(a + b), sum(a + b), max(a + b, default=0))
    assert [one.percentile(q) for q in (0, 50, 99, 100)] == [both.percentile(q) for q in (0, 50, 99, 100)]


@given(st.lists(durations), durations)
def test_below_counts_a_bucket_by_its_middle(values, bound):
    assert filled(values).below(bound) == sum(_bucket_of(ns)[1] <= bound for ns in values)


def test_beyond_the_last_bucket_the_maximum_stays_exact():
    h = filled([5, 10**12])
    assert (h.count, h.max, h.percentile(100)) == (2, 10**12, 10**12)


def test_a_negative_time_counts_as_zero():
    h = filled([-5])
    assert (h.count, h.sum, h.max, h.percentile(50)) == (1, 0, 0, 0)


def test_ninety_nine_point_nine_of_a_thousand_is_the_999th():
    assert filled([1] * 999 + [60]).percentile(99.9) == 1


@pytest.mark.parametrize("q", [-1, 100.1, math.nan])
def test_a_percentile_is_from_0_to_100(q):
    with pytest.raises(ValueError, match="0 to 100"):
        Histogram().percentile(q)


def test_none_is_no_histogram():
    with pytest.raises(TypeError):
        Histogram().merge(None)
