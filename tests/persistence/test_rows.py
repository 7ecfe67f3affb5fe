"""What was traded reads back as it was: exact decimals, names for codes, one row each."""

import json
from decimal import Decimal

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.record.journal import Journal, records
from hft.errors import UsageError
from hft.persistence import rows
from hft.persistence.reader import RunDatabase
from tests.persistence.conftest import SPECS, STARTED, finished, opened

ticks = st.integers(1, 10**12)


def test_a_run_is_opened_and_closed(path):
    writer, run = opened(path)
    assert (run.run, run.run_id) == (1, "20260921T141320Z-1")
    writer.start()
    assert writer.stop()
    writer.close_run(ended_ns=STARTED + 5, summary={"fills": 0})
    writer.close()
    row = RunDatabase(path).run()
    assert (row.run_id, row.strategy_id, row.venue, row.settings) == (run.run_id, "imbalance_v1", "sim", {"a": {"b": 1}})
    assert (row.started_ns, row.ended_ns, row.summary) == (STARTED, STARTED + 5, {"fills": 0})
    assert [(s["symbol"], s["tick"], s["quantum"]) for s in row.symbols] == [
        ("BTCUSDT", "0.1", "0.001"),
        ("SHIBUSDT", "0.00000001", "0.001"),
    ]


def test_run_numbers_are_never_used_twice(path):
    finished(opened(path)[0])
    writer, run = opened(path)
    finished(writer)
    db = apsw.Connection(str(path))
    db.execute("DELETE FROM runs WHERE run = ?", (run.run,))
    db.close()
    writer, third = opened(path)
    finished(writer)
    assert (run.run, third.run) == (2, 3)


def test_orders_fills_and_positions_read_back_as_they_were(path):
    journal = Journal(100)
    writer, run = opened(path, journal)
    buy = (run.run << 32) + 1
    order = {"order_id": buy, "symbol": 0, "side": 1, "type": 0, "tif": 1, "flags": 1, "price": 618002, "qty": 2507}
    order |= {"sent_ns": 20, "due_ns": 30}
    journal.append_order(ts_ns=20, leaves=2507, status=1, **order)
    journal.append_fill(
        ts_ns=35, order_id=buy, symbol=0, side=1, price=617999, qty=2000, leaves=507, fee=-12345, exch_ns=31, due_ns=36
    )
    journal.append_position(ts_ns=36, symbol=0, qty=2000, cash=-617999 * 2000, cost=617999 * 2000, fee=-12345)
    journal.append_order(ts_ns=36, leaves=0, status=8, reason=66, exch_ns=31, **order)
    journal.append_fill(
        ts_ns=40, order_id=buy + 1, symbol=1, side=-1, price=1234, qty=5_000_001, fee=7, maker=1, book_status=1, flags=1
    )
    journal.append_position(ts_ns=41, symbol=1, qty=-5_000_001, leaves=7)
    journal.append_kill(ts_ns=50, status=1, reason=39)
    writer.start()
    finished(writer)

    db = RunDatabase(path)
    (first,) = db.orders()
    assert (first.order_id, first.side, first.type, first.time_in_force, first.reduce_only) == (buy, "buy", "limit", "ioc", True)
    assert (first.price, first.qty, first.leaves) == (Decimal("61800.2"), Decimal("2.507"), Decimal(0))
    assert (first.status, first.reason, first.created_ns, first.updated_ns, first.seq) == ("expired", "ioc_rest", 20, 36, 4)
    taken, made = db.trades(run.run_id)
    assert (taken.price, taken.qty, taken.leaves, taken.fee) == tuple(map(Decimal, ("61799.9", "2", "0.507", "-0.00012345")))
    assert (taken.fee_asset, taken.maker, taken.book_status) == ("USDT", False, "synced")
    assert (taken.exch_ts_ns, taken.local_ts_ns) == (31, 36)
    assert (made.price, made.qty, made.fee, made.fee_asset) == (
        Decimal("0.00001234"),
        Decimal("5000.001"),
        Decimal("0.00000007"),
        "SHIB",
    )
    assert (made.side, made.maker, made.book_status, made.local_ts_ns) == ("sell", True, "suspect", 40)
    held = db.positions()
    assert (held["BTCUSDT"].qty, held["BTCUSDT"].cash, held["BTCUSDT"].fees) == tuple(
        map(Decimal, ("2", "-123599.8", "-0.00012345"))
    )
    assert (held["SHIBUSDT"].qty, held["SHIBUSDT"].fees_base) == (Decimal("-5000.001"), Decimal("0.00000007"))
    assert [(k.is_on, k.reason) for k in db.kill_changes()] == [(True, "loss_limit")]
    assert db.problems() == []


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1]), st.sampled_from([1, -1]), ticks, ticks, st.integers(-(10**15), 10**15)), max_size=30
    )
)
def test_every_decimal_is_the_one_that_was_traded(tmp_path_factory, fills):
    path = tmp_path_factory.mktemp("db") / "strategy.db"
    journal = Journal(1000)
    writer, _ = opened(path, journal, batch_size=7)
    totals = [0, 0]
    for symbol, side, price, qty, fee in fills:
        totals[symbol] += side * qty
        assert journal.append_fill(symbol=symbol, side=side, price=price, qty=qty, fee=fee)
        assert journal.append_position(symbol=symbol, qty=totals[symbol])
    writer.start()
    finished(writer)
    with RunDatabase(path) as db:
        read = [(t.symbol, t.price, t.qty, t.fee) for t in db.trades()]
        assert read == [
            (SPECS[s].name, SPECS[s].price(price), SPECS[s].qty(qty), Decimal(fee).scaleb(-8)) for s, _, price, qty, fee in fills
        ]
        assert db.problems() == []


