"""Random trading: risk and its naive version say the same about every order, reason included."""

import random
from decimal import Decimal
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from hft._core.base.intent import OrderIntent
from tests._core.trader_fixture import SPOT, USDM, S, TraderFixture
from tests.oracle.risk import Account, Limits, NaiveRisk, Wanted

# Mostly orders that only the account can object to, now and then one with a flaw of its own.
QTYS = ["0.3", "0.5", "0.7", "1"] * 4 + ["0", "0.001", "0.002", "0.04", "1.001", "60"]
AWAYS = [None, 0, 1, -1, 20, -20] * 2 + [60, -5000]             # ticks of 0.1 from the bid; None: market
HALTS = ["kill_switch", "stopping", "journal_full"]
FLAWS = [None] * 12 + ["stale", "old", "unsynced", "empty", *HALTS]
ENDS = ["all", "all", "part", "expired", "cancel sent"]
WAITS = [1, S // 3, S - 1, S]


class Trading:
    """A trader of two symbols and the naive version are told the same and must say the same, reason included."""

    specs = (USDM, SPOT)

    def __init__(self):
        self.trader = TraderFixture(*self.specs, max_position_size={"BTCUSDT": "2", "ETHUSDT": "1.5"}, max_order_size="1",
                         max_notional_exposure="250", max_orders_per_second=3, max_loss="30", max_drawdown="32",
                         price_collar_bps=500, stale_ms=100)
        self.naive = NaiveRisk(Limits(
            max_position={"BTCUSDT": 2, "ETHUSDT": Fraction("1.5")}, max_order={"BTCUSDT": 1, "ETHUSDT": 1},
            max_notional=Fraction(250), per_second=3, max_loss=Fraction(30), max_drawdown=Fraction(32), collar_bps=500,
            stale_ns=S // 10))
        self.now, self.peak = 0, Fraction(0)
        self.touch = {}
        for spec in self.specs:
            self.market_moves(spec, None)

    def account(self):
        positions = list(self.trader.positions)
        return Account(
            qty={p.symbol: Fraction(p.qty) for p in positions}, marks={p.symbol: Fraction(p.mark) for p in positions},
            open=[(o.symbol, 1 if o.side == "buy" else -1, Fraction(o.leaves)) for o in self.trader.orders],
            equity=sum(Fraction(p.total) for p in positions), peak=self.peak)

    def order(self, spec, side, qty, away, reduce_only, flaw):
        bid, ask = self.touch[spec.name]
        price = None if away is None else bid + away * Decimal("0.1")
        age = {"stale": S // 10 + 1, "old": S // 10}.get(flaw, 0)
        at = {"bid": None if flaw == "empty" else bid, "ask": ask, "now": self.now, "data_ns": self.now - age,
                  "synced": flaw != "unsynced"}
        if flaw in HALTS:
            setattr(self.trader.risk, flaw, True)
            self.naive.halts.add(flaw)
        intent = OrderIntent(spec, side, qty, price, reduce_only=reduce_only)
        expected = self.naive.check(
            Wanted(spec, side, Fraction(qty), None if price is None else Fraction(price), reduce_only), self.account(),
            **{**at, "bid": at["bid"] and Fraction(bid), "ask": Fraction(ask)})
        assert self.trader.risk.check(intent, **at) == expected
        if expected == "ok":
            self.trader.orders.create(intent, now=self.now)
            self.trader.risk.sent(now=self.now)
            self.naive.sends.append(self.now)
        for halt in HALTS:
            setattr(self.trader.risk, halt, False)
        self.naive.halts.clear()
        return expected

    def report(self, order, how):
        if how == "cancel sent":
            if order.can_cancel:
                self.trader.orders.cancel(order.id)
        elif how == "expired":
            self.trader.orders.expired(order.id)
        else:
            spec = order.spec
            qty = max(spec.step, order.leaves // 2 // spec.step * spec.step) if how == "part" else order.leaves
            self.trader.orders.fill(order.id, qty)
            self.trader.positions.fill(spec, order.side, qty, self.touch[spec.name][order.side == "buy"])
        self.follow_equity()

    def market_moves(self, spec, move):
        bid = Decimal("100.0") if move is None else min(max(self.touch[spec.name][0] + move, Decimal(60)), Decimal(140))
        self.touch[spec.name] = (bid, bid + Decimal("0.1"))
        self.trader.positions.mark(spec, *self.touch[spec.name])
        self.follow_equity()

    def follow_equity(self):
        self.peak = max(self.peak, sum(Fraction(p.total) for p in self.trader.positions))


class TradingMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.trading = Trading()

    @rule(spec=st.sampled_from(Trading.specs), side=st.sampled_from([1, -1]), qty=st.sampled_from(QTYS),
          away=st.sampled_from(AWAYS), reduce_only=st.booleans(), flaw=st.sampled_from(FLAWS))
    def order(self, **order):
        self.trading.order(**order)

    @precondition(lambda self: len(self.trading.trader.orders))
    @rule(data=st.data(), how=st.sampled_from(ENDS))
    def report(self, data, how):
        self.trading.report(data.draw(st.sampled_from(list(self.trading.trader.orders))), how)

    @rule(spec=st.sampled_from(Trading.specs), move=st.integers(-12, 12))
    def market_moves(self, spec, move):
        self.trading.market_moves(spec, move)

    @rule(wait=st.sampled_from(WAITS))
    def time_passes(self, wait):
        self.trading.now += wait


TradingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestTrading = TradingMachine.TestCase


def test_random_trading_hears_every_reason():
    """A long walk of the same steps, to know that the agreement covers everything that risk can say."""
    rng, heard = random.Random(7), set()
    for _ in range(100):
        trading = Trading()
        for _ in range(100):
            open_orders = list(trading.trader.orders)
            step = rng.random()
            if step < 0.45:
                heard.add(trading.order(rng.choice(Trading.specs), rng.choice([1, -1]), rng.choice(QTYS),
                                        rng.choice(AWAYS), rng.random() < 0.2, rng.choice(FLAWS)))
            elif step < 0.75 and open_orders:
                trading.report(rng.choice(open_orders), rng.choice(ENDS))
            elif step < 0.9:
                trading.market_moves(rng.choice(Trading.specs), rng.randint(-12, 12))
            else:
                trading.now += rng.choice(WAITS)
    assert heard == {
        "ok", *HALTS, "not_synced", "stale_data", "no_price", "bad_price", "bad_qty", "below_min", "reduce_only", "order_size",
        "price_collar", "no_short", "position_limit", "notional_limit", "loss_limit", "drawdown_limit", "rate_limit"}
