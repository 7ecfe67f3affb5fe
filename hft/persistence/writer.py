"""The writer: one thread that moves journal records into the database, exactly once, at its own pace."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import apsw
import msgspec

from hft._core.base.types import Spec
from hft._core.record.journal import Journal, records, sound
from hft.errors import DamagedData, ExitCode, HftError
from hft.persistence import latch, rows, schema

T = TypeVar("T")

RECORD_BYTES = 128
FIRST_RETRY_S = 0.001
LAST_RETRY_S = 0.5
OPEN_RUN_S = 10.0

_RETRIED = (apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError)
"""Temporary errors: another connection's lock, a full disk, a disk that is away. All others end the writer."""


class OpenedRun(msgspec.Struct, frozen=True):
    """The row of `runs` of this session."""

    run: int
    """Its number; the upper half of the run's order ids."""
    run_id: str


class WriterError(HftError):
    """Records could not be stored in time; they are still in the journal."""

    exit_code = ExitCode.HALTED


class Writer:
    """Drains a journal into SQLite: transactions of at most `batch_size` rows, at least every `interval_ms`.

    A record leaves the journal only after its commit, and writing it again changes nothing; so none is lost or counted
    twice, whenever the process dies. While the database is busy or its disk full, the writer retries at growing intervals,
    and the journal fills: trading must refuse new orders by `room`, not drop records. Periodic rows (`put_metrics`,
    `put_snapshot`) bypass the journal through a separate bounded queue.

    Parameters
    ----------
    path : path
        The database; created with its directory if missing.
    journal : Journal
        This writer is its only consumer.
    specs : sequence of Spec
        The symbols, in the order of their numbers in records.
    batch_size : int
        Most rows of one transaction, 1 to 100,000. Small transactions do not delay the engine's thread.
    interval_ms : int
        The longest time between a record and the start of its transaction, 1 to 10,000.
    queue_size : int
        Most periodic rows that may wait.
    on_failure : callable, optional
        Called by the writer's thread when it ends early.

    Raises the errors of `schema.create_or_open`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        journal: Journal,
        specs: Sequence[Spec],
        *,
        batch_size: int = 100,
        interval_ms: int = 100,
        queue_size: int = 10_000,
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        if not 1 <= batch_size <= 100_000:
            raise ValueError(f"batch_size {batch_size} must be from 1 to 100000")
        if not 1 <= interval_ms <= 10_000:
            raise ValueError(f"interval_ms {interval_ms} must be from 1 to 10000")
        self.path = os.fspath(path)
        self.written = 0
        """Journal records committed."""
        self.transactions = 0
        self.retries = 0
        """Transactions repeated because the database was busy or its disk had an error."""
        self.rows_refused = 0
        """Periodic rows refused because their queue was full."""
        self.failed: BaseException | None = None
        """The error that ended the thread early; trading must halt."""
        self.trouble: str | None = None
        """The error of the newest attempt; None if it succeeded."""
        self._journal = journal
        self._specs = list(specs)
        self._rows = rows.Rows(specs)
        self._batch_size = batch_size
        # A record waits at most for one pause and the drain before it, so the pause is half the interval.
        self._pause_s = interval_ms / 2000
        self._periodic: deque[tuple[str, rows.Row]] = deque()
        self._queue_size = queue_size
        self._on_failure = on_failure
        self._run = 0
        self._stopping = threading.Event()
        self._give_up_at = math.inf
        self._thread: threading.Thread | None = None
        self._db = schema.create_or_open(path)
        self._db.set_busy_timeout(0)

    # a run

    def latched(self) -> bool:
        """Whether the database has the kill switch on. Before `start`."""
        return latch.is_on(self._db)

    def open_run(self, *, strategy_id: str, version: str, venue: str, settings: Mapping[str, Any], started_ns: int) -> OpenedRun:
        """Adds the row of `runs` and numbers the journal's records from 1 under it. Before `start`."""
        opened = self._transact(lambda: self._insert_run(strategy_id, version, venue, settings, started_ns), OPEN_RUN_S)
        self._run = opened.run
        self._journal.begin(opened.run)
        return opened

    def _insert_run(self, strategy_id: str, version: str, venue: str, settings: Mapping[str, Any], started_ns: int) -> OpenedRun:
        run = 1 + (self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").get or 0)  # never reuses a number
        run_id = f"{datetime.fromtimestamp(started_ns // 10**9, UTC):%Y%m%dT%H%M%SZ}-{run}"
        self._db.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
            (run, run_id, strategy_id, version, venue, _json(settings), _json(rows.scales(self._specs)), started_ns),
        )
        return OpenedRun(run, run_id)

    def close_run(self, *, ended_ns: int, summary: Mapping[str, Any]) -> None:
        """Writes the run's end and summary. After `stop`."""
        if self._thread is not None and self._thread.is_alive():
            raise WriterError("the writer has not ended", where=self.path, do="stop it first")
        self._transact(
            lambda: self._db.execute(
                "UPDATE runs SET ended_ns = ?, summary = ? WHERE run = ?", (ended_ns, _json(summary), self._run)
            ),
            OPEN_RUN_S,
        )

    # the thread

    def start(self) -> None:
        """Starts the thread."""
        if self._thread is not None:
            raise RuntimeError("a writer is started once")
        self._thread = threading.Thread(target=self._work, name="hft-writer", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """Stores the rest and ends the thread. True if nothing remains; else the rest stays in the journal."""
        self._give_up_at = time.monotonic() + timeout
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout + 2 * LAST_RETRY_S)
        done = self.failed is None and self.lag == 0 and not self._periodic
        if done:
            with contextlib.suppress(*_RETRIED):  # a reader has it open; the last to close it handles the log
                self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        return done

    def copy_to(self, path: str | os.PathLike[str]) -> None:
        """Copies the whole database into a new file, even if its own was deleted. After `stop`. Raises `apsw.Error`."""
        self._db.execute("VACUUM INTO ?", (os.fspath(path),))

    def close(self) -> None:
        """Closes the database. After `stop`; safe to call again. A thread that hangs in a disk call keeps it open."""
        if self._thread is None or not self._thread.is_alive():
            self._db.close()

    @property
    def lag(self) -> int:
        """Journal records that are not in the database yet."""
        return self._journal.used

    @property
    def room(self) -> int:
        """Journal records that fit now."""
        return self._journal.room

    def _work(self) -> None:
        try:
            stopping = False
            while not stopping:
                stopping = self._stopping.wait(self._pause_s)  # read before the drain, so that the last drain is complete
                while self._store_batch():
                    pass
        except BaseException as error:
            self.failed = error
            self.trouble = str(error)
            if self._on_failure is not None:
                self._on_failure()

    def _store_batch(self) -> int:
        """Writes waiting rows in one transaction, at most `batch_size`; returns their number."""
        batch = self._journal.drain(self._batch_size)
        n = len(batch) // RECORD_BYTES
        if sound(batch) != n:
            raise DamagedData(f"journal record {sound(batch)} of a batch has a wrong checksum", where=self.path)
        periodic = min(len(self._periodic), self._batch_size - n)
        if n + periodic == 0:
            return 0
        work: dict[str, list[rows.Row]] = {}  # by statement: rows of one kind keep their order, and kinds have separate tables
        for record in records(batch):
            sql, row = self._rows.of(record)
            work.setdefault(sql, []).append(row)
        for i in range(periodic):
            sql, row = self._periodic[i]
            work.setdefault(sql, []).append(row)
        self._transact(lambda: self._insert(work), None)
        self._journal.commit(n)
        for _ in range(periodic):
            self._periodic.popleft()
        self.written += n
        self.transactions += 1
        return n + periodic

    def _insert(self, work: Mapping[str, list[rows.Row]]) -> None:
        for sql, batch in work.items():
            self._db.executemany(sql, batch)

    def _transact(self, work: Callable[[], T], patience_s: float | None) -> T:
        """Runs `work` in one transaction, repeated until it commits; WriterError after the timeout (or that of `stop`)."""
        give_up_at = math.inf if patience_s is None else time.monotonic() + patience_s
        pause_s = FIRST_RETRY_S
        while True:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                result = work()
                self._db.execute("COMMIT")
                self.trouble = None
                return result
            except _RETRIED as error:
                self._rollback()
                self.retries += 1
                self.trouble = f"{type(error).__name__.removesuffix('Error').lower()}: {error}"
                limit = self._give_up_at if patience_s is None else give_up_at
                if time.monotonic() >= limit:
                    raise WriterError(
                        f"{self.lag} records could not be stored ({error})", where=self.path, do="free the database or its disk"
                    ) from error
            except BaseException:
                self._rollback()
                raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_RETRY_S)

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    # periodic rows

    def put_metrics(self, ts_ns: int, figures: Mapping[str, Any]) -> bool:
        """Queues a row of `performance_metrics` per figure. NaN and None have no row. False: no room, none queued."""
        values = {name: _value(value) for name, value in figures.items()}
        return self._put(
            rows.METRIC,
            [
                {"run": self._run, "ts_ns": ts_ns, "name": name, "value": value}
                for name, value in values.items()
                if value is not None
            ],
        )

    def put_snapshot(
        self,
        ts_ns: int,
        symbol: str,
        *,
        features: Mapping[str, Any],
        signal: Mapping[str, Any] | None,
        position: Decimal,
        open_orders: int,
        state_hash: int,
    ) -> bool:
        """Queues a row of `strategy_snapshots`. NaN features become null. False: no room."""
        row = {
            "run": self._run, "ts_ns": ts_ns, "symbol": symbol, "features": _json(features), "signal": _json(signal),
            "position": rows.text(position), "open_orders": open_orders, "state_hash": f"{state_hash:016x}",
        }  # fmt: skip
        return self._put(rows.SNAPSHOT, [row])

    def _put(self, sql: str, new: list[rows.Row]) -> bool:
        if len(self._periodic) + len(new) > self._queue_size:
            self.rows_refused += len(new)
            return False
        self._periodic.extend((sql, row) for row in new)
        return True


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _value(value: Any) -> int | float | str | None:
    """A figure as an SQLite value; exact figures stay exact."""
    if isinstance(value, Decimal):
        return rows.text(value) if value.is_finite() else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(value)
    return None if value is None else str(value)
