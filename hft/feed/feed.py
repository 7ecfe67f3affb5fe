"""A venue's market data, brought to the engine and kept there.

The feed opens as many connections as the symbols need, tells the engine which symbols are connected, fetches the snapshots
that the engine's synchronisation wants, and opens again what is gone. What the messages mean is the engine's business.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

import msgspec

from hft._core.runclock import RunClock
from hft._core.sink import FrameSink
from hft._core.status import name as name_of
from hft.errors import VenueUnreachable
from hft.feed.connection import Connection, Timing
from hft.feed.messages import DepthSnapshot, Rejected, decode
from hft.feed.pacing import Backoff, SlidingWindow
from hft.feed.rest import RateLimited, RestClient
from hft.feed.venues import Trades, Venue

LOOK_S = 1.0
"""How often the engine is asked for wanted snapshots besides when it draws attention."""
ALERTS = frozenset({"disconnected", "connect_failed", "silent", "refused", "snapshot_failed", "rate_limited"})
"""Events that are worth a warning."""
CALM_S = 10.0
"""A snapshot wanted again sooner than this waits for its backoff."""


class MarketSink(Protocol):
    """What the feed calls besides the frames: `hft.Engine`. Symbols go by name, times by the run's clock."""

    def connect(self, symbol: str, now_ns: int) -> None: ...

    def disconnect(self, symbol: str, now_ns: int) -> None: ...

    def on_snapshot(
        self, symbol: str, last_update_id: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]], now_ns: int, stamp: int,
        body: bytes,
    ) -> int: ...

    def wants_snapshot(self) -> list[str]: ...

    def on_attention(self) -> None: ...


class FeedEvent(msgspec.Struct, frozen=True):
    """Something worth a line in the log, and counted under its kind in `Feed.counts`."""

    kind: str
    """`connected`, `disconnected`, `connect_failed`, `silent`, `quiet`, `refused`, `server_shutdown`, `snapshot`,
    `snapshot_failed`, `rate_limited`."""
    text: str
    now_ns: int
    connection: str = ""
    symbols: tuple[str, ...] = ()