def test_text_never_has_an_exponent(path):
    journal = Journal(10)
    writer, _ = opened(path, journal)
    journal.append_fill(symbol=1, side=1, price=1, qty=1, fee=1)
    writer.start()
    finished(writer)
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert db.execute("SELECT price, qty, fee FROM trades").get == ("0.00000001", "0.001", "0.00000001")
    db.close()


def test_periodic_rows_read_back(path):
    writer, _ = opened(path)
    assert writer.put_metrics(
        10, {"orders": 3, "pnl_total": Decimal("-1.50"), "p50_ns": 250.5, "nothing": None, "void": float("nan"), "big": 2**64}
    )
    assert writer.put_metrics(20, {"orders": 4})
    assert writer.put_snapshot(
        20,
        "BTCUSDT",
        features={"mid": 1.5, "momentum": float("nan")},
        signal=None,
        position=Decimal("-0.250"),
        open_orders=2,
        state_hash=255,
    )
    writer.start()
    finished(writer)
    db = RunDatabase(path)
    assert db.metrics() == {
        "orders": [(10, 3), (20, 4)],
        "pnl_total": [(10, "-1.50")],
        "p50_ns": [(10, 250.5)],
        "big": [(10, str(2**64))],
    }
    (snapshot,) = db.snapshots()
    assert (snapshot.features, snapshot.signal, snapshot.state_hash) == ({"mid": 1.5, "momentum": None}, None, "00000000000000ff")
    assert (str(snapshot.position), snapshot.open_orders) == ("-0.250", 2)


def test_the_reader_names_what_it_can_not_find(path):
    with pytest.raises(UsageError, match="no such database"):
        RunDatabase(path)
    finished(opened(path)[0])
    with RunDatabase(path) as db, pytest.raises(UsageError, match="no run 'nonsense'"):
        db.trades("nonsense")


def test_settings_are_stored_as_json(path):
    finished(opened(path)[0])
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert json.loads(db.execute("SELECT settings FROM runs").get) == {"a": {"b": 1}}
    db.close()


def test_rows_after_a_change_of_rules_are_in_its_units_and_the_run_says_so():
    """The same price before and after a finer tick: other integers, one decimal."""
    spec = Spec("BTCUSDT", tick="0.1", step="0.001")
    journal = Journal(1_000, run=1)
    engine = Engine(spec, journal=journal)
    made = rows.Rows([spec])
    journal.append_fill(side=1, price=618002, qty=500)
    engine.set_rules("BTCUSDT", 5, tick="0.01", step="0.0001", max_qty="100", min_notional="5")
    journal.append_fill(side=1, price=6180020, qty=5000)
    (_, before), (sql, changed), (_, after) = map(made.of, records(journal.drain(10)))
    assert sql == rows.RULES
    assert (before["price"], before["qty"]) == ("61800.2", "0.500")
    assert (after["price"], after["qty"]) == ("61800.20", "0.5000")
    first, second = json.loads(changed["symbols"])
    assert (first["tick"], second["tick"], second["price_unit"], second["quantum"]) == ("0.1", "0.01", "0.01", "0.0001")
    assert (second["max_qty"], second["min_notional"], second["trading"], second["from_seq"]) == ("100.0000", "5", True, 2)
