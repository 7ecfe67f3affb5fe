"""The broker's rules of SEMANTICS, one by one: taking, resting orders, sync, fees; those of time are in
test_broker_time.py. Every step is also checked with the oracle."""

from decimal import Decimal
from functools import partial

import pytest

from hft._core.base.types import Spec
from tests._core.broker_pair import ASKS, BIDS, MS, fills, kinds, resting
from tests._core.broker_pair import pair as unit_pair

pair = partial(unit_pair, spec=Spec("UNIT", tick=1, step=1, maker_fee="0.0002", taker_fee="0.0005"))


# ---- taking


def test_rule_8_a_taker_walks_the_view_up_to_its_limit_and_the_rest_of_an_ioc_expires():
    p = pair()
    order_id = p.submit("buy", 50, 102, tif="ioc")
    reports = p.arrivals(1)
    assert fills(reports) == [(order_id, 101, 10), (order_id, 102, 20)]
    assert kinds(reports)[-1] == ("expired", "ioc_rest")
    assert reports[-1].leaves == 20
    assert [r.maker for r in reports if r.kind == "fill"] == [False, False]


def test_rule_8_availability_is_judged_on_the_view_with_its_book_ticker():
    p = pair()
    p.book_ticker(99, 10, 102, 4, 1)
    order_id = p.submit("buy", 50, 103, tif="ioc", sent=1)
    assert fills(p.arrivals(2)) == [(order_id, 102, 4), (order_id, 103, 30)]


def test_rule_8_a_market_order_is_bounded_by_its_collar():
    p = pair()
    bounded = p.submit("sell", 25, 98, market=True)
    unbounded = p.submit("sell", 90, market=True)
    reports = p.arrivals(1)
    assert fills(reports) == [(bounded, 99, 10), (bounded, 98, 15), (unbounded, 98, 5), (unbounded, 97, 30)]
    assert kinds(reports)[-1] == ("expired", "ioc_rest")


def test_rule_8_a_market_order_that_finds_nothing_says_so():
    p = pair(asks=[])
    p.submit("buy", 1, market=True)
    assert kinds(p.arrivals(1)) == [("accepted", ""), ("expired", "no_liquidity")]


def test_rule_8_post_only_that_crosses_is_refused_and_otherwise_rests():
    p = pair()
    p.submit("buy", 1, 101, tif="post_only")
    rests = p.submit("buy", 1, 100, tif="post_only")
    assert kinds(p.arrivals(1)) == [("rejected", "post_only_would_cross"), ("accepted", "")]
    assert p.fast.open_orders == [rests]


def test_rule_8_post_only_may_rest_at_a_price_whose_liquidity_was_used_up():
    p = pair()
    p.submit("buy", 10, 101)
    p.submit("buy", 1, 101, tif="post_only")
    assert [kind for kind, _ in kinds(p.arrivals(1))] == ["accepted", "fill", "accepted"]


def test_rule_8_fok_fills_whole_or_expires_untouched():
    p = pair()
    short = p.submit("buy", 31, 102, tif="fok")
    whole = p.submit("buy", 30, 102, tif="fok")
    reports = p.arrivals(1)
    assert kinds(reports)[:2] == [("accepted", ""), ("expired", "fok_unfilled")]
    assert fills(reports) == [(whole, 101, 10), (whole, 102, 20)]
    assert reports[1].order_id == short


def test_rule_8_the_rest_of_a_crossing_limit_order_rests_with_nothing_ahead():
    p = pair()
    order_id = p.submit("buy", 15, 101)
    assert fills(p.arrivals(1)) == [(order_id, 101, 10)]
    assert (p.fast.leaves(order_id), p.fast.queue_ahead(order_id)) == (5, 0)
    assert fills(p.trade(101, 2, 2, buyer_is_maker=True)) == [(order_id, 101, 2)]


