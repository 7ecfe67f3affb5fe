"""Every limit of risk at its edge."""

from decimal import Decimal

import pytest

from hft._core.base.intent import OrderIntent
from hft._core.base.types import Spec
from tests._core.trader_fixture import SPOT, USDM, S, TraderFixture

# --- the engine and the market

@pytest.mark.parametrize(("switch", "reason"), [
    ("kill_switch", "kill_switch"), ("stopping", "stopping"), ("journal_full", "journal_full"),
])
def test_a_halt_stops_every_new_order_reduce_only_too(switch, reason):
    trader = TraderFixture()
    trader.hold("buy", "1")
    setattr(trader.risk, switch, True)
    assert trader.check() == reason
    assert trader.check("sell", price=None, reduce_only=True) == reason
    setattr(trader.risk, switch, False)
    assert trader.check() == "ok"


def test_the_kill_switch_is_named_before_the_others():
    trader = TraderFixture()
    trader.risk.stopping = trader.risk.journal_full = trader.risk.kill_switch = True
    assert trader.check(synced=False) == "kill_switch"


def test_no_order_on_a_book_that_is_out_of_sync_or_has_an_empty_side():
    trader = TraderFixture()
    assert trader.check(synced=False) == "not_synced"
    assert trader.check(bid=None) == trader.check(ask=None) == "no_price"


