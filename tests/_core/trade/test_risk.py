"""Every limit of risk at its edge."""

from decimal import Decimal

import pytest

from hft._core.base.intent import OrderIntent
from hft._core.base.types import Spec
from tests._core.desk import SPOT, USDM, Desk, S

# --- the engine and the market

@pytest.mark.parametrize(("switch", "reason"), [
    ("kill_switch", "kill_switch"), ("stopping", "stopping"), ("journal_full", "journal_full"),
])
def test_a_halt_stops_every_new_order_reduce_only_too(switch, reason):
    desk = Desk()
    desk.hold("buy", "1")
    setattr(desk.risk, switch, True)
    assert desk.check() == reason
    assert desk.check("sell", price=None, reduce_only=True) == reason
    setattr(desk.risk, switch, False)
    assert desk.check() == "ok"


def test_the_kill_switch_is_named_before_the_others():
    desk = Desk()
    desk.risk.stopping = desk.risk.journal_full = desk.risk.kill_switch = True
    assert desk.check(synced=False) == "kill_switch"


def test_no_order_on_a_book_that_is_out_of_sync_or_has_an_empty_side():
    desk = Desk()
    assert desk.check(synced=False) == "not_synced"
    assert desk.check(bid=None) == desk.check(ask=None) == "no_price"


