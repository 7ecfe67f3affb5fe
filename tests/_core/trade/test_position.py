"""The position ledger against fractions: exact cash, average cost, fees, equity over symbols."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft._core.trade.position import PositionManager
from tests.oracle.position import NaivePosition

USDM = Spec("BTCUSDT", tick="0.10", step="0.001")
SPOT = Spec("ETHUSDT", tick="0.01", step="0.0001", instrument="spot", fee_asset="received")
TINY = Spec("SHIBUSDT", tick="0.00000001", step="1", instrument="spot")
ODD = Spec("ODDUSDT", tick="0.25", step="0.005", contract=10)
ALL = (USDM, SPOT, TINY, ODD)


def unit(spec):
    return Fraction(spec.tick) * Fraction(spec.quantum)


events = st.lists(st.one_of(
    st.tuples(st.just("fill"), st.integers(0, 3), st.sampled_from([1, -1]), st.integers(1, 60), st.integers(1, 10**7),
              st.integers(-10**6, 10**6), st.booleans()),
    st.tuples(st.just("mark"), st.integers(0, 3), st.integers(1, 10**7), st.integers(1, 50)),
), max_size=60)


def play(events):
    """Feed both; yields (manager, oracles) after every event."""
    manager, naive = PositionManager(ALL), [NaivePosition(unit(spec), spec.contract) for spec in ALL]
    for kind, i, *rest in events:
        spec = ALL[i]
        if kind == "fill":
            side, qty, price, fee, in_base = rest
            qty, price, fee = spec.qty(qty), spec.price(price), Decimal(fee).scaleb(-8)
            in_base = in_base and spec.fee_asset == "received"
            manager.fill(spec.name, side, qty, price, fee=fee, fee_asset="base" if in_base else "quote")
            naive[i].fill(side, qty, price, fee, in_base)
        else:
            bid, spread = rest
            bid, ask = spec.price(bid), spec.price(bid + spread)
            manager.mark(spec.name, bid, ask)
            naive[i].mark = Fraction(bid + ask) / 2
        yield manager, naive


@example([("fill", 3, -1, 1, 1, 0, False), ("fill", 3, -1, 1, 2, 0, False), ("fill", 3, 1, 1, 1, 0, False)])
@given(events)
def test_agrees_with_fractions(events):
    for manager, naive in play(events):
        for spec, expected in zip(ALL, naive, strict=True):
            view = manager[spec.name]
            assert Fraction(view.qty) == expected.qty
            assert Fraction(view.cash) == expected.cash
            assert (Fraction(view.cost), Fraction(view.realised)) == expected.walk()
            assert Fraction(view.fees) == expected.fees
            assert Fraction(view.total) == expected.total
            assert view.bought - view.sold == view.qty
        assert Fraction(manager.equity) == sum(expected.total for expected in naive)


@given(events)
def test_the_identity_holds_to_the_last_digit(events):
    for manager, _ in play(events):
        for view in manager:
            assert view.realised + view.unrealised - view.fees == view.total
            assert view.realised == view.cash + view.cost
            if view.mark is not None:
                assert view.total == view.cash + view.qty * view.mark * view.contract - view.fees
            money = manager.money(view.symbol)
            assert money["realised"] + money["unrealised"] - money["fees"] == money["total"]
            for name, exact in (("realised", view.realised), ("fees", view.fees)):
                assert abs(Fraction(money[name]) - Fraction(exact) * 10**8) <= Fraction(1, 2)
            assert abs(Fraction(money["total"]) - Fraction(view.total) * 10**8) <= 1


@given(events)
def test_peak_and_drawdown(events):
    peak = Decimal(0)
    for manager, _ in play(events):
        peak = max(peak, manager.equity)
        assert (manager.peak, manager.drawdown) == (peak, peak - manager.equity)


@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 60), st.integers(1, 10**6)), max_size=60))
def test_rounded_cost_stays_near_the_exact_average(fills):
    """A reduction rounds by at most half a unit, and shrinks what earlier ones left: the sum stays below one per fill."""
    manager, naive = PositionManager(USDM), NaivePosition(unit(USDM))
    for n, (side, qty, price) in enumerate(fills, 1):
        manager.fill("BTCUSDT", side, USDM.qty(qty), USDM.price(price))
        naive.fill(side, USDM.qty(qty), USDM.price(price))
        cost, realised = naive.walk(rounded=False)
        view = manager["BTCUSDT"]
        assert abs(Fraction(view.cost) - cost) <= unit(USDM) * n / 2
        assert abs(Fraction(view.realised) - realised) <= unit(USDM) * n / 2
        if view.qty == 0:
            assert view.cost == 0


def test_a_tie_rounds_to_even_and_the_rest_stays_in_cost():
    spec = Spec("XUSDT", tick="1", step="1")
    for first in (1, 3, 5, 7):      # two bought for first + 10; half of that is a tie
        manager = PositionManager(spec)
        manager.fill("XUSDT", "buy", 1, first)
        manager.fill("XUSDT", "buy", 1, 10)
        manager.fill("XUSDT", "sell", 1, 20)
        out = {11: 6, 13: 6, 15: 8, 17: 8}[first + 10]
        assert (manager["XUSDT"].realised, manager["XUSDT"].cost) == (20 - out, first + 10 - out)


def test_flips_through_zero_at_the_fills_price():
    manager = PositionManager(USDM)
    manager.fill("BTCUSDT", "buy", "1", "100")
    manager.fill("BTCUSDT", "sell", "3", "110")
    view = manager["BTCUSDT"]
    assert (view.qty, view.realised, view.cost, view.average_price) == (-2, 10, -220, 110)
    manager.fill("BTCUSDT", "buy", "2", "105")
    assert (manager["BTCUSDT"].qty, manager["BTCUSDT"].realised, manager["BTCUSDT"].average_price) == (0, 20, None)


def test_valued_at_cost_until_marked():
    manager = PositionManager(USDM)
    manager.fill("BTCUSDT", "buy", "1", "100", fee="0.05")
    assert (manager.equity, manager["BTCUSDT"].unrealised, manager["BTCUSDT"].mark) == (Decimal("-0.05"), 0, None)
    manager.mark("BTCUSDT", "101.0", "101.1")
    assert (manager.equity, manager["BTCUSDT"].mark) == (Decimal("1.00"), Decimal("101.05"))


def test_a_lost_book_leaves_its_mark_and_says_so():
    manager = PositionManager(USDM)
    manager.mark("BTCUSDT", "101.0", "101.1")
    manager.mark_lost("BTCUSDT")
    assert (manager["BTCUSDT"].mark, manager["BTCUSDT"].mark_stale) == (Decimal("101.05"), True)
    manager.mark("BTCUSDT", "101.0", "101.1")
    assert manager["BTCUSDT"].mark_stale is False


def test_base_fees_are_a_ledger_of_their_own_valued_at_the_mark():
    manager = PositionManager(SPOT)
    manager.fill("ETHUSDT", "buy", "1", "2500", fee="0.001", fee_asset="base")
    manager.fill("ETHUSDT", "sell", "1", "2500", fee="2.5")
    for mid, fees in (("2500", "5.0"), ("3000", "5.5")):
        manager.mark("ETHUSDT", mid, mid)
        view = manager["ETHUSDT"]
        assert (view.fees, view.fees_base, view.fees_quote) == (Decimal(fees), Decimal("0.001"), Decimal("2.5"))
        assert manager.equity == -Decimal(fees)


def test_an_overflow_books_nothing():
    spec = Spec("XUSDT", tick="1", step="1")
    manager = PositionManager(spec)
    manager.fill("XUSDT", "buy", 10**8, 10**7)
    before = repr(manager["XUSDT"]), manager.equity
    for qty, price in ((10**10, 10**10), (10**9, 93 * 10**8)):
        with pytest.raises(OverflowError, match="64 bits"):
            manager.fill("XUSDT", "buy", qty, price)
        assert (repr(manager["XUSDT"]), manager.equity) == before
    with pytest.raises(OverflowError, match="64 bits"):
        manager.mark("XUSDT", 10**15, 10**15)
    assert (repr(manager["XUSDT"]), manager.equity) == before


def test_the_sum_over_any_number_of_symbols_is_exact_or_refused():
    manager = PositionManager([Spec(f"S{i}USDT", tick="1", step="1") for i in range(1500)])
    for i in range(1500):
        manager.fill(f"S{i}USDT", "buy", 10, 10**6)
        manager.mark(f"S{i}USDT", 4 * 10**6, 4 * 10**6)
    assert manager.equity == 1500 * 30 * 10**6
    for _ in range(2):
        with pytest.raises(OverflowError, match="64 bits"):     # each by itself would fit
            manager.mark("S7USDT", 2 * 10**8, 2 * 10**8)
    assert (manager.equity, manager["S7USDT"].mark) == (1500 * 30 * 10**6, 4 * 10**6)


def test_fees_can_overflow_too():
    manager = PositionManager(USDM)
    manager.fill("BTCUSDT", "buy", "1", "100", fee=4 * 10**10)
    with pytest.raises(OverflowError):
        manager.fill("BTCUSDT", "buy", "1", "100", fee=6 * 10**10)
    assert manager["BTCUSDT"].fills == 1


def test_views_do_not_change():
    manager = PositionManager(USDM)
    view = manager["BTCUSDT"]
    manager.fill("BTCUSDT", "buy", "1", "100")
    assert (view.qty, manager["BTCUSDT"].qty) == (0, 1)


@pytest.mark.parametrize(("args", "message"), [
    (("BTCUSDT", "hold", "1", "100"), "side"), (("BTCUSDT", "buy", "0.0005", "100"), "quantum"),
    (("BTCUSDT", "buy", "1", "100.05"), "tick"), (("BTCUSDT", "buy", "0", "100"), "above zero"),
])
def test_refuses_what_can_not_be_a_fill(args, message):
    with pytest.raises(ValueError, match=message):
        PositionManager(USDM).fill(*args)


def test_symbols_that_do_not_fit_together():
    with pytest.raises(ValueError, match="BTCUSDT"):
        Symbols([USDM, USDM])
    with pytest.raises(ValueError, match="EUR and USDT"):
        PositionManager([USDM, Spec("ETHEUR", tick="0.1", step="0.001", quote="EUR")])
    with pytest.raises(ValueError, match="symbols"):
        Symbols([])
    with pytest.raises(KeyError, match="DOGE"):
        PositionManager(USDM)["DOGE"]


def test_scales_too_far_apart_are_refused_not_rounded():
    fine = Spec("AUSDT", tick="0.00000000001", step="0.00000001", instrument="spot")
    with pytest.raises(ValueError, match="too far"):
        PositionManager([fine, Spec("BUSDT", tick="1", step="1")])
    with pytest.raises(ValueError, match="decimals"):
        PositionManager(Spec("CUSDT", tick="0.000000000000001", step="0.0000000001"))
