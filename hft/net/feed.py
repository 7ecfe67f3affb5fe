"""A venue's market data, brought to the engine and kept there.

The feed opens as many connections as the symbols need, tells the engine which symbols are connected, fetches the snapshots
that the engine's synchronisation wants, and opens again what is gone. What the messages mean is the engine's business.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from random import Random
from typing import Protocol

import msgspec

from hft._core.base.runclock import RunClock
from hft._core.wire.sink import FrameSink
from hft.net.connection import Connection
from hft.net.handover import HELD_BYTES, Books
from hft.net.line import Timing
from hft.net.rulewatch import RulesWatch
from hft.net.snapshots import Snapshots, SnapshotSink
from hft.venues.live import RestClient, Trades, Venue
from hft.venues.pacing import Backoff, SlidingWindow

ALERTS = frozenset({
    "disconnected", "connect_failed", "silent", "refused", "snapshot_failed", "snapshot_refused", "rate_limited", "waiting",
    "book_mismatch", "behind", "handover_failed", "handover_full", "handover_late", "held", "rules_failed", "rules_unfit",
    "rules_changed", "not_trading", "trading",
})
"""Events that are worth a warning."""
LOOK_S = 1.0
"""How often the engine is asked for wanted snapshots besides when it draws attention."""
ROOM_LOOK_S = 0.01
"""How often the engine is asked, while it holds messages, whether there is room for them."""
HELD_TOLD_S = 1.0
"""Least time between two log lines about messages that are held."""
BEHIND_NS = 1_000_000_000
"""What is handled so long after its time waited for us, in the sockets: the engine is too slow for its market."""


class MarketSink(Books, SnapshotSink, Protocol):
    """What the feed calls besides the frames: `hft.Engine`. Symbols go by name, times by the run's clock."""

    def connect(self, symbol: str, now_ns: int) -> None: ...

    def disconnect(self, symbol: str, now_ns: int) -> None: ...

    def delay_ns(self, symbol: str) -> int: ...

    def release(self, now_ns: int) -> bool: ...

    def on_attention(self) -> None: ...


