"""Log lines and alerts from a run's counters of rejects and similar events: at most one line per reason and interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

REPEAT_S = 10.0
"""Shortest interval of log lines about one reason."""
STANDS_S = 60.0
"""Time that an alert stays in `/health` after the last refusal."""

LIMITS = ("order_size", "position_limit", "notional_limit", "rate_limit", "loss_limit", "drawdown_limit", "price_collar")
"""Reasons that violate a risk limit; each is an alert."""
_SKIPPED = ("bad_json", "bad_shape", "bad_number", "unknown_event", "unknown_symbol", "too_large")
_OUT_OF_SEQUENCE = ("sequence_gap", "crossed_book", "buffer_full", "snapshot_too_old", "book_mismatch")
_REFUSED = (
    "kill_switch", "not_synced", "stale_data", "no_short", "journal_full", "stopping", "below_min", "bad_price", "bad_qty",
    "no_order_slot", "reduce_only", "no_price", "order_channel_full", "post_only_would_cross", "unknown_order", "fok_unfilled",
    "venue_reduce_only", "no_liquidity", "resting_full", "not_trading", "venue_rules",
)
_EVENTS = (
    dict.fromkeys(_SKIPPED, ("warning", "messages were skipped"))
    | dict.fromkeys(_OUT_OF_SEQUENCE, ("warning", "updates were out of sequence"))
    | dict.fromkeys(LIMITS, ("warning", "a risk limit refused orders"))
    | dict.fromkeys(_REFUSED, ("info", "orders were rejected"))
    | {"clock_outliers": ("warning", "stamps of the venue were ignored; their messages were applied")}
)
"""Level and event of each logged reason; the others are routine (`ioc_rest`, `stale_update`)."""


class Alerts:
    """Compares the counters with earlier ones, and logs increases.

    Parameters
    ----------
    log : logger
        From `hft.log.get_logger`.
    clock : callable
        Seconds of a monotonic clock.
    """

    def __init__(self, log: Any, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._seen: dict[str, int] = {}         # counters at the last call
        self._reported: dict[str, int] = {}     # counters at the last line about each
        self._reported_at: dict[str, float] = {}
        self._refused_at = float("-inf")

    def check(self, rejects: Mapping[str, int], *, end: bool = False) -> None:
        """Logs increases. To be called at intervals with the present counters, and at the `end` of a run."""
        now = self._clock()
        for reason, count in rejects.items():
            if reason in LIMITS and count != self._seen.get(reason, 0):
                self._refused_at = now
            new = count - self._reported.get(reason, 0)
            due = end or now - self._reported_at.get(reason, float("-inf")) >= REPEAT_S
            if new and due and reason in _EVENTS:
                level, event = _EVENTS[reason]
                getattr(self._log, level)(event, reason=reason, count=new, in_all=count)
                self._reported[reason], self._reported_at[reason] = count, now
        self._seen = dict(rejects)

    @property
    def risk(self) -> bool:
        """Whether a limit refused an order within the last minute."""
        return self._clock() - self._refused_at < STANDS_S
