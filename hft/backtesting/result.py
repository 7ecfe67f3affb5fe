"""The result of a backtest: fills, orders and a series as structured NumPy arrays, and the summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.record import names
from hft._core.record.journal import Journal
from hft.run.summary import Summary, as_text

Array = NDArray[Any]

JOURNAL = np.dtype([
    *((name, "<i8") for name in ("seq", "ts_ns", "exch_ns", "order_id", "price", "qty", "leaves", "fee")),
    *((name, "<i8") for name in ("cash", "cost", "realised", "due_ns", "sent_ns")),
    *((name, "<i4") for name in ("symbol", "reason", "run")),
    ("kind", "u1"), ("side", "i1"),
    *((name, "u1") for name in ("type", "tif", "flags", "status", "maker", "book_status")),
    ("crc", "<u4"),
])
"""The memory layout of a journal record (`hft/_core/base/types.pxd`)."""

SAMPLES = 1 << 14

_FILL, _ORDER = (next(code for code, name in names.RECORD_KIND.items() if name == kind) for kind in ("fill", "order"))


class BacktestSummary(Summary, frozen=True, kw_only=True):
    """The summary of a backtest: that of a live run with three more figures.

    `duration_s` is the data's time span; latency histograms are of this machine's work.
    """

    events: int
    """Number of messages."""
    events_per_s: int
    """Messages per second of the wall clock, including reading."""
    state_hash: dict[str, str]
    """Hash of each symbol's state at the end; runs that differ in any figure differ here."""


class Result:
    """The result of a backtest.

    Attributes
    ----------
    fills : structured array
        A row a fill, in the order in which they were made: `order_id`, `exch_ts_ns` (when it happened, on the venue's clock as
        seen here), `local_ts_ns` (when the strategy gets it), `symbol`, `side` (+1 bought, −1 sold), `price`, `qty`, `fee`,
        `maker`; also `fee_in_base`, `leaves`, `book_status` (the book's status when it was made), and the exact
        integers `price_ticks`, `qty_quanta`, `fee_e8` (1e-8 of the fee's asset).
    orders : structured array
        A row an order, in its last state: `order_id`, `symbol`, `side`, `type`, `time_in_force`, `reduce_only`, `price` (NaN:
        none), `qty`, `leaves`, `status`, `reason`, `created_ns`, `updated_ns`, `sent_ns`, `due_ns`, `exch_ts_ns`, and
        `price_ticks`, `qty_quanta`, `leaves_quanta`.
    series : structured array
        A row a symbol and interval of `series_ms` in which anything was received, and a last one at the end: `ts_ns` (the
        interval's end, exclusive), `symbol`, `mid` (NaN before the first), `position`, `cash`, `realised`, `unrealised`, `fees`,
        `total`, `synced`, `state_hash` (at the first row of each snapshot interval of the settings and at the end, else 0: it
        covers every level of the book).
    summary : BacktestSummary
    torn : list of str
        For each file that breaks off, the place.
    notes : list of str
        Where the clock of a recording was set while it ran (SEMANTICS 33), and the symbols whose depth updates were taken as
        whole books (7c).

    Prices, quantities and money are the nearest float64 to the exact decimal, in quote units.
    """

    def __init__(self, fills: Array, orders: Array, series: Array, summary: BacktestSummary, torn: Sequence[str] = (),
                 notes: Sequence[str] = ()) -> None:
        self.fills = fills
        self.orders = orders
        self.series = series
        self.summary = summary
        self.torn = list(torn)
        self.notes = list(notes)

    def __repr__(self) -> str:
        s = self.summary
        counts = f"{s.events} events, {len(self.orders)} orders, {len(self.fills)} fills"
        return f"Result({', '.join(s.symbols)}: {counts}, {s.pnl.total} {s.quote})"

    def __str__(self) -> str:
        """The summary, one figure per line."""
        s = self.summary
        return f"{as_text(s)}\n{'speed':<14} {s.events_per_s:,} events/s"


