"""Every record reaches the database once: through retries, replays, locks held by others, and the end of the writer."""

import mmap
import os
import signal
import subprocess
import sys
import threading
import time

import apsw
import pytest

from hft._core.record.journal import Journal
from hft.errors import DamagedData
from hft.persistence.reader import RunDatabase
from hft.persistence.writer import Writer, WriterError
from tests.persistence.conftest import BTC, SPECS, finished, opened


def until(condition):
    """Waits for another thread; the limit is for a test that has failed, not a measurement."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


def test_transactions_hold_at_most_batch_size_rows(path):
    journal = Journal(1000)
    writer, _ = opened(path, journal, batch_size=10)
    for _ in range(95):
        journal.append_fill(side=1, price=1, qty=1)
    writer.start()
    finished(writer)
    assert (writer.written, writer.transactions) == (95, 10)


def test_records_arrive_without_being_requested(path):
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


def test_the_end_of_the_writer_is_reported_from_its_own_thread(path):
    """The engine's thread may be waiting for room in the journal, and would wait for ever."""
    reported = []
    journal = Journal(100)
    writer, _ = opened(path, journal, on_failure=lambda: reported.append(threading.current_thread().name))
    journal.append_fill(symbol=7, side=1, price=1, qty=1)
    writer.start()
    until(lambda: reported)
    assert reported == ["hft-writer"]
    writer.stop()
    writer.close()


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
from hft._core.record.journal import Journal
from hft._core.base.types import Spec
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
        trades = db.trades()
        assert len(trades) > 90
        assert [t.price for t in trades] == [BTC.price(n + 1) for n in range(len(trades))]
        # The last batch may end between a fill and its position: the journal, in memory here, died with the process.
        ahead = db.traded()["BTCUSDT"] - db.positions()["BTCUSDT"].qty
        assert ahead in (0, trades[-1].qty)
        assert len(db.problems()) == (ahead != 0)
        assert db.run().ended_ns is None


@pytest.mark.parametrize(("option", "value"), [("batch_size", 0), ("interval_ms", 0)])
def test_sizes_are_checked(path, option, value):
    with pytest.raises(ValueError, match=option):
        Writer(path, Journal(10), SPECS, **{option: value})
