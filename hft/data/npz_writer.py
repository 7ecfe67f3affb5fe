"""Writes hftbacktest's ``.npz``, row for row as its own converter would have made it of the same messages.

The rules, in the order in which they are applied (docs/formats.md has the details):

1. a level is a row; before the bids of a snapshot comes a row that clears that side up to the last of them, and likewise for
   the asks; a side without a level is cleared whole, a case that their converter leaves out;
2. a trade of the market is a row; bookTickers are left out unless requested; nothing else has a row;
3. where a local stamp is before its exchange stamp, all local stamps are put forward by the largest such lead;
4. rows are sorted by exchange stamp and by local stamp, each stable, and both orders are joined: see `joined_order`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hft._core.base.types import Spec
from hft._core.engine import events as words
from hft.data import npz_rows as npz
from hft.data.events import Events
from hft.data.output_file import OutputFile
from hft.data.records import joined_order

SUFFIX = ".npz"
_KINDS = words.KINDS


def rows_of(records: Events, spec: Spec, *, trades: str = "trade", book_tickers: bool = False) -> npz.Rows:
    """Records of one symbol, whole messages, as rows in the same order: without flags for exchange and local side, and with the
    stamps as they are."""
    kind, flags = records["kind"], records["flags"]
    book = np.isin(kind, (_KINDS["snapshot"], _KINDS["book"]))
    level = book | ((kind == _KINDS["depth"]) & (flags & words.EMPTY == 0))
    trade = (kind == _KINDS[trades]) & (flags & words.NOT_A_MARKET_TRADE == 0)
    taken = level | trade
    if book_tickers:
        taken |= kind == _KINDS["bookTicker"]
    records, level, trade = records[taken], level[taken], trade[taken]
    kind, flags = records["kind"], records["flags"]
    snapshot = np.isin(kind, (_KINDS["snapshot"], _KINDS["book"]))
    bid = flags & words.BID > 0
    ev = np.select([level & snapshot, level, trade], [npz.SNAPSHOT, npz.DEPTH, npz.TRADE], 0).astype(np.uint64)
    buys = np.where(trade, flags & words.BUYER_MAKER == 0, bid)         # for a trade: the taker's side
    ev |= np.where(buys, npz.BUY, npz.SELL).astype(np.uint64)
    book_ticker = kind == _KINDS["bookTicker"]
    ev[book_ticker] = np.where(bid[book_ticker], npz.BEST_BID, npz.BEST_ASK)
    rows = np.zeros(len(records), npz.ROW)
    rows["ev"], rows["exch_ts"], rows["local_ts"] = ev, records["venue_ns"], records["recv_ns"]
    rows["px"], rows["qty"] = npz.to_floats(records["price"], spec.price_unit), npz.to_floats(records["qty"], spec.quantum)
    empty = snapshot & (flags & words.EMPTY > 0)
    rows["ev"][empty], rows["px"][empty] = npz.CLEAR | npz.BUY, np.nan      # and likewise its other side
    return _cleared(rows, records, snapshot, bid | empty, empty)


def _cleared(
    rows: npz.Rows, records: Events, snapshot: NDArray[np.bool_], bid: NDArray[np.bool_], empty: NDArray[np.bool_]
) -> npz.Rows:
    """The row before each side of a snapshot that clears the book up to the side's last price. A side without a level is cleared
    whole, unless the snapshot does not contain that side."""
    inside = np.flatnonzero(snapshot)
    if not len(inside):
        return rows
    # A side ends where the message ends or the other side begins.
    ends = (records["rest"][inside] == 0) | (bid[inside] != np.append(bid[inside][1:], ~bid[inside[-1]]))
    last = inside[ends]
    first = inside[np.append(0, np.flatnonzero(ends)[:-1] + 1)]
    clears = rows[first]
    clears["ev"] = (clears["ev"] & (npz.BUY | npz.SELL)) | npz.CLEAR
    clears["px"], clears["qty"] = rows["px"][last], 0
    begins = np.append(True, records["rest"][last[:-1]] == 0)       # the side is the first of its message
    alone = begins & (records["rest"][last] == 0) & (records["flags"][last] & words.ONE_SIDE_ONLY == 0)
    no_bids, no_asks = alone & ~bid[last], alone & bid[last]
    filled = ~empty[first]
    places = np.concatenate((last[no_asks] + 1, first[no_bids], first[filled]))
    return np.insert(rows, places, np.concatenate((
        _cleared_whole(clears[no_asks], npz.SELL), _cleared_whole(clears[no_bids], npz.BUY), clears[filled]
    )))


def _cleared_whole(clears: npz.Rows, side: int) -> npz.Rows:
    clears["ev"], clears["px"] = npz.CLEAR | side, np.nan
    return clears


def in_order(rows: npz.Rows, *, base_latency_ns: int = 0) -> npz.Rows:
    """Rows as hftbacktest needs them: local stamps never before the exchange's, each row flagged for the sides whose order it
    fits, and written twice if it needs two places.

    Parameters
    ----------
    base_latency_ns : int
        Added to the local stamps if they had to be put forward; else the fastest message would have no latency.
    """
    if not len(rows):
        return rows
    lead = int(np.max(rows["exch_ts"] - rows["local_ts"]))
    if lead > 0:
        rows["local_ts"] += lead + base_latency_ns
    exch_ts, local_ts = (np.ascontiguousarray(rows[stamp]) for stamp in ("exch_ts", "local_ts"))
    index, which = np.empty(2 * len(rows), np.int64), np.empty(2 * len(rows), np.uint8)
    by_exch, by_local = (np.argsort(stamps, kind="stable") for stamps in (exch_ts, local_ts))
    count = joined_order(*(each.data for each in (exch_ts, local_ts, by_exch, by_local, index, which)))
    out = rows[index[:count]]
    out["ev"] |= np.array([0, npz.EXCH, npz.LOCAL, npz.EXCH | npz.LOCAL], np.uint64)[which[:count]]
    return out


class NpzWriter(OutputFile):
    """Writes one symbol's messages, see `OutputFile`.

    All rows are held in memory until `close`, since the order by exchange stamp is known only then: about 200 bytes a row.

    Parameters
    ----------
    path : str or Path
    spec : Spec
    trades : ``"trade"`` or ``"aggTrade"``
        The only stream of traded volume.
    book_tickers : bool
        Write bookTickers too, as their converter does with its option ``t``.
    base_latency_ns : int
        See `in_order`.
    """

    def __init__(
        self, path: str | Path, spec: Spec, *, trades: str = "trade", book_tickers: bool = False, base_latency_ns: int = 0
    ) -> None:
        self.count = 0
        self.kinds = frozenset({"depth", "snapshot", "book", trades, *["bookTicker"] * book_tickers})
        """Kinds of messages that have a row."""
        self.spec, self.trades, self.book_tickers, self.base_latency_ns = spec, trades, book_tickers, base_latency_ns
        self._rows: list[npz.Rows] = []
        self._venue_ns = 0
        super().__init__(path)

    def append(self, records: Events) -> None:
        """Append whole messages of the one symbol."""
        rows = rows_of(records, self.spec, trades=self.trades, book_tickers=self.book_tickers)
        stamped = np.flatnonzero(rows["exch_ts"])
        if not self._venue_ns and len(stamped):
            self._backdate([*self._rows, rows[: stamped[0]]], rows[stamped[0]])
        # Spot's books and bookTickers have no stamp; they get the newest one before them (SEMANTICS 2).
        newest = np.maximum.accumulate(np.concatenate(([self._venue_ns], rows["exch_ts"])))
        self._venue_ns = int(newest[-1])
        rows["exch_ts"] = np.where(rows["exch_ts"] == 0, newest[1:], rows["exch_ts"])
        self._rows.append(rows)

    @staticmethod
    def _backdate(before: list[npz.Rows], first: np.void) -> None:
        """Rows before the first exchange stamp get the latency of the message that has it."""
        for rows in before:
            rows["exch_ts"] = np.maximum(rows["local_ts"] - (first["local_ts"] - first["exch_ts"]), 1)

    def _finish(self) -> None:
        """Order the rows, and write them."""
        rows = np.concatenate(self._rows) if self._rows else np.empty(0, npz.ROW)
        self._rows.clear()
        if not self._venue_ns:
            rows["exch_ts"] = rows["local_ts"]
        rows = in_order(rows, base_latency_ns=self.base_latency_ns)
        self.count = len(rows)
        np.savez_compressed(self._file, data=rows)
