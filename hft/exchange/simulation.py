"""The simulated exchange: steps its markets with the clock and publishes their messages."""

from __future__ import annotations

import asyncio
import heapq
import time
from functools import partial
from typing import TYPE_CHECKING

from hft.errors import UsageError
from hft.exchange.hub import Hub
from hft.exchange.rest import RequestRefused
from hft.exchange.streams import channel_of
from hft.exchange.symbols import SYMBOLS, SymbolSettings, market
from hft.exchange.wire import Wire
from hft.venues.binance.venues import PROTOCOLS

if TYPE_CHECKING:
    from hft.exchange.market import MarketEvent

STEP_S = 0.003
"""Longest delay of publishing an event: within the feed delay measured on USD-M (median 3.4 ms)."""
SLICE_NS = 200_000_000
CUT_MS = 50
"""Interval of the market's own depth updates."""


class DepthStream:
    """One cadence of one symbol's depth: merges a number of the market's updates into one with consistent ids."""

    def __init__(self, hub: Hub, wire: Wire, channel: str, updates: int, last_id: int) -> None:
        self.hub, self.wire, self.channel, self.updates = hub, wire, channel, updates
        self.last_id = last_id  # pu of the next message
        self.held: list[MarketEvent] = []

    def add(self, update: MarketEvent) -> None:
        self.held.append(update)
        if len(self.held) == self.updates:
            held, self.held = self.held, []
            ids = (held[0].first_id, update.last_id, self.last_id)
            self.last_id = update.last_id
            self.hub.publish(self.channel, partial(self._render, held, ids))

    def _render(self, held: list[MarketEvent], ids: tuple[int, int, int], unit: int) -> str:
        if len(held) == 1:
            return self.wire.depth(ids, held[0].time_ns, held[0].bids, held[0].asks, unit)
        bids = {price: qty for update in held for price, qty in update.bids}  # a later quantity replaces an earlier one
        asks = {price: qty for update in held for price, qty in update.asks}
        return self.wire.depth(ids, held[-1].time_ns, sorted(bids.items()), sorted(asks.items()), unit)


class SimulatedSymbol:
    """A market, and its streams."""

    def __init__(self, hub: Hub, settings: SymbolSettings, seed: int, start_ns: int) -> None:
        protocol = hub.protocol
        self.market = market(settings.name, protocol=protocol.name, seed=seed, start_ns=start_ns)
        self.wire = Wire(settings, protocol.name)
        self.hub = hub
        self.stem = settings.name.lower()
        first_id = self.market.snapshot(0).last_update_id
        self.depths = [
            DepthStream(hub, self.wire, f"{self.stem}@depth@{ms}ms", max(1, ms // CUT_MS), first_id) for ms in protocol.depth_ms
        ]

    def publish(self, event: MarketEvent) -> None:
        """Publishes one event to its subscribers."""
        if event.kind == "depth":
            for stream in self.depths:
                stream.add(event)
            return
        render = {"bookTicker": self.wire.book_ticker, "trade": self.wire.trade, "aggTrade": self.wire.agg_trade}[event.kind]
        self.hub.publish(f"{self.stem}@{event.kind}", partial(render, event))


class Simulation:
    """Markets of one protocol, paced by the clock.

    The messages depend on seed and symbols alone, their times on the clock. At a speed other than 1 the exchange's time and
    its stamps run at that pace.
    """

    def __init__(self, protocol: str, symbols: tuple[str, ...], *, seed: int, speed: float, queue: int) -> None:
        self.protocol = PROTOCOLS[protocol]
        self.speed = speed
        known = SYMBOLS[protocol]
        for name in symbols:
            if name not in known:
                raise UsageError(f"the embedded exchange does not trade it in its {protocol} protocol", where=name,
                                 do=f"use {', '.join(known)}")
        self.symbols = {name: known[name] for name in symbols}
        self.hub = Hub(self.protocol, partial(channel_of, protocol=self.protocol), limit=queue, patient=False)
        self.start_ns = time.time_ns()
        self._started = time.monotonic_ns()
        self._traded = {s.name: SimulatedSymbol(self.hub, s, seed, self.start_ns) for s in self.symbols.values()}

    def now_ns(self) -> int:
        return self.start_ns + int((time.monotonic_ns() - self._started) * self.speed)

    async def depth(self, symbol: str, limit: int) -> str:
        traded = self._traded.get(symbol)
        if traded is None:
            raise RequestRefused(400, -1121, "Invalid symbol.")
        return traded.wire.snapshot(traded.market.snapshot(limit))

    async def run(self) -> None:
        """Publish until cancelled."""
        self._started = time.monotonic_ns()
        reached = self.start_ns
        while True:
            # Behind the clock (a stalled machine, a high speed) it catches up in slices, so that queues drain in between.
            reached = min(self.now_ns(), reached + SLICE_NS)
            self.step(reached)
            await asyncio.sleep(STEP_S if reached + SLICE_NS > self.now_ns() else 0)

    def step(self, until_ns: int) -> None:
        """Publishes everything up to a moment, all symbols in the order of their stamps."""
        runs = [[(e.time_ns, i, e) for e in s.market.advance(until_ns)] for i, s in enumerate(self._traded.values())]
        symbols = list(self._traded.values())
        for _, i, event in heapq.merge(*runs, key=lambda entry: entry[:2]):
            symbols[i].publish(event)
