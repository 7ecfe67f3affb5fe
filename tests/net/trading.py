"""A feed and a real engine on a market that all connections share, and the check that nothing of it was lost."""

import asyncio
import contextlib

import msgspec

from hft._core.base.runclock import RunClock
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.net.feed import Feed
from hft.net.line import Timing
from hft.venues.binance import messages
from hft.venues.binance.venues import PROTOCOLS, SPOT, venue_at
from tests.net.broadcast import SYMBOL
from tests.net.wire import RestServer, WireServer, eventually


@contextlib.asynccontextmanager
async def trading(market, *, timing=Timing(), stream=True, engine_options=None, routes=(), **options):  # noqa: B008, frozen
    """A feed and a real engine on that market, in sync. `stream`: the market runs; else it is the test that steps it."""
    async with WireServer(market.script) as server, RestServer({}) as rest:
        path = "/api/v3/depth" if market.protocol == SPOT.name else "/fapi/v1/depth"
        rest.answers[path] = lambda _: market.book()
        spec = Spec(SYMBOL, tick="0.1", step="0.001", instrument=PROTOCOLS[market.protocol].instrument)
        engine = Engine(spec, fallback=messages.load, sync=PROTOCOLS[market.protocol].sync, **(engine_options or {}))
        events = []
        venue = msgspec.structs.replace(venue_at(rest.url, server.url, market.protocol), routes=routes)
        feed = Feed(
            venue, [SYMBOL], engine, clock=RunClock(), timing=timing,
            on_event=events.append, **options,
        )
        tasks = [asyncio.create_task(feed.run()), asyncio.create_task(market.run(stream))]
        try:
            await eventually(lambda: feed.counts["snapshot"])
            if not stream:
                market.step(bids=[])
            await eventually(lambda: engine.synced(SYMBOL) and engine.trade_id(SYMBOL))
            yield engine, feed, events
        finally:
            tasks[1].cancel()
            await feed.stop()
            await asyncio.gather(*tasks, return_exceptions=True)


async def goes_on(engine, steps=20):
    """The engine keeps up with the market from here."""
    start = engine.update_id(SYMBOL)
    await eventually(lambda: engine.update_id(SYMBOL) > start + 2 * steps)


def lost_nothing(engine, feed):
    engine.advance(engine.now_ns)
    counters = engine.counters()
    assert engine.synced(SYMBOL)
    assert engine.generation(SYMBOL) == 1
    assert engine.missing_trades == 0
    assert (counters["gaps"], counters["resyncs"]) == (0, 0)
    assert feed.counts["disconnected"] == 0
    assert feed.counts["connected"] == 1
