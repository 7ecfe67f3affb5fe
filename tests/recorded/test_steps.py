"""Recordings whose clock was set (rule 33): steps are carried, outliers passed over, stalls and gaps left alone."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hft
from hft.data.captures import Capture
from hft.data.convert import convert
from hft.data.record import Kind, Record
from hft.data.steps import Steps, venue_ns
from tests import data

MS = 1_000_000
S = 1_000 * MS
START = 1_723_161_255 * S
CASE = "cases/10_clock_steps_back/back_ten_minutes.txt.gz"


def line(ms, x_ms=None, off_s=0.0, kind=Kind.FRAME):
    """A line received at `ms`, as a clock that is `off_s` off stamps it; the venue stamped it `x_ms`."""
    stamp = b"" if x_ms is None else b',"E":1,"T":%d' % (START // MS + x_ms)
    return Record(START + ms * MS + round(off_s * S), kind, b'{"e":"trade"%b,"s":"BTCUSDT"}' % stamp)


def steady(lines):
    """The stamps that come out, in ms after START, and the one who made them."""
    at = [0]
    steps = Steps(lambda: f"line {at[0]}")
    out = []
    for at[0], each in enumerate(lines, 1):
        out += [each] if steps.passes(each) else steps.take(each)
    out += steps.finish()
    assert [each.data for each in out] == [each.data for each in lines]
    return [(each.ns - START) // MS for each in out], steps


def paced(first, last, off_s=0.0, x=True):
    """A line every 100 ms, 5 ms on the way."""
    return [line(ms, ms - 5 if x else None, off_s) for ms in range(first, last, 100)]


@pytest.mark.parametrize("off_s", [-600, -1.5, 1.5, 3600])
@pytest.mark.parametrize("x", [1, 2, 7], ids=lambda n: f"one line in {n} has a stamp of the venue's")
def test_a_step_is_carried_and_time_goes_on_at_its_pace(off_s, x):
    before, after = paced(0, 5000), paced(5000, 30_000, off_s)
    lines = [each if n % x == 0 else each._replace(data=b"{}") for n, each in enumerate(before + after)]
    stamps, steps = steady(lines)
    assert stamps == list(range(0, 30_000, 100))
    way = "back" if off_s < 0 else "ahead"
    assert (steps.steps, steps.outliers) == (1, 0)
    assert steps.reported == [f"line 51: the clock was set {abs(off_s):.1f} s {way}; time continues as before"]


def test_a_step_back_is_carried_where_the_venue_stamps_nothing():
    stamps, steps = steady(paced(0, 5000, x=False) + paced(5000, 9000, -600, x=False))
    assert stamps[:50] == list(range(0, 5000, 100))
    assert stamps[50:] == list(range(4900, 8900, 100))      # the first line at the time of the one before it
    assert steps.steps == 1


def test_a_clock_that_is_set_twice():
    stamps, steps = steady(paced(0, 5000) + paced(5000, 9000, -600) + paced(9000, 15_000, 20))
    assert stamps == list(range(0, 15_000, 100))
    assert [each.partition(": ")[2].partition(";")[0] for each in steps.reported] == [
        "the clock was set 600.0 s back", "the clock was set 620.0 s ahead",
    ]  # fmt: skip


@pytest.mark.parametrize("off_s", [-600, 3600])
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("x", [True, False])
def test_up_to_four_outliers_count_as_the_line_before_them(off_s, n, x):
    lines = paced(0, 5000, x=x) + paced(5000, 5000 + 100 * n, off_s, x=x) + paced(5000 + 100 * n, 9000, x=x)
    stamps, steps = steady(lines)
    expected = list(range(0, 9000, 100))
    if x or off_s < 0:                      # forward, and no venue's stamp: it may as well be a gap
        expected[50 : 50 + n] = [4900] * n
        assert (steps.steps, steps.outliers, len(steps.reported)) == (0, n, n)
        way = "back" if off_s < 0 else "ahead"
        assert re.fullmatch(rf"line 51: a stamp (600.0|599.9|3600.0) s {way}; replaced by the one before it", steps.reported[0])
        assert stamps == expected


def test_outliers_that_differ_are_no_step():
    lines = paced(0, 5000)
    lines += [line(5000 + 100 * n, 4995 + 100 * n, 100 * (n + 1)) for n in range(12)]
    stamps, steps = steady(lines + paced(6200, 9000))
    assert stamps == [*range(0, 5000, 100), *[4900] * 12, *range(6200, 9000, 100)]
    assert (steps.steps, steps.outliers) == (0, 12)
    assert len(steps.reported) == 5             # the others are counted


def test_a_gap_in_which_the_venue_moved_along_is_none_of_it():
    lines = paced(0, 5000) + paced(905_000, 910_000)
    assert steady(lines)[0] == [*range(0, 5000, 100), *range(905_000, 910_000, 100)]
    assert steady(paced(905_000, 910_000) + paced(0, 5000))[1].reported == []       # nor are two files in one


@pytest.mark.parametrize("stall_s", [2, 40])
def test_a_stall_is_none_of_it(stall_s):
    """The connection stood still: everything comes at once, long after the venue stamped it."""
    end = 5000 + 1000 * stall_s
    lines = paced(0, 5000)
    lines += [line(end + n // 50, x) for n, x in enumerate(range(4995, end - 5, 10))]
    lines += paced(end + 200, end + 9000)
    stamps, steps = steady(lines)
    assert stamps == [(each.ns - START) // MS for each in lines]
    assert steps.reported == []


def test_rest_answers_give_no_evidence_of_the_clock_and_are_moved_with_it():
    lines = paced(0, 5000) + [line(7000, kind=Kind.SNAPSHOT)] + paced(5000, 7000, -600)
    lines += [line(7050, off_s=-600, kind=Kind.SNAPSHOT)] + paced(7100, 9000, -600)
    stamps, steps = steady(lines)
    assert stamps == [*range(0, 5000, 100), 7000, *range(5000, 7000, 100), 7050, *range(7100, 9000, 100)]
    assert steps.steps == 1


def test_the_end_of_the_file_decides_for_few_lines():
    stamps, steps = steady(paced(0, 5000) + paced(5000, 5300, -600))
    assert stamps == [*range(0, 5000, 100), 4900, 4900, 4900]
    assert steps.outliers == 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([-3600, -10, -2, 2, 10, 3600]), st.integers(120, 250)), max_size=4),
       st.randoms(use_true_random=True))  # fmt: skip
def test_whatever_the_clock_was_set_to_no_line_is_off_by_more_than_its_delay(sets, random):
    """Lines of a true clock with up to 40 ms of delay, some without a stamp of the venue's, as a clock shows that is set."""
    ms, off, lines, true = 0, 0, [], []
    for step, count in [(0, 100), *sets]:
        off += step
        for _ in range(count):
            ms += random.randint(1, 60)
            lines.append(line(ms, ms - random.randint(1, 40) if random.random() < 0.7 else None, off))
            true.append(ms)
    stamps, steps = steady(lines)
    assert steps.steps == len(sets)
    assert all(abs(stamp - ms) <= 60 * max(1, len(sets)) for stamp, ms in zip(stamps, true, strict=True))
    assert stamps == sorted(stamps)


