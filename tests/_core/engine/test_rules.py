"""A symbol's rules change while an engine runs (SEMANTICS 28): nothing that can be said in decimals is other than before."""

from decimal import Decimal

import numpy as np
import pytest

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine, replay_events
from hft._core.engine.events import EventEncoder
from hft._core.record.journal import Journal, records
from hft._core.record.runlog import RunLog
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft.data.record import Kind
from hft.data.recording import RecordingReader
from hft.data.tape import Tape
from hft.venues.binance import messages
from tests._core.leaning import START_NS, Leaning

SYMBOL = "BTCUSDT"
SPEC = Spec(SYMBOL, tick="0.10", step="0.001", min_notional="5")
OTHER = Spec("ETHUSDT", tick="0.01", step="0.01")
FINER = {"tick": "0.01", "step": "0.0001", "min_notional": "5"}


def begun(specs=(SPEC, OTHER), **options):
    market = Leaning()
    engine = Engine(list(specs), fallback=messages.load, **options)
    engine.connect(SYMBOL, START_NS)
    snapshot(engine, market)
    return engine, market


def snapshot(engine, market):
    book, body = market.snapshot()
    assert engine.on_snapshot(SYMBOL, *book[:3], market.now_ns, book[3], body) == 0


def run(engine, market, steps):
    for n in range(steps):
        engine.on_frame(market.step(), market.now_ns)
        if n % 7 == 0:
            engine.on_frame(market.trade(), market.now_ns)


def text(engine):
    """All that is said of money, position and fills, in decimals."""
    pnl = engine.pnl(SYMBOL)
    money = {name: getattr(pnl, name) for name in ("cash", "mark", "realised", "unrealised", "fees", "total")}
    fills = [(fill.order_id, fill.price, fill.qty, fill.fee, fill.side) for fill in engine.trades]
    return money, engine.position(SYMBOL), fills


def until_it_holds(engine, market):
    for _ in range(2000):
        run(engine, market, 1)
        if engine.position(SYMBOL) > 0:
            return
    raise AssertionError("never traded")


def until_it_sends(engine, market):
    for _ in range(2000):
        run(engine, market, 1)
        if engine.commands_under_way:
            return
    raise AssertionError("never sent an order")


def test_finer_units_leave_position_money_and_fills_as_they_are():
    engine, market = begun()
    until_it_holds(engine, market)
    before = text(engine)
    assert engine.set_rules(SYMBOL, market.now_ns, **FINER)
    assert text(engine) == before
    spec = engine.symbols[SYMBOL]
    assert (spec.tick, spec.step, spec.price_unit, spec.quantum) == tuple(map(Decimal, ("0.01", "0.0001", "0.01", "0.0001")))
    assert engine.symbols["ETHUSDT"].tick == OTHER.tick
    assert engine.wants_snapshot() == [SYMBOL]
    assert not engine.synced(SYMBOL)
    assert engine.counters()["rules_changed"] == 1


def test_it_trades_on_in_the_new_units_and_money_stays_exact():
    engine, market = begun()
    until_it_holds(engine, market)
    engine.set_rules(SYMBOL, market.now_ns, **FINER)
    market.decimals = 2
    snapshot(engine, market)
    had = len(engine.trades)
    run(engine, market, 1500)
    assert engine.synced(SYMBOL)
    assert len(engine.trades) > had + 1
    assert engine.fault is None
    cash = sum(-fill.side * fill.price * fill.qty for fill in engine.trades)
    assert engine.pnl(SYMBOL).cash == cash
    assert engine.position(SYMBOL) == sum(fill.side * fill.qty for fill in engine.trades)
    orders = [fill.price for fill in engine.trades[had:]]
    assert all(price % Decimal("0.01") == 0 for price in orders)


