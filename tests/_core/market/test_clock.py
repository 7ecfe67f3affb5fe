"""The venue clock: rule 2 of the semantics, by example and against a version that remembers everything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.market.clock import VenueClock
from tests.oracle.clock import NaiveClock
from tests.sizes import examples

S = 1_000_000_000
MS = 1_000_000
START = 1_723_161_255 * S


def observe(clock, seconds, delay_ms):
    """An event stamped so that it was `delay_ms` on the way, received at `seconds`; returns how late v is after x, in ms."""
    recv = START + round(seconds * S)
    x = recv - round(delay_ms * MS)
    return (clock.observe(recv, x) - x) / MS


def known(delay_ms, until=0):
    """A clock that has seen this delay five times, up to `until` seconds."""
    clock = VenueClock()
    for n in range(5):
        observe(clock, until - (4 - n) / 10, delay_ms)
    assert clock.theta == delay_ms * MS
    return clock


# --- the start


def test_until_five_stamps_agree_v_is_the_receipt():
    clock = VenueClock()
    assert [observe(clock, t / 10, delay) for t, delay in enumerate([10, 30, 7, 45])] == [10, 30, 7, 45]
    assert observe(clock, 0.4, 9) == 7                      # five of them do: the least is the offset
    assert (clock.theta, clock.outliers) == (7 * MS, 0)


@pytest.mark.parametrize("place", range(5))
def test_an_absurd_stamp_among_the_first_moves_nothing(place):
    clock = VenueClock()
    delays = [10, 10, 10, 10, 10]
    delays.insert(place, -3_600_000)
    for t, delay in enumerate(delays):
        observe(clock, t / 10, delay)
    assert clock.theta == 10 * MS
    assert clock.outliers >= 1


def test_five_stamps_of_one_read_are_one_witness():
    clock = VenueClock()
    for _ in range(40):
        assert observe(clock, 0, -500) == -500
    assert observe(clock, 0.1, 10) == 10
    assert clock.theta == 0                                 # not known
    for t in range(2, 6):
        observe(clock, t / 10, 10)
    assert clock.theta == 10 * MS


def test_delays_that_differ_much_are_still_recognised_after_a_while():
    clock = VenueClock()
    for t, delay in enumerate([20, 300, 90, 25, 210, 33, 150, 41, 260, 60]):
        observe(clock, t / 10, delay)
    assert clock.theta == 20 * MS


# --- falls


def test_a_fall_of_up_to_50_ms_is_followed_at_once():
    clock = known(60)
    assert [observe(clock, 1 + t, delay) for t, delay in enumerate([80, 11, 12, -39, -20])] == [60, 11, 11, -39, -39]
    assert clock.outliers == 0


def test_one_stamp_in_the_future_moves_nothing():
    clock = known(10)
    before = clock.observe(START + S, START + S - 30 * MS)
    assert clock.observe(START + 2 * S, START + 3602 * S) == before     # the last one's v
    assert (clock.theta, clock.outliers) == (10 * MS, 1)
    assert observe(clock, 3, 12) == 10


def test_a_burst_of_one_read_moves_nothing():
    clock = known(10)
    for _ in range(100):
        observe(clock, 1, -700)
    assert (clock.theta, clock.outliers) == (10 * MS, 100)
    assert observe(clock, 1, 10) == 10


def test_five_stamps_of_two_reads_are_a_step():
    clock = known(10)
    for n in range(4):
        observe(clock, 1, -5000 + n)
    assert clock.theta == 10 * MS
    assert observe(clock, 1.1, -4960) == -5000
    assert (clock.theta, clock.outliers) == (-5000 * MS, 4)


def test_stamps_in_between_that_fit_show_that_the_clock_was_not_set():
    clock = known(10)
    for n in range(60):
        observe(clock, 1 + n / 10, -5000 if n % 3 else 11)
    assert clock.theta == 10 * MS


def test_five_that_do_not_agree_are_no_step():
    clock = known(10)
    for n in range(40):
        observe(clock, 1 + n / 10, -1000 * (n + 1))
    assert (clock.theta, clock.outliers) == (10 * MS, 40)


# --- rises


def test_a_stall_of_nine_seconds_is_not_a_clock_step():
    clock = known(5)
    for t in range(1, 600):
        observe(clock, t, 5)
    assert observe(clock, 1300, 900) == 5                   # the old minimum has left the window …
    assert observe(clock, 1309, 400) == 5                   # … the new level has not lasted ten seconds
    assert observe(clock, 1309.9, 6) == 5
    assert observe(clock, 1310, 7) == 6                     # now it has, and its least is the offset


def test_the_offset_rises_only_when_the_minimum_has_left_the_window():
    clock = known(2)
    for t in range(1, 590):
        assert observe(clock, t, 30) == 2
    for t in range(590, 600):                               # the window moves on in steps of ten seconds
        assert observe(clock, t, 30) in (2, 30)
    assert observe(clock, 600, 31) == 30


def test_a_rise_of_more_than_a_second_that_lasts_ten_forgets_what_was_lower():
    clock = known(2)
    for t in range(1, 11):
        assert observe(clock, t, 60_003 + t % 3) == 2
    assert observe(clock, 11, 60_007) == 60_003
    assert observe(clock, 12, 60_004) == 60_003
    assert clock.outliers == 0


def test_one_stamp_within_a_second_says_that_the_rest_is_delay():
    clock = known(2)
    for t in range(1, 60):
        assert observe(clock, t, 500 if t % 9 == 0 else 60_000) == 2


def test_an_outlier_does_not_interrupt_a_rise():
    clock = known(2)
    for t in range(1, 11):
        observe(clock, t, 60_000)
        observe(clock, t + 0.5, -9_000)
    assert observe(clock, 11, 60_001) == 60_000


# --- V


def test_without_a_stamp_v_is_the_latest_v():
    clock = VenueClock()
    assert clock.observe(START, 0) == 0 == clock.now        # nothing is known yet
    clock = known(10)
    late = clock.observe(START + MS, START - 30 * MS)
    assert late == START - 20 * MS
    assert clock.now == START
    assert clock.observe(START + 2 * MS, 0) == START


@pytest.mark.parametrize(
    ("recv_ns", "x_ns", "what"),
    [(-1, 5, "recv_ns"), (0, 5, "recv_ns"), (2**62, 5, "recv_ns"), (5, -1, "x_ns"), (5, 2**62, "x_ns")],
)
def test_times_are_checked(recv_ns, x_ns, what):
    with pytest.raises(ValueError, match=f"{what} .* must be a whole number from"):
        VenueClock().observe(recv_ns, x_ns)


# --- any path

STEPS = st.tuples(
    st.one_of(st.just(0), st.integers(0, 3 * S), st.integers(0, 30 * S), st.sampled_from([300 * S, 599 * S, 600 * S, 2000 * S])),
    st.one_of(st.none(), st.integers(-2 * S, 12 * S), st.integers(0, 5).map(lambda d: d * MS),
              st.integers(-70, 70).map(lambda d: d * MS), st.integers(0, 60).map(lambda d: 5 * S + d * MS)),
)  # fmt: skip


@given(st.lists(STEPS, max_size=120))
@settings(max_examples=examples(400), deadline=None)
def test_agrees_with_a_version_that_remembers_everything(path):
    clock, naive, recv = VenueClock(), NaiveClock(), START
    for wait, delay in path:
        recv += wait
        x = 0 if delay is None else recv - delay
        assert clock.observe(recv, x) == naive.observe(recv, x)
        assert clock.now == naive.latest
        assert (clock.theta, clock.outliers) == (naive.theta or 0, naive.outliers)


PIECES = st.lists(st.tuples(st.sampled_from([0, -5 * S, 5 * S, 30 * MS, -30 * MS, -80 * MS]), st.integers(1, 30),
                            st.sampled_from([MS, 100 * MS, S])), max_size=8)  # fmt: skip


@given(PIECES, st.randoms(use_true_random=False))
@settings(max_examples=examples(200), deadline=None)
def test_agrees_where_levels_last(pieces, random):
    """Levels that last for a while, with a few milliseconds of delay on top: the steps and bursts of real clocks."""
    clock, naive, recv = VenueClock(), NaiveClock(), START
    for level, stamps, wait in pieces:
        for _ in range(stamps):
            recv += random.choice([0, wait])
            x = recv - level - random.randint(0, 60) * MS
            assert clock.observe(recv, x) == naive.observe(recv, x)
            assert (clock.theta, clock.outliers) == (naive.theta or 0, naive.outliers)


@given(st.lists(st.tuples(st.integers(0, S), st.integers(-5 * S, 100 * MS)), min_size=1))
def test_v_is_never_after_the_frame_was_received(path):
    clock, recv = VenueClock(), START
    for wait, delay in path:
        recv += wait
        assert clock.observe(recv, recv - delay) <= recv