def test_rule_9_a_rise_brings_exactly_what_it_adds_and_a_fall_leaves_no_more_used_than_is_there():
    p = pair()
    p.submit("buy", 7, 101, tif="ioc")
    p.arrivals(1)
    assert p.fast.used("ask", 101) == 7
    for shown, used in (
        (10, 7),  # the same quantity restated refreshes nothing
        (14, 7),  # a rise by 4: 3 were left, 7 are available now
        (8, 7),
        (2, 2),  # a fall below what is used: min(used, N)
        (1, 1),
        (3, 1),
    ):
        p.depth([], [(101, shown)], 2)
        assert p.fast.used("ask", 101) == used
    order_id = p.submit("buy", 50, 101, tif="ioc", sent=2)
    assert fills(p.arrivals(3)) == [(order_id, 101, 2)]


def test_rule_9_a_book_ticker_that_passes_what_was_used_reaches_it():
    p = pair()
    p.submit("buy", 7, 101, tif="ioc")
    p.arrivals(1)
    for v, (ask, shown, used) in enumerate(
        [
            (100, 5, 7),  # better than 101: what stands there is the base's
            (100, 6, 7),
            (101, 4, 4),  # at it: the overlay's quantity
            (100, 5, 4),
            (102, 9, 0),  # beyond it: nothing is there
            (100, 5, 0),
            (101, 6, 0),
        ],
        start=2,
    ):
        p.book_ticker(99, 10, ask, shown, v)
        assert p.fast.used("ask", 101) == used


@pytest.mark.parametrize(("restated", "used"), [(10, 7), (30, 7), (4, 4), (0, 0)])
def test_rule_9_a_resync_that_restates_a_level_gives_nothing_back(restated, used):
    p = pair()
    p.submit("buy", 7, 101, tif="ioc")
    p.arrivals(1)
    p.desync()
    p.snapshot(BIDS, [(101, restated), *ASKS[1:]], 2)
    p.resync(2)
    assert p.fast.used("ask", 101) == used
    order_id = p.submit("buy", 50, 101, tif="ioc", sent=2)
    assert fills(p.arrivals(3)) == ([(order_id, 101, restated - used)] if restated > used else [])


# ---- resting


def test_rule_10_sells_that_hit_the_bid_fill_own_bids_only():
    p = pair()
    bid, ask = resting(p, "buy", 5, 100), resting(p, "sell", 5, 100 + 5)
    assert fills(p.trade(100, 1, 2, buyer_is_maker=False)) == []
    assert fills(p.trade(106, 1, 3, buyer_is_maker=True)) == []
    assert fills(p.trade(100, 1, 4, buyer_is_maker=True)) == [(bid, 100, 1)]
    assert fills(p.trade(106, 1, 5, buyer_is_maker=False)) == [(ask, 105, 1)]


def test_rule_10_a_print_that_is_not_a_market_trade_fills_nobody():
    p = pair()
    resting(p, "buy", 5, 100)
    assert p.trade(90, 9, 2, buyer_is_maker=True, market=False) == []


def test_rule_10_a_trade_id_counts_once():
    p = pair()
    order_id = resting(p, "buy", 5, 100)
    assert fills(p.trade(100, 1, 2, buyer_is_maker=True, trade_id=7)) == [(order_id, 100, 1)]
    assert p.trade(100, 1, 2, buyer_is_maker=True, trade_id=7) == []
    assert p.fast.counters["duplicate_trades"] == 1


def test_rule_10_aggregate_trades_count_only_where_there_are_no_plain_ones():
    p = pair()
    order_id = resting(p, "buy", 9, 100)
    assert fills(p.trade(100, 1, 2, buyer_is_maker=True, trade_id=1, aggregate=True, venue_ns=50)) == [(order_id, 100, 1)]
    assert p.trade(100, 1, 3, buyer_is_maker=True, trade_id=901, venue_ns=50) == []  # told by the aggregate already
    assert fills(p.trade(100, 1, 4, buyer_is_maker=True, trade_id=902, venue_ns=51)) == [(order_id, 100, 1)]
    assert p.trade(100, 1, 5, buyer_is_maker=True, trade_id=2, aggregate=True, venue_ns=60) == []
    assert p.fast.counters["other_source_trades"] == 2


