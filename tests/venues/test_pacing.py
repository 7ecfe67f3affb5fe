"""Bounds on how often we knock, proved on a clock of our own: no window ever holds more than its limit."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft.venues.binance.venues import VENUES
from hft.venues.pacing import Backoff, SlidingWindow


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def most_in_a_window(times, window_s):
    """The most of `times` (sorted) that lie in any half-open window of that length; naive."""
    return max((sum(start <= at < start + window_s for at in times) for start in times), default=0)


@given(
    limit=st.integers(1, 8),
    window_s=st.floats(0.5, 20),
    asks=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 4)), max_size=60),
)
def test_no_window_holds_more_than_its_limit(limit, window_s, asks):
    window, now, taken = SlidingWindow(limit, window_s), 0.0, []
    for pause, units in asks:
        now += pause
        units = min(units, limit)
        if window.take(now, units) == 0.0:
            taken += [now] * units
    # Float rounding may let one in at the very end of a window.
    assert most_in_a_window(taken, window_s * (1 - 1e-9)) <= limit


@given(limit=st.integers(1, 5), window_s=st.floats(0.5, 20), n=st.integers(1, 30))
async def test_waiting_goes_on_at_the_first_moment_that_is_allowed(limit, window_s, n):
    window, time = SlidingWindow(limit, window_s), Time()
    for _ in range(n):
        await window.wait(clock=time, sleep=time.sleep)
    assert time.now == pytest.approx((n - 1) // limit * window_s, abs=1e-3)


def test_a_request_larger_than_the_window_waits_for_an_empty_one():
    window = SlidingWindow(10, 60.0)
    assert window.take(0.0, 4) == 0.0
    assert window.take(1.0, 25) == pytest.approx(59.0)
    assert window.take(60.0, 25) == 0.0
    assert window.used(61.0) == 25


@pytest.mark.parametrize(("limit", "window_s"), [(0, 1.0), (1, 0.0), (-3, 5.0)])
def test_what_is_no_rate_is_refused(limit, window_s):
    with pytest.raises(ValueError, match="is not a rate"):
        SlidingWindow(limit, window_s)


@given(seed=st.integers(), base_s=st.floats(0.01, 1), cap_s=st.floats(1, 60), failures=st.integers(1, 60))
def test_backoff_doubles_to_its_cap_between_half_and_all(seed, base_s, cap_s, failures):
    backoff = Backoff(base_s, cap_s, Random(seed))
    for n in range(failures):
        ceiling = min(cap_s, base_s * 2**n)
        assert ceiling / 2 <= backoff.next() <= ceiling
    backoff.reset()
    assert backoff.next() <= base_s


def test_clients_cut_off_together_do_not_come_back_together():
    delays = [Backoff(8.0, 30.0, Random(seed)).next() for seed in range(200)]
    assert min(delays) < 4.4
    assert max(delays) > 7.6
    assert len(set(delays)) == 200


@pytest.mark.parametrize("venue", VENUES.values(), ids=list(VENUES))
async def test_a_hundred_refused_connections_stay_under_the_venues_limit(venue):
    """Fault case 16, in the worst case for us: each attempt fails at once, and every backoff is at its shortest."""
    limits, time, attempts = venue.protocol.limits, Time(), []

    class Shortest(Random):
        def random(self) -> float:
            return 0.0

    gate, backoff = SlidingWindow(limits.connections // 2, limits.connections_window_s), Backoff(rng=Shortest())
    for _ in range(100):
        await gate.wait(clock=time, sleep=time.sleep)
        attempts.append(time.now)
        await time.sleep(backoff.next())
    assert most_in_a_window(attempts, limits.connections_window_s) <= 30 < limits.connections
    assert most_in_a_window(attempts, 1.0) <= 3 < limits.messages_per_second


async def test_the_bound_holds_even_without_a_backoff():
    """Connections that open and break at once reset nothing and wait for nothing: the gate alone holds."""
    limits, time, attempts = VENUES["binance-spot"].protocol.limits, Time(), []
    gate = SlidingWindow(limits.connections // 2, limits.connections_window_s)
    for _ in range(1000):
        await gate.wait(clock=time, sleep=time.sleep)
        attempts.append(time.now)
    assert most_in_a_window(attempts, limits.connections_window_s) == 150 < limits.connections
