"""Reads a run database: runs, orders, fills and positions; every price and quantity is the exact decimal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeVar

import apsw
import msgspec

from hft.errors import UsageError
from hft.persistence import schema


class Run(msgspec.Struct, frozen=True):
    """A row of `runs`."""

    run: int
    run_id: str
    strategy_id: str
    version: str
    venue: str
    settings: dict[str, Any]
    symbols: list[dict[str, Any]]
    started_ns: int
    ended_ns: int | None
    """None while it runs, and if it was killed."""
    summary: dict[str, Any] | None


class Order(msgspec.Struct, frozen=True):
    """A row of `orders`: an order in its last state."""

    order_id: int
    run: int
    seq: int
    symbol: str
    side: str
    type: str
    time_in_force: str
    reduce_only: bool
    price: Decimal | None
    qty: Decimal
    leaves: Decimal
    status: str
    reason: str
    created_ns: int
    updated_ns: int
    sent_ns: int
    due_ns: int
    exch_ts_ns: int


class Trade(msgspec.Struct, frozen=True):
    """A row of `trades`: one fill of ours."""

    run: int
    seq: int
    order_id: int
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    leaves: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    book_status: str
    exch_ts_ns: int
    local_ts_ns: int


class Position(msgspec.Struct, frozen=True):
    """A row of `positions`: a symbol's position after its last fill."""

    run: int
    symbol: str
    seq: int
    qty: Decimal
    cash: Decimal
    cost: Decimal
    realised: Decimal
    fees: Decimal
    fees_base: Decimal
    updated_ns: int


class KillChange(msgspec.Struct, frozen=True):
    """A row of `kill_switch`."""

    run: int
    seq: int
    ts_ns: int
    is_on: bool
    reason: str


class Snapshot(msgspec.Struct, frozen=True):
    """A row of `strategy_snapshots`."""

    run: int
    ts_ns: int
    symbol: str
    features: dict[str, float | None]
    signal: dict[str, float | None] | None
    position: Decimal
    open_orders: int
    state_hash: str


T = TypeVar("T", bound=msgspec.Struct)

_JSON_COLUMNS = {Run: ("settings", "symbols", "summary"), Snapshot: ("features", "signal")}


class RunDatabase:
    """A run database, opened for reading, also while it is written. A context manager.

    Methods with a `run` parameter accept a run's number or `run_id`; the default is the newest run.

    Parameters
    ----------
    path : path
        The `database_path` of a run.

    Raises `UsageError` if there is no such database or it is not hft's, `DamagedData` if it is damaged.

    >>> from hft.persistence.reader import RunDatabase
    >>> RunDatabase("no/such.db")
    Traceback (most recent call last):
    hft.errors.UsageError: no/such.db: no such database; name the database_path of a run
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._db = schema.open_to_read(path)

    def __enter__(self) -> RunDatabase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the database; safe to call again."""
        self._db.close()

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        return list(self._select(Run, "runs ORDER BY run"))

    def run(self, run: int | str | None = None) -> Run:
        """One run. UsageError if it does not exist."""
        return next(self._select(Run, "runs WHERE run = ?", self._number(run)))

    def orders(self, run: int | str | None = None) -> list[Order]:
        """A run's orders, in the order they were sent."""
        return list(self._select(Order, "orders WHERE run = ? ORDER BY order_id", self._number(run)))

    def trades(self, run: int | str | None = None) -> list[Trade]:
        """A run's fills, in the order they were made."""
        return list(self._select(Trade, "trades WHERE run = ? ORDER BY seq", self._number(run)))

    def positions(self, run: int | str | None = None) -> dict[str, Position]:
        """A run's last positions, by symbol; symbols that never traded have none."""
        found = self._select(Position, "positions WHERE run = ? ORDER BY symbol", self._number(run))
        return {position.symbol: position for position in found}

    def kill_changes(self, run: int | str | None = None) -> list[KillChange]:
        """Every change of a run's kill switch; changes after the run have a negative `seq`."""
        return list(self._select(KillChange, "kill_switch WHERE run = ? ORDER BY seq < 0, abs(seq)", self._number(run)))

    def snapshots(self, run: int | str | None = None) -> list[Snapshot]:
        """A run's periodic snapshots, oldest first."""
        return list(self._select(Snapshot, "strategy_snapshots WHERE run = ? ORDER BY ts_ns, symbol", self._number(run)))

    def metrics(self, run: int | str | None = None) -> dict[str, list[tuple[int, int | float | str]]]:
        """A run's figures by name: (time in ns, value), oldest first. Money is decimal text."""
        out: dict[str, list[tuple[int, int | float | str]]] = {}
        query = "SELECT name, ts_ns, value FROM performance_metrics WHERE run = ? ORDER BY name, ts_ns"
        for name, ts_ns, value in self._db.execute(query, (self._number(run),)):
            out.setdefault(name, []).append((ts_ns, value))
        return out

    def traded(self, run: int | str | None = None) -> dict[str, Decimal]:
        """The sum of a run's fills, by symbol: bought less sold."""
        sums: dict[str, Decimal] = {}
        for trade in self.trades(run):
            signed = trade.qty if trade.side == "buy" else -trade.qty
            sums[trade.symbol] = sums.get(trade.symbol, Decimal(0)) + signed
        return sums

    def problems(self) -> list[str]:
        """The errors found: damaged pages, and runs whose position is not the sum of their fills. Empty if there are none."""
        found = [text for (text,) in self._db.execute("PRAGMA integrity_check") if text != "ok"]
        for run in self.runs():
            traded = self.traded(run.run)
            held = {symbol: position.qty for symbol, position in self.positions(run.run).items()}
            for symbol in sorted(traded.keys() | held.keys()):
                have, sum_ = held.get(symbol, Decimal(0)), traded.get(symbol, Decimal(0))
                if have != sum_:
                    found.append(f"run {run.run}: position {have} of {symbol}, its fills add up to {sum_}")
        return found

    def _number(self, run: int | str | None) -> int:
        if run is None:
            number = self._db.execute("SELECT max(run) FROM runs").get
        else:
            number = self._db.execute("SELECT run FROM runs WHERE run = ? OR run_id = ?", (run, str(run))).get
        if number is None:
            what = "no run yet" if run is None else f"no run {run!r}"
            raise UsageError(what, where=self.path)
        return int(number)

    def _select(self, kind: type[T], tail: str, *bindings: apsw.SQLiteValue) -> Iterator[T]:
        columns = kind.__struct_fields__
        json_columns = _JSON_COLUMNS.get(kind, ())
        for values in self._db.execute(f"SELECT {', '.join(columns)} FROM {tail}", bindings):
            row = dict(zip(columns, values, strict=True))
            for name in json_columns:
                if row[name] is not None:
                    row[name] = msgspec.json.decode(row[name])
            yield msgspec.convert(row, kind, strict=False)
