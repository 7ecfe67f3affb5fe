"""Where every part of a feed reports what happened, itself: no report goes through another part."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from hft._core.base.runclock import RunClock
from hft.run.feed_event import FeedEvent
from hft.venues.embedded import CloseFrame


class FeedEvents:
    """The reports of one feed, and the end of it.

    Parameters
    ----------
    clock : RunClock
        The run's.
    on_event : callable, optional
        Gets each `FeedEvent`.

    Attributes
    ----------
    counts : Counter
        Events by kind since the start.
    heard : callable, optional
        Called first, with kind and connection of each event: by it the watcher of symbols' rules learns of a new connection.
    end : asyncio.Future, optional
        Ends the feed, by `stop` or with the exception that sink or engine raised. None before the feed runs.
    """

    def __init__(self, clock: RunClock, on_event: Callable[[FeedEvent], None] | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.heard: Callable[[str, str], None] | None = None
        self.end: asyncio.Future[None] | None = None
        self._clock = clock
        self._on_event = on_event

    def tell(
        self, kind: str, text: str, connection: str = "", symbols: Sequence[str] = (), closed: CloseFrame | None = None
    ) -> None:
        self.counts[kind] += 1
        if self.heard is not None:
            self.heard(kind, connection)
        if self._on_event is not None:
            self._on_event(FeedEvent(kind, text, self._clock.now(), connection, tuple(symbols), closed))

    def failed(self, error: BaseException) -> None:
        """Sink or engine raised: the feed ends with it."""
        if self.end is not None and not self.end.done():
            self.end.set_exception(error)

    def stop(self) -> None:
        if self.end is not None and not self.end.done():
            self.end.set_result(None)
