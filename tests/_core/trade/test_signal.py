"""Rule 19 against a naive time integral, and its edges one by one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.trade.signal import ImbalanceSignal, Signal
from tests.oracle.signal import NaiveSignal

MS = 1_000_000


def make(**settings):
    return ImbalanceSignal(**{"threshold": 0.3, "min_confidence": 0.5, "window_ms": 100, "decay_ms": 50, **settings})


steps = st.lists(st.tuples(
    st.sampled_from([0, 0, 1, 3_333_333, 10 * MS, 40 * MS, 100 * MS, 350 * MS]),            # time since the step before
    st.sampled_from([0.3, -0.3, 0.29999, 0.0, 0.5, -0.5, 0.8, -0.9, 1.0, None, "look", "look"]),   # None: out of sync
), max_size=60)


@given(steps, st.sampled_from([0.0, 0.5, 0.7, 1.0]))
def test_agrees_with_the_naive_integral(steps, min_confidence):
    fast, naive, now = make(min_confidence=min_confidence), NaiveSignal(0.3, min_confidence, 100 * MS, 50 * MS), 0
    for wait, what in steps:
        now += wait
        if what is None:
            fast.reset()
            naive.reset()
        elif what != "look":
            fast.update(what, now)
            naive.update(what, now)
        signal, expected = fast.at(now), naive.at(now)
        assert (signal and (signal.strength, signal.confidence)) == expected
        if naive.updates:
            fast._check(now)
    assert fast.shortened == 0


@given(st.lists(st.tuples(st.integers(1, 40 * MS), st.sampled_from([0.5, -0.5, 0.0])), min_size=1, max_size=80),
       st.integers(2, 6))
def test_a_ring_too_small_shortens_the_window_to_what_it_covers(steps, capacity):
    fast, now, updates = make(min_confidence=0.0, capacity=capacity), 0, []
    for wait, imbalance in steps:
        now += wait
        fast.update(imbalance, now)
        fast._check(now)
        if not updates or updates[-1][1] != imbalance:
            updates.append((now, imbalance))
        if imbalance and now - updates[0][0] >= 100 * MS:
            covered = max(now - 100 * MS, updates[max(0, len(updates) - capacity)][0])
            naive = NaiveSignal(0.3, 0.0, now - covered, 50 * MS)
            naive.updates = list(updates)
            # The edge never moves back: a window that was cut stays cut until time has passed.
            assert fast.at(now).confidence == float(naive.confidence(now))


def test_needs_a_whole_window_since_the_last_sync():
    signal = make()
    signal.update(0.5, 0)
    assert signal.at(100 * MS - 1) is None
    signal.update(0.5, 100 * MS)
    assert signal.at(100 * MS) == Signal(0.5, 1.0, 100 * MS)
    signal.reset()
    signal.update(0.5, 110 * MS)
    assert signal.at(110 * MS) is None


def test_strength_decays_until_refreshed_and_is_void_below_the_threshold():
    signal = make()
    signal.update(0.6, 0)
    signal.update(0.6, 100 * MS)
    assert signal.at(130 * MS).strength == pytest.approx(0.6 * math.exp(-30 / 50), rel=5e-16)
    gone = 100 * MS + math.ceil(50 * MS * math.log(2))
    assert signal.at(gone - 2).strength > 0.3
    assert signal.at(gone + 2) is None
    signal.update(0.6, gone + 3)
    assert signal.at(gone + 3).strength == 0.6


def test_the_threshold_itself_counts_on_both_sides():
    signal = make(min_confidence=1.0)
    for imbalance in (0.3, -0.3):
        signal.reset()
        signal.update(imbalance, 0)
        signal.update(imbalance, 100 * MS)
        assert signal.at(100 * MS) == Signal(imbalance, 1.0, 100 * MS)


def test_of_several_updates_in_one_read_the_last_one_counts():
    signal = make(min_confidence=0.0)
    signal.update(0.5, 0)
    for imbalance in (-0.5, 0.0, 0.5):
        signal.update(imbalance, 60 * MS)
    signal.update(0.5, 100 * MS)
    assert signal.at(100 * MS).confidence == 1.0


def test_the_holding_period_is_the_window_unless_set():
    for settings, expected in (({}, 100 * MS), ({"holding_ms": 7}, 7 * MS)):
        signal = make(**settings)
        signal.update(0.5, 0)
        signal.update(0.5, 100 * MS)
        assert signal.at(100 * MS).holding_period_ns == expected


@pytest.mark.parametrize("bad", [
    {"threshold": 0.0}, {"threshold": 1.1}, {"threshold": math.nan}, {"min_confidence": -0.1}, {"min_confidence": 1.01},
    {"window_ms": 0}, {"decay_ms": -1}, {"holding_ms": 0}, {"capacity": 1},
])
def test_refuses_settings_out_of_range(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        make(**bad)


@pytest.mark.parametrize("values", [(1.1, 0.5, 1), (-1.1, 0.5, 1), (0.5, -0.1, 1), (0.5, 1.1, 1), (0.5, 0.5, 0)])
def test_a_signal_keeps_to_its_ranges(values):
    with pytest.raises(ValueError, match="must be"):
        Signal(*values)


def test_imbalance_must_be_one():
    with pytest.raises(ValueError, match="imbalance"):
        make().update(1.5, 0)
