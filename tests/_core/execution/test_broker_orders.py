"""Life of an order at the simulated exchange: cancels, reduce-only, capacities, and what PaperBroker refuses at its border."""

import pytest

from hft._core.execution.broker import PaperBroker
from hft._core.market.book import OrderBook
from tests._core.broker_pair import ASKS, BIDS, UNIT, BrokerPair, fills, kinds, pair, resting


def test_a_cancel_ends_a_resting_order_with_what_it_left():
    p = pair()
    order_id = p.submit("buy", 5, 100)
    p.trade(100, 2, 1, buyer_is_maker=True)
    p.cancel(order_id, sent=1)
    (report,) = p.arrivals(2)
    assert (report.kind, report.reason, report.leaves) == ("canceled", "user_cancel", 3)
    assert p.fast.open_orders == []
    assert p.trade(90, 9, 3, buyer_is_maker=True) == []


def test_a_cancel_of_a_final_order_is_refused():
    p = pair()
    order_id = p.submit("buy", 5, 101, tif="ioc")
    p.cancel(order_id)
    assert kinds(p.arrivals(1))[-1] == ("cancel_rejected", "unknown_order")


def test_a_cancel_leaves_the_others_at_its_level_in_place():
    p = pair()
    orders = [p.submit("buy", 2, 100) for _ in range(4)]
    p.arrivals(1)
    for gone in (orders[1], orders[3], orders[0]):
        p.cancel(gone, sent=1)
    p.arrivals(2)
    late = p.submit("buy", 2, 100, sent=2)
    p.arrivals(3)
    assert [r.order_id for r in p.trade(100, 9, 4, buyer_is_maker=True)] == [orders[2], late]


def test_own_orders_do_not_trade_with_each_other():
    p = pair()
    ask = p.submit("sell", 5, 100)
    bid = p.submit("buy", 5, 100)
    assert kinds(p.arrivals(1)) == [("accepted", ""), ("accepted", "")]
    assert p.fast.open_orders == [bid, ask]


# ---- reduce-only


def test_reduce_only_without_a_position_to_reduce_is_rejected():
    p = pair()
    p.submit("sell", 1, market=True, reduce_only=True)
    p.submit("buy", 3, 101, tif="ioc")
    p.submit("buy", 1, market=True, reduce_only=True)
    assert kinds(p.arrivals(1)) == [
        ("rejected", "venue_reduce_only"), ("accepted", ""), ("fill", ""), ("rejected", "venue_reduce_only"),
    ]  # fmt: skip


def test_reduce_only_never_turns_the_position():
    p = pair()
    p.submit("buy", 3, 101, tif="ioc")
    p.submit("sell", 5, market=True, reduce_only=True)
    reports = p.arrivals(1)
    assert kinds(reports)[-1] == ("expired", "venue_reduce_only")
    assert (reports[-1].leaves, p.fast.position) == (2, 0)


def test_resting_reduce_only_orders_expire_once_nothing_is_left_to_reduce():
    p = pair()
    p.submit("buy", 3, 101, tif="ioc")
    near = p.submit("sell", 2, 102, reduce_only=True)
    far = p.submit("sell", 3, 105, reduce_only=True)
    p.arrivals(1)
    reports = p.trade(110, 9, 2, buyer_is_maker=False)
    assert [(r.order_id, r.kind, r.qty, r.leaves) for r in reports] == [
        (near, "fill", 2, 0), (far, "fill", 1, 2), (far, "expired", 0, 2),
    ]  # fmt: skip
    assert (p.fast.position, p.fast.open_orders) == (0, [])


# ---- amends


def test_a_smaller_quantity_at_the_same_price_keeps_its_place():
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    assert p.fast.queue_ahead(order_id) == 10
    p.trade(99, 4, 2, buyer_is_maker=True)
    p.amend(order_id, "buy", 3, 99, sent=3)
    assert kinds(p.arrivals(4)) == [("amended", "")]
    assert (p.fast.queue_ahead(order_id), p.fast.leaves(order_id)) == (6, 3)


@pytest.mark.parametrize(("qty", "price", "ahead"), [(6, 99, 10), (5, 98, 20), (3, 100, 0)])
def test_anything_else_loses_it(qty, price, ahead):
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    p.trade(99, 4, 2, buyer_is_maker=True)
    p.depth([(99, 10)], [], 3)          # refilled
    p.amend(order_id, "buy", qty, price, sent=4)
    assert kinds(p.arrivals(5)) == [("amended", "")]
    assert (p.fast.queue_ahead(order_id), p.fast.leaves(order_id)) == (ahead, qty)


def test_what_has_filled_counts_and_no_more_left_is_a_cancel():
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    assert fills(p.trade(98, 2, 2, buyer_is_maker=True)) == [(order_id, 99, 2)]
    p.amend(order_id, "buy", 4, 99, sent=3)
    assert [(r.kind, r.leaves) for r in p.arrivals(4)] == [("amended", 2)]
    p.amend(order_id, "buy", 2, 99, sent=5)
    assert kinds(p.arrivals(6)) == [("canceled", "amend_filled")]