def test_rule_10_a_trade_before_the_order_arrived_never_touches_it():
    p = pair(max_feed_delay_ms=0)
    p.submit("buy", 5, 100, sent=10)
    p.timers(10)
    assert p.trade(90, 5, 9, buyer_is_maker=True) == []  # printed late, traded before a
    assert p.trade(100, 5, 9, buyer_is_maker=True) == []
    assert len(p.trade(100, 5, 10, buyer_is_maker=True)) == 1


def test_rule_11_better_prices_come_first_then_time_and_one_volume_is_shared():
    p = pair(bids=[(90, 1)])
    low = resting(p, "buy", 4, 98)
    first = resting(p, "buy", 4, 99)
    second = resting(p, "buy", 4, 99)
    at = resting(p, "buy", 4, 97)
    assert fills(p.trade(97, 14, 2, buyer_is_maker=True)) == [(first, 99, 4), (second, 99, 4), (low, 98, 4), (at, 97, 2)]
    assert fills(p.trade(80, 1, 3, buyer_is_maker=True)) == [(at, 97, 1)]


def test_rule_12_the_opposite_touch_at_the_own_price_fills_as_maker_and_is_used_up():
    p = pair()
    first, second = resting(p, "buy", 6, 100), resting(p, "buy", 6, 100)
    reports = p.depth([], [(100, 8)], 2)
    assert fills(reports) == [(first, 100, 6), (second, 100, 2)]
    assert all(r.maker for r in reports)
    assert p.fast.used("ask", 100) == 8
    assert p.depth([], [(102, 1)], 3) == []  # nothing new at the touch
    assert fills(p.depth([], [(100, 9)], 4)) == [(second, 100, 1)]  # N - used = 9 - 8


def test_rule_12_the_fill_is_at_the_own_price_however_far_the_touch_went_through():
    p = pair()
    order_id = resting(p, "sell", 12, 100)
    assert fills(p.book_ticker(103, 4, 104, 1, 2)) == [(order_id, 100, 4)]
    assert fills(p.book_ticker(103, 4, 104, 1, 3)) == []


def test_rule_13_out_of_sync_only_trades_through_the_price_fill_and_are_suspect():
    p = pair()
    order_id = resting(p, "buy", 9, 100)
    p.desync()
    assert p.trade(100, 3, 2, buyer_is_maker=True) == []
    reports = p.trade(99, 3, 3, buyer_is_maker=True)
    assert fills(reports) == [(order_id, 100, 3)]
    assert reports[0].suspect
    assert p.depth([], [(95, 50)], 4) == []
    p.submit("sell", 1, market=True, sent=4)
    assert kinds(p.arrivals(5)) == [("accepted", ""), ("expired", "no_liquidity")]


def test_rule_13_a_fill_while_a_side_is_empty_is_suspect():
    p = pair()
    order_id = resting(p, "buy", 9, 100)
    asks = p.view.base_levels("ask")
    p.depth([], [(price, 0) for price, _ in asks], 2)
    reports = p.trade(99, 3, 3, buyer_is_maker=True)
    assert fills(reports) == [(order_id, 100, 3)]
    assert reports[0].suspect
    p.depth([], asks, 4)
    assert not p.trade(99, 3, 5, buyer_is_maker=True)[0].suspect


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("gone", ["bid", "ask"])
def test_rule_7a_where_a_side_is_empty_takers_expire_and_others_rest(side, gone):
    p = pair()
    levels = [(price, 0) for price, _ in p.view.base_levels(gone)]
    p.depth(*((levels, []) if gone == "bid" else ([], levels)), 2)
    for how in ({"tif": "ioc"}, {"tif": "fok"}, {"tif": "gtc"}, {"tif": "post_only"}):
        p.submit(side, 1, 100, sent=3, **how)
    p.submit(side, 1, market=True, sent=3)
    assert kinds(p.arrivals(4 + 20 * MS)) == [
        ("accepted", ""), ("expired", "ioc_rest"), ("accepted", ""), ("expired", "fok_unfilled"), ("accepted", ""),
        ("accepted", ""), ("accepted", ""), ("expired", "no_liquidity"),
    ]
    assert len(p.fast.open_orders) == 2