def test_orders_and_reports_on_their_way_are_carried_over():
    """An order is on its way to the exchange, and the report of another to the trader, when the rules change."""
    engine, market = begun(entry_latency_ms=40, response_latency_ms=40)
    until_it_sends(engine, market)
    engine.set_rules(SYMBOL, market.now_ns, **FINER)
    market.decimals = 2
    snapshot(engine, market)
    run(engine, market, 2000)
    assert engine.fault is None
    assert not engine.halted
    assert engine.trades
    assert engine.position(SYMBOL) == sum(fill.side * fill.qty for fill in engine.trades)


def test_a_coarser_tick_costs_no_book_and_orders_keep_to_it():
    engine, market = begun()
    run(engine, market, 10)
    assert engine.set_rules(SYMBOL, market.now_ns, tick="0.50", step="0.002")
    assert engine.synced(SYMBOL)
    spec = engine.symbols[SYMBOL]
    assert (spec.tick, spec.price_unit, spec.step, spec.quantum) == tuple(map(Decimal, ("0.5", "0.1", "0.002", "0.001")))
    engine.journal.drain(10_000)
    until_it_holds(engine, market)
    sent = [record["price"] for record in records(engine.journal.drain(10_000)) if record["kind"] == 1 and record["tif"] == 1
            and record["type"] == 0]
    assert sent
    assert all(price % 5 == 0 for price in sent)


def test_what_is_below_a_lot_that_grew_is_as_good_as_flat():
    engine, market = begun()
    until_it_holds(engine, market)
    engine.set_rules(SYMBOL, market.now_ns, tick="0.10", step="10")
    run(engine, market, 1000)
    assert engine.counted("bad_qty") == 0
    assert engine.counted("below_min") > 0           # entries of less than a lot


def test_a_limit_below_a_lot_that_grew_lets_no_order_pass():
    engine, market = begun(max_order="0.05", max_position="0.05", strategy=ImbalanceStrategy(entry_qty="0.5"))
    engine.set_rules(SYMBOL, market.now_ns, tick="0.10", step="0.1", min_notional="5")
    for _ in range(2000):
        run(engine, market, 1)
    counters = engine.counters()
    assert (engine.position(SYMBOL), counters["orders"]) == (0, 0)
    assert sum(counters["rejects"].values()) > 0


def mark_on_page(engine):
    """In quote units: the number and its unit belong to each other."""
    shown = engine.page.read()["symbols"][0]
    return shown["view"]["mark2"] * shown["spec"].price_unit / 2


def test_the_page_is_in_the_new_units_at_once():
    engine, market = begun()
    run(engine, market, 50)
    engine.advance(market.now_ns)
    before = mark_on_page(engine)
    engine.set_rules(SYMBOL, market.now_ns, **FINER)
    assert mark_on_page(engine) == before > 0


def test_a_symbol_that_is_not_traded_refuses_orders_and_takes_cancels():
    engine, market = begun()
    run(engine, market, 5)
    assert engine.set_rules(SYMBOL, market.now_ns, tick="0.10", step="0.001", min_notional="5", trading=False)
    assert not engine.trading(SYMBOL)
    assert engine.synced(SYMBOL)
    run(engine, market, 500)
    assert engine.trades == []
    assert engine.counted("not_trading") > 0
    engine.set_rules(SYMBOL, market.now_ns, tick="0.10", step="0.001", min_notional="5")
    run(engine, market, 500)
    assert engine.trades


def test_an_order_on_its_way_to_a_symbol_that_closes_is_refused_there():
    engine, market = begun(entry_latency_ms=40)
    until_it_sends(engine, market)
    engine.set_rules(SYMBOL, market.now_ns, tick="0.10", step="0.001", min_notional="5", trading=False)
    before = engine.counted("not_trading")
    engine.advance(market.now_ns + 200_000_000)
    assert engine.commands_under_way == 0
    assert engine.counted("not_trading") == before + 1
    assert engine.trades == []


def test_the_same_rules_are_no_change():
    engine, market = begun()
    run(engine, market, 5)
    assert not engine.set_rules(SYMBOL, market.now_ns, tick="0.1", step="0.001", min_notional=5)
    assert engine.synced(SYMBOL)
    assert engine.counters()["rules_changed"] == 0