def test_an_amend_through_the_touch_takes_and_post_only_is_cancelled():
    p = pair()
    taker, maker = resting(p, "buy", 15, 99), resting(p, "buy", 5, 98, tif="post_only", sent=1)
    p.amend(taker, "buy", 15, 101, sent=3)
    assert [(r.kind, r.qty, r.maker) for r in p.arrivals(4)] == [("amended", 0, False), ("fill", 10, False)]
    assert (p.fast.leaves(taker), p.fast.queue_ahead(taker)) == (5, 0)
    p.amend(maker, "buy", 5, 102, tif="post_only", sent=5)
    assert kinds(p.arrivals(6)) == [("canceled", "post_only_would_cross")]


def test_an_amend_may_come_too_late():
    p = pair()
    order_id = resting(p, "buy", 5, 99)
    p.cancel(order_id, sent=2)
    p.amend(order_id, "buy", 4, 99, sent=2)
    assert kinds(p.arrivals(3)) == [("canceled", "user_cancel"), ("amend_rejected", "unknown_order")]


# ---- capacities


def test_no_slot_for_another_resting_order():
    p = BrokerPair(UNIT, entry_latency_ms=0, max_orders=2)
    p.start(BIDS, ASKS)
    for price in (90, 91):
        p.submit("buy", 1, price)
    p.arrivals(1)
    p.fast.submit("buy", 1, 92, sent_ns=1)
    p.fast.submit("buy", 1, 101, sent_ns=1)  # fills whole: it needs none
    assert kinds(p.fast.arrivals(2)) == [("rejected", "resting_full"), ("accepted", ""), ("fill", "")]


def test_no_room_for_another_command_under_way():
    p = pair(max_commands=2)
    p.submit("buy", 1, 90)
    p.submit("buy", 1, 90)
    with pytest.raises(RuntimeError, match="order_channel_full"):
        p.fast.submit("buy", 1, 90, sent_ns=0)
    p.arrivals(1)
    p.submit("buy", 1, 90, sent=1)
    assert len(p.arrivals(2)) == 1


def test_more_arrivals_at_once_than_reports_have_room_for():
    p = pair(bids=[(p, 1) for p in range(1, 100)], max_orders=4)
    for _ in range(21):
        p.submit("sell", 3, market=True)
    assert len([r for r in p.arrivals(1) if r.kind == "fill"]) == 63


def test_one_order_reaches_64_levels():
    p = pair(asks=[(price, 1) for price in range(101, 301)])
    p.fast.submit("buy", 100, market=True, sent_ns=0)
    reports = p.fast.arrivals(1)
    assert sum(r.qty for r in reports) == 64
    assert kinds(reports)[-1] == ("expired", "ioc_rest")


def test_a_full_ledger_of_used_levels_forgets_the_least_and_counts_it():
    p = pair(asks=[(price, price - 100) for price in range(101, 170)])
    p.fast.submit("buy", sum(range(1, 65)), 164, sent_ns=0)
    p.fast.submit("buy", 65, 165, tif="ioc", sent_ns=0)
    p.fast.arrivals(1)
    assert p.fast.counters["used_evicted"] == 1
    assert [p.fast.used("ask", price) for price in (101, 102, 165)] == [0, 2, 65]


def test_memory_is_fixed_from_the_start():
    p = pair()
    before = p.fast.nbytes
    for i in range(50):
        p.submit("buy", 1, 50 + i % 7, sent=i)
        p.arrivals(i + 1)
    assert p.fast.nbytes == before < 1_000_000


# ---- the Python border


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue_model": "fifo"}, "queue_model 'fifo' must be one of risk_averse, log"),
        ({"queue_exponent": 0}, "queue_exponent"),
        ({"entry_latency_ms": -1}, "entry_latency_ms -1"),
        ({"max_orders": 0}, "max_orders 0"),
        ({"max_commands": 70_000}, "max_commands 70000"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        PaperBroker(UNIT, OrderBook(UNIT), **options)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (("hold", 1, 90), "side 'hold'"),
        (("buy", 0, 90), "quantity 0"),
        (("buy", "0.5", 90), "quantity 0.5"),
        (("buy", 1, "90.5"), "price 90.5"),
        (("buy", 1, -90), "price -90"),
        (("buy", 1), "needs a price"),
    ],
)
def test_bad_orders_are_named(order, message):
    with pytest.raises(ValueError, match=message):
        PaperBroker(UNIT, OrderBook(UNIT)).submit(*order, sent_ns=0)


def test_what_does_not_rest_or_was_never_sent():
    broker = PaperBroker(UNIT, OrderBook(UNIT))
    for ask in (broker.leaves, broker.queue_ahead):
        with pytest.raises(KeyError, match="order 3 does not rest"):
            ask(3)
    with pytest.raises(ValueError, match="never submitted"):
        broker.cancel(1, sent_ns=0)
    with pytest.raises(ValueError, match="tif 'gtd'"):
        broker.submit("buy", 1, 90, tif="gtd", sent_ns=0)
    with pytest.raises(ValueError, match="above zero"):
        broker.trade(0, 1, buyer_is_maker=True, v_ns=1)