def test_data_may_be_as_old_as_the_limit_and_no_older():
    trader = TraderFixture(stale_ms=500)
    assert trader.check(now=S, data_ns=S // 2) == "ok"
    assert trader.check(now=S, data_ns=S // 2 - 1) == "stale_data"


# --- the order by itself

@pytest.mark.parametrize(("order", "reason"), [
    ({"price": "0"}, "bad_price"), ({"price": "-0.1"}, "bad_price"), ({"qty": "-1"}, "bad_qty"),
    ({"qty": "50"}, "ok"), ({"qty": "50.001"}, "bad_qty"), ({"qty": "0"}, "below_min"),
    ({"qty": "0.001", "price": "90000"}, "below_min"), ({"qty": "0.002", "price": "90000"}, "ok"),
    ({"qty": "0.05", "price": "100.0"}, "ok"), ({"qty": "0.05", "price": "99.9"}, "below_min"),
    ({"qty": "0.05", "price": None}, "ok"), ({"qty": "0.049", "price": None}, "below_min"),
])
def test_what_the_venue_would_not_take(order, reason):
    assert TraderFixture().check(**order) == reason


def test_the_step_is_not_the_books_quantum():
    assert TraderFixture(SPOT).check(qty="0.1001") == "ok"
    assert TraderFixture(SPOT).check(qty="0.10001") == "bad_qty"


def test_dust_may_leave_below_the_minimum_notional():
    trader = TraderFixture()
    trader.hold("buy", "0.003")
    assert trader.check("sell", "0.003", None) == "below_min"
    assert trader.check("sell", "0.003", None, reduce_only=True) == "ok"


def test_order_size_binds_reduce_only_too():
    trader = TraderFixture(max_order_size="0.5")
    trader.hold("buy", "1")
    assert trader.check(qty="0.5") == "ok"
    assert trader.check(qty="0.501") == "order_size"
    assert trader.check("sell", "0.501", None, reduce_only=True) == "order_size"


def test_reduce_only_must_reduce():
    trader = TraderFixture()
    assert trader.check("sell", "1", None, reduce_only=True) == "reduce_only"
    trader.hold("buy", "1")
    assert trader.check("sell", "1", None, reduce_only=True) == "ok"
    assert trader.check("sell", "1.001", None, reduce_only=True) == "reduce_only"
    assert trader.check("buy", "1", None, reduce_only=True) == "reduce_only"
    trader.hold("sell", "2")
    assert trader.check("buy", "1", None, reduce_only=True) == "ok"


def test_the_collar_holds_on_both_sides_of_the_mid():
    trader = TraderFixture(price_collar_bps=100)           # 1 % of 100.1: 99.099 to 101.101
    for side in ("buy", "sell"):
        assert trader.check(side, price="101.1") == trader.check(side, price="99.1") == "ok"
        assert trader.check(side, price="101.2") == trader.check(side, price="99.0") == "price_collar"


def test_a_market_order_gets_the_collar_as_its_bound():
    for bps, low, high in ((100, "99.1", "101.1"), (1, "100.1", "100.1"), (10_000, "0.1", "200.2"), (None, None, None)):
        trader = TraderFixture(price_collar_bps=bps)
        for side, bound in (("buy", high), ("sell", low)):
            intent = OrderIntent(USDM, side, "1")
            assert trader.risk.check(intent, bid="100.0", ask="100.2", now=0) == "ok"
            assert (intent.price and str(intent.price)) == bound


def test_spot_can_not_be_sold_short_whatever_is_on_its_way():
    trader = TraderFixture(SPOT)
    assert trader.check("sell", "1") == "no_short"
    trader.send("buy", "1")
    assert trader.check("sell", "1") == "no_short"
    trader.hold("buy", "1")
    assert trader.check("sell", "1") == "ok"
    trader.send("sell", "0.6")
    assert trader.check("sell", "0.4") == "ok"
    assert trader.check("sell", "0.4001") == trader.check("sell", "0.4001", reduce_only=True) == "no_short"


# --- the account

def test_position_counts_what_is_under_way_each_side_by_itself():
    trader = TraderFixture(max_position_size="2")
    assert trader.check(qty="2") == trader.check("sell", qty="2") == "ok"
    assert trader.check(qty="2.001") == "position_limit"
    order = trader.send("buy", "1.5")
    assert trader.check(qty="0.501") == "position_limit"
    assert trader.check("sell", qty="2") == "ok"                      # the buy may never fill
    trader.orders.accepted(order.id)
    trader.orders.cancel(order.id)
    assert trader.check(qty="0.501") == "position_limit"              # and may fill yet
    trader.orders.canceled(order.id)
    assert trader.check(qty="2") == "ok"
    trader.hold("sell", "1")
    assert trader.check("sell", qty="1.001") == "position_limit"
    assert trader.check("buy", qty="3") == "ok"


def test_notional_is_the_sum_over_symbols_of_the_worse_side():
    trader = TraderFixture(USDM, SPOT, max_notional_exposure="1000")
    trader.positions.mark(SPOT, "50", "50")
    trader.hold("buy", "10", "50", SPOT)                              # 500
    assert trader.check(qty="4.995") == "ok"                          # x 100.1 = 499.9995
    assert trader.check(qty="4.996") == "notional_limit"
    trader.send("sell", "4")                                          # short 400.4, or
    assert trader.check(qty="4.995") == "ok"                          # long 499.9995: the larger
    assert trader.check("sell", qty="0.996") == "notional_limit"
    assert trader.risk.exposure == Decimal("500")                     # BTCUSDT has no mark yet
    trader.positions.mark(USDM, "100.0", "100.2")
    assert trader.risk.exposure == Decimal("900.4")


def test_loss_and_drawdown_stop_at_the_limit():
    for limits, reason in (({"max_loss": "10"}, "loss_limit"), ({"max_drawdown": "10"}, "drawdown_limit")):
        trader = TraderFixture(**limits)
        trader.hold("buy", "1", "100.0")
        trader.positions.mark(USDM, "90.0", "90.1")
        assert trader.check() == "ok"
        trader.positions.mark(USDM, "90.0", "90.0")
        assert trader.check() == reason
        assert trader.check("sell", "1", None, reduce_only=True) == "ok"


def test_drawdown_is_from_the_highest_equity():
    trader = TraderFixture(max_drawdown="10", max_loss="10")
    trader.hold("buy", "1", "100.0")
    trader.positions.mark(USDM, "120.0", "120.0")
    trader.positions.mark(USDM, "110.0", "110.0")
    assert trader.check() == "drawdown_limit"


def test_bankrupt_when_capital_and_equity_are_gone():
    trader = TraderFixture(capital="10")
    trader.hold("buy", "1", "100.0")
    trader.positions.mark(USDM, "90.0", "90.1")
    assert not trader.risk.bankrupt
    trader.positions.mark(USDM, "90.0", "90.0")
    assert trader.risk.bankrupt
    assert not TraderFixture().risk.bankrupt


def test_rate_is_over_a_sliding_second():
    trader = TraderFixture(max_orders_per_second=2)
    for now in (0, 400):
        assert trader.check(now=now) == "ok"
        trader.risk.sent(now=now)
    assert trader.check(now=S - 1) == "rate_limit"
    assert trader.check(now=S) == "ok"                                # (now - 1 s, now] holds one of them
    trader.risk.sent(now=S)
    assert trader.check(now=S + 399) == "rate_limit"
    assert trader.check(now=S + 400) == "ok"


def test_reduce_only_orders_count_for_the_rate_and_pass_it():
    trader = TraderFixture(max_orders_per_second=1)
    trader.hold("buy", "1")
    for _ in range(3):
        assert trader.check("sell", "1", None, reduce_only=True) == "ok"
        trader.risk.sent(now=0)
    assert trader.check(now=S - 1) == "rate_limit"


def test_reduce_only_passes_position_and_notional():
    trader = TraderFixture(max_position_size="0.1", max_notional_exposure="10")
    trader.hold("buy", "1")
    assert trader.check("sell", "1", None, reduce_only=True) == "ok"
    assert trader.check("sell", "1") == "notional_limit"              # it could be long 1 as well as flat


def test_refusals_are_counted_by_reason():
    trader = TraderFixture(max_order_size="0.5")
    for qty in ("1", "0.5", "2"):
        trader.check(qty=qty)
    trader.check(synced=False)
    assert trader.risk.rejects == {"not_synced": 1, "order_size": 2}


def test_limits_by_symbol():
    trader = TraderFixture(USDM, SPOT, max_order_size={"ETHUSDT": "0.5"})
    assert trader.check(qty="1") == "ok"
    assert trader.check(qty="1", spec=SPOT) == "order_size"


@pytest.mark.parametrize("bad", [
    {"max_position_size": "0"}, {"max_position_size": "0.0009"}, {"max_order_size": "-1"}, {"max_notional_exposure": "0"},
    {"max_orders_per_second": 0}, {"max_loss": "-5"}, {"max_drawdown": "0"}, {"price_collar_bps": 10_001}, {"stale_ms": 0},
])
def test_refuses_settings_out_of_range(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        TraderFixture(**bad)


def test_huge_numbers_are_refused_not_wrapped():
    spec = Spec("XUSDT", tick="0.00000001", step="1")
    trader = TraderFixture(spec, max_notional_exposure="40000000000")
    touch = {"bid": "40000000000", "ask": "40000000000"}
    assert trader.check(qty="1000000000000000", price="40000000000", **touch) == "notional_limit"
    assert trader.check(qty=1 << 60, price="40000000000", **touch) == "notional_limit"
    assert trader.check(qty=(1 << 60) + 1, price="40000000000", **touch) == "bad_qty"
