"""The run database: opening, recognition, schema and migrations.

Prices, quantities, fees and money are TEXT: the exact decimal, as traded. Beside them are the integers they were made
from (ticks, quanta, 1e-8 of an asset), for sums and comparisons inside SQL. Times are nanoseconds since 1970.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import apsw

from hft.errors import DamagedData, UsageError

OLDEST_SQLITE = (3, 51, 3)
"""In older versions a WAL reset with two connections could corrupt the database."""

CACHE_KIB = 256
"""Size of the writer's page cache."""

APPLICATION_ID = 0x68667431
"""``hft1``: marks a database as hft's in the file's header."""

# Each entry migrates a database from the version before to its own. A released entry is never edited again.
MIGRATIONS: dict[int, str] = {
    1: """
    CREATE TABLE runs (
        run          INTEGER PRIMARY KEY AUTOINCREMENT,  -- the upper half of the run's order ids: never used again
        run_id       TEXT NOT NULL UNIQUE,
        strategy_id  TEXT NOT NULL,
        version      TEXT NOT NULL,
        venue        TEXT NOT NULL,
        settings     TEXT NOT NULL,             -- JSON, as they were in effect
        symbols      TEXT NOT NULL,             -- JSON: the exact scales the integers below are in
        started_ns   INTEGER NOT NULL,
        ended_ns     INTEGER,                   -- null: running, or killed
        summary      TEXT                       -- JSON
    ) STRICT;

    CREATE TABLE orders (                       -- each order as it was last seen
        order_id     INTEGER PRIMARY KEY,       -- run << 32 | n
        run          INTEGER NOT NULL REFERENCES runs,
        seq          INTEGER NOT NULL,          -- of the record behind this row
        symbol       TEXT NOT NULL,
        side         TEXT NOT NULL,
        type         TEXT NOT NULL,
        time_in_force TEXT NOT NULL,
        reduce_only  INTEGER NOT NULL,
        price        TEXT,                      -- null: a market order without a collar
        qty          TEXT NOT NULL,
        leaves       TEXT NOT NULL,
        status       TEXT NOT NULL,
        reason       TEXT NOT NULL,             -- '' where there is none
        created_ns   INTEGER NOT NULL,          -- of its first record
        updated_ns   INTEGER NOT NULL,
        sent_ns      INTEGER NOT NULL,
        due_ns       INTEGER NOT NULL,
        exch_ts_ns   INTEGER NOT NULL,
        price_ticks  INTEGER NOT NULL,
        qty_quanta   INTEGER NOT NULL,
        leaves_quanta INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX orders_by_run ON orders (run, order_id);

    CREATE TABLE trades (                       -- our own fills
        run          INTEGER NOT NULL REFERENCES runs,
        seq          INTEGER NOT NULL,
        order_id     INTEGER NOT NULL,
        symbol       TEXT NOT NULL,
        side         TEXT NOT NULL,
        price        TEXT NOT NULL,
        qty          TEXT NOT NULL,
        leaves       TEXT NOT NULL,             -- of the order, after this fill
        fee          TEXT NOT NULL,             -- negative is a rebate
        fee_asset    TEXT NOT NULL,
        maker        INTEGER NOT NULL,
        trust        TEXT NOT NULL,             -- 'suspect': made while the book was out of sync
        exch_ts_ns   INTEGER NOT NULL,
        local_ts_ns  INTEGER NOT NULL,          -- when the strategy is told
        price_ticks  INTEGER NOT NULL,
        qty_quanta   INTEGER NOT NULL,
        fee_e8       INTEGER NOT NULL,
        PRIMARY KEY (run, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX trades_by_order ON trades (order_id);

    CREATE TABLE positions (                    -- each symbol as it was after its last fill
        run          INTEGER NOT NULL REFERENCES runs,
        symbol       TEXT NOT NULL,
        seq          INTEGER NOT NULL,
        qty          TEXT NOT NULL,
        cash         TEXT NOT NULL,             -- what sales brought in less what purchases cost, before fees
        cost         TEXT NOT NULL,
        realised     TEXT NOT NULL,             -- before fees
        fees         TEXT NOT NULL,             -- in the quote asset
        fees_base    TEXT NOT NULL,             -- in the base asset
        updated_ns   INTEGER NOT NULL,
        qty_quanta   INTEGER NOT NULL,
        cash_gross   INTEGER NOT NULL,          -- ticks x quanta x contract, like the next two
        cost_gross   INTEGER NOT NULL,
        realised_gross INTEGER NOT NULL,
        PRIMARY KEY (run, symbol)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE kill_switch (                  -- every time it changed
        run          INTEGER NOT NULL REFERENCES runs,
        seq          INTEGER NOT NULL,
        ts_ns        INTEGER NOT NULL,
        is_on        INTEGER NOT NULL,
        reason       TEXT NOT NULL,
        PRIMARY KEY (run, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE performance_metrics (          -- a row per figure and snapshot interval
        run          INTEGER NOT NULL REFERENCES runs,
        ts_ns        INTEGER NOT NULL,
        name         TEXT NOT NULL,
        value        ANY NOT NULL,
        PRIMARY KEY (run, ts_ns, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE strategy_snapshots (           -- a row per symbol and snapshot interval
        run          INTEGER NOT NULL REFERENCES runs,
        ts_ns        INTEGER NOT NULL,
        symbol       TEXT NOT NULL,
        features     TEXT NOT NULL,             -- JSON
        signal       TEXT NOT NULL,             -- JSON; 'null' where none stood
        position     TEXT NOT NULL,
        open_orders  INTEGER NOT NULL,
        state_hash   TEXT NOT NULL,             -- hexadecimal
        PRIMARY KEY (run, ts_ns, symbol)
    ) STRICT, WITHOUT ROWID;
    """,
    2: "ALTER TABLE trades RENAME COLUMN trust TO book_status;",
    3: """
    UPDATE runs SET symbols = replace(replace(replace(
        symbols, '"dialect":"spot"', '"instrument":"spot"'), '"dialect":"usdm"', '"instrument":"linear"'),
        '"dialect":"coinm"', '"instrument":"inverse"');
    """,
}

