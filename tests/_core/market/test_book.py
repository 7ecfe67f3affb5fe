"""The book against a naive one: any order of messages, any depth, any drift, and the venue's own bookTickers."""

import math
from array import array
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.market.book import OrderBook, PriceLevel
from tests.oracle.book import ASK, BID, NaiveBook
from tests.sizes import examples

STALE = status.CODES["stale_update"]
CROSSED = status.CODES["crossed_book"]

UNIT = Spec("UNIT", tick=1, step=1)  # so that decimals are the ticks and quanta themselves


def small_book(far_levels=4096):
    """The least window, so that moving it is what every test does."""
    return OrderBook(UNIT, window_ticks=256, far_levels=far_levels)


def assert_same(book, naive, depths=(1, 2, 5, 20, 200)):
    book.check()
    for side, view, base in ((BID, book.bids, book.base_bids), (ASK, book.asks, book.base_asks)):
        assert base() == naive.base_levels(side)
        levels = naive.levels(side)
        assert view() == levels
        for n in depths:
            assert view(n) == levels[:n]
            assert book.depth(side, n) == naive.sum(side, n)
    assert [book.best_bid, book.best_ask] == [level and level[0] for level in (naive.best(BID), naive.best(ASK))]
    assert [book.best_bid_qty, book.best_ask_qty] == [level[1] if level else 0 for level in (naive.best(BID), naive.best(ASK))]
    assert book.mid == (naive.mid() if naive.mid() is None else Decimal(naive.mid().numerator) / naive.mid().denominator)
    imbalance = naive.imbalance(5)
    assert math.isnan(book.imbalance(5)) if imbalance is None else book.imbalance(5) == pytest.approx(float(imbalance))


# Prices near a touch that wanders, and, now and then, anywhere: levels straddle window and far store, on both sides of them.
PRICES = st.one_of(st.integers(900, 1100), st.integers(1, 4000), st.integers(1, 10**12))
QTYS = st.one_of(st.just(0), st.integers(1, 9), st.integers(0, 10**15))
LEVELS = st.lists(st.tuples(PRICES, QTYS), max_size=12)
MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), LEVELS, LEVELS, st.integers(1, 6)),
        st.tuples(st.just("book_ticker"), PRICES, QTYS, PRICES, QTYS, st.integers(-3, 6)),
        st.tuples(st.just("snapshot"), LEVELS, LEVELS, st.integers(1, 6)),
        st.tuples(st.just("book_ticker"), st.just(0), QTYS, PRICES, QTYS, st.integers(1, 6)),
        st.tuples(st.just("book_ticker"), PRICES, QTYS, st.just(0), st.just(0), st.integers(1, 6)),
    ),
    max_size=30,
)


@settings(max_examples=examples(400), deadline=None)
@given(MESSAGES)
def test_any_messages_give_the_naive_book(messages):
    book, naive, newest = small_book(), NaiveBook(), 10
    for kind, *args, step in messages:
        update_id = max(1, newest + step)
        code, expected = getattr(book, kind)(*args, update_id), getattr(naive, kind)(*args, update_id)
        assert code == {True: CROSSED, False: 0, None: 0, "stale": STALE, "crossed": CROSSED}[expected]
        newest = max(newest, update_id)
        assert_same(book, naive)
    for price in {p for side in (BID, ASK) for p in naive.base[side]} | {1, 1000}:
        assert book.qty(BID, price) == naive.qty(BID, price)
        assert book.qty(ASK, price) == naive.qty(ASK, price)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(PRICES, st.integers(1, 9)), min_size=1, max_size=60, unique_by=lambda level: level[0]), st.data())
def test_hash_depends_on_content_not_on_the_way_there(levels, data):
    shuffled = data.draw(st.permutations(levels))
    straight, roundabout = OrderBook(UNIT), small_book()
    straight.apply(levels, [], 7)
    roundabout.apply([(price, 3) for price in (1, 10**9, 500)], [(7, 7)], 5)
    roundabout.apply([(price, 0) for price in (1, 10**9, 500)], [(7, 0)], 6)
    roundabout.apply(shuffled, [], 7)
    assert straight.hash == roundabout.hash
    price, qty = data.draw(st.sampled_from(levels))
    roundabout.apply([(price, qty + 1)], [], 7)
    assert straight.hash != roundabout.hash


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(st.tuples(PRICES, st.integers(1, 9)), max_size=80, unique_by=lambda level: level[0]),
    st.integers(2, 12),
    st.booleans(),
)
def test_when_full_the_farthest_are_dropped_and_counted(levels, far_levels, bids):
    """Sets only, each price once: what is gone was dropped, and the horizon is the nearest of it."""
    side = BID if bids else ASK
    book, naive = small_book(far_levels), NaiveBook()
    for update_id, level in enumerate(levels, 1):
        one = ([level], []) if bids else ([], [level])
        book.apply(*one, update_id)
        naive.apply(*one, update_id)
        book.check()
    kept, expected = (book.base_bids() if bids else book.base_asks()), naive.base_levels(side)
    gone = [level for level in expected if level not in kept]
    assert kept == [level for level in expected if level not in gone]
    assert book.dropped == len(gone)
    assert book.horizon(side) == (gone[0][0] if gone else None)
    if gone:
        assert len(kept) >= far_levels


