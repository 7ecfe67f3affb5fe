"""Rules 20 and 21 as a strategy that is told things, step by step."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.trade.imbalance import ImbalanceDecision, entry_qty
from hft._core.trade.signal import Signal

MS = 1_000_000
USDM = Spec("BTCUSDT", tick="0.10", step="0.001", max_qty="120")
SPOT = Spec("BTCUSDT", tick="0.01", step="0.00001", instrument="spot")
UP, DOWN = Signal(0.5, 0.9, 100 * MS), Signal(-0.5, 0.9, 100 * MS)


class Trader:
    """A strategy with what it was told."""

    def __init__(self, spec=USDM, **settings):
        self.strategy = ImbalanceDecision(spec, **{"max_position_size": "1.0", "order_size_fraction": "0.5", **settings})
        self.position = self.in_flight = 0

    def decide(self, signal, now, bid="100.1", ask="100.2"):
        return self.strategy.decide(signal, bid=bid, ask=ask, position=self.position, in_flight=self.in_flight, now=now)

    def fill(self, side, qty, now):
        self.position += Decimal(qty) if side == "buy" else -Decimal(qty)
        self.strategy.on_fill(side, position=self.position, now=now)


def terms(intent):
    return intent and (intent.side, str(intent.qty), intent.price and str(intent.price), intent.type, intent.tif,
                       intent.reduce_only)


def test_enters_one_tick_through_the_opposite_touch():
    assert terms(Trader().decide(UP, 0)) == ("buy", "0.500", "100.3", "limit", "IOC", False)
    assert terms(Trader().decide(DOWN, 0)) == ("sell", "0.500", "100.0", "limit", "IOC", False)


def test_does_nothing_without_a_signal_or_with_anything_in_flight():
    trader = Trader()
    assert trader.decide(None, 0) is None
    trader.in_flight = 1
    assert trader.decide(UP, 0) is None


def test_holds_from_the_last_reported_entry_fill_then_leaves_at_market():
    trader = Trader()
    trader.decide(UP, 0)
    trader.fill("buy", "0.3", 10 * MS)
    trader.fill("buy", "0.2", 15 * MS)
    assert trader.strategy.next_due == 115 * MS
    assert trader.decide(None, 115 * MS - 1) is None
    assert terms(trader.decide(None, 115 * MS)) == ("sell", "0.500", None, "market", "IOC", True)
    trader.in_flight = 1
    assert trader.strategy.next_due is None         # nothing to be woken for: the report will do that
    assert trader.decide(None, 120 * MS) is None


def test_a_signal_on_the_same_side_restarts_the_hold_and_never_adds():
    trader = Trader()
    trader.decide(UP, 0)
    trader.fill("buy", "0.5", 10 * MS)
    assert trader.decide(UP, 90 * MS) is None
    assert trader.strategy.next_due == 190 * MS
    trader.in_flight = 1
    assert trader.decide(UP, 95 * MS) is None
    assert trader.strategy.next_due == 195 * MS


def test_the_opposite_signal_leaves_at_once_and_enters_only_when_flat_is_reported():
    trader = Trader()
    trader.decide(UP, 0)
    trader.fill("buy", "0.5", 10 * MS)
    assert terms(trader.decide(DOWN, 20 * MS)) == ("sell", "0.500", None, "market", "IOC", True)
    trader.in_flight = 1
    assert trader.decide(DOWN, 25 * MS) is None
    trader.in_flight = 0
    trader.fill("sell", "0.5", 45 * MS)
    assert trader.strategy.next_due is None
    assert terms(trader.decide(DOWN, 45 * MS))[:3] == ("sell", "0.500", "100.0")


def test_what_an_exit_leaves_over_is_left_again():
    trader = Trader()
    trader.decide(DOWN, 0)
    trader.fill("sell", "0.5", 10 * MS)
    assert terms(trader.decide(None, 110 * MS))[:2] == ("buy", "0.500")
    trader.fill("buy", "0.4", 130 * MS)
    assert trader.strategy.leaving
    assert terms(trader.decide(None, 131 * MS))[:2] == ("buy", "0.100")


def test_leaving_is_called_off_by_a_signal_on_the_same_side():
    trader = Trader()
    trader.decide(UP, 0)
    trader.fill("buy", "0.5", 10 * MS)
    assert trader.decide(None, 110 * MS) is not None        # refused by risk, say
    assert trader.decide(UP, 120 * MS) is None
    assert (trader.strategy.leaving, trader.strategy.next_due) == (False, 220 * MS)


def test_an_opposite_signal_seen_while_waiting_is_not_forgotten():
    trader = Trader()
    trader.decide(UP, 0)
    trader.in_flight = 1
    trader.fill("buy", "0.2", 10 * MS)
    assert trader.decide(DOWN, 11 * MS) is None
    trader.in_flight = 0
    assert terms(trader.decide(None, 12 * MS))[:2] == ("sell", "0.200")


def test_spot_is_never_sold_short():
    trader = Trader(SPOT)
    assert trader.decide(DOWN, 0) is None
    assert trader.strategy.no_shorts == 1
    assert trader.decide(UP, 0).side == "buy"
    trader.fill("buy", "0.5", 1)
    assert trader.decide(DOWN, 2).side == "sell"
    assert trader.strategy.no_shorts == 1


def test_a_position_found_at_start_is_held_for_the_settings_period():
    trader = Trader(holding_ms=30)
    trader.position = Decimal("0.5")
    assert trader.decide(None, 5 * MS) is None
    assert trader.strategy.next_due == 35 * MS
    assert trader.decide(None, 35 * MS).reduce_only


def test_leaves_in_pieces_that_risk_and_venue_allow():
    trader = Trader(max_order_size="0.2")
    trader.position = Decimal("0.5")
    assert str(trader.decide(DOWN, 0).qty) == "0.200"
    trader = Trader(max_position_size="500")
    trader.position = 300
    assert str(trader.decide(DOWN, 0).qty) == "120.000"


def test_an_empty_side_makes_no_price():
    assert Trader().decide(UP, 0, ask=None).price is None       # risk refuses it: there is no mid to judge by
    assert Trader().decide(DOWN, 0, bid=None).price is None


def test_a_size_under_one_step_is_zero_and_left_to_risk():
    assert Trader(max_position_size="0.001").decide(UP, 0).qty == 0


@given(st.decimals("0.001", "10", places=6), st.decimals("0.0001", "1", places=4), st.decimals("0.001", "10", places=6))
def test_size_is_the_fraction_down_to_the_step_at_most_the_largest_order(position, fraction, order):
    size = USDM.qty(entry_qty(USDM, position, fraction, order))
    assert size % USDM.step == 0
    assert size <= position * fraction
    assert size <= order
    assert size + USDM.step > min(position * fraction, order)


@pytest.mark.parametrize("bad", [
    {"order_size_fraction": "0"}, {"order_size_fraction": "1.1"}, {"max_position_size": "0"}, {"holding_ms": 0},
])
def test_refuses_settings_out_of_range(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Trader(**bad)