class Feed:
    """Market data of some symbols of one venue.

    Parameters
    ----------
    venue : Venue
    symbols : sequence of str
        Upper case, the venue's names.
    sink : FrameSink
        Gets the messages, and the calls of `MarketSink`; the engine.
    clock : RunClock
        The run's.
    transport : ``"picows"`` or ``"websockets"``
    depth_ms : int
        Cadence of the depth streams; see `hft.feed.venues`.
    trades : ``"trade"`` or ``"aggTrade"``, optional
        The source of volume; default: the venue's.
    snapshot_limit : int
        Levels a side of a snapshot; 0 for the most there is.
    timing : Timing
        When a silent connection is asked, and how long it may take to answer.
    streams_per_connection : int
        At most; never above what the venue allows.
    on_event : callable, optional
        Gets each `FeedEvent`.
    rest : RestClient, optional
        Shared with others; default: one of its own, closed at the end.
    rng : random.Random, optional
        For the jitter of backoffs.
    """

    def __init__(
        self,
        venue: Venue,
        symbols: Sequence[str],
        sink: FrameSink,
        *,
        clock: RunClock,
        transport: str = "picows",
        depth_ms: int = 100,
        trades: Trades | None = None,
        snapshot_limit: int = 0,
        timing: Timing = Timing(),  # noqa: B008, frozen
        streams_per_connection: int = 200,
        on_event: Callable[[FeedEvent], None] | None = None,
        rest: RestClient | None = None,
        rng: Random | None = None,
    ) -> None:
        self.venue = venue
        self.symbols = list(symbols)
        self.clock = clock
        self.counts: Counter[str] = Counter()
        """Events by kind since the start."""
        self._sink = sink
        self._market: MarketSink = sink     # type: ignore[assignment]  # Engine is both
        self._on_event = on_event
        self._rest = rest or RestClient(venue)
        self._own_rest = rest is None
        self._snapshot_limit = snapshot_limit
        self._rng = rng or Random()
        # Half of what the venue allows: another client at the same address lives too.
        limits = venue.dialect.limits
        gate = SlidingWindow(max(1, limits.connections // 2), limits.connections_window_s)
        per_connection = min(streams_per_connection, limits.streams_per_connection)
        self.connections = [
            Connection(
                name, venue, route, streams, names, sink, clock, self, gate=gate, transport=transport, timing=timing,
                backoff=Backoff(rng=self._rng),
            )
            for name, route, streams, names in plan(venue, self.symbols, per_connection, depth_ms=depth_ms, trades=trades)
        ]
        self._missing = {symbol: sum(symbol in each.symbols for each in self.connections) for symbol in self.symbols}
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._fetched: dict[str, float] = {}
        self._backoffs = {symbol: Backoff(0.2, 10.0, self._rng) for symbol in self.symbols}
        self._end: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()

    @property
    def messages(self) -> int:
        """Data messages received on the connections as they are now."""
        return sum(each.listener.frames for each in self.connections if each.listener is not None)

    async def run(self) -> None:
        """Runs until `stop`; an exception that sink or engine raised ends it and is raised here."""
        self._end = asyncio.get_running_loop().create_future()
        tasks = [asyncio.create_task(self._guarded(each.run())) for each in self.connections]
        tasks.append(asyncio.create_task(self._guarded(self._look())))
        try:
            await self._end
        finally:
            tasks += self._fetching.values()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._own_rest:
                await self._rest.close()
            self._ended.set()

    async def stop(self) -> None:
        """Makes `run` return; the connections are closed once this has."""
        if self._end is None:
            return
        if not self._end.done():
            self._end.set_result(None)
        await self._ended.wait()

    # -- called by the connections ---------------------------------------------------------------------------------

    def connection_up(self, connection: Connection) -> None:
        """A symbol counts as connected once all its streams are: a book without its trades would fill nothing."""
        now_ns = self.clock.now()
        up = []
        for symbol in connection.symbols:
            self._missing[symbol] -= 1
            if self._missing[symbol] == 0:
                up.append(symbol)
                self._market.connect(symbol, now_ns)
        self.tell("connected", connection.url, connection, up)
        self.attention()

    def connection_down(self, connection: Connection, why: str) -> None:
        now_ns = self.clock.now()
        down = []
        for symbol in connection.symbols:
            if self._missing[symbol] == 0:
                down.append(symbol)
                self._market.disconnect(symbol, now_ns)
            self._missing[symbol] += 1
        self.tell("disconnected", why, connection, down)

    def attention(self) -> None:
        """The engine wants a look: raises what a user's callback raised, fetches the snapshots that are wanted."""
        self._market.on_attention()
        for symbol in self._market.wants_snapshot():
            if symbol not in self._fetching:
                task = asyncio.create_task(self._guarded(self._fetch(symbol)))
                self._fetching[symbol] = task
                task.add_done_callback(lambda _, symbol=symbol: self._fetching.pop(symbol, None))   # type: ignore[misc]

    def failed(self, error: BaseException) -> None:
        """Sink or engine raised: `run` ends with it."""
        if self._end is not None and not self._end.done():
            self._end.set_exception(error)

    def tell(self, kind: str, text: str, connection: Connection | None = None, symbols: Sequence[str] = ()) -> None:
        self.counts[kind] += 1
        if self._on_event is not None:
            name = connection.name if connection is not None else ""
            self._on_event(FeedEvent(kind, text, self.clock.now(), name, tuple(symbols)))

    # -- snapshots -------------------------------------------------------------------------------------------------

    async def _fetch(self, symbol: str) -> None:
        """Fetches the book of a symbol until it is no longer wanted. What arrives meanwhile, the engine buffers."""
        backoff = self._backoffs[symbol]
        while symbol in self._market.wants_snapshot():
            if time.monotonic() - self._fetched.get(symbol, float("-inf")) < CALM_S:
                await asyncio.sleep(backoff.next())
            else:
                backoff.reset()
            self._fetched[symbol] = time.monotonic()
            try:
                body = await self._rest.depth(symbol, self._snapshot_limit)
                book = decode(body)
                if not isinstance(book, DepthSnapshot):
                    raise VenueUnreachable("answers with something that is not a book", where=symbol)
            except RateLimited as error:
                self.tell("rate_limited", str(error), symbols=[symbol])     # the client itself waits it out
                continue
            except (VenueUnreachable, Rejected) as error:
                self.tell("snapshot_failed", str(error), symbols=[symbol])
                continue
            stamp = book.transaction_time or book.event_time or 0
            code = self._market.on_snapshot(symbol, book.last_update_id, book.bids, book.asks, self.clock.now(), stamp, body)
            self.tell("snapshot", f"id {book.last_update_id}: {name_of(code)}", symbols=[symbol])

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.attention()

    async def _guarded(self, work: object) -> None:
        try:
            await work              # type: ignore[misc]
        except Exception as error:
            self.failed(error)


def plan(
    venue: Venue, symbols: Sequence[str], streams_per_connection: int, *, depth_ms: int = 100, trades: Trades | None = None
) -> list[tuple[str, str, list[str], list[str]]]:
    """The connections that these symbols need: (name, route, streams, symbols) of each.

    A symbol's streams of one route stay together on one connection, so that they go and come together.

    >>> from hft.feed.venues import venue_named
    >>> for each in plan(venue_named("binance-usdm"), ["BTCUSDT", "ETHUSDT"], 2):
    ...     print(*each)
    public-1 /public ['btcusdt@depth@100ms', 'btcusdt@bookTicker'] ['BTCUSDT']
    public-2 /public ['ethusdt@depth@100ms', 'ethusdt@bookTicker'] ['ETHUSDT']
    market-1 /market ['btcusdt@aggTrade', 'ethusdt@aggTrade'] ['BTCUSDT', 'ETHUSDT']
    """
    found: dict[str, list[tuple[list[str], list[str]]]] = {}
    for symbol in symbols:
        for route, streams in venue.streams(symbol, depth_ms=depth_ms, trades=trades).items():
            groups = found.setdefault(route, [])
            if not groups or len(groups[-1][0]) + len(streams) > streams_per_connection:
                groups.append(([], []))
            groups[-1][0].extend(streams)
            groups[-1][1].append(symbol)
    return [
        (f"{route.strip('/') or 'stream'}-{n}", route, streams, names)
        for route, groups in found.items()
        for n, (streams, names) in enumerate(groups, 1)
    ]
