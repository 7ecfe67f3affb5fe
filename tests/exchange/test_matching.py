"""The matching engine: the rules one by one, then any sequence against the naive version."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft.exchange.matching import Matching, throughput
from tests.oracle.matching import NaiveMatching
from tests.sizes import examples


@pytest.fixture
def book():
    return Matching(max_price=10_000, orders=512, levels=256)


def test_best_price_first_then_oldest(book):
    late_best = book.submit("sell", 100, 3)
    worse = book.submit("sell", 101, 3)
    later_best = book.submit("sell", 100, 3)
    taker = book.submit("buy", 101, 8)
    assert [t.maker_id for t in taker.trades] == [late_best.order_id, later_best.order_id, worse.order_id]
    assert [t.price for t in taker.trades] == [100, 100, 101]
    assert [t.trade_id for t in taker.trades] == [1, 2, 3]
    assert book.top("ask") == [(101, 1)]


def test_partial_fill_keeps_its_place_in_the_queue(book):
    first = book.submit("buy", 100, 5)
    second = book.submit("buy", 100, 5)
    book.submit("sell", 100, 2)
    assert book.queue("bid", 100) == [(first.order_id, 3), (second.order_id, 5)]


def test_rest_of_a_crossing_limit_order_rests_at_its_own_price(book):
    book.submit("sell", 100, 2)
    taker = book.submit("buy", 105, 5)
    assert (taker.filled, taker.leaves, taker.status) == (2, 3, "ok")
    assert book.top("bid") == [(105, 3)]


def test_immediate_or_cancel_leaves_nothing(book):
    book.submit("sell", 100, 2)
    taker = book.submit("buy", 100, 5, tif="ioc")
    assert (taker.filled, taker.leaves, taker.status, taker.order_id) == (2, 3, "ioc_rest", 0)
    assert book.orders == 0


def test_fill_or_kill_that_falls_short_touches_nothing(book):
    book.submit("sell", 100, 2)
    book.submit("sell", 103, 9)
    before = book.update_id
    assert book.submit("buy", 102, 3, tif="fok").status == "fok_unfilled"
    assert book.update_id == before
    assert book.submit("buy", 103, 3, tif="fok").filled == 3


def test_fill_or_kill_beyond_the_room_for_trades_touches_nothing():
    book = Matching(max_price=1000, fills=2)
    for _ in range(3):
        book.submit("sell", 100, 1)
    assert book.submit("buy", 100, 3, tif="fok").status == "fok_unfilled"
    assert book.submit("buy", 100, 2, tif="fok").filled == 2


def test_post_only_never_takes(book):
    book.submit("sell", 100, 2)
    assert book.submit("buy", 100, 1, tif="post_only").status == "post_only_would_cross"
    assert book.submit("buy", 99, 1, tif="post_only").order_id


def test_market_order_into_an_empty_side(book):
    assert book.submit("buy", 0, 1, type="market").status == "no_liquidity"


def test_market_order_stops_at_its_bound(book):
    book.submit("sell", 100, 1)
    book.submit("sell", 110, 1)
    taker = book.submit("buy", 105, 2, type="market")
    assert (taker.filled, taker.status) == (1, "ioc_rest")


def test_cancel_is_final_and_an_id_is_never_used_again(book):
    order = book.submit("buy", 100, 4)
    assert book.cancel(order.order_id) == 4
    assert book.cancel(order.order_id) == 0
    again = book.submit("buy", 100, 4)
    assert again.order_id != order.order_id
    assert book.cancel(order.order_id) == 0
    assert book.orders == 1


@pytest.mark.parametrize(
    ("price", "qty", "reason"), [(0, 1, "bad_price"), (10_000, 1, "bad_price"), (-5, 1, "bad_price"), (5, 0, "bad_qty")]
)
def test_a_bad_order_is_refused_by_name(book, price, qty, reason):
    assert book.submit("buy", price, qty).status == reason
    assert book.update_id == 0


def test_no_room_is_an_outcome_not_a_loss():
    book = Matching(max_price=1000, orders=2, levels=8)
    book.submit("buy", 10, 1)
    book.submit("buy", 11, 1)
    assert book.submit("buy", 12, 1).status == "resting_full"
    book.check()


def test_cut_says_every_changed_level_once_and_zero_for_a_gone_one(book):
    book.submit("buy", 90, 1)
    book.submit("sell", 95, 4)
    assert book.cut() == ([(90, 1)], [(95, 4)])
    book.submit("buy", 95, 4)
    book.submit("sell", 90, 1)
    book.submit("sell", 90, 7)
    assert book.cut() == ([(90, 0)], [(90, 7), (95, 0)])
    assert book.cut() == ([], [])


orders = st.tuples(
    st.sampled_from(["buy", "sell"]),
    st.integers(0, 130),
    st.integers(0, 12),
    st.sampled_from(["limit", "limit", "limit", "market"]),
    st.sampled_from(["gtc", "gtc", "gtc", "ioc", "fok", "post_only"]),
)
operations = st.one_of(orders, orders, st.integers(0, 60), st.just("cut"))


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(operations, max_size=120))
def test_any_sequence_agrees_with_the_naive_engine(sequence):
    fast, naive = Matching(max_price=4096, orders=512, levels=256), NaiveMatching()
    ids: dict[int, int] = {}
    followed: dict[str, dict[int, int]] = {"bid": {}, "ask": {}}
    for number, operation in enumerate(sequence):
        if operation == "cut":
            for side, levels in zip(("bid", "ask"), fast.cut(), strict=True):
                followed[side].update(levels)
        elif isinstance(operation, int):
            assert fast.cancel(ids.get(operation, 0)) == naive.cancel(operation)
        else:
            side, price, qty, kind, tif = operation
            if kind == "market" and tif == "post_only":
                tif = "gtc"
            got = fast.submit(side, price, qty, type=kind, tif=tif)
            ids[number] = got.order_id
            names = {order_id: n for n, order_id in ids.items() if order_id}
            status, trades, leaves = naive.submit(number, side, price, qty, kind, tif)
            assert (got.status, got.leaves) == (status, leaves)
            assert [(names[t.maker_id], t.price, t.qty) for t in got.trades] == trades
        fast.check()
        for side in ("bid", "ask"):
            assert fast.top(side, 5) == naive.top(side, 5)
    for side, levels in zip(("bid", "ask"), fast.cut(), strict=True):
        followed[side].update(levels)
        assert {p: q for p, q in followed[side].items() if q} == dict(naive.top(side, 10_000))


@settings(max_examples=examples(100), deadline=None)
@given(st.sets(st.integers(1, (1 << 20) - 1), min_size=1, max_size=60))
def test_wide_and_sparse_prices_are_walked_in_order(prices):
    book = Matching(max_price=1 << 20)
    for price in prices:
        book.submit("sell", price, 1)
    assert [p for p, _ in book.top("ask", 100)] == sorted(prices)
    book.submit("buy", (1 << 20) - 1, len(prices))
    for price in prices:
        book.submit("buy", price, 1)
    assert [p for p, _ in book.top("bid", 100)] == sorted(prices, reverse=True)
    book.check()


def test_throughput_loop_is_deterministic_by_seed():
    assert throughput(20_000, seed=3) == throughput(20_000, seed=3)
    assert throughput(20_000, seed=3) != throughput(20_000, seed=4)
