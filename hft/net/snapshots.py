"""Fetches the REST snapshots that the engine requests, and retries failed ones."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import KW_ONLY, InitVar, dataclass
from random import Random
from typing import Any

from hft._core.base.runclock import RunClock
from hft._core.base.status import name as name_of
from hft._core.engine.engine import Engine
from hft.errors import VenueUnreachable
from hft.net.events import FeedEvents
from hft.system.pauses import Deadline
from hft.venues.live import DepthSnapshot, RateLimited, Rejected, RestClient, decode
from hft.venues.pacing import Backoff

CALM_S = 10.0
"""A snapshot requested again sooner than this waits for its backoff."""
REACH_S = 5.0
"""Longest wait for the stream to reach a fresh snapshot of a book in sync; then it is fetched again."""
REACH_POLL_S = 0.01
WAIT_REPORT_S = 5.0
"""A request that waits longer than this for the venue's weight is reported."""
AGAIN = 3
"""After this many unusable snapshots in a row there must be another cause than a stream ahead of them."""
ADVICE = {
    "bad_number": "a price or quantity is off the tick or quantum in use; exchangeInfo is read again",
    "crossed_book": "the venue's book crosses itself: an auction, or a damaged answer; check the symbol's status at the venue",
    "snapshot_too_old": "the venue's REST side lags its stream; if it stays so, set [feed] rest_url to another of its addresses",
}
"""Advice for each reason."""
USED = frozenset({"ok", "book_mismatch", "buffered"})


@dataclass(eq=False)
class Snapshots:
    """Fetches requested snapshots, one request a symbol at a time.

    Books in sync share one request at a time, since books out of sync come first in the venue's weight per minute.

    Parameters
    ----------
    engine : Engine
    rest : RestClient
    clock : RunClock
    symbols : iterable of str
    events : FeedEvents
        Gets `snapshot`, `refresh` (of a book in sync), `book_mismatch`, `snapshot_failed`, `rate_limited`.
    limit : int
        Levels a side; 0 for the largest number there is.
    rng : random.Random
    spawn : callable
        Runs a coroutine as a task whose failure ends the feed.
    """

    engine: Engine
    rest: RestClient
    clock: RunClock
    symbols: InitVar[Iterable[str]]
    events: FeedEvents
    _: KW_ONLY
    limit: int
    rng: InitVar[Random]
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

    def __post_init__(self, symbols: Iterable[str], rng: Random) -> None:
        self._report = self.events.report
        self.backoffs = {symbol: Backoff(0.2, 10.0, rng) for symbol in symbols}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._fetched: dict[str, float] = {}
        self._refused: Counter[str] = Counter()     # in a row, by symbol
        self._turn = ""                     # the book in sync that is fetched now, or was last

    def check(self) -> None:
        """Checks the engine: raises a user callback's exception, and starts to fetch the snapshots that it requests."""
        self.engine.on_check()
        for symbol in sorted(self.engine.wants_snapshot(), key=self._last_fetched):
            if symbol in self.tasks:
                continue
            if self.engine.refreshing(symbol):
                if self._turn in self.tasks:
                    continue
                self._turn = symbol
            task = self.spawn(self._fetch(symbol))
            self.tasks[symbol] = task
            task.add_done_callback(lambda _, symbol=symbol: self.tasks.pop(symbol, None))   # type: ignore[misc]

    def _last_fetched(self, symbol: str) -> float:
        return self._fetched.get(symbol, float("-inf"))

    async def _fetch(self, symbol: str) -> None:
        """Fetches the book of a symbol until it is no longer needed. Meanwhile the engine buffers messages."""
        while symbol in self.engine.wants_snapshot():
            await self._try(symbol)
            if self.engine.refreshing(symbol):
                return                      # another book's turn

    async def _try(self, symbol: str) -> None:
        backoff = self.backoffs[symbol]
        if time.monotonic() - self._last_fetched(symbol) < CALM_S:
            await asyncio.sleep(backoff.next())
        else:
            backoff.reset()
        self._fetched[symbol] = time.monotonic()
        if (wait_s := self.rest.depth_wait_s(self.limit)) > WAIT_REPORT_S:
            self._report("waiting", f"{wait_s:.0f} s for the venue's REST weight limit; fewer symbols, or a smaller "
                       "[feed] snapshot_limit, need less", symbols=[symbol])
        try:
            body = await self.rest.depth(symbol, self.limit)
            book = decode(body)
            if not isinstance(book, DepthSnapshot):
                raise VenueUnreachable("answers with something that is not a book", where=symbol)
        except RateLimited as error:
            self._report("rate_limited", str(error), symbols=[symbol])    # the client waits by itself
            return
        except (VenueUnreachable, Rejected) as error:
            self._report("snapshot_failed", str(error), symbols=[symbol])
            return
        if await self._reached(symbol, book.last_update_id) and symbol in self.engine.wants_snapshot():
            await self._hand_in(symbol, book, body)

    async def _reached(self, symbol: str, last_update_id: int) -> bool:
        """A book in sync takes a fresh snapshot once its own updates have reached it; a book out of sync takes it at once."""
        deadline = Deadline(REACH_S)
        while self.engine.refreshing(symbol) and self.engine.update_id(symbol) < last_update_id:
            if deadline.left_s() <= 0.0:
                self._report("snapshot_failed", f"the stream does not reach id {str(last_update_id)[:20]}", symbols=[symbol])
                return False
            await asyncio.sleep(REACH_POLL_S)
        return True

    async def _hand_in(self, symbol: str, book: DepthSnapshot, body: bytes) -> None:
        """Applies a snapshot, after any earlier messages that the engine holds."""
        while True:
            try:
                return self._hand_in_now(symbol, book, body)
            except BufferError:
                await asyncio.sleep(REACH_POLL_S)

    def _hand_in_now(self, symbol: str, book: DepthSnapshot, body: bytes) -> None:
        kind = "refresh" if self.engine.refreshing(symbol) else "snapshot"
        now_ns = self.clock.now()
        code = self.engine.on_snapshot(symbol, book.last_update_id, book.bids, book.asks, now_ns, book.stamp, body)
        self._judge(symbol, kind, book.last_update_id, name_of(code))

    def _judge(self, symbol: str, kind: str, last_update_id: int, code: str) -> None:
        """Reports the result of a snapshot, with advice if fetching another will not help."""
        self._refused[symbol] = 0 if code in USED else self._refused[symbol] + 1
        text = f"id {str(last_update_id)[:20]}: {code}"
        if code == "bad_number" or self._refused[symbol] >= AGAIN:
            self._report("snapshot_refused", f"{text}; {ADVICE.get(code, 'see docs/status.md')}", symbols=[symbol])
        else:
            self._report(kind, text, symbols=[symbol])
        if code == "book_mismatch":
            self._report("book_mismatch", f"the book differed from the venue's at id {last_update_id}", symbols=[symbol])
