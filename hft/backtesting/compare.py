"""Compares two databases of one run, row by row."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hft.errors import UsageError
from hft.persistence import schema
from hft.run.summary import Summary

Row = dict[str, Any]
Table = dict[tuple[Any, ...], Row]

KEYS = {
    "kill_switch": ("seq",),
    "orders": ("order_id",),
    "trades": ("seq",),
    "positions": ("symbol",),
    "strategy_snapshots": ("ts_ns", "symbol"),
    "performance_metrics": ("ts_ns", "name"),
}
"""The tables, causes first, each with the columns that identify its rows within a run."""
MEASURED = ("tick_to_trade.", "tick.", "rss_mb", "journal_waits", "longest_pause_ns")
"""Prefixes of figures that depend on the machine and the moment."""
REPRODUCED = (
    "run_id", "run", "strategy", "symbols", "quote", "messages", "messages_by_kind", "resyncs", "gaps", "reconnects",
    "missing_trades", "rejected_messages", "signals", "orders", "fills", "rejects", "skipped", "position", "mark", "pnl",
    "kill_switch", "fault", "in_sync", "why_no_orders", "why_no_fills",
)
"""The fields of a summary that depend only on the run."""


class Difference(msgspec.Struct, frozen=True):
    """A row that differs between two runs."""

    table: str
    key: str
    columns: list[str]
    """The columns that differ; empty if only one run has the row."""
    recorded: Row | None
    replayed: Row | None

    def __str__(self) -> str:
        what = f"differs in {', '.join(self.columns)}" if self.columns else "is not in both"
        rows = [("recorded", self.recorded), ("replayed", self.replayed)]
        return "\n".join([f"{self.table} {self.key} {what}", *(f"  {side}  {_text(row)}" for side, row in rows)])


class Compared(NamedTuple):
    """The result of a comparison."""

    counts: dict[str, int]
    """Rows by table."""
    refused: int
    """Orders whose last state is not filled."""
    difference: Difference | None
    """The first difference."""


def run_in(database: str | Path, run_id: str) -> int:
    """The number of a run in a database. Raises `UsageError` if the run or the database does not exist."""
    with contextlib.closing(schema.open_to_read(database)) as db:
        run = db.execute("SELECT run FROM runs WHERE run_id = ?", (run_id,)).get
    if run is None:
        raise UsageError(f"holds no run {run_id}", where=str(database), do="name its database with --database")
    return int(run)


def compare(recorded: str | Path, replayed: str | Path, run_id: str, summary: Summary | None, *, torn: bool,
            older: bool = False) -> Compared:
    """Compares every table, causes first.

    Parameters
    ----------
    recorded, replayed : path
        The databases; both have the run under its `run_id`.
    summary : Summary, optional
        Summary of the repeated run.
    torn : bool
        The recording breaks off, or the run was killed: rows that only one of the two can have reached are left out.
    older : bool
        Recorded by an older version: state hashes, and figures that it did not keep, are left out.

    Raises the errors of `run_in`.
    """
    run = run_in(recorded, run_id)
    with contextlib.closing(schema.open_to_read(recorded)) as a, contextlib.closing(schema.open_to_read(replayed)) as b:
        tables = {table: (_rows(a, table, run), _rows(b, table, run)) for table in KEYS}
        stored = a.execute("SELECT summary FROM runs WHERE run = ?", (run,)).get
    if older:
        tables = _both_know(tables)
    if torn:
        tables = _both_came_to(tables)
    difference = next(filter(None, (_first(table, *sides) for table, sides in tables.items())), None)
    if difference is None and stored is not None and summary is not None and not torn:
        difference = _summaries(msgspec.json.decode(stored), summary)
    orders = tables["orders"][1].values()
    return Compared(
        {table: len(sides[1]) for table, sides in tables.items()}, sum(row["status"] != "filled" for row in orders), difference
    )


def _rows(db: Any, table: str, run: int) -> Table:
    """The rows of a run by their keys, without figures of the machine."""
    found = {}
    cursor = db.execute(f"SELECT * FROM {table} WHERE run = ?", (run,))
    for values in cursor:
        row = dict(zip((column[0] for column in cursor.getdescription()), values, strict=True))
        if table == "kill_switch" and row["seq"] < 0:
            continue                            # `hft kill` after the run, see `hft.persistence.latch`
        if table != "performance_metrics" or not row["name"].startswith(MEASURED):
            found[tuple(row[key] for key in KEYS[table])] = row
    return found


def _both_know(tables: dict[str, tuple[Table, Table]]) -> dict[str, tuple[Table, Table]]:
    """The tables without data that the older version did not keep, or kept in another way."""
    left, right = tables["performance_metrics"]
    figures = {key: row for key, row in right.items() if key[1] in {name for _, name in left}}
    states = tuple(
        {key: {**row, "state_hash": None} for key, row in side.items()} for side in tables["strategy_snapshots"]
    )
    return {**tables, "performance_metrics": (left, figures), "strategy_snapshots": states}     # type: ignore[dict-item]


def _both_came_to(tables: dict[str, tuple[Table, Table]]) -> dict[str, tuple[Table, Table]]:
    """The tables without rows of records and moments that one side never reached."""
    found = {}
    by_record = [sides for table, sides in tables.items() if "ts_ns" not in KEYS[table]]
    last_seq = min(max((row["seq"] for sides in by_record for row in sides[n].values()), default=0) for n in (0, 1))
    for table, (left, right) in tables.items():
        if "ts_ns" in KEYS[table]:
            column, last = "ts_ns", min(max((row["ts_ns"] for row in side.values()), default=0) for side in (left, right))
        else:
            column, last = "seq", last_seq
        later = {key for side in (left, right) for key, row in side.items() if row[column] > last}
        found[table] = tuple({key: row for key, row in side.items() if key not in later} for side in (left, right))
    return found    # type: ignore[return-value]


def _first(table: str, left: Table, right: Table) -> Difference | None:
    for key in sorted(left.keys() | right.keys()):
        a, b = left.get(key), right.get(key)
        if a != b:
            return _difference(table, " ".join(map(str, key)), a, b)
    return None


def _summaries(recorded: Row, replayed: Summary) -> Difference | None:
    again = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(replayed)))
    a, b = ({name: each[name] for name in REPRODUCED if name in recorded} for each in (recorded, again))
    return None if a == b else _difference("summary", a["run_id"], a, b)


def _difference(table: str, key: str, a: Row | None, b: Row | None) -> Difference:
    columns = [column for column in a if a[column] != b[column]] if a is not None and b is not None else []
    return Difference(table, key, columns, a, b)


def _text(row: Row | None) -> str:
    return "no such row" if row is None else ", ".join(f"{name}={value!r}" for name, value in row.items())