def test_a_full_far_store_keeps_its_nearest():
    book = small_book(far_levels=4)
    far = [10_000, 10_002, 10_004, 10_006, 10_008]
    book.apply([], [(100, 1)] + [(price, 1) for price in far], 1)
    assert [level.price for level in book.asks()] == [100, 10_000, 10_002, 10_004, 10_006]
    assert book.dropped == 1
    assert book.horizon("ask") == 10_008
    book.apply([], [(10_001, 1)], 2)
    assert [level.price for level in book.asks()] == [100, 10_000, 10_001, 10_002, 10_004]
    assert book.dropped == 2
    assert book.horizon("ask") == 10_006
    book.snapshot([], [(100, 1)], 3)
    assert book.dropped == 2
    assert book.horizon("ask") is None


def test_levels_pushed_out_of_the_window_are_dropped_farthest_first():
    book = small_book(far_levels=4)
    book.apply([], [(1000 + i, 1) for i in range(10)], 1)
    book.apply([], [(10, 1)], 2)
    assert [level.price for level in book.asks()] == [10, 1000, 1001, 1002, 1003]
    assert book.dropped == 6
    assert book.horizon("ask") == 1004
    book.check()


@pytest.mark.parametrize("step", [1, 7, 40, 300, 5000])
def test_drift_over_millions_of_ticks(step):
    """The touch walks up three million ticks and down again, dragging a book that is dense near it and sparse far out."""
    book, naive = OrderBook(UNIT, window_ticks=1024, far_levels=2048), NaiveBook()
    offsets = [0, 1, 2, 3, 5, 8, 60, 130, 700, 1500, 40_000]
    start, update_id = 5_000_000, 1
    fixed = [(1, 5), (50_000, 6), (2_000_000, 7)], [(20_000_000, 5), (50_000_000, 9)]
    for each in (book, naive):
        each.snapshot(*fixed, update_id)
    moves = min(600, 3_000_000 // step)
    stride = max(step, 3_000_000 // moves)
    touch = start
    for i in range(2 * moves):
        update_id += 1
        old, touch = touch, touch + (stride if i < moves else -stride)
        bids = [(old - o, 0) for o in offsets] + [(touch - o, update_id % 9 + 1) for o in offsets]
        asks = [(old + 1 + o, 0) for o in offsets] + [(touch + 1 + o, 4) for o in offsets]
        if i % 3 == 0:
            bids, asks = bids[::-1], asks[::-1]
            bids, asks = bids[len(offsets):] + bids[:len(offsets)], asks[len(offsets):] + asks[:len(offsets)]
        assert not naive.apply(bids, asks, update_id)
        assert book.apply(bids, asks, update_id) == 0
        if i % 20 == 0:
            assert_same(book, naive, depths=(5, 20))
        else:
            assert (book.best_bid, book.best_ask) == (naive.best(BID)[0], naive.best(ASK)[0])
    assert_same(book, naive)
    assert book.dropped == 0


def test_zero_of_an_unknown_price_is_nothing():
    book = small_book()
    book.apply([(100, 5)], [(101, 5)], 1)
    before = book.bids(), book.asks()
    book.apply([(99, 0), (1, 0), (10**9, 0)], [(102, 0), (10**9, 0), (3, 0)], 2)
    assert (book.bids(), book.asks()) == before
    book.check()


@pytest.mark.parametrize("zero", ["0", "0.0", "0.00000000"])
def test_every_way_to_write_zero_deletes(zero):
    book = OrderBook(Spec("BTCUSDT", tick="0.01", step="0.00001", instrument="spot"))
    book.apply([("61837.63000000", "25.42618900")], [], 1)
    assert book.bids() == [PriceLevel(Decimal("61837.63"), Decimal("25.42618900"))]
    book.apply([("61837.63000000", zero)], [], 2)
    assert book.bids() == []
    assert book.best_bid is None
    assert book.mid is None


def test_of_a_price_given_twice_the_last_holds():
    book = small_book()
    book.apply([(100, 5), (99, 3), (100, 8)], [(101, 5), (101, 0)], 1)
    assert book.bids() == [(100, 8), (99, 3)]
    assert book.asks() == []


def test_locked_and_crossed_are_reported():
    book = small_book()
    assert book.apply([(100, 1)], [(101, 1)], 1) == 0
    assert book.apply([(101, 1)], [], 2) == CROSSED
    assert book.apply([(101, 0)], [], 3) == 0
    assert book.apply([(500, 1)], [], 4) == CROSSED


def test_overlay_rule_seven():
    book = small_book()
    book.apply([(100, 5), (99, 4), (98, 3)], [(102, 5), (103, 4)], 10)
    assert book.book_ticker(99, 9, 101, 2, 12) == 0
    assert [book.qty("bid", p) for p in (100, 99, 98)] == [0, 9, 3]
    assert [book.qty("ask", p) for p in (101, 102, 103)] == [2, 5, 4]
    assert book.bids() == [(99, 9), (98, 3)]
    assert book.base_bids() == [(100, 5), (99, 4), (98, 3)]
    assert book.apply([(100, 0)], [], 11) == 0
    assert book.book_ticker_id == 12
    assert book.bids() == [(99, 9), (98, 3)]
    assert book.apply([(99, 9)], [(101, 2)], 12) == 0
    assert book.book_ticker_id == 0
    assert book.bids() == [(99, 9), (98, 3)]
    assert book.asks() == [(101, 2), (102, 5), (103, 4)]


def test_a_stale_book_ticker_changes_nothing():
    book = small_book()
    book.apply([(100, 5)], [(102, 5)], 10)
    book.book_ticker(100, 4, 101, 1, 12)
    before = book.hash
    for update_id in (1, 10, 11, 12):
        assert book.book_ticker(99, 1, 103, 1, update_id) == STALE
    assert book.hash == before


def test_a_book_ticker_deep_in_a_dense_book():
    """The touch falls through more levels than the list of best levels holds."""
    book, naive = small_book(), NaiveBook()
    bids = [(1000 - i, i + 1) for i in range(400)]
    for each in (book, naive):
        each.apply(bids, [(1001, 1)], 1)
    for update_id, touch in enumerate((1000, 999, 990, 880, 871, 700, 650, 601, 500, 880, 999, 1000), 2):
        for each in (book, naive):
            each.book_ticker(touch, 7, 1001, 1, update_id)
        assert_same(book, naive)


def test_a_message_is_taken_whole_or_not_at_all():
    book = OrderBook(Spec("BTCUSDT", tick="0.10", step="0.001"))
    book.apply([("61800.20", "2.507")], [], 1)
    before = book.hash
    for bad in ("61800.25", "-1", "0", "nan", "1e400", "x"):
        with pytest.raises(ValueError, match=f"price .*{bad}"):
            book.apply([("61800.20", "1.000"), (bad, "1")], [], 2)
    for bad in ("0.0001", "-0.001", "inf"):
        with pytest.raises(ValueError, match="quantity"):
            book.snapshot([], [("61800.20", bad)], 2)
    assert book.hash == before


def test_levels_as_integers():
    book, other = small_book(), small_book()
    levels = array("q", [100, 5, 99, 4, 101, 3])
    assert book.apply_ticks(levels, 2, 1) == other.apply([(100, 5), (99, 4)], [(101, 3)], 1) == 0
    assert book.hash == other.hash
    for bad, n_bids, states in (([0, 1], 1, "price"), ([1, -1], 1, "quantity"), ([1, 1], 2, "n_bids"), ([1], 0, "pairs")):
        with pytest.raises(ValueError, match=states):
            book.apply_ticks(array("q", bad), n_bids, 2)
    with pytest.raises(ValueError, match="pairs of int64"):
        book.apply_ticks(array("d", [1, 1]), 1, 2)


def test_sums_do_not_overflow():
    book = small_book()
    most = 10**18 - 1
    book.apply([(1000 - i, most) for i in range(30)], [(1001, most)], 1)
    assert book.depth("bid", 9) == 9 * most
    assert book.depth("bid", 20) == 2**63 - 1
    assert 0.5 < book.imbalance(20) < 1
    book.check()


@pytest.mark.parametrize(
    ("name", "value"), [("window_ticks", 100), ("window_ticks", 128), ("window_ticks", 1 << 19), ("far_levels", 1)]
)
def test_capacity_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"{name} {value}"):
        OrderBook(UNIT, **{name: value})