@pytest.mark.parametrize(
    ("frame", "ns"),
    [(b'{"E":1723161256322,"T":1723161256320}', 1723161256320 * MS), (b'{"E":1723161256322}', 1723161256322 * MS),
     (b'{"E":1723161256322000}', 1723161256322 * MS), (b'{"T": 1723161256322}', 1723161256322 * MS), (b'{"u":7}', 0),
     (b'{"T":12}', 0)],
)  # fmt: skip
def test_the_venues_stamp_of_a_frame(frame, ns):
    assert venue_ns(frame) == ns


# --- case 10


def test_a_recording_that_was_set_back_ten_minutes_trades_to_its_end():
    path = data.find(CASE)
    capture = Capture(path)
    stamps = [record.ns for record in capture]
    assert stamps == sorted(stamps)
    assert capture.steps == [f"{path}, line 6001: the clock was set 600.0 s back; time continues as before"]
    result = hft.backtest(path)
    assert result.notes == capture.steps
    seconds = (result.series["ts_ns"].max() - result.series["ts_ns"].min()) / 1e9
    assert 40 < seconds < 60                # nothing jumped
    middle = stamps[6000]
    assert (result.orders["created_ns"] > middle).any()     # after the step as before it
    assert (result.orders["created_ns"] < middle).any()


def test_it_converts_to_records_in_order_that_trade_the_same(tmp_path, capsys):
    path, out = data.find(CASE), tmp_path / "steady.events"
    assert convert(hft.Config(), [path], out) == 0
    assert f"{path}, line 6001: the clock was set 600.0 s back" in capsys.readouterr().err
    again, direct = hft.backtest(out), hft.backtest(path)
    assert len(direct.orders) > 0
    assert again.orders.tobytes() == direct.orders.tobytes()
    assert again.fills.tobytes() == direct.fills.tobytes()


def test_captures_whose_clock_was_not_set_are_untouched():
    for name in data.SPECS:
        capture = Capture(data.find(name))
        list(capture)
        assert capture.steps == []