@pytest.mark.parametrize("rules", [
    {"tick": "0", "step": "1"}, {"tick": "nan", "step": "1"}, {"tick": "0.1", "step": "0.001", "min_qty": "0.00001"},
    {"tick": "0.000000000000000001", "step": "0.000000000000000001"},
])
def test_rules_that_make_no_sense_change_nothing(rules):
    engine, market = begun()
    run(engine, market, 5)
    with pytest.raises(ValueError):
        engine.set_rules(SYMBOL, market.now_ns, **rules)
    assert engine.symbols[SYMBOL].tick == SPEC.tick
    assert engine.synced(SYMBOL)


def test_the_journal_says_from_where_on_its_units_are_others():
    journal = Journal(10_000)
    engine, market = begun(journal=journal)
    until_it_holds(engine, market)
    engine.set_rules(SYMBOL, market.now_ns, **FINER)
    found = records(journal.drain(10_000))
    [rules] = [record for record in found if record["kind"] == 5]
    assert (rules["price"], rules["leaves"], rules["qty"], rules["fee"]) == (1, 2, 1, 4)
    assert rules["symbol"] == 0


def test_the_run_log_holds_the_change_and_gives_the_same_again():
    log = RunLog(1 << 22)
    engine, market = begun(log=log)
    until_it_holds(engine, market)
    engine.set_rules(SYMBOL, market.now_ns, **FINER)
    market.decimals = 2
    snapshot(engine, market)
    run(engine, market, 800)
    again = Engine([SPEC, OTHER], fallback=messages.load, replayed=True)
    reader, tape = RecordingReader(), Tape()
    for line in log.take(1 << 30).splitlines(keepends=True):
        if (record := reader.read(line)) is not None and record.kind is not Kind.EXCHANGE_INFO:
            tape.add(record)
    tape.advance(again, commands=True)
    assert text(again) == text(engine)
    assert again.state_hash(SYMBOL) == engine.state_hash(SYMBOL)
    assert again.symbols[SYMBOL].tick == Decimal("0.01")


def test_event_records_hold_the_change_and_give_the_same_again():
    """Files have the finest units from the beginning: there a change is of the rules alone."""
    spec = Spec(SYMBOL, tick="0.10", step="0.001", min_notional="5", price_unit="0.01", quantum="0.0001")
    encoder = EventEncoder([spec, OTHER], messages.load)
    engine, market = begun([spec, OTHER])
    encoder.connect(SYMBOL, START_NS)
    (number, bids, asks, stamp), _ = market.snapshot()
    encoder.snapshot(SYMBOL, number, bids, asks, START_NS, stamp)
    for n in range(1500):
        if n == 400:
            market.decimals = 2
            for each in (engine, encoder):
                each.set_rules(SYMBOL, market.now_ns, **FINER, min_qty="0.001", max_qty="100")
        if n in (800, 900):
            for each in (engine, encoder):
                each.set_rules(SYMBOL, market.now_ns, **FINER, trading=n == 900)
        frame = market.step()
        engine.on_frame(frame, market.now_ns)
        encoder.frame(frame, market.now_ns)
    events = np.frombuffer(encoder.take(), np.uint8)
    again = Engine([spec, OTHER], fallback=messages.load)
    at, n = 0, len(events) // 64
    while at < n:
        at = replay_events(again, events, start=at)
    assert text(again) == text(engine)
    assert engine.trades
    assert again.state_hash(SYMBOL) == engine.state_hash(SYMBOL)
    assert again.counters()["rules_changed"] == engine.counters()["rules_changed"] == 3


def test_records_in_units_that_do_not_hold_the_rules_are_not_written():
    encoder = EventEncoder([SPEC])
    with pytest.raises(ValueError, match="finer than the units of the file"):
        encoder.set_rules(SYMBOL, START_NS, **FINER)
