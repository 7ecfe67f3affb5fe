"""Rows of hftbacktest's events as event records.

Rows with the local side's flag are used, in the file's order; rows for the exchange side alone are copies of these at another
time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hft._core.base.types import Spec
from hft._core.engine import events as words
from hft.data.events import EVENT, Events
from hft.data.records import LARGEST_MESSAGE
from hft.errors import DamagedData

ROW = np.dtype([
    ("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8"),
    ("order_id", "<u8"), ("ival", "<i8"), ("fval", "<f8"),
])
"""hftbacktest's `event_dtype`."""

Rows = NDArray[np.void]

EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
KIND = SELL - 1
DEPTH, TRADE, CLEAR, SNAPSHOT, BBO = 1, 2, 3, 4, 5
BEST_BID, BEST_ASK = 103, 104       # from their converter's option `t`
_OWN = 100                          # larger kinds are user-defined

_TOLERANCE = 1e-4
"""How far a float may lie from its tick or quantum, as a share of one."""
_EXACT = float(1 << 52)
_MOST_A_SIDE = LARGEST_MESSAGE // 2     # levels kept on each side of a whole book; both sides fit one message

_CLASS = np.zeros(256, np.int8)     # class of a row, by its kind; 0: skipped
_DEPTH, _TRADE, _SNAPSHOT, _BOOK_TICKER, _REFUSED = range(1, 6)
_CLASS[DEPTH], _CLASS[TRADE], _CLASS[CLEAR], _CLASS[SNAPSHOT] = _DEPTH, _TRADE, _SNAPSHOT, _SNAPSHOT
_CLASS[[BBO, BEST_BID, BEST_ASK]] = _BOOK_TICKER
_CLASS[[kind for kind in range(_OWN) if not _CLASS[kind]]] = _REFUSED


def scale_of(unit: Decimal) -> tuple[int, int]:
    """A tick or quantum as (mantissa, exponent): mantissa × 10^-exponent.

    >>> scale_of(Decimal("0.50")), scale_of(Decimal(100))
    ((5, 1), (100, 0))
    """
    exponent = max(-int(unit.normalize().as_tuple().exponent), 0)
    return int(unit.scaleb(exponent)), exponent


def to_floats(units: NDArray[np.int64], unit: Decimal) -> NDArray[np.float64]:
    """Ticks or quanta as floats: the same as `float` of the printed text.

    >>> to_floats(np.array([618002]), Decimal("0.10")).tolist()
    [61800.2]
    """
    mantissa, exponent = scale_of(unit)
    if not len(units) or (mantissa * int(np.abs(units).max()) < 1 << 53 and exponent <= 22):
        return np.asarray(units * float(mantissa) / 10.0**exponent, np.float64)     # both exact: rounded once
    return np.array([float(int(each) * unit) for each in units])


def to_units(values: NDArray[np.float64], unit: Decimal) -> tuple[NDArray[np.int64], int]:
    """Floats as ticks or quanta, and the index of the first that is off the grid, or -1.

    >>> to_units(np.array([61800.2, 61800.25]), Decimal("0.1"))
    (array([618002, 618002]), 1)
    """
    mantissa, exponent = scale_of(unit)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = values * 10.0**exponent / mantissa
        units = np.rint(scaled)
        wrong = ~(np.abs(scaled - units) <= np.maximum(_TOLERANCE, np.abs(scaled) * 2.0**-51)) | (units < 0)
        large = np.flatnonzero(np.abs(units) >= _EXACT)
    out = np.where(np.abs(units) < _EXACT, units, 0).astype(np.int64)
    for at in large:                # a float this large has lost its last digits; its shortest decimal is used
        exact = Decimal(repr(float(values[at]))) / unit if np.isfinite(values[at]) else Decimal("0.5")
        wrong[at] = exact != exact.to_integral_value() or not 0 <= exact < 1 << 62
        out[at] = 0 if wrong[at] else int(exact)
    bad = np.flatnonzero(wrong)
    return out, int(bad[0]) if len(bad) else -1