def test_data_may_be_as_old_as_the_limit_and_no_older():
    desk = Desk(stale_ms=500)
    assert desk.check(now=S, data_ns=S // 2) == "ok"
    assert desk.check(now=S, data_ns=S // 2 - 1) == "stale_data"


# --- the order by itself

@pytest.mark.parametrize(("order", "reason"), [
    ({"price": "0"}, "bad_price"), ({"price": "-0.1"}, "bad_price"), ({"qty": "-1"}, "bad_qty"),
    ({"qty": "50"}, "ok"), ({"qty": "50.001"}, "bad_qty"), ({"qty": "0"}, "below_min"),
    ({"qty": "0.001", "price": "90000"}, "below_min"), ({"qty": "0.002", "price": "90000"}, "ok"),
    ({"qty": "0.05", "price": "100.0"}, "ok"), ({"qty": "0.05", "price": "99.9"}, "below_min"),
    ({"qty": "0.05", "price": None}, "ok"), ({"qty": "0.049", "price": None}, "below_min"),
])
def test_what_the_venue_would_not_take(order, reason):
    assert Desk().check(**order) == reason


def test_the_step_is_not_the_books_quantum():
    assert Desk(SPOT).check(qty="0.1001") == "ok"
    assert Desk(SPOT).check(qty="0.10001") == "bad_qty"


def test_dust_may_leave_below_the_minimum_notional():
    desk = Desk()
    desk.hold("buy", "0.003")
    assert desk.check("sell", "0.003", None) == "below_min"
    assert desk.check("sell", "0.003", None, reduce_only=True) == "ok"


def test_order_size_binds_reduce_only_too():
    desk = Desk(max_order_size="0.5")
    desk.hold("buy", "1")
    assert desk.check(qty="0.5") == "ok"
    assert desk.check(qty="0.501") == "order_size"
    assert desk.check("sell", "0.501", None, reduce_only=True) == "order_size"


def test_reduce_only_must_reduce():
    desk = Desk()
    assert desk.check("sell", "1", None, reduce_only=True) == "reduce_only"
    desk.hold("buy", "1")
    assert desk.check("sell", "1", None, reduce_only=True) == "ok"
    assert desk.check("sell", "1.001", None, reduce_only=True) == "reduce_only"
    assert desk.check("buy", "1", None, reduce_only=True) == "reduce_only"
    desk.hold("sell", "2")
    assert desk.check("buy", "1", None, reduce_only=True) == "ok"


def test_the_collar_holds_on_both_sides_of_the_mid():
    desk = Desk(price_collar_bps=100)           # 1 % of 100.1: 99.099 to 101.101
    for side in ("buy", "sell"):
        assert desk.check(side, price="101.1") == desk.check(side, price="99.1") == "ok"
        assert desk.check(side, price="101.2") == desk.check(side, price="99.0") == "price_collar"


def test_a_market_order_gets_the_collar_as_its_bound():
    for bps, low, high in ((100, "99.1", "101.1"), (1, "100.1", "100.1"), (10_000, "0.1", "200.2"), (None, None, None)):
        desk = Desk(price_collar_bps=bps)
        for side, bound in (("buy", high), ("sell", low)):
            intent = OrderIntent(USDM, side, "1")
            assert desk.risk.check(intent, bid="100.0", ask="100.2", now=0) == "ok"
            assert (intent.price and str(intent.price)) == bound


def test_spot_can_not_be_sold_short_whatever_is_on_its_way():
    desk = Desk(SPOT)
    assert desk.check("sell", "1") == "no_short"
    desk.send("buy", "1")
    assert desk.check("sell", "1") == "no_short"
    desk.hold("buy", "1")
    assert desk.check("sell", "1") == "ok"
    desk.send("sell", "0.6")
    assert desk.check("sell", "0.4") == "ok"
    assert desk.check("sell", "0.4001") == desk.check("sell", "0.4001", reduce_only=True) == "no_short"


# --- the account

def test_position_counts_what_is_under_way_each_side_by_itself():
    desk = Desk(max_position_size="2")
    assert desk.check(qty="2") == desk.check("sell", qty="2") == "ok"
    assert desk.check(qty="2.001") == "position_limit"
    order = desk.send("buy", "1.5")
    assert desk.check(qty="0.501") == "position_limit"
    assert desk.check("sell", qty="2") == "ok"                      # the buy may never fill
    desk.orders.accepted(order.id)
    desk.orders.cancel(order.id)
    assert desk.check(qty="0.501") == "position_limit"              # and may fill yet
    desk.orders.canceled(order.id)
    assert desk.check(qty="2") == "ok"
    desk.hold("sell", "1")
    assert desk.check("sell", qty="1.001") == "position_limit"
    assert desk.check("buy", qty="3") == "ok"


def test_notional_is_the_sum_over_symbols_of_the_worse_side():
    desk = Desk(USDM, SPOT, max_notional_exposure="1000")
    desk.positions.mark(SPOT, "50", "50")
    desk.hold("buy", "10", "50", SPOT)                              # 500
    assert desk.check(qty="4.995") == "ok"                          # x 100.1 = 499.9995
    assert desk.check(qty="4.996") == "notional_limit"
    desk.send("sell", "4")                                          # short 400.4, or
    assert desk.check(qty="4.995") == "ok"                          # long 499.9995: the larger
    assert desk.check("sell", qty="0.996") == "notional_limit"
    assert desk.risk.exposure == Decimal("500")                     # BTCUSDT has no mark yet
    desk.positions.mark(USDM, "100.0", "100.2")
    assert desk.risk.exposure == Decimal("900.4")


def test_loss_and_drawdown_stop_at_the_limit():
    for limits, reason in (({"max_loss": "10"}, "loss_limit"), ({"max_drawdown": "10"}, "drawdown_limit")):
        desk = Desk(**limits)
        desk.hold("buy", "1", "100.0")
        desk.positions.mark(USDM, "90.0", "90.1")
        assert desk.check() == "ok"
        desk.positions.mark(USDM, "90.0", "90.0")
        assert desk.check() == reason
        assert desk.check("sell", "1", None, reduce_only=True) == "ok"


def test_drawdown_is_from_the_highest_equity():
    desk = Desk(max_drawdown="10", max_loss="10")
    desk.hold("buy", "1", "100.0")
    desk.positions.mark(USDM, "120.0", "120.0")
    desk.positions.mark(USDM, "110.0", "110.0")
    assert desk.check() == "drawdown_limit"


def test_bankrupt_when_capital_and_equity_are_gone():
    desk = Desk(capital="10")
    desk.hold("buy", "1", "100.0")
    desk.positions.mark(USDM, "90.0", "90.1")
    assert not desk.risk.bankrupt
    desk.positions.mark(USDM, "90.0", "90.0")
    assert desk.risk.bankrupt
    assert not Desk().risk.bankrupt


def test_rate_is_over_a_sliding_second():
    desk = Desk(max_orders_per_second=2)
    for now in (0, 400):
        assert desk.check(now=now) == "ok"
        desk.risk.sent(now=now)
    assert desk.check(now=S - 1) == "rate_limit"
    assert desk.check(now=S) == "ok"                                # (now - 1 s, now] holds one of them
    desk.risk.sent(now=S)
    assert desk.check(now=S + 399) == "rate_limit"
    assert desk.check(now=S + 400) == "ok"


def test_reduce_only_orders_count_for_the_rate_and_pass_it():
    desk = Desk(max_orders_per_second=1)
    desk.hold("buy", "1")
    for _ in range(3):
        assert desk.check("sell", "1", None, reduce_only=True) == "ok"
        desk.risk.sent(now=0)
    assert desk.check(now=S - 1) == "rate_limit"


def test_reduce_only_passes_position_and_notional():
    desk = Desk(max_position_size="0.1", max_notional_exposure="10")
    desk.hold("buy", "1")
    assert desk.check("sell", "1", None, reduce_only=True) == "ok"
    assert desk.check("sell", "1") == "notional_limit"              # it could be long 1 as well as flat


def test_refusals_are_counted_by_reason():
    desk = Desk(max_order_size="0.5")
    for qty in ("1", "0.5", "2"):
        desk.check(qty=qty)
    desk.check(synced=False)
    assert desk.risk.rejects == {"not_synced": 1, "order_size": 2}


def test_limits_by_symbol():
    desk = Desk(USDM, SPOT, max_order_size={"ETHUSDT": "0.5"})
    assert desk.check(qty="1") == "ok"
    assert desk.check(qty="1", spec=SPOT) == "order_size"


@pytest.mark.parametrize("bad", [
    {"max_position_size": "0"}, {"max_position_size": "0.0009"}, {"max_order_size": "-1"}, {"max_notional_exposure": "0"},
    {"max_orders_per_second": 0}, {"max_loss": "-5"}, {"max_drawdown": "0"}, {"price_collar_bps": 10_001}, {"stale_ms": 0},
])
def test_refuses_settings_out_of_range(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Desk(**bad)


def test_huge_numbers_are_refused_not_wrapped():
    spec = Spec("XUSDT", tick="0.00000001", step="1")
    desk = Desk(spec, max_notional_exposure="40000000000")
    touch = {"bid": "40000000000", "ask": "40000000000"}
    assert desk.check(qty="1000000000000000", price="40000000000", **touch) == "notional_limit"
    assert desk.check(qty=1 << 60, price="40000000000", **touch) == "notional_limit"
    assert desk.check(qty=(1 << 60) + 1, price="40000000000", **touch) == "bad_qty"
