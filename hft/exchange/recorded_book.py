"""The present book of a recorded symbol, for clients that lost theirs."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import msgspec

RECENT = 1024
"""Updates kept for a book that is recorded again, since it is older than the stream by its request's latency."""

Level = tuple[str, str]


class _Update(msgspec.Struct):
    u: int = 0
    E: int | None = None
    T: int | None = None
    b: list[Level] = []
    a: list[Level] = []


class _Book(msgspec.Struct, omit_defaults=True):
    lastUpdateId: int       # the venue's name
    E: int | None = None
    T: int | None = None
    bids: list[Level] = []
    asks: list[Level] = []


_update = msgspec.json.Decoder(_Update).decode
_book = msgspec.json.Decoder(_Book).decode


class RecordedBook:
    """A recorded REST book with the updates served since then applied.

    >>> book = RecordedBook('{"lastUpdateId":7,"bids":[["1.0","2"]],"asks":[["1.5","3"]]}')
    >>> book.apply('{"e":"depthUpdate","u":9,"b":[["1.0","0"],["1.2","5"]],"a":[]}')
    >>> book.body(100)
    '{"lastUpdateId":9,"bids":[["1.2","5"]],"asks":[["1.5","3"]]}'
    """

    def __init__(self, body: str) -> None:
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._begin(body)

    def _begin(self, body: str) -> None:
        book = _book(body)
        self._recorded: str | None = body
        self._id, self._event, self._transaction = book.lastUpdateId, book.E, book.T
        self._bids, self._asks = dict(book.bids), dict(book.asks)

    def renew(self, body: str) -> None:
        """Restarts from a book recorded later, with the earlier updates that are newer than it."""
        self._begin(body)
        for update in self._recent:
            self._apply(update)

    def precedes(self, body: str) -> bool:
        """Whether a depth update is newer than this book."""
        return _update(body).u > self._id

    def apply(self, body: str) -> None:
        """Applies one depth update; older ones change nothing."""
        self._recent.append(body)
        self._apply(body)

    def _apply(self, body: str) -> None:
        update = _update(body)
        if update.u <= self._id:
            return
        self._id, self._event, self._transaction = update.u, update.E, update.T
        self._recorded = None
        for side, levels in ((self._bids, update.b), (self._asks, update.a)):
            for price, qty in levels:
                if qty.strip("0."):
                    side[price] = qty
                else:
                    side.pop(price, None)

    def body(self, limit: int) -> str:
        """The REST body: as recorded and whole until an update has changed it, then `limit` levels a side."""
        if self._recorded is not None:
            return self._recorded
        bids = sorted(self._bids.items(), key=lambda level: Decimal(level[0]), reverse=True)[:limit]
        asks = sorted(self._asks.items(), key=lambda level: Decimal(level[0]))[:limit]
        event = self._event if self._transaction else None      # spot's updates have a stamp, its book has none
        return msgspec.json.encode(_Book(self._id, event, self._transaction, bids, asks)).decode()