VERSION = max(MIGRATIONS)


def require_sqlite(version: str | None = None) -> None:
    """Refuses a SQLite older than `OLDEST_SQLITE` with a `UsageError`."""
    version = version or apsw.sqlitelibversion()
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise UsageError(
            f"SQLite {version} can corrupt a database in WAL mode; {oldest} or later is needed", do="pip install --upgrade apsw"
        )


def create_or_open(path: str | os.PathLike[str]) -> apsw.Connection:
    """The database at `path` for writing: created if missing (mode 0600, with its directories), and migrated.

    Raises `UsageError` for a path that can't be written, a foreign or a newer database, `DamagedData` for a damaged one.
    """
    require_sqlite()
    where = Path(path)
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the database, so this sets all three.
        os.close(os.open(where, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise UsageError(f"can't be written: {error.strerror}", where=str(where), do="name another database_path") from None
    return _connect(where, apsw.SQLITE_OPEN_READWRITE, _prepare)


def open_to_read(path: str | os.PathLike[str]) -> apsw.Connection:
    """The database at `path` for reading, also while it is written. Raises as `create_or_open`, also if it is missing."""
    require_sqlite()
    where = Path(path)
    if not where.is_file():
        raise UsageError("no such database", where=str(where), do="name the database_path of a run")
    return _connect(where, apsw.SQLITE_OPEN_READONLY, _require_current)


def _connect(where: Path, flags: int, then: Callable[[apsw.Connection, Path], object]) -> apsw.Connection:
    try:
        db = apsw.Connection(str(where), flags=flags)
        try:
            db.set_busy_timeout(5000)  # for opening only; the writer counts and times its own retries
            then(db, where)
        except BaseException:
            db.close()
            raise
        return db
    except apsw.NotADBError:
        raise UsageError("not a SQLite database", where=str(where), do="move it away or name another database_path") from None
    except apsw.CorruptError as error:
        raise DamagedData(f"the database is damaged ({error})", where=str(where), do="restore it or move it away") from None
    except apsw.BusyError:
        raise UsageError("another process holds the database", where=str(where), do="stop it or wait") from None
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.IOError, apsw.FullError) as error:
        raise UsageError(f"can't be opened ({error})", where=str(where), do="check the disk and its permissions") from None


def _recognise(db: apsw.Connection, where: Path) -> int:
    """Version of an hft database; 0 for an empty one; refuses all others."""
    version: int = db.pragma("user_version")
    owner = db.pragma("application_id")
    if owner == 0 and version == 0 and db.execute("SELECT count(*) FROM sqlite_schema").get == 0:
        return 0
    if owner != APPLICATION_ID:
        raise UsageError("a database of another application", where=str(where), do="move it away or name another database_path")
    if version > VERSION:
        raise UsageError(f"schema version {version}, this hft knows {VERSION}", where=str(where), do="use the newer hft")
    return version


def _require_current(db: apsw.Connection, where: Path) -> None:
    if _recognise(db, where) < VERSION:
        raise UsageError(
            "the schema is older than this hft's", where=str(where), do="open it once with `hft live`, which updates it"
        )


def _prepare(db: apsw.Connection, where: Path) -> None:
    if _recognise(db, where) < VERSION:
        migrate(db, where)
    db.pragma("journal_mode", "wal")
    # A commit survives the death of the process at any setting; NORMAL may lose the newest on power loss, never corrupts.
    db.pragma("synchronous", "normal")
    db.pragma("foreign_keys", True)
    # KiB (negative). Rows are appended and the newest changed, so little is read again; the default of 2 MB would only waste
    # memory of the engine's process.
    db.pragma("cache_size", -CACHE_KIB)


def migrate(db: apsw.Connection, where: Path) -> None:
    """Migrates the schema to `VERSION`, wholly or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for version in range(_recognise(db, where) + 1, VERSION + 1):  # read again, now that this process has the lock
            db.execute(MIGRATIONS[version])
            db.pragma("user_version", version)
        db.pragma("application_id", APPLICATION_ID)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
