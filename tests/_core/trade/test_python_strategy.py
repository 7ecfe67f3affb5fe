"""Strategies in Python, in an engine: what they see, what they may ask for, and what happens where they fail."""

import functools
import math
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from hft import MarketTrade, OrderReport, Strategy, StrategyContext
from hft._core.engine.engine import Engine
from hft._core.record.runlog import RunLog
from hft._core.trade.python_strategy import CALLBACKS, PythonStrategy
from hft._core.trade.quoter_strategy import QuoterStrategy
from hft.data.captures import Capture
from hft.data.record import Kind, Record
from hft.data.recording import mark
from hft.data.tape import Tape
from hft.errors import StrategyError
from hft.strategy import raise_error
from hft.venues.binance import messages
from tests import data

FREE = {"max_orders_per_second": 0, "max_position": 0, "max_order": 0}


PART = 10_000       # records; what is enough for a strategy to be called in every way


@functools.cache
def tape(records: int | None) -> Tape:
    """The first records of the USD-M capture; None: all of it."""
    return Tape(islice(Capture(data.find(data.USDM_BTC)), records), "BTCUSDT")


def run(strategy: object, records: int | None = PART, **settings: Any) -> Engine:
    """The USD-M capture, or its first records, to the end."""
    port = strategy if isinstance(strategy, (PythonStrategy, QuoterStrategy)) else PythonStrategy(strategy)
    engine = Engine(data.SPECS[data.USDM_BTC], strategy=port, fallback=messages.load, sync=data.SYNC[data.USDM_BTC],
                    **{**FREE, **settings})
    tape(records).run(engine)
    engine.stop(engine.now_ns)
    return engine


def fills(engine: Engine) -> list[tuple[object, ...]]:
    return [(f.order_id, f.exch_ts_ns, f.local_ts_ns, f.side, f.price, f.qty, f.fee, f.maker) for f in engine.fills(0)]


class Quoter(Strategy):
    """What the compiled quoter does, in Python."""

    def __init__(self, qty: str, distance: int, retry_s: float = 0.1) -> None:
        self.qty, self.distance, self.retry_ns = qty, distance, int(retry_s * 1e9)
        self.ids = {"buy": 0, "sell": 0}
        self.wait_ns = 0

    def on_tick(self, ctx: StrategyContext) -> None:
        if ctx.now_ns < self.wait_ns or not ctx.book.synced:
            return
        for side, touch, sign in (("buy", ctx.bid, -1), ("sell", ctx.ask, 1)):
            price = touch + sign * self.distance * ctx.tick
            order = ctx.order(self.ids[side])
            if order is None:
                self.ids[side] = getattr(ctx, side)(self.qty, price, post_only=True)
            elif abs(price - float(order.price)) > ctx.tick / 2 and order.can_amend:
                ctx.amend(order, price=price)

    def on_order(self, ctx: StrategyContext, report: OrderReport) -> None:
        if report.kind in ("rejected", "amend_rejected"):
            self.wait_ns = ctx.now_ns + self.retry_ns


@pytest.mark.parametrize("distance", [0, 2])
def test_in_python_and_compiled_it_trades_the_same(distance: int) -> None:
    compiled = run(QuoterStrategy(qty="0.05", distance_ticks=distance, max_position=0), None)
    python = run(Quoter("0.05", distance), None)
    raise_error(python.strategy)
    assert fills(python) == fills(compiled)
    assert python.counters()["orders"] == compiled.counters()["orders"]
    assert str(python.pnl("BTCUSDT")) == str(compiled.pnl("BTCUSDT"))
    assert len(python.trades) > (3 if distance == 0 else 0)