class FeedEvent(msgspec.Struct, frozen=True):
    """Something worth a line in the log, and counted under its kind in `Feed.counts`."""

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
        Cadence of the depth streams; see `hft.venues.binance.venues`.
    trades : ``"trade"`` or ``"aggTrade"``, optional
        The source of volume; default: the venue's.
    snapshot_limit : int
        Levels a side of a snapshot; 0 for the most there is.
    timing : Timing
        When a silent connection is asked, and how long it may take to answer.
    streams_per_connection : int
        At most; never above what the venue allows.
    held_bytes : int
        What a handover between connections holds at most.
    on_event : callable, optional
        Gets each `FeedEvent`.
    rest : RestClient, optional
        Shared with others; default: one of its own, closed at the end.
    rules : RulesWatch, optional
        Keeps the sink's rules those of the venue.
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
        held_bytes: int = HELD_BYTES,
        on_event: Callable[[FeedEvent], None] | None = None,
        rest: RestClient | None = None,
        rules: RulesWatch | None = None,
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
        self._rules = rules
        rng = rng or Random()
        # Half of what the venue allows: another client at the same address lives too.
        limits = venue.protocol.limits
        gate = SlidingWindow(max(1, limits.connections // 2), limits.connections_window_s)
        per_connection = min(streams_per_connection, limits.streams_per_connection)
        self.connections = [
            Connection(
                name, venue, route, streams, names, sink, clock, self._market, self, gate=gate, transport=transport,
                timing=timing, backoff=Backoff(rng=rng), rng=rng, held_bytes=held_bytes,
            )
            for name, route, streams, names in plan(venue, self.symbols, per_connection, depth_ms=depth_ms, trades=trades)
        ]
        self._missing = {symbol: sum(symbol in each.symbols for each in self.connections) for symbol in self.symbols}
        self.snapshots = Snapshots(
            self._market, self._rest, clock, self.symbols, limit=snapshot_limit, rng=rng, spawn=self._spawn, tell=self.tell
        )
        self._behind: set[str] = set()
        self._resuming: asyncio.Task[None] | None = None
        self._held_told = float("-inf")
        self._end: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()

    @property
    def messages(self) -> int:
        """Data messages received on the connections as they are now."""
        return sum(each.listener.frames for each in self.connections if each.listener is not None)

    async def run(self) -> None:
        """Runs until `stop`; an exception that sink or engine raised ends it and is raised here."""
        self._end = asyncio.get_running_loop().create_future()
        async with contextlib.AsyncExitStack() as ending:       # from the last to the first, even where it is cancelled meanwhile
            ending.callback(self._ended.set)
            if self._own_rest:
                ending.push_async_callback(self._rest.close)
            # After the connections: their last frames may begin another one.
            ending.push_async_callback(lambda: _cancelled(self.snapshots.tasks.values()))
            ending.push_async_callback(lambda: _cancelled([self._resuming] if self._resuming is not None else []))
            works = [self._look(), *(each.run() for each in self.connections)]
            if self._rules is not None:
                self._rules.begin(self.tell)
                works.append(self._rules.run())
            ending.push_async_callback(_cancelled, [self._spawn(work) for work in works])
            await self._end

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
        self.snapshots.look()

    def held(self) -> None:
        """The engine keeps what it was given until its journal has room: nothing more is read before that."""
        for each in self.connections:
            each.pause()
        if self._resuming is None:
            self._resuming = self._spawn(self._resume())

    async def _resume(self) -> None:
        """Waits beside the loop's other work, its timer and signals, until all that is held was handled; then reads on."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self._market.release(self.clock.now()):
            if loop.time() - self._held_told >= HELD_TOLD_S:
                self._held_told = loop.time()
                self.tell("held", f"the journal has no room; nothing was read for {loop.time() - began:.1f} s")
            await asyncio.sleep(ROOM_LOOK_S)
        self._resuming = None
        self.tell("resumed", f"nothing was read for {loop.time() - began:.1f} s")
        for each in self.connections:
            each.resume()
        self.attention()

    def failed(self, error: BaseException) -> None:
        """Sink or engine raised: `run` ends with it."""
        if self._end is not None and not self._end.done():
            self._end.set_exception(error)

    def tell(self, kind: str, text: str, connection: Connection | None = None, symbols: Sequence[str] = ()) -> None:
        self.counts[kind] += 1
        if self._rules is not None:
            self._rules.heard(kind, connection.name if connection is not None else "")
        if self._on_event is not None:
            name = connection.name if connection is not None else ""
            self._on_event(FeedEvent(kind, text, self.clock.now(), name, tuple(symbols)))

    # -- aside ------------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.attention()
            self._look_behind()

    def _look_behind(self) -> None:
        """Tells once when a symbol's messages begin to wait for us, and not again before they have caught up."""
        behind = {symbol for symbol in self.symbols if self._market.delay_ns(symbol) > BEHIND_NS}
        if new := sorted(behind - self._behind):
            worst = max(map(self._market.delay_ns, new))
            self.tell("behind", f"messages are handled {worst / 1e9:.1f} s after their time", symbols=new)
        self._behind = behind

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        return asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            self.failed(error)


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancels tasks; returns once all of them are over."""
    over = list(tasks)
    for task in over:
        task.cancel()
    await asyncio.gather(*over, return_exceptions=True)


def plan(
    venue: Venue, symbols: Sequence[str], streams_per_connection: int, *, depth_ms: int = 100, trades: Trades | None = None
) -> list[tuple[str, str, list[str], list[str]]]:
    """The connections that these symbols need: (name, route, streams, symbols) of each.

    A symbol's streams of one route stay together on one connection, so that they go and come together.

    >>> from hft.venues.live import venue_named
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
