"""Every record reaches the database once: through retries, replays, locks held by others, and the end of the writer."""

import json
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.journal import Journal
from hft._core.types import Spec
from hft.errors import DamagedData, UsageError
from hft.persistence.reader import RunDatabase
from hft.persistence.writer import Writer, WriterError

BTC = Spec("BTCUSDT", tick="0.10", step="0.001", maker_fee="-0.0001")
SHIB = Spec("SHIBUSDT", tick="0.00000001", step="1", dialect="spot", quantum="0.001", fee_asset="received")
SPECS = [BTC, SHIB]
STARTED = 1_790_000_000_123_456_789


@pytest.fixture
def path(tmp_path):
    return tmp_path / "strategy.db"


def opened(path, journal=None, **options):
    writer = Writer(path, journal or Journal(1000), SPECS, **options)
    run = writer.open_run(strategy_id="imbalance_v1", version="0.1.0", venue="sim", settings={"a": {"b": 1}}, started_ns=STARTED)
    return writer, run


def finished(writer):
    assert writer.stop()
    writer.close()


def until(condition):
    """Waits for another thread; the limit is for a test that has failed, not a measurement."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


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
        ts_ns=40, order_id=buy + 1, symbol=1, side=-1, price=1234, qty=5_000_001, fee=7, maker=1, trust=1, flags=1
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
    assert (taken.fee_asset, taken.maker, taken.trust, taken.exch_ts_ns, taken.local_ts_ns) == ("USDT", False, "synced", 31, 36)
    assert (made.price, made.qty, made.fee, made.fee_asset) == (
        Decimal("0.00001234"),
        Decimal("5000.001"),
        Decimal("0.00000007"),
        "SHIB",
    )
    assert (made.side, made.maker, made.trust, made.local_ts_ns) == ("sell", True, "suspect", 40)
    held = db.positions()
    assert (held["BTCUSDT"].qty, held["BTCUSDT"].cash, held["BTCUSDT"].fees) == tuple(
        map(Decimal, ("2", "-123599.8", "-0.00012345"))
    )
    assert (held["SHIBUSDT"].qty, held["SHIBUSDT"].fees_base) == (Decimal("-5000.001"), Decimal("0.00000007"))
    assert [(k.is_on, k.reason) for k in db.kill_changes()] == [(True, "loss_limit")]
    assert db.problems() == []


ticks = st.integers(1, 10**12)


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


def test_transactions_hold_at_most_batch_size_rows(path):
    journal = Journal(1000)
    writer, _ = opened(path, journal, batch_size=10)
    for _ in range(95):
        journal.append_fill(side=1, price=1, qty=1)
    writer.start()
    finished(writer)
    assert (writer.written, writer.transactions) == (95, 10)


def test_records_arrive_without_being_asked_for(path):
    journal = Journal(100)
    writer, _ = opened(path, journal)
    writer.start()
    for n in range(1, 4):
        journal.append_fill(side=1, price=1, qty=1)
        until(lambda: writer.lag == 0)
        assert len(RunDatabase(path).trades()) == n
    finished(writer)


def test_a_batch_that_was_stored_but_not_acknowledged_counts_once(path):
    """What a kill between the database's commit and the journal's leaves: the same records again."""
    records = [
        lambda j: j.append_order(order_id=2**32 + 1, side=1, price=10, qty=5, leaves=5, status=1),
        lambda j: j.append_fill(order_id=2**32 + 1, side=1, price=10, qty=5),
        lambda j: j.append_position(qty=5),
        lambda j: j.append_order(order_id=2**32 + 1, side=1, price=10, qty=5, leaves=0, status=5),
        lambda j: j.append_kill(status=1, reason=32),
    ]
    journal = Journal(100)
    writer, _ = opened(path, journal)
    for append in records:
        append(journal)
    writer.start()
    finished(writer)
    before = [
        RunDatabase(path).orders(),
        RunDatabase(path).trades(),
        RunDatabase(path).positions(),
        RunDatabase(path).kill_changes(),
    ]

    for upto in range(1, len(records) + 1):
        again = Journal(100, run=1)
        for append in records[:upto]:
            append(again)
        writer = Writer(path, again, SPECS)
        writer.start()
        finished(writer)
        db = RunDatabase(path)
        assert [db.orders(), db.trades(), db.positions(), db.kill_changes()] == before


def test_a_lock_held_by_another_is_waited_for_and_nothing_is_lost(path):
    journal = Journal(50)
    writer, _ = opened(path, journal, batch_size=8)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    writer.start()
    for n in range(60):
        took = journal.append_fill(side=1, price=n + 1, qty=1)
        assert took == (n < 50)  # bounded: the engine is told, nothing is overwritten
    until(lambda: writer.retries >= 3)
    assert "busy" in writer.trouble
    assert (writer.failed, writer.lag, writer.room) == (None, 50, 0)
    other.execute("ROLLBACK")
    other.close()
    until(lambda: writer.lag == 0)
    assert writer.trouble is None
    finished(writer)
    assert [t.price for t in RunDatabase(path).trades()] == [BTC.price(n + 1) for n in range(50)]


def test_a_reader_that_never_ends_does_not_stop_the_writer(path):
    journal = Journal(100)
    writer, _ = opened(path, journal)
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM trades").get == 0
    writer.start()
    journal.append_fill(side=1, price=1, qty=1)
    until(lambda: writer.lag == 0)
    assert reader.execute("SELECT count(*) FROM trades").get == 0
    finished(writer)
    reader.close()
    assert len(RunDatabase(path).trades()) == 1


def test_stopping_while_the_database_is_held_leaves_the_records_in_the_journal(path):
    journal = Journal(50)
    writer, _ = opened(path, journal)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    writer.start()
    journal.append_fill(side=1, price=7, qty=1)
    assert not writer.stop(timeout=0.05)
    assert isinstance(writer.failed, WriterError)
    assert (writer.lag, RunDatabase(path).trades()) == (1, [])
    writer.close()
    other.execute("ROLLBACK")
    other.close()
    heir = Writer(path, journal, SPECS)
    heir.start()
    finished(heir)
    assert [t.price for t in RunDatabase(path).trades()] == [BTC.price(7)]


def test_a_full_disk_is_retried(path):
    """A page limit makes SQLite say what it says on a full disk."""
    journal = Journal(5000)
    writer, _ = opened(path, journal)
    writer._db.pragma("max_page_count", writer._db.pragma("page_count") + 2)
    writer.start()
    for n in range(3000):
        journal.append_fill(side=1, price=n + 1, qty=1)
    until(lambda: writer.trouble is not None)
    assert writer.trouble.startswith("full")
    assert writer.failed is None
    writer._db.pragma("max_page_count", 1 << 30)
    until(lambda: writer.lag == 0)
    finished(writer)
    assert len(RunDatabase(path).trades()) == 3000


def test_a_record_that_is_no_record_ends_the_writer_and_says_so(path):
    journal = Journal(10)
    writer, _ = opened(path, journal)
    journal.append_fill(symbol=5, side=1)
    writer.start()
    until(lambda: writer.failed is not None)
    assert isinstance(writer.failed, IndexError)
    assert not writer.stop()
    assert writer.lag == 1
    writer.close()


def test_a_record_with_a_wrong_checksum_is_not_stored(path):
    memory = mmap.mmap(-1, Journal.size(4))
    journal = Journal(4, memory=memory)
    writer, _ = opened(path, journal)
    journal.append_fill(side=1, price=1, qty=1)
    memory[192 + 40] ^= 1
    writer.start()
    until(lambda: writer.failed is not None)
    assert isinstance(writer.failed, DamagedData)
    writer.stop()
    writer.close()
    assert RunDatabase(path).trades() == []


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


def test_the_queue_of_periodic_rows_is_bounded(path):
    writer, _ = opened(path, queue_size=3)
    assert writer.put_metrics(1, {"a": 1, "b": 2})
    assert not writer.put_metrics(2, {"a": 1, "b": 2})
    assert writer.put_metrics(3, {"a": 1})
    assert writer.rows_refused == 2
    writer.start()
    finished(writer)
    assert RunDatabase(path).metrics() == {"a": [(1, 1), (3, 1)], "b": [(1, 2)]}


def test_producing_while_writing_loses_nothing(path):
    journal, n = Journal(64), 5000
    writer, _ = opened(path, journal, batch_size=10, interval_ms=2)
    writer.start()

    def produce():
        i = 0
        while i < n:
            i += journal.append_fill(side=1, price=i + 1, qty=1)

    producer = threading.Thread(target=produce)
    producer.start()
    producer.join()
    finished(writer)
    assert [t.price for t in RunDatabase(path).trades()] == [BTC.price(i + 1) for i in range(n)]


KILLED = """
import itertools, sys
from hft._core.journal import Journal
from hft._core.types import Spec
from hft.persistence.writer import Writer
journal = Journal(1000)
writer = Writer(sys.argv[1], journal, [Spec("BTCUSDT", tick="0.1", step="0.001")], batch_size=7, interval_ms=2)
writer.open_run(strategy_id="s", version="v", venue="sim", settings={}, started_ns=1)
writer.start()
position = 0
for n in itertools.count(1):
    while journal.room < 2:
        pass
    position += n
    journal.append_fill(side=1, price=n, qty=n)
    journal.append_position(qty=position)
    if writer.written > 200:
        print("under way", flush=True)
"""


@pytest.mark.parametrize("attempt", range(3))
def test_after_a_kill_the_database_is_sound(path, attempt):
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "under way\n"
        os.kill(child.pid, signal.SIGKILL)
    with RunDatabase(path) as db:
        prices = [t.price for t in db.trades()]
        assert len(prices) > 90
        assert prices == [BTC.price(n + 1) for n in range(len(prices))]
        problems = db.problems()
        # The newest batch may end between a fill and its position; the journal, in memory here, died with the process.
        assert problems == [] or (len(problems) == 1 and "fills add up" in problems[0])
        assert db.run().ended_ns is None


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


@pytest.mark.parametrize(("option", "value"), [("batch_size", 0), ("interval_ms", 0)])
def test_sizes_are_checked(path, option, value):
    with pytest.raises(ValueError, match=option):
        Writer(path, Journal(10), SPECS, **{option: value})