class Recorder(Strategy):
    """Notes what it is called for, and trades once."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = dict.fromkeys(CALLBACKS, 0)
        self.trades: list[MarketTrade] = []
        self.reports: list[OrderReport] = []
        self.timer_ns = 0
        self.set_ns = 0

    def on_start(self, ctx: StrategyContext) -> None:
        self.calls["on_start"] += 1
        ctx.set_timer(1.5)
        self.set_ns = ctx.now_ns

    def on_tick(self, ctx: StrategyContext) -> None:
        self.calls["on_tick"] += 1
        assert ctx.bid < ctx.ask
        assert ctx.book.bids(3)[0] == (ctx.bid, ctx.book.bid_qty)
        assert [price for price, _ in ctx.book.asks(5)] == sorted(price for price, _ in ctx.book.asks(5))
        assert ctx.mid == ctx.book.mid == (ctx.bid + ctx.ask) / 2
        assert not ctx.features.book_valid or math.isclose(ctx.features.mid, ctx.mid)
        assert ctx.book.qty("bid", ctx.bid) == ctx.book.bid_qty
        assert -1 <= ctx.book.imbalance(3) <= 1

    def on_trade(self, ctx: StrategyContext, trade: MarketTrade) -> None:
        self.calls["on_trade"] += 1
        self.trades.append(trade)

    def on_timer(self, ctx: StrategyContext) -> None:
        self.calls["on_timer"] += 1
        self.timer_ns = ctx.now_ns
        assert ctx.buy(Decimal("0.002")) > 0

    def on_order(self, ctx: StrategyContext, report: OrderReport) -> None:
        self.calls["on_order"] += 1
        self.reports.append(report)

    def on_fill(self, ctx: StrategyContext, report: OrderReport) -> None:
        self.calls["on_fill"] += 1
        self.reports.append(report)
        assert ctx.position == pytest.approx(0.002)
        assert ctx.pnl.total <= 0

    def on_stop(self, ctx: StrategyContext) -> None:
        self.calls["on_stop"] += 1
        assert ctx.sell(0.002) > 0          # refused: the run is stopping


def test_each_callback_is_called_for_what_it_is_for() -> None:
    strategy = Recorder()
    engine = run(strategy)
    raise_error(engine.strategy)
    assert min(strategy.calls.values()) >= 1
    assert strategy.calls["on_timer"] == strategy.calls["on_start"] == strategy.calls["on_stop"] == 1
    assert strategy.timer_ns == strategy.set_ns + 1_500_000_000
    assert {trade.side for trade in strategy.trades} == {"buy", "sell"}
    assert all(trade.price > 0 and trade.qty > 0 and trade.id > 0 for trade in strategy.trades)
    assert [(report.kind, report.reason) for report in strategy.reports] == [
        ("accepted", ""), ("fill", ""), ("rejected", "stopping")]
    assert engine.counters()["orders"] == 1


def test_what_is_not_defined_is_not_called() -> None:
    """Nothing but `on_trade`: a book that changes costs no call."""
    class Trades(Strategy):
        count = 0

        def on_trade(self, ctx: StrategyContext, trade: MarketTrade) -> None:
            self.count += 1

    strategy = Trades()
    engine = run(strategy)
    assert strategy.count == engine.counters()["messages"]["trade"]


def once(action: Callable[[StrategyContext], object]) -> Strategy:
    """A strategy that does something with its first tick."""
    class Once(Strategy):
        done = False
        result: object = None

        def on_tick(self, ctx: StrategyContext) -> None:
            if not self.done:
                self.done = True
                self.result = action(ctx)

    return Once()


@pytest.mark.parametrize(("action", "qty", "price"), [
    (lambda ctx: ctx.buy(0.0029999, 50_000.07), "0.002", "50000.0"),
    (lambda ctx: ctx.buy(0.3 - 0.1 - 0.1, 50_000.1), "0.100", "50000.1"),
    (lambda ctx: ctx.sell("0.0019", "70000.01"), "0.001", "70000.1"),
    (lambda ctx: ctx.sell(Decimal("0.001"), 70_000), "0.001", "70000.0"),
])
def test_sizes_and_prices_are_rounded_to_what_the_venue_takes(action: Callable[..., Any], qty: str, price: str) -> None:
    """A size down, a price away from the market; a float that is a whole number of units but for its last bits is that number."""
    seen = []

    class Once(Strategy):
        def on_tick(self, ctx: StrategyContext) -> None:
            if not seen and not ctx.orders:
                action(ctx)
            elif not seen:
                seen.extend(ctx.orders)

    run(Once(), price_collar_bps=0)
    assert [(str(order.qty), str(order.price)) for order in seen] == [(qty, price)]


@pytest.mark.parametrize(("action", "said"), [
    (lambda ctx: ctx.buy(float("nan")), "quantity nan must be above 0"),
    (lambda ctx: ctx.buy(-1), "quantity -1 must be above 0"),
    (lambda ctx: ctx.buy(0.01, float("inf")), "price inf must be above 0"),
    (lambda ctx: ctx.buy(0.01, "sixty"), "could not convert"),
    (lambda ctx: ctx.buy(0.01, tif="GTX"), "time in force 'GTX'"),
    (lambda ctx: ctx.buy(0.01, post_only=True), "a post-only order has a price"),
    (lambda ctx: ctx.amend(7, qty=1), "7 is no open order of BTCUSDT"),
    (lambda ctx: ctx["ETHUSDT"], "ETHUSDT is no symbol of this run; there are BTCUSDT"),
    (lambda ctx: ctx.book.bids(1001), "levels 1001 must be from 0 to 1000"),
    (lambda ctx: ctx.set_timer(float("nan")), "seconds nan"),
])
def test_nonsense_ends_the_strategy_with_its_traceback(action: Callable[..., Any], said: str) -> None:
    engine = run(once(action))
    with pytest.raises(StrategyError, match=r"Once\.on_tick raised") as caught:
        raise_error(engine.strategy)
    assert said in str(caught.value)
    assert "test_python_strategy.py" in str(caught.value)
    assert isinstance(caught.value.__cause__, Exception)
    assert (engine.counters()["orders"], engine.fault) == (0, None)


def test_where_it_raises_nothing_of_that_call_is_sent_and_open_orders_are_cancelled() -> None:
    class Raises(Strategy):
        ticks = 0

        def on_tick(self, ctx: StrategyContext) -> None:
            self.ticks += 1
            if self.ticks == 1:
                ctx.buy(0.001, ctx.bid - 100)
            if self.ticks == 500:
                assert len(ctx.orders) == 1
                ctx.buy(0.002, ctx.bid - 100)
                raise ZeroDivisionError

    strategy = Raises()
    engine = run(strategy)
    assert strategy.ticks == 500, "it is not called again"
    assert engine.counters()["orders"] == 1
    assert engine.counters()["rejects"]["user_cancel"] == 1
    assert (engine.commands_under_way, engine.killed) == (0, False)


def test_interrupts_go_through() -> None:
    def interrupt(ctx: StrategyContext) -> None:
        raise KeyboardInterrupt

    engine = run(once(interrupt))
    with pytest.raises(KeyboardInterrupt):
        raise_error(engine.strategy)


def test_a_context_that_is_kept_says_so() -> None:
    kept = once(lambda ctx: (ctx, ctx.book))
    run(kept)
    context, book = kept.result     # type: ignore[attr-defined]
    for use in (lambda: context.bid, lambda: context.position, lambda: context.buy(1), lambda: book.mid, lambda: book.bids(),
                lambda: context.features, lambda: context.orders, lambda: context.now_ns, lambda: book.synced):
        with pytest.raises(RuntimeError, match="keep the figures, not the context"):
            use()
    assert "out of date" in repr(context)
    assert context.symbol == "BTCUSDT"


def test_a_flood_is_refused_and_counted() -> None:
    class Floods(Strategy):
        refused = 0

        def on_tick(self, ctx: StrategyContext) -> None:
            self.refused += sum(ctx.buy(0.001, ctx.bid - 100) == 0 for _ in range(100))

    strategy = Floods()
    engine = run(strategy, max_open_orders=8)
    assert engine.counters()["rejects"]["intents_full"] == strategy.refused > 1000
    assert engine.fault is None


def test_stop_ends_its_trading() -> None:
    class Stops(Strategy):
        ticks = 0

        def on_tick(self, ctx: StrategyContext) -> None:
            self.ticks += 1
            ctx.buy(0.001, ctx.bid - 100)
            ctx.stop()

    strategy = Stops()
    engine = run(strategy)
    assert (strategy.ticks, engine.counters()["rejects"]["user_cancel"]) == (1, 1)


def test_random_numbers_are_the_runs_own() -> None:
    drawn = [run(PythonStrategy(once(lambda ctx: ctx.random.random()), seed=seed)).strategy.strategy.result for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


class Random(Quoter):
    """Quotes here and there, gives orders up, asks for too much now and then."""

    def on_tick(self, ctx: StrategyContext) -> None:
        draw = ctx.random.random()
        if draw < 0.02:
            ctx.cancel_all()
        elif draw < 0.04:
            ctx.set_timer(ctx.random.random())
        elif draw < 0.05:
            for _ in range(40):
                ctx.sell(0.001, ctx.ask + ctx.random.randrange(50) * ctx.tick)
        elif draw < 0.06:
            ctx.buy(0.001)
        elif draw < 0.5:
            super().on_tick(ctx)

    def on_timer(self, ctx: StrategyContext) -> None:
        ctx.buy(0.002, ctx.ask, tif="IOC")


def feed(engine: Engine, session: Tape) -> None:
    """All of it, each book with a body, as a run log wants it."""
    engine.connect("BTCUSDT", session.start_ns)
    books = {before: (symbol, ns, book) for before, symbol, ns, book in session.books}
    for number, (frame, now_ns) in enumerate(zip(session.frames, session.stamps, strict=True)):
        if number in books:
            symbol, ns, book = books[number]
            engine.on_snapshot(symbol, book.last_update_id, book.bids, book.asks, ns, book.stamp, body=b"{}")
        engine.on_frame(frame, now_ns)
    engine.stop(engine.now_ns)


def test_what_it_decided_is_recorded_and_takes_its_place() -> None:
    """The decisions of the run log alone give the same run again, to the state's hash."""
    log = RunLog(1 << 30)
    live = Engine(data.SPECS[data.USDM_BTC], strategy=PythonStrategy(Random("0.05", 0)), fallback=messages.load,
                  sync=data.SYNC[data.USDM_BTC], log=log, **FREE)
    feed(live, tape(4 * PART))
    raise_error(live.strategy)
    decisions = [
        mark(Record(0, Kind.LOG, line.partition(b" ")[2]))[1]
        for line in log.take(1 << 40).split(b"\n") if b'{"hft":{"decision"' in line
    ]
    again = PythonStrategy()
    for decision in decisions:
        again.decide(decision)
    replayed = Engine(data.SPECS[data.USDM_BTC], strategy=again, fallback=messages.load, sync=data.SYNC[data.USDM_BTC], **FREE)
    feed(replayed, tape(4 * PART))
    assert len(decisions) > 100
    assert fills(replayed) == fills(live)
    assert replayed.counters()["rejects"] == live.counters()["rejects"]
    assert replayed.state_hash("BTCUSDT") == live.state_hash("BTCUSDT")
