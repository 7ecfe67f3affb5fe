"""The feed: brings a venue's market data to the engine.

The feed opens as many connections as the symbols need, tells the engine which symbols are connected, fetches the snapshots
that the engine's synchronisation requests, and reopens lost connections. The engine interprets the messages.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from random import Random
from typing import Any

from hft._core.base.runclock import RunClock
from hft._core.engine.engine import Engine
from hft.net.connection import Connection
from hft.net.events import FeedEvents
from hft.net.handover import HELD_BYTES
from hft.net.line import LineEnds, Timing
from hft.net.rulewatch import RulesWatch
from hft.net.snapshots import Snapshots
from hft.run.feed_event import FeedEvent
from hft.venues.embedded import CloseFrame
from hft.venues.live import RestClient, Trades, Venue
from hft.venues.pacing import Backoff, SlidingWindow

POLL_S = 1.0
"""Interval at which the engine is polled for requested snapshots, besides its own calls to check."""
ROOM_POLL_S = 0.01
"""Interval at which the engine is polled for room while it holds messages."""
HELD_REPORT_S = 1.0
"""Least time between two log lines about messages that are held."""
BEHIND_NS = 1_000_000_000
"""A message handled this long after its stamp has waited in the sockets: the engine is too slow for its market."""


class Feed:
    """Market data of some symbols of one venue.

    Parameters
    ----------
    venue : Venue
    symbols : sequence of str
        Upper case, the venue's names.
    engine : Engine
        Gets the messages; is polled for the snapshots it needs.
    clock : RunClock
        The run's clock.
    transport : ``"picows"`` or ``"websockets"``
    depth_ms : int
        Cadence of the depth streams; see `hft.venues.binance.venues`.
    trades : ``"trade"`` or ``"aggTrade"``, optional
        The stream of traded volume; default: the venue's.
    snapshot_limit : int
        Levels a side of a snapshot; 0 for the largest number there is.
    timing : Timing
        When a silent connection is probed, and how long it may take to answer.
    streams_per_connection : int
        Upper bound; never above the venue's limit.
    held_bytes : int
        Most bytes that a handover between connections holds.
    on_event : callable, optional
        Gets each `FeedEvent`.
    rest : RestClient, optional
        A shared client; default: its own, closed at the end.
    rules : RulesWatch, optional
        Keeps the engine's rules equal to the venue's.
    rng : random.Random, optional
        For the jitter of backoffs.
    """

    def __init__(
        self,
        venue: Venue,
        symbols: Sequence[str],
        engine: Engine,
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
        self.events = FeedEvents(clock, on_event)
        self._engine = engine
        self._rest = rest or RestClient(venue)
        self._own_rest = rest is None
        self._rules = rules
        if rules is not None:
            self.events.watcher = rules.on_event
        rng = rng or Random()
        # Half of the venue's limit, which other clients at the same address share.
        limits = venue.protocol.limits
        gate = SlidingWindow(max(1, limits.connections // 2), limits.connections_window_s)
        per_connection = min(streams_per_connection, limits.streams_per_connection)
        self.snapshots = Snapshots(
            engine, self._rest, clock, self.symbols, self.events, limit=snapshot_limit, rng=rng, spawn=self._spawn
        )
        ends = LineEnds(self.snapshots.check, self._held)
        self.connections = [
            Connection(
                name, venue, route, streams, names, engine, clock, self.events, ends, on_up=self._up, on_down=self._down,
                gate=gate, transport=transport, timing=timing, backoff=Backoff(rng=rng), rng=rng, held_bytes=held_bytes,
            )
            for name, route, streams, names in plan(venue, self.symbols, per_connection, depth_ms=depth_ms, trades=trades)
        ]
        self._missing = {symbol: sum(symbol in each.symbols for each in self.connections) for symbol in self.symbols}
        self._behind: set[str] = set()
        self._resuming: asyncio.Task[None] | None = None
        self._held_reported = float("-inf")
        self._ended = asyncio.Event()

    @property
    def counts(self) -> Counter[str]:
        """Events by kind since the start."""
        return self.events.counts

    @property
    def messages(self) -> int:
        """Data messages received on the present connections."""
        return sum(each.listener.frames for each in self.connections if each.listener is not None)

    async def run(self) -> None:
        """Runs until `stop`; an exception that sink or engine raised ends it and is raised here."""
        self.events.end = asyncio.get_running_loop().create_future()
        async with contextlib.AsyncExitStack() as ending:       # closes in reverse order, even if cancelled meanwhile
            ending.callback(self._ended.set)
            if self._own_rest:
                ending.push_async_callback(self._rest.close)
            # After the connections, whose last frames may start another task.
            ending.push_async_callback(lambda: _cancelled(self.snapshots.tasks.values()))
            ending.push_async_callback(lambda: _cancelled([self._resuming] if self._resuming is not None else []))
            works = [self._poll(), *(each.run() for each in self.connections)]
            if self._rules is not None:
                self._rules.begin(self.events.report)
                works.append(self._rules.run())
            ending.push_async_callback(_cancelled, [self._spawn(work) for work in works])
            await self.events.end

    async def stop(self) -> None:
        """Makes `run` return; the connections are closed once it has returned."""
        if self.events.end is not None:
            self.events.stop()
            await self._ended.wait()

    # -- called by the connections ---------------------------------------------------------------------------------

    def _up(self, connection: Connection) -> None:
        """A symbol counts as connected once all its streams are, since a book without trades would fill nothing."""
        now_ns = self.clock.now()
        up = []
        for symbol in connection.symbols:
            self._missing[symbol] -= 1
            if self._missing[symbol] == 0:
                up.append(symbol)
                self._engine.connect(symbol, now_ns)
        self.events.report("connected", connection.options.url, connection.name, up)
        self.snapshots.check()

    def _down(self, connection: Connection, why: str, closed: CloseFrame | None) -> None:
        now_ns = self.clock.now()
        down = []
        for symbol in connection.symbols:
            if self._missing[symbol] == 0:
                down.append(symbol)
                self._engine.disconnect(symbol, now_ns)
            self._missing[symbol] += 1
        self.events.report("disconnected", why, connection.name, down, closed)

    def _held(self) -> None:
        """The engine holds messages until its journal has room; reading stops until then."""
        for each in self.connections:
            each.pause()
        if self._resuming is None:
            self._resuming = self._spawn(self._resume())

    async def _resume(self) -> None:
        """Waits, without blocking the loop, until all held messages are handled; then resumes reading."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self._engine.release(self.clock.now()):
            if loop.time() - self._held_reported >= HELD_REPORT_S:
                self._held_reported = loop.time()
                self.events.report("held", f"the journal has no room; nothing was read for {loop.time() - began:.1f} s")
            await asyncio.sleep(ROOM_POLL_S)
        self._resuming = None
        self.events.report("resumed", f"nothing was read for {loop.time() - began:.1f} s")
        for each in self.connections:
            each.resume()
        self.snapshots.check()

    # -- aside ------------------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            self.snapshots.check()
            self._check_delay()

    def _check_delay(self) -> None:
        """Reports once when a symbol's messages begin to lag, and not again before they have caught up."""
        behind = {symbol for symbol in self.symbols if self._engine.delay_ns(symbol) > BEHIND_NS}
        if new := sorted(behind - self._behind):
            worst = max(map(self._engine.delay_ns, new))
            self.events.report("behind", f"messages are handled {worst / 1e9:.1f} s after their time", symbols=new)
        self._behind = behind

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        """Ends the run with a task's exception."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.events.failed(error)


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
