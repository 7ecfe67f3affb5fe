"""Events of a feed, for the log, the counters and a recording."""

from __future__ import annotations

import msgspec

from hft.venues.embedded import CloseFrame

ALERTS = frozenset({
    "disconnected", "connect_failed", "silent", "refused", "snapshot_failed", "snapshot_refused", "rate_limited", "waiting",
    "book_mismatch", "behind", "handover_failed", "handover_full", "handover_late", "held", "rules_failed", "rules_unfit",
    "rules_changed", "not_trading", "trading",
})
"""Events logged as warnings."""


class FeedEvent(msgspec.Struct, frozen=True):
    """An event that is logged, and counted under its kind in `FeedEvents.counts`."""

    kind: str
    """Of a connection: `connected`, `disconnected`, `connect_failed`, `silent` (probed), `quiet` (it answered), `refused`,
    `server_shutdown`, `renewing`, `handover`, `handover_failed`, `handover_full` (too much was held) and `handover_late` (both
    switched anyway). Of a symbol: `snapshot`, `refresh` (of a book in sync), `book_mismatch`, `snapshot_failed`,
    `snapshot_refused` (the engine can't use it), `rate_limited`, `waiting` (for REST weight), `behind`
    (messages wait in the sockets), `rules_changed` (tick, lot or limits of orders),
    `rules_failed`, `rules_unfit` (numbers don't fit the rules, and the venue gives no others), `not_trading` and `trading`.
    Of the feed: `held` (the journal has no room for the records of a message: messages wait, and reading stops) and
    `resumed`."""
    text: str
    now_ns: int
    connection: str = ""
    symbols: tuple[str, ...] = ()
    closed: CloseFrame | None = None
    """The venue's close frame, if it closed the connection."""