class Messages:
    """Joins rows of equal stamps into messages.

    Parameters
    ----------
    symbol : int
        The `symbol` of the records.
    spec : Spec
    where : str
        The file, for error messages.
    whole : bool
        There are snapshots and no updates, so each snapshot is the whole book.

    Attributes
    ----------
    dropped : int
        Levels of whole books that were left out: the worst ones beyond 8,192 a side.
    """

    def __init__(self, symbol: int, spec: Spec, where: str, whole: bool = False) -> None:
        self.symbol, self.spec, self.where, self.whole = symbol, spec, where, whole
        self.dropped = 0
        self._opened = False
        self._held: Rows = np.empty(0, ROW)
        self._held_at: NDArray[np.int64] = np.empty(0, np.int64)
        self._touch: NDArray[np.int64] = np.zeros((2, 2), np.int64)    # newest best bid and ask: price, quantity
        self._last_ns = 0

    def take(self, rows: Rows, at: int) -> Events:
        """The messages completed by these rows; `at` is the index of the first row."""
        local = np.flatnonzero(rows["ev"] & LOCAL)
        rows, index = rows[local], local + at
        kinds = rows["ev"] & KIND
        classes = _CLASS[np.minimum(kinds, 255)]
        self._refuse(classes == _REFUSED, index, "is of a kind that can't be read: market by order, or unknown")
        least = np.where(classes == _SNAPSHOT, 0, 1)        # their initial snapshots have no time
        late = np.maximum(rows["local_ts"], rows["exch_ts"]) >= words.LAST_TIME_NS
        self._refuse((rows["local_ts"] < least) | (rows["exch_ts"] < 0) | late, index, "has a stamp that is no time")
        times = np.concatenate(([self._last_ns], rows["local_ts"]))
        self._refuse(times[1:] < times[:-1], index, "goes back in local time")
        self._last_ns = int(times[-1])
        known = classes > 0
        rows, index = np.concatenate((self._held, rows[known])), np.concatenate((self._held_at, index[known]))
        starts = self._starts(rows)
        hold = int(starts[-1]) if len(starts) else 0        # the last message may continue
        self._held, self._held_at = rows[hold:], index[hold:]
        return self._records(rows[:hold], index[:hold])

    def finish(self) -> Events:
        """Ends the rows and with them the last message."""
        rows, index = self._held, self._held_at
        self._held, self._held_at = rows[:0], index[:0]
        return self._records(rows, index)

    def _refuse(self, wrong: NDArray[np.bool_], index: NDArray[np.int64], what: str) -> None:
        bad = np.flatnonzero(wrong)
        if len(bad):
            raise DamagedData(what, where=f"{self.where}, row {index[bad[0]]}", do="make the file again with its converter")

    @staticmethod
    def _starts(rows: Rows) -> NDArray[np.int64]:
        """Where a message begins."""
        classes = _CLASS[np.minimum(rows["ev"] & KIND, 255)]
        new = np.ones(len(rows), bool)
        new[1:] = (classes[1:] != classes[:-1]) | (classes[1:] == _TRADE)
        for stamp in ("exch_ts", "local_ts"):
            new[1:] |= rows[stamp][1:] != rows[stamp][:-1]
        return np.flatnonzero(new)

    # -- whole messages

    def _records(self, rows: Rows, index: NDArray[np.int64]) -> Events:
        """The records of each class, then all sorted by message, part, side and row."""
        if not len(rows):
            return np.empty(0, EVENT)
        kinds = rows["ev"] & KIND
        classes = _CLASS[np.minimum(kinds, 255)]
        starts = self._starts(rows)
        begins = np.zeros(len(rows), np.int64)
        begins[starts[1:]] = 1
        group = np.cumsum(begins)
        price, qty = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
        used = np.flatnonzero(kinds != CLEAR)
        for out, name, unit in ((price, "px", self.spec.price_unit), (qty, "qty", self.spec.quantum)):
            out[used], bad = to_units(rows[name][used], unit)
            if bad >= 0:
                self._refuse(used == used[bad], index[used], f"has a {name} off the {unit} that {self.spec.name} is kept in")
        ask = (rows["ev"] & SELL > 0) | (kinds == BEST_ASK)
        bid = (rows["ev"] & BUY > 0) | (kinds == BEST_BID)
        self._refuse((ask == bid) & (classes != _TRADE), index, "has no side")
        level = (classes == _DEPTH) | (kinds == SNAPSHOT)
        self._refuse(level & (price == 0), index, "has a level without a price")
        row = np.arange(len(rows))
        one_side = self._one_sided(classes == _SNAPSHOT, group, ask)
        books = one_side | ((classes == _SNAPSHOT) & self.whole)
        cleared = self._clears_alone(one_side, kinds, group)
        price[cleared], qty[cleared] = self._clear_price(rows[cleared]), 0
        parts = [
            self._levels(rows, level | cleared, group, ask, price, qty, row, books, one_side),
            self._trades(rows, classes == _TRADE, group, bid, ask, price, qty, row),
            self._book_tickers(rows, classes == _BOOK_TICKER, group, ask, price, qty),
            self._snapshots(rows, starts[classes[starts] == _SNAPSHOT], group, kinds, books, one_side),
        ]
        records = np.concatenate([part[0] for part in parts])
        keys = [np.concatenate([part[1][key] for part in parts]) for key in range(4)]
        order = np.lexsort(keys[::-1])
        return _closed(records[order], keys[0][order], keys[1][order])

    def _made(self, rows: Rows, kind: int) -> Events:
        out = np.zeros(len(rows), EVENT)
        out["recv_ns"], out["venue_ns"], out["prev_id"] = rows["local_ts"], rows["exch_ts"], -1
        out["symbol"], out["kind"] = self.symbol, kind
        return out

    def _one_sided(self, snapshot: Any, group: Any, ask: Any) -> NDArray[np.bool_]:
        """Rows of a snapshot that restates one side of the book and keeps the other."""
        sides = [np.isin(group, group[snapshot & (ask == side)]) for side in (False, True)]
        found = np.asarray(snapshot & (sides[0] != sides[1]), bool)
        if not self.whole and not self._opened and np.any(snapshot):
            found &= group != group[np.argmax(snapshot)]        # the first snapshot begins the book
            self._opened = True
        return found

    @staticmethod
    def _clears_alone(one_side: Any, kinds: Any, group: Any) -> NDArray[np.bool_]:
        """Rows that clear a side without a level after them; a level of quantity 0 stands for the empty side."""
        return np.asarray(one_side & (kinds == CLEAR) & ~np.isin(group, group[kinds == SNAPSHOT]), bool)

    def _clear_price(self, rows: Rows) -> NDArray[np.int64]:
        """The price up to which they clear; for an absent level any price will do."""
        with np.errstate(invalid="ignore", over="ignore"):
            ticks = np.rint(rows["px"] / float(self.spec.price_unit))
        return np.where(np.isfinite(ticks) & (ticks >= 1) & (ticks < _EXACT), ticks, 1).astype(np.int64)

    def _beyond(self, books: Any, group: Any, ask: Any, price: Any) -> NDArray[np.bool_]:
        """Rows of whole books that are left out: the worst of a full side, and all but the last of each price."""
        out = np.zeros(len(group), bool)
        for side in (False, True):
            at = np.flatnonzero(books & (ask == side))
            ids, counts = np.unique(group[at], return_counts=True)
            for large in ids[counts > _MOST_A_SIDE]:
                rows = at[group[at] == large]
                # In reversed order the last row of a price comes first, and `unique` returns the first.
                _, last = np.unique(price[rows[::-1]] if side else -price[rows[::-1]], return_index=True)
                out[rows] = True
                out[rows[::-1][last[:_MOST_A_SIDE]]] = False
                self.dropped += max(len(last) - _MOST_A_SIDE, 0)
        return out

    def _levels(
        self, rows: Rows, mask: Any, group: Any, ask: Any, price: Any, qty: Any, row: Any, books: Any, one_side: Any
    ) -> tuple[Events, list[Any]]:
        """A record each. Levels beyond one message, or one snapshot, continue in a depth message; a whole book can't continue,
        so its worst levels are left out."""
        mask = mask & ~self._beyond(mask & books, group, ask, price)
        rows, group, ask, books, one_side = rows[mask], group[mask], ask[mask], books[mask], one_side[mask]
        first = np.searchsorted(group, group)
        part = (np.arange(len(rows)) - first) // LARGEST_MESSAGE
        out = self._made(rows, words.KINDS["depth"])
        out["kind"][(rows["ev"] & KIND == SNAPSHOT) & (part == 0)] = words.KINDS["snapshot"]
        out["kind"][books & (part == 0)] = words.KINDS["book"]
        out["flags"] = np.where(ask, words.ASK, words.BID)
        out["flags"] |= np.where(one_side, words.ONE_SIDE_ONLY, 0).astype(np.uint8)
        out["flags"] |= np.where(books & self.whole, words.BOOK_STREAM_ONLY, 0).astype(np.uint8)
        out["price"], out["qty"] = price[mask], qty[mask]
        return out, [group, part, ask, row[mask]]

    def _trades(
        self, rows: Rows, mask: Any, group: Any, bid: Any, ask: Any, price: Any, qty: Any, row: Any
    ) -> tuple[Events, list[Any]]:
        """One record each; a trade without a side fills no order."""
        out = self._made(rows[mask], words.KINDS["trade"])
        out["price"], out["qty"] = price[mask], qty[mask]
        nobody = (bid == ask)[mask] | (out["price"] == 0) | (out["qty"] == 0)
        out["flags"] = np.where(ask[mask], words.BUYER_MAKER, 0) | np.where(nobody, words.NOT_A_MARKET_TRADE, 0)
        return out, [group[mask], 0 * group[mask], ask[mask], row[mask]]

    def _book_tickers(self, rows: Rows, mask: Any, group: Any, ask: Any, price: Any, qty: Any) -> tuple[Events, list[Any]]:
        """Two records each; a side without a row keeps its last state."""
        at = np.flatnonzero(mask)
        touch = np.empty((2, 2, len(at)), np.int64)         # side, price or quantity, row
        for side in (0, 1):
            newest = np.maximum.accumulate(np.where(ask[at] == side, np.arange(len(at)), -1))
            for which, values in enumerate((price[at], qty[at])):
                touch[side, which] = np.where(newest >= 0, values[newest], self._touch[side, which])
        last = np.flatnonzero(np.diff(group[at], append=-1))
        if len(at):
            self._touch = touch[:, :, -1]
        sides = []
        for side, flag in ((0, words.BID), (1, words.ASK)):
            out = self._made(rows[at[last]], words.KINDS["bookTicker"])
            out["price"], out["qty"] = touch[side, :, last].T
            out["flags"] = flag
            sides.append(out)
        zero = np.zeros(len(last), np.int64)
        keys = [np.tile(group[at[last]], 2), np.tile(zero, 2), np.concatenate((zero, zero + 1)), np.tile(zero, 2)]
        return np.concatenate(sides), keys

    def _snapshots(
        self, rows: Rows, starts: Any, group: Any, kinds: Any, books: Any, one_side: Any
    ) -> tuple[Events, list[Any]]:
        """The records of a snapshot besides its levels: a connection before it, and a record if it has no level. A stream of
        whole books is opened only once, since each book follows the one before."""
        begins = starts[~books[starts]]
        if self.whole and not self._opened and len(starts):
            begins, self._opened = starts[:1], True
        connect = self._made(rows[begins], words.KINDS["connect"])
        connect["venue_ns"], connect["flags"] = 0, words.EMPTY
        filled = np.isin(group[starts], group[kinds == SNAPSHOT]) | one_side[starts]
        bare = starts[~filled]
        empty = self._made(rows[bare], words.KINDS["book" if self.whole else "snapshot"])
        empty["flags"] = words.EMPTY | (words.BOOK_STREAM_ONLY if self.whole else 0)
        groups = np.concatenate((group[begins], group[bare]))
        part = np.concatenate((np.full(len(connect), -1), np.zeros(len(empty), np.int64)))
        return np.concatenate((connect, empty)), [groups, part, 0 * groups, 0 * groups]


def _closed(records: Events, group: NDArray[np.int64], part: NDArray[np.int64]) -> Events:
    """The records in order, with `rest` counted down within each message and the last one marked."""
    new = np.flatnonzero((np.diff(group) != 0) | (np.diff(part) != 0))
    ends = np.append(new, len(records) - 1)
    records["rest"] = np.repeat(ends, np.diff(ends, prepend=-1)) - np.arange(len(records))
    records["flags"][ends] |= words.LAST
    return records
