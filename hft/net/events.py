"""The event sink of a feed: each part reports its events here directly."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from hft._core.base.runclock import RunClock
from hft.run.feed_event import FeedEvent
from hft.venues.embedded import CloseFrame


class FeedEvents:
    """The events of one feed, and its end.

    Parameters
    ----------
    clock : RunClock
        The run's clock.
    on_event : callable, optional
        Gets each `FeedEvent`.

    Attributes
    ----------
    counts : Counter
        Events by kind since the start.
    watcher : callable, optional
        Called first, with kind and connection of each event; `RuleWatch` learns of new connections this way.
    end : asyncio.Future, optional
        Done when the feed ends, by `stop` or with the exception that sink or engine raised. None before the feed runs.
    """

    def __init__(self, clock: RunClock, on_event: Callable[[FeedEvent], None] | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.watcher: Callable[[str, str], None] | None = None
        self.end: asyncio.Future[None] | None = None
        self._clock = clock
        self._on_event = on_event

    def report(
        self, kind: str, text: str, connection: str = "", symbols: Sequence[str] = (), closed: CloseFrame | None = None
    ) -> None:
        self.counts[kind] += 1
        if self.watcher is not None:
            self.watcher(kind, connection)
        if self._on_event is not None:
            self._on_event(FeedEvent(kind, text, self._clock.now(), connection, tuple(symbols), closed))

    def failed(self, error: BaseException) -> None:
        """Ends the feed with an exception that sink or engine raised."""
        if self.end is not None and not self.end.done():
            self.end.set_exception(error)

    def stop(self) -> None:
        if self.end is not None and not self.end.done():
            self.end.set_result(None)
