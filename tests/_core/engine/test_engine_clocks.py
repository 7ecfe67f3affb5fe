"""Clocks that do what they like (fault case 20): the venue's goes back, is stepped by an hour, changes its unit."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.venues.binance import messages
from hft.venues.binance.venues import SPOT as SPOT_PROTOCOL

MS = 1_000_000
HOUR_MS = 3_600_000
START_MS = 1_790_000_000_000

stamps = st.one_of(
    st.integers(-HOUR_MS, HOUR_MS),                     # an hour either way, or a little
    st.sampled_from([0, -1, 1, HOUR_MS, -HOUR_MS]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(stamps, st.booleans(), st.integers(0, 2_000)), min_size=1, max_size=60))
def test_whatever_the_venues_clock_does_time_goes_on_and_no_figure_is_negative(steps):
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001", instrument="spot"), fallback=messages.load,
                    sync=SPOT_PROTOCOL.sync)
    now = START_MS * MS
    engine.connect("BTCUSDT", now)
    assert engine.on_snapshot("BTCUSDT", 1, [("100.0", "9")], [("100.1", "1")], now) == 0
    for n, (off_ms, micros, after_ms) in enumerate(steps):
        now += after_ms * MS
        stamp = now // MS + off_ms
        frame = {"e": "depthUpdate", "E": stamp * 1000 if micros else stamp, "s": "BTCUSDT", "U": n + 2, "u": n + 2,
                 "b": [["100.0", str(1 + n % 9)]], "a": []}
        engine.on_frame(msgspec.json.encode(frame), now)
        assert engine.now_ns == now
        assert engine.delay_ns("BTCUSDT") >= 0
    engine.stop(now)
    assert engine.synced("BTCUSDT")
    assert engine.counters()["resyncs"] == 0
    assert engine.latency("tick").count == len(steps) + 1
    for name in ("tick", "tick_to_trade", "features"):
        histogram = engine.latency(name)
        assert histogram.count == 0 or histogram.percentile(0) >= 0
    for fill in engine.trades:
        assert fill.local_ts_ns >= START_MS * MS


def test_a_stamp_that_is_passed_over_is_counted_and_its_message_applied_and_no_reject():
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001", instrument="spot"), fallback=messages.load,
                    sync=SPOT_PROTOCOL.sync)
    now = START_MS * MS
    engine.connect("BTCUSDT", now)
    assert engine.on_snapshot("BTCUSDT", 1, [("100.0", "9")], [("100.1", "1")], now) == 0
    for n, off_ms in enumerate([0] * 8 + [HOUR_MS] + [0] * 8):
        now += 100 * MS
        frame = {"e": "depthUpdate", "E": now // MS + off_ms, "s": "BTCUSDT", "U": n + 2, "u": n + 2,
                 "b": [["100.0", str(n + 1)]], "a": []}
        engine.on_frame(msgspec.json.encode(frame), now)
        assert engine.update_id("BTCUSDT") == n + 2
    counters = engine.counters()
    assert counters["clock_outliers"] == 1
    assert counters["rejects"] == {}
    assert counters["messages"]["depth"] == 17
