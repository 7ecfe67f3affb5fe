"""Every feature recomputed from the whole history, in exact fractions: SEMANTICS 23 as it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from tests.oracle.book import ASK, BID

NAN = float("nan")
NOTHING = dict.fromkeys(
    ("mid", "microprice", "spread_bps", "volatility", "momentum", "imbalance", "depth_ratio", "ofi", "signed_volume",
     "intensity"),
    NAN,
)


@dataclass
class NaiveFeatures:
    window: int
    since: int | None = None  # of the last sync; None: not in sync
    touches: list = field(default_factory=list)  # (now, bid, bid qty, ask, ask qty) since the sync, each unlike the one before
    trades: list = field(default_factory=list)  # (now, T, side, qty)
    source: str | None = None
    last_id: int | None = None
    void_from: int | None = None  # when the last gap in trade ids was seen

    def on_sync(self, book, now):
        self.since, self.touches = now, []
        self.on_book(book, now)

    def on_desync(self):
        self.since = None

    def on_book(self, book, now):
        bid, ask = book.best(BID), book.best(ASK)
        if self.since is None or not bid or not ask:
            return
        touch = (*bid, *ask)
        if not self.touches or self.touches[-1][1:] != touch:
            self.touches.append((now, *touch))

    def on_trade(self, qty, side, trade_id, venue, now, market=True, aggregate=False):
        source = "agg" if aggregate else "trade"
        if self.source == "trade" and source == "agg":
            return "other source"
        if self.source not in (None, source):
            self.last_id, self.void_from = None, now
        self.source = source
        if self.last_id is not None:
            if trade_id <= self.last_id:
                return "duplicate"
            if trade_id > self.last_id + 1:
                self.void_from = now
        self.last_id = trade_id
        if market:
            self.trades.append((now, venue, side, qty))
        return None

    def vector(self, book, now):
        out = dict(NOTHING)
        start = now - self.window
        if self.since is None or now - self.since < self.window:
            return out
        before = [touch for touch in self.touches if touch[0] <= start]
        bid, ask = book.best(BID), book.best(ASK)
        if not bid or not ask:      # rule 7a: the trades' features have no value either
            return out
        if before:
            out |= self._book(book, bid, ask, before, start)
        if self.void_from is None or now - self.void_from >= self.window:
            trades = [trade for trade in self.trades if trade[0] > start]
            out["signed_volume"] = float(sum(side * qty for _, _, side, qty in trades))
            orders = len({(venue, side) for _, venue, side, _ in trades})
            out["intensity"] = orders / (self.window / 1e9)
        return out

    def _book(self, book, bid, ask, before, start):
        (b, qb), (a, qa) = bid, ask
        mid = Fraction(a + b) / 2
        squares, ofi = Fraction(0), 0
        for old, new in pairwise(self.touches):
            if new[0] > start:
                squares += (Fraction(new[1] + new[3] - old[1] - old[3]) / 2) ** 2
                ofi += contribution(old, new)
        mid_then = Fraction(before[-1][1] + before[-1][3]) / 2
        return {
            "mid": float(mid),
            "microprice": float(Fraction(b * qa + a * qb) / Fraction(qa + qb)),
            "spread_bps": float(10**4 * Fraction(a - b) / mid),
            "volatility": 1e4 * math.sqrt(squares) / float(mid),
            "momentum": float(10**4 * (mid / mid_then - 1)),
            "imbalance": float(book.imbalance(5)),
            "depth_ratio": float(Fraction(book.sum(BID, 20)) / Fraction(book.sum(ASK, 20))),
            "ofi": float(ofi),
        }


def contribution(old, new):
    """e_n of Cont, Kukanov and Stoikov (2014), equation 3."""
    _, b0, qb0, a0, qa0 = old
    _, b, qb, a, qa = new
    return (b >= b0) * qb - (b <= b0) * qb0 - (a <= a0) * qa + (a >= a0) * qa0