class Collector:
    """Collects an engine's records while it runs."""

    def __init__(self, engine: Engine, journal: Journal, hash_every_ns: int) -> None:
        self.engine = engine
        self.journal = journal
        self._hash_every_ns, self._hash_at = hash_every_ns, 0
        self._specs = list(engine.symbols)
        self._fills: list[Array] = []
        self._orders: list[Array] = []
        floats = ("mid", "position", "cash", "realised", "unrealised", "fees", "total")
        self._row = np.dtype([
            ("ts_ns", "i8"), ("symbol", _name_type(self._specs)), *((name, "f8") for name in floats), ("synced", "?"),
            ("state_hash", "u8"),
        ])
        self._series: list[Array] = []
        self._samples: list[tuple[Any, ...]] = []       # newest rows; arrays hold the older ones, in less memory

    def drain(self) -> None:
        """Empties the journal."""
        batch = self.journal.drain(self.journal.used)
        records = np.frombuffer(batch, JOURNAL)
        for kind, kept in ((_FILL, self._fills), (_ORDER, self._orders)):
            if len(found := records[records["kind"] == kind]):
                kept.append(found)
        self.journal.commit(len(records))

    def sample(self, ts_ns: int, *, last: bool = False) -> None:
        """A row of the series for each symbol; does not change the engine."""
        engine = self.engine
        hashed = last or ts_ns >= self._hash_at
        if hashed:
            self._hash_at = (ts_ns // self._hash_every_ns + 1) * self._hash_every_ns
        for spec in self._specs:
            pnl, name = engine.pnl(spec.name), spec.name
            mid = float("nan") if pnl.mark is None else float(pnl.mark)
            self._samples.append((
                ts_ns, name, mid, float(engine.position(name)), float(pnl.cash), float(pnl.realised), float(pnl.unrealised),
                float(pnl.fees), float(pnl.total), engine.synced(name),
                engine.state_hash(name) if hashed else 0,
            ))
        if len(self._samples) >= SAMPLES:
            self._settle()

    def _settle(self) -> None:
        self._series.append(np.array(self._samples, self._row))
        self._samples.clear()

    def result(self, summary: Summary, *, seconds: float, torn: Sequence[str], notes: Sequence[str] = ()) -> Result:
        """The result, after the end of the run."""
        self.drain()
        self._settle()
        extended = BacktestSummary(
            **{name: getattr(summary, name) for name in Summary.__struct_fields__},
            events=summary.messages,
            events_per_s=round(summary.messages / max(seconds, 1e-9)),
            state_hash={spec.name: f"{self.engine.state_hash(spec.name):016x}" for spec in self._specs},
        )
        none = [np.empty(0, JOURNAL)]
        fills, orders = np.concatenate(self._fills or none), np.concatenate(self._orders or none)
        series = np.concatenate(self._series)
        return Result(_fills(fills, self._specs), _orders(orders, self._specs), series, extended, torn, notes)


# -- journal records to rows -----------------------------------------------------------------------------------------------


def _fills(records: Array, specs: list[Spec]) -> Array:
    symbol = records["symbol"]
    return _rows({
        "order_id": records["order_id"],
        "exch_ts_ns": records["exch_ns"],
        "local_ts_ns": records["due_ns"],
        "symbol": _words(symbol, {i: spec.name for i, spec in enumerate(specs)}),
        "side": records["side"],
        "price": _decimal(records["price"], symbol, specs, _tick),
        "qty": _decimal(records["qty"], symbol, specs, _quantum),
        "fee": records["fee"] / 1e8,
        "maker": records["maker"] != 0,
        "fee_in_base": records["flags"] & names.FILL_BASE_FEE != 0,
        "leaves": _decimal(records["leaves"], symbol, specs, _quantum),
        "book_status": _words(records["book_status"], names.BOOK_STATUS),
        "price_ticks": records["price"],
        "qty_quanta": records["qty"],
        "fee_e8": records["fee"],
    })


def _orders(records: Array, specs: list[Spec]) -> Array:
    """The last record of each order, in the order in which they were created."""
    ids, first, which = np.unique(records["order_id"], return_index=True, return_inverse=True)
    last = np.zeros(len(ids), np.int64)
    last[which] = np.arange(len(records))           # the last record of an order stays
    created, order = records["ts_ns"][first], np.argsort(first)
    records, created = records[last][order], created[order]
    symbol = records["symbol"]
    price = _decimal(records["price"], symbol, specs, _tick)
    return _rows({
        "order_id": records["order_id"],
        "symbol": _words(symbol, {i: spec.name for i, spec in enumerate(specs)}),
        "side": records["side"],
        "type": _words(records["type"], names.TYPE),
        "time_in_force": _words(records["tif"], names.TIME_IN_FORCE),
        "reduce_only": records["flags"] & names.ORDER_REDUCE_ONLY != 0,
        "price": np.where(records["price"] == 0, np.nan, price),
        "qty": _decimal(records["qty"], symbol, specs, _quantum),
        "leaves": _decimal(records["leaves"], symbol, specs, _quantum),
        "status": _words(records["status"], names.ORDER_STATUS),
        "reason": _words(records["reason"], {**status.NAMES, 0: ""}),
        "created_ns": created,
        "updated_ns": records["ts_ns"],
        "sent_ns": records["sent_ns"],
        "due_ns": records["due_ns"],
        "exch_ts_ns": records["exch_ns"],
        "price_ticks": records["price"],
        "qty_quanta": records["qty"],
        "leaves_quanta": records["leaves"],
    })


def _rows(columns: dict[str, Array]) -> Array:
    """Columns as one structured array."""
    first = next(iter(columns.values()))
    rows = np.empty(len(first), np.dtype([(name, column.dtype) for name, column in columns.items()]))
    for name, column in columns.items():
        rows[name] = column
    return rows


def _words(codes: Array, table: dict[int, str]) -> Array:
    """The name of each code."""
    found, which = np.unique(codes, return_inverse=True)
    width = max(map(len, table.values()))
    return np.array([table[int(code)] for code in found], f"U{width}")[which]


def _name_type(specs: list[Spec]) -> str:
    return f"U{max(len(spec.name) for spec in specs)}"


def _tick(spec: Spec) -> Any:
    return spec.price_unit


def _quantum(spec: Spec) -> Any:
    return spec.quantum


def _decimal(units: Array, symbol: Array, specs: list[Spec], scale: Callable[[Spec], Any]) -> Array:
    """Ticks or quanta as the float64 nearest to their decimal: both factors are exact, so there is only one rounding."""
    out = np.empty(len(units))
    for i, spec in enumerate(specs):
        numerator, denominator = scale(spec).as_integer_ratio()
        chosen = symbol == i
        out[chosen] = units[chosen] * numerator / denominator
    return out
