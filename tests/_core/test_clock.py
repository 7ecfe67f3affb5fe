"""The venue clock: rule 2 of the semantics, by example and against a version that remembers everything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.clock import VenueClock

S = 1_000_000_000
MS = 1_000_000
START = 1_723_161_255 * S


def observe(clock, seconds, delay_ms):
    """An event stamped so that it was `delay_ms` on the way, received at `seconds`; returns how late v is after x, in ms."""
    recv = START + round(seconds * S)
    x = recv - round(delay_ms * MS)
    return (clock.observe(recv, x) - x) / MS


def test_the_offset_falls_at_once():
    clock = VenueClock()
    assert [observe(clock, t, delay) for t, delay in enumerate([10, 50, 7, 9, -1270, 3])] == [10, 10, 7, 7, -1270, -1270]


def test_a_stall_of_nine_seconds_is_not_a_clock_step():
    clock = VenueClock()
    for t in range(600):
        observe(clock, t, 5)
    assert observe(clock, 1300, 9000) == 5                  # the old minimum has left the window …
    assert observe(clock, 1309, 4000) == 5                  # … the new level has not lasted ten seconds
    assert observe(clock, 1309.9, 6) == 5
    assert observe(clock, 1310, 7) == 6                     # now it has, and its least is the offset


def test_the_offset_rises_only_when_the_minimum_has_left_the_window():
    clock = VenueClock()
    observe(clock, 0, 2)
    for t in range(1, 590):
        assert observe(clock, t, 30) == 2
    for t in range(590, 600):                               # the window moves on in steps of ten seconds
        assert observe(clock, t, 30) in (2, 30)
    assert observe(clock, 600, 31) == 30


def test_without_a_stamp_v_is_the_latest_v():
    clock = VenueClock()
    assert clock.observe(START, 0) == 0 == clock.now        # nothing is known yet
    clock.observe(START, START - 10 * MS)
    late = clock.observe(START + MS, START - 30 * MS)
    assert late == START - 20 * MS
    assert clock.now == START
    assert clock.observe(START + 2 * MS, 0) == START


def test_times_are_checked():
    with pytest.raises(ValueError, match="negative"):
        VenueClock().observe(-1, 5)
    with pytest.raises(ValueError, match="negative"):
        VenueClock().observe(5, -1)


class Remembers:
    """Rule 2 with every observation kept. The window is the current ten seconds and the 59 before them."""

    def __init__(self):
        self.seen = []                                      # (recv, recv - x)
        self.theta = None
        self.latest = 0
        self.since = 0                                      # observations from here on were taken after θ last moved

    def observe(self, recv, x):
        if x == 0:
            return self.latest
        self.seen.append((recv, recv - x))
        window = [d for r, d in self.seen if r // (10 * S) > recv // (10 * S) - 60]
        if self.theta is None or recv - x <= self.theta:
            self.theta, self.since = recv - x, len(self.seen)
        first_above = self.seen[self.since][0] if self.since < len(self.seen) else recv
        if min(window) > self.theta and recv - first_above >= 10 * S:
            self.theta, self.since = min(window), len(self.seen)
        self.latest = max(self.latest, x + self.theta)
        return x + self.theta


steps = st.tuples(
    st.one_of(st.integers(0, 3 * S), st.integers(0, 30 * S), st.sampled_from([300 * S, 599 * S, 600 * S, 2000 * S])),
    st.one_of(st.none(), st.integers(-2 * S, 12 * S), st.integers(0, 5).map(lambda d: d * MS)),
)


@given(st.lists(steps, max_size=120))
@settings(max_examples=400)
def test_agrees_with_a_version_that_remembers_everything(path):
    clock, naive, recv = VenueClock(), Remembers(), START
    for wait, delay in path:
        recv += wait
        x = 0 if delay is None else recv - delay
        assert clock.observe(recv, x) == naive.observe(recv, x)
        assert clock.now == naive.latest
        assert (naive.theta is None or clock.theta == naive.theta)


@given(st.lists(st.tuples(st.integers(0, S), st.integers(0, 100 * MS)), min_size=1))
def test_v_is_never_after_the_frame_was_received(path):
    clock, recv = VenueClock(), START
    for wait, delay in path:
        recv += wait
        assert clock.observe(recv, recv - delay) <= recv
