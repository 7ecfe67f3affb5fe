"""Whole books, and levels that a newer one crosses: the book and the simulated exchange beside their naive versions."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.market.book import OrderBook
from tests._core.broker_pair import BrokerPair
from tests.oracle.book import ASK, BID, NaiveBook
from tests.sizes import examples

SPEC = Spec("UNIT", tick=1, step=1)
PRICES = range(90, 111)
LEVELS = st.lists(st.tuples(st.integers(90, 110), st.integers(0, 5)), max_size=6)
BIDS = st.lists(st.tuples(st.integers(90, 100), st.integers(1, 5)), max_size=6)
ASKS = st.lists(st.tuples(st.integers(101, 110), st.integers(1, 5)), max_size=6)


def same(book: OrderBook, naive: NaiveBook) -> None:
    for side, levels in ((BID, book.bids()), (ASK, book.asks())):
        assert [(int(level.price), int(level.qty)) for level in levels] == naive.levels(side)
        assert [book.known(side, price) for price in PRICES] == [naive.known(side, price) for price in PRICES]


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.one_of(
    st.tuples(st.just("whole"), LEVELS, LEVELS, st.sampled_from([0, 0, 3, 5])),
    st.tuples(st.just("newest"), LEVELS, LEVELS, st.just(0)),
    st.tuples(st.just("book_ticker"), st.integers(90, 100), st.integers(101, 110), st.integers(0, 2)),
), max_size=12))
def test_the_book_is_what_its_naive_version_is(moves: list) -> None:
    book, naive = OrderBook(SPEC, window_ticks=256), NaiveBook()
    for update_id, (kind, one, other, n) in enumerate(moves, 1):
        if kind == "whole":
            assert (book.whole(one, other, update_id, n) != 0) == naive.whole(one, other, update_id, n)
        elif kind == "newest":
            assert book.apply_newest(one, other, update_id) == naive.apply_newest(one, other, update_id)
            assert not naive.base[BID] or not naive.base[ASK] or max(naive.base[BID]) < min(naive.base[ASK])
        else:
            book.book_ticker(one, 2, other, 2, update_id + n)
            naive.book_ticker(one, 2, other, 2, update_id + n)
        same(book, naive)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(
    st.tuples(st.just("whole"), BIDS, ASKS, st.sampled_from([0, 3, 5])),
    st.tuples(st.just("newest"), LEVELS, LEVELS, st.just(0)),
    st.tuples(st.just("trade"), st.integers(92, 108), st.integers(1, 4), st.booleans()),
    st.tuples(st.just("order"), st.integers(92, 108), st.integers(1, 4), st.booleans()),
    st.tuples(st.just("take"), st.integers(92, 108), st.integers(1, 4), st.booleans()),
), max_size=25))
def test_the_simulated_exchange_is_what_its_naive_version_is(moves: list) -> None:
    p = BrokerPair(SPEC, entry_latency_ms=0).start([(99, 3), (97, 5)], [(102, 3), (104, 5)])
    for v, (kind, one, other, how) in enumerate(moves, 2):
        if kind == "whole":
            p.whole(one, other, v, how)
        elif kind == "newest":
            p.newest(one, other, v)
        elif kind == "trade":
            p.trade(one, other, v, buyer_is_maker=how)
        else:
            p.submit("buy" if how else "sell", other, one, sent=v - 1, tif="gtc" if kind == "order" else "ioc")
            p.arrivals(v)


def resting(p: BrokerPair, price: int) -> int:
    order_id = p.submit("buy", 2, price, sent=1)
    p.arrivals(2)
    return order_id


def test_rule_7c_beyond_a_book_that_was_cut_a_price_is_unknown_and_its_queue_waits() -> None:
    p = BrokerPair(SPEC, entry_latency_ms=0).start([(99, 3), (98, 5)], [(102, 3), (104, 5)])
    order_id = resting(p, 98)
    p.whole([(101, 1), (100, 1)], [(102, 3), (104, 5)], 3, levels=2)
    assert p.fast.queue_ahead(order_id) == 5        # not empty: unknown
    p.trade(98, 3, 4, buyer_is_maker=True)
    p.whole([(99, 1), (98, 7)], [(102, 3), (104, 5)], 5, levels=2)
    assert p.fast.queue_ahead(order_id) == 2        # what was traded went from the front; the rest queued behind
    p.whole([(99, 1), (97, 7)], [(102, 3), (104, 5)], 6, levels=2)
    assert p.fast.queue_ahead(order_id) == 0        # within the book: there is nothing


def test_rule_7c_a_book_that_is_shorter_than_its_feed_s_is_known_to_the_end() -> None:
    p = BrokerPair(SPEC, entry_latency_ms=0).start([(99, 3), (98, 5)], [(102, 3), (104, 5)])
    order_id = resting(p, 98)
    p.whole([(101, 1), (100, 1)], [(102, 3), (104, 5)], 3, levels=20)
    assert p.fast.queue_ahead(order_id) == 0


def test_rule_7b_what_a_newer_level_crosses_is_unknown_and_fills_nobody_at_once() -> None:
    p = BrokerPair(SPEC, entry_latency_ms=0).start([(99, 3), (98, 5)], [(102, 3), (104, 5)])
    order_id = p.submit("sell", 2, 102, sent=1)
    p.arrivals(2)
    assert p.newest([(103, 4)], [], 3) == []        # rule 12 does not look at this message
    assert p.fast.queue_ahead(order_id) == 3
    assert [level.price for level in p.book.asks()] == [104]
    assert not p.book.known("ask", 102)
    assert [report.kind for report in p.newest([], [], 4)] == ["fill"]      # and at the next one the bid is still there


def test_rule_7b_where_a_message_crosses_itself_both_sides_go() -> None:
    p = BrokerPair(SPEC).start([(99, 3), (98, 5)], [(102, 3), (104, 5)])
    p.newest([(103, 1)], [(98, 1)], 3)
    assert ([level.price for level in p.book.bids()], [level.price for level in p.book.asks()]) == ([], [104])


def test_a_whole_book_keeps_as_many_levels_as_there_is_room_for() -> None:
    book = OrderBook(SPEC, window_ticks=256, far_levels=1 << 16)
    bids = [(price, 1) for price in range(50_000, 34_000, -1)]
    assert book.whole(bids, [(50_001, 1)], 1) == 0
    assert (len(book.bids()), book.dropped) == (16_000, 0)