@pytest.mark.parametrize(("side", "gone"), [("buy", "bid"), ("sell", "ask")])
def test_rule_8_post_only_is_judged_by_the_side_that_is_there(side, gone):
    """The order would be filled as a maker by the very level that it crosses."""
    p = pair()
    levels = [(price, 0) for price, _ in p.view.base_levels(gone)]
    p.depth(*((levels, []) if gone == "bid" else ([], levels)), 2)
    p.submit(side, 1, 110 if side == "buy" else 90, sent=3, tif="post_only")
    assert kinds(p.arrivals(4 + 20 * MS)) == [("rejected", "post_only_would_cross")]


def test_rule_7b_a_message_that_crosses_the_book_as_it_comes_in_sync_fills_nobody():
    p = pair()
    resting(p, "buy", 9, 100)
    p.desync()
    p.snapshot([(98, 5)], [(100, 4)], 50)
    assert fills(p.resync(9, crossed=True)) == []


def test_rule_13_on_resync_the_touch_fills_and_the_front_is_bounded():
    p = pair()
    crossed, queued = resting(p, "buy", 9, 100), resting(p, "buy", 9, 98)
    p.desync()
    p.snapshot([(98, 5)], [(100, 4)], 50)
    reports = p.resync(9)
    assert fills(reports) == [(crossed, 100, 4)]
    assert not reports[0].suspect
    assert p.fast.queue_ahead(queued) == 5


# ---- fees


@pytest.mark.parametrize(
    ("maker", "qty", "fee"),
    [
        ("0.0002", 3, "0.06"),
        ("-0.0001", 3, "-0.03"),
        ("0.00000001", 1, "0.000001"),
    ],
)
def test_rule_24_maker_fees_and_rebates(maker, qty, fee):
    p = pair(spec=Spec("UNIT", tick=1, step=1, maker_fee=maker))
    resting(p, "buy", qty, 100)
    report = p.trade(90, qty, 2, buyer_is_maker=True)[0]
    assert (report.fee, report.fee_asset) == (Decimal(fee), "quote")


def test_rule_24_fees_round_half_to_even_per_fill():
    spec = Spec("HALF", tick="0.5", step="0.1", taker_fee="0.00000001")  # a quantum at a tick: 0.05 of 1e-8
    p = pair(bids=[(1, 90)], asks=[(10, 100)], spec=spec)
    for qty, fee in ((1, 0), (3, 2), (5, 2), (7, 4), (2, 1)):  # x 0.5: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2, 3.5 -> 4
        p.submit("buy", qty, 10, tif="ioc")
        assert p.arrivals(1)[1].fee == Decimal(fee).scaleb(-8)


def test_rule_25_fees_taken_from_what_is_received():
    p = pair(spec=Spec("SPOT", tick=1, step=1, instrument="spot", quantum=1, taker_fee="0.001", fee_asset="received"))
    p.submit("buy", 5, 101, tif="ioc")
    p.submit("sell", 5, 99, tif="ioc")
    bought, sold = (r for r in p.arrivals(1) if r.kind == "fill")
    assert (bought.fee, bought.fee_asset) == (Decimal("0.005"), "base")
    assert (sold.fee, sold.fee_asset) == (Decimal("0.495"), "quote")
