"""What a feed reports: to the log, to the counters, and into a recording."""

from __future__ import annotations

import msgspec

from hft.venues.embedded import CloseFrame

ALERTS = frozenset({
    "disconnected", "connect_failed", "silent", "refused", "snapshot_failed", "snapshot_refused", "rate_limited", "waiting",
    "book_mismatch", "behind", "handover_failed", "handover_full", "handover_late", "held", "rules_failed", "rules_unfit",
    "rules_changed", "not_trading", "trading",
})
"""Events that are worth a warning."""


class FeedEvent(msgspec.Struct, frozen=True):
    """Something worth a line in the log, and counted under its kind in `FeedEvents.counts`."""

    kind: str
    """Of a connection: `connected`, `disconnected`, `connect_failed`, `silent` (asked), `quiet` (and lives), `refused`,
    `server_shutdown`, `renewing`, `handover`, `handover_failed`, `handover_full` (too much was held) and `handover_late` (both
    switched nevertheless). Of a symbol: `snapshot`, `refresh` (of a book in sync), `book_mismatch`, `snapshot_failed`,
    `snapshot_refused` (the engine can't use it, and what to do), `rate_limited`, `waiting` (for REST weight), `behind`
    (messages wait for us; the venue's side is held back by TCP), `rules_changed` (tick, lot or limits of orders),
    `rules_failed`, `rules_unfit` (numbers don't fit the rules, and the venue says no others), `not_trading` and `trading`.
    Of the feed: `held` (the journal has no room for what messages may cause: those that were read wait, and no more are read)
    and `resumed`."""
    text: str
    now_ns: int
    connection: str = ""
    symbols: tuple[str, ...] = ()
    closed: CloseFrame | None = None
    """What the venue closed the connection with, where it did."""
