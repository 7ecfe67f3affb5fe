"""Features against their recomputation from the whole history, in fractions."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.market.book import OrderBook
from hft._core.market.features import FeatureBuffer, FeatureVector
from tests.oracle.book import NaiveBook
from tests.oracle.features import NaiveFeatures
from tests.oracle.flow import NaiveFlow
from tests.sizes import examples, size

UNIT = Spec("UNIT", tick=1, step=1)
MS = 1_000_000
WINDOW_MS = 10
WINDOW = WINDOW_MS * MS
DUPLICATE = status.CODES["duplicate_trade"]
OTHER_SOURCE = status.CODES["other_trade_source"]


class Pair:
    """The compiled book and features, and the naive ones, told the same."""

    def __init__(self, **capacities):
        self.book, self.naive_book = OrderBook(UNIT, window_ticks=256), NaiveBook()
        self.features, self.naive = FeatureBuffer(UNIT, window_ms=WINDOW_MS, **capacities), NaiveFeatures(WINDOW)
        self.update_id = 0
        self.trade_id = 100

    def sync(self, now, bids=((100, 5),), asks=((102, 5),)):
        self.update_id += 1
        self.book.snapshot(bids, asks, self.update_id)
        self.naive_book.snapshot(bids, asks, self.update_id)
        self.features.on_sync(self.book, now)
        self.naive.on_sync(self.naive_book, now)

    def desync(self):
        self.features.on_desync()
        self.naive.on_desync()

    def depth(self, now, bids=(), asks=()):
        self.update_id += 1
        self.book.apply(bids, asks, self.update_id)
        self.naive_book.apply(bids, asks, self.update_id)
        self._pushed(now)

    def book_ticker(self, now, bid, bid_qty, ask, ask_qty):
        self.update_id += 1
        self.book.book_ticker(bid, bid_qty, ask, ask_qty, self.update_id)
        self.naive_book.book_ticker(bid, bid_qty, ask, ask_qty, self.update_id)
        self._pushed(now)

    def _pushed(self, now):
        self.features.on_book(self.book, now)
        self.naive.on_book(self.naive_book, now)

    def trade(self, now, qty, side, venue, step=1, **kind):
        self.trade_id += step
        code = self.features.on_trade(qty, buyer_is_maker=side < 0, trade_id=self.trade_id, venue_ns=venue, now_ns=now, **kind)
        expected = self.naive.on_trade(qty, side, self.trade_id, venue, now, **kind)
        assert code == {None: 0, "duplicate": DUPLICATE, "other source": OTHER_SOURCE}[expected]
        if expected == "other source":
            self.trade_id -= step

    def assert_same(self, now):
        vector, expected = self.features.vector(self.book, now), self.naive.vector(self.naive_book, now)
        assert vector.timestamp_ns == now
        assert vector.as_dict() == pytest.approx(expected, rel=1e-12, abs=1e-9, nan_ok=True)
        assert vector.book_valid == (not math.isnan(expected["mid"]))
        assert vector.flow_valid == (not math.isnan(expected["intensity"]))
        return vector


PRICE, QTY = st.integers(90, 110), st.integers(0, 9)
WAIT = st.sampled_from([0, 0, 0, 1, MS, 3 * MS, 10 * MS - 1, 10 * MS, 25 * MS])
ACTIONS = st.lists(
    st.tuples(
        WAIT,
        st.one_of(
            st.tuples(st.just("book_ticker"), PRICE, QTY, PRICE, QTY),
            st.tuples(st.just("depth"), st.lists(st.tuples(PRICE, QTY), max_size=4), st.lists(st.tuples(PRICE, QTY), max_size=4)),
            st.tuples(st.just("trade"), QTY, st.sampled_from([1, -1]), st.integers(1, 3), st.sampled_from([1, 1, 1, 1, 0, 2])),
            st.tuples(st.just("insurance"), QTY),
            st.tuples(st.just("aggregate"), QTY),
            st.just(("sync",)),
            st.just(("desync",)),
        ),
        st.sampled_from([0, 0, MS, 10 * MS]),
    ),
    max_size=40,
)


@settings(max_examples=examples(500), deadline=None)
@given(ACTIONS)
def test_any_history_gives_the_naive_features(actions):
    pair, now = Pair(), 0
    pair.sync(now)
    venue = 1
    for wait, (kind, *args), later in actions:
        now += wait
        if kind == "trade":
            qty, side, tick, step = args
            venue += tick - 1  # the same T at times, as one order's trades have it
            pair.trade(now, qty, side, venue, step)
        elif kind == "insurance":
            pair.trade(now, args[0], 1, venue, market=False)
        elif kind == "aggregate":
            pair.trade(now, args[0], 1, venue, aggregate=True)
        elif kind == "desync":
            pair.desync()
        else:
            getattr(pair, kind)(now, *args)
        pair.assert_same(now)
        now += later  # asked again when nothing has happened
        pair.assert_same(now)


def test_long_run_does_not_drift():
    """A hundred thousand updates in CI, one feature vector in a thousand recomputed from scratch."""
    pair, random_ = Pair(), random.Random(7)
    pair.sync(0, [(1_000_000 - i, 5) for i in range(30)], [(1_000_001 + i, 5) for i in range(30)])
    now, touch = 0, 1_000_000
    for i in range(size(100_000, 20_000)):
        now += random_.choice((0, 1_000, 50_000, 400_000))
        touch += random_.choice((-3, -1, 0, 0, 0, 1, 3))
        pair.book_ticker(now, touch, random_.randint(1, 10**12), touch + random_.randint(1, 3), random_.randint(1, 10**12))
        if i % 3 == 0:
            pair.trade(now, random_.randint(1, 10**12), random_.choice((1, -1)), now // 1_000_000)
        if i % 1000 == 999:
            pair.naive.touches = pair.naive.touches[-2000:]  # what is older can't be in the window
            pair.naive.trades = pair.naive.trades[-2000:]
            pair.assert_same(now)
    assert pair.features.shortened == 0


def test_nothing_until_a_window_after_the_last_sync():
    pair = Pair()
    pair.sync(5)
    pair.book_ticker(6, 100, 1, 101, 2)
    assert not pair.assert_same(5 + WINDOW - 1).book_valid
    assert pair.assert_same(5 + WINDOW).book_valid
    pair.desync()
    pair.sync(6 + WINDOW)
    assert not pair.assert_same(5 + 2 * WINDOW).flow_valid
    assert pair.assert_same(6 + 2 * WINDOW).flow_valid


def test_the_window_is_open_at_its_start_and_closed_at_its_end():
    pair = Pair()
    pair.sync(0)
    pair.book_ticker(50, 100, 7, 102, 5)
    pair.trade(50, 3, 1, venue=1)
    now = pair.assert_same(49 + WINDOW)
    assert (now.ofi, now.signed_volume) == (2, 3)
    now = pair.assert_same(50 + WINDOW)
    assert (now.ofi, now.signed_volume, now.momentum) == (0, 0, 0)


def test_momentum_is_against_the_mid_in_force_at_the_windows_start():
    pair = Pair()
    pair.sync(0, [(100, 1)], [(100 + 100, 1)])  # mid 150
    pair.book_ticker(WINDOW // 2, 190, 1, 200, 1)  # 195
    assert pair.assert_same(WINDOW).momentum == pytest.approx(1e4 * (195 / 150 - 1))
    assert pair.assert_same(WINDOW + WINDOW // 2 - 1).momentum == pytest.approx(1e4 * (195 / 150 - 1))
    assert pair.assert_same(WINDOW + WINDOW // 2).momentum == 0


def test_a_gap_in_trade_ids_voids_the_flow_alone():
    pair = Pair()
    pair.sync(0)
    pair.trade(1, 3, 1, venue=1)
    pair.trade(WINDOW, 3, 1, venue=2, step=2)
    assert pair.features.trade_gaps == 1
    vector = pair.assert_same(2 * WINDOW - 1)
    assert vector.book_valid
    assert not vector.flow_valid
    assert pair.assert_same(2 * WINDOW).flow_valid


def test_trades_of_one_taker_order_count_once():
    pair = Pair()
    pair.sync(0)
    for now, side, venue in ((WINDOW, 1, 5), (WINDOW, 1, 5), (WINDOW, -1, 5), (WINDOW + 2, 1, 5), (WINDOW + 2, 1, 6)):
        pair.trade(now, 1, side, venue)
    assert pair.assert_same(WINDOW + 2).intensity == 3 / (WINDOW_MS / 1000)
    assert pair.assert_same(2 * WINDOW).intensity == 2 / (WINDOW_MS / 1000)  # the buy at T=5 has a trade left in the window


def test_one_source_of_volume():
    pair = Pair()
    pair.sync(0)
    pair.trade(1, 3, 1, venue=1, aggregate=True)
    pair.trade(2, 3, 1, venue=1)  # the finer source wins; the window holds volume twice until it has passed
    pair.trade(3, 3, 1, venue=1, aggregate=True)
    assert not pair.assert_same(WINDOW + 1).flow_valid
    assert pair.assert_same(WINDOW + 2).flow_valid


def test_an_empty_side_has_no_book_features():
    pair = Pair()
    pair.sync(0)
    pair.depth(1, asks=[(102, 0)])
    assert not pair.assert_same(WINDOW).book_valid
    pair.depth(WINDOW + 1, asks=[(103, 4)])
    assert pair.assert_same(WINDOW + 1).volatility == pytest.approx(1e4 * 0.5 / 101.5)


def test_a_window_that_outgrows_the_ring_is_shortened_and_counted():
    pair = Pair(capacity=4)
    pair.sync(0, [(100, 1)], [(110, 1)])
    for i in range(1, 11):
        pair.book_ticker(i, 100, 1 + i, 110, 1)
        pair.trade(i, 1, 1, venue=i)
    assert len(pair.features) == 4
    assert pair.features.shortened == 7 + 6  # eleven touches, ten trades
    vector = pair.features.vector(pair.book, WINDOW)
    assert (vector.ofi, vector.signed_volume) == (4, 4)
    assert vector.intensity == 4 / (WINDOW_MS / 1000)


TRADES = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, MS, 4 * MS, 11 * MS]), QTY, st.sampled_from([1, -1]), st.sampled_from([0, 0, 1])),
    max_size=60,
)


@settings(max_examples=examples(500), deadline=None)
@given(st.integers(1, 5), TRADES)
def test_flow_does_not_drift_however_small_its_ring_is(capacity, trades):
    """An entry that is evicted to make room may be the one that the new trade continues."""
    pair = Pair(capacity=capacity)
    naive = NaiveFlow(WINDOW, capacity)
    now, venue = 100 * MS, 1
    pair.sync(now - 2 * WINDOW)
    for trade_id, (wait, qty, side, step) in enumerate(trades, 1):
        now, venue = now + wait, venue + step
        pair.features.on_trade(qty, buyer_is_maker=side < 0, trade_id=trade_id, venue_ns=venue, now_ns=now)
        naive.on_trade(qty, side, venue, now)
        vector = pair.features.vector(pair.book, now)
        assert (vector.signed_volume, round(vector.intensity * WINDOW / 1e9)) == naive.at(now)
        assert pair.features.shortened == naive.shortened


def test_sums_beyond_64_bits():
    most = 10**18 - 1
    pair = Pair()
    pair.sync(0, [(1, 1)], [(most, 1)])
    for i in range(1, 60):
        pair.book_ticker(i, 1 + i % 2 * (most // 2), most, most - i % 3, most)
        pair.trade(i, most, 1, venue=i)
    vector = pair.assert_same(WINDOW)
    assert vector.signed_volume == pytest.approx(59 * most)


def test_units_are_quote_and_base():
    spec = Spec("BTCUSDT", tick="0.10", step="0.001")
    book, features = OrderBook(spec), FeatureBuffer(spec, window_ms=1)
    book.snapshot([("61800.20", "3.000")], [("61800.30", "1.000")], 1)
    features.on_sync(book, 0)
    book.book_ticker("61800.20", "5.000", "61800.30", "1.000", 2)
    features.on_book(book, 1)
    features.on_trade("0.25", buyer_is_maker=True, trade_id=1, venue_ns=1, now_ns=1)
    vector = features.vector(book, 1_000_000)
    assert isinstance(vector, FeatureVector)
    assert (vector.mid, vector.ofi, vector.signed_volume) == pytest.approx((61800.25, 2.0, -0.25))


@pytest.mark.parametrize(("name", "value"), [("window_ms", 0), ("capacity", 0), ("imbalance_levels", 0), ("depth_levels", -1)])
def test_settings_out_of_range(name, value):
    with pytest.raises(ValueError, match=name):
        FeatureBuffer(UNIT, **{name: value})
