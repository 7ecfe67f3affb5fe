"""The feed and the engine together, against the embedded exchange in a process of its own: the book is followed without a gap."""

import asyncio
import contextlib
import json
import sys

import pytest

from hft._core.base.runclock import RunClock
from hft._core.engine.engine import Engine
from hft.net.feed import Feed
from hft.run import specs
from hft.venues.binance import messages
from hft.venues.binance.rest import RestClient
from hft.venues.binance.venues import venue_at
from tests import data
from tests.net.wire import eventually

SERVE = """
import json, sys
from pathlib import Path
from hft.exchange.server import run_settings
from hft.exchange.settings import ExchangeSettings
given = json.loads(sys.argv[1])
if "capture" in given:
    given["capture"] = Path(given["capture"])
sys.exit(run_settings(ExchangeSettings(**given)))
"""


@contextlib.asynccontextmanager
async def exchange(**settings):
    """The embedded exchange; what it announces."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, json.dumps(settings), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:      # one that served a recording ends with it
            process.terminate()
        await process.wait()


async def follow(announced, until, transport="picows"):
    """Runs a feed into an engine until `until(engine, feed)`; (engine, feed, events)."""
    venue = venue_at(announced["rest"], announced["ws"], announced["protocol"])
    events = []
    async with RestClient(venue) as rest:
        info = await rest.exchange_info(announced["symbols"])
        resolved = specs.resolve(announced["symbols"], venue.protocol.name, fees=("0.0002", "0.0005"), exchange_info=[info])
        engine = Engine([each.spec for each in resolved], fallback=messages.load, sync=venue.protocol.sync)
        feed = Feed(
            venue, announced["symbols"], engine, clock=RunClock(), transport=transport, rest=rest, on_event=events.append
        )
        task = asyncio.create_task(feed.run())
        await eventually(lambda: task.done() or until(engine, feed), polls=24_000)
        await feed.stop()
        await task
    return engine, feed, events


@pytest.mark.parametrize("protocol", ["binance-usdm", "binance-spot"])
async def test_a_simulated_market_is_followed_without_a_gap(protocol, transport):
    symbols = ["BTCUSDT", "ETHUSDT"]
    seen = []

    def followed(engine, feed):
        if all(engine.synced(symbol) for symbol in symbols):
            seen.append([engine.touch(symbol) for symbol in symbols])
        return feed.messages >= 600 and len(seen) > 50

    async with exchange(protocol=protocol, symbols=symbols, speed=5.0) as announced:
        engine, feed, events = await follow(announced, followed, transport)
    counters = engine.counters()
    assert counters["gaps"] == counters["resyncs"] == 0
    assert all(bid < ask for touches in seen for bid, _, ask, _ in touches)
    assert [event.kind for event in events if event.kind != "snapshot"] == ["connected", "disconnected"]
    assert feed.counts["snapshot"] >= 2
    assert len({tuple(touch) for touches in seen for touch in touches}) > 10       # it moved


@pytest.mark.long
@pytest.mark.parametrize("name", [data.USDM_BTC, data.SPOT_BTC])
async def test_a_recorded_session_is_followed_to_its_end_without_a_gap(name):
    frames = sum(1 for line in data.frames(name) if not line.startswith(b'{"lastUpdateId"'))
    async with exchange(capture=str(data.find(name)), speed=0.0) as announced:
        engine, _, events = await follow(announced, lambda engine, feed: feed.counts["disconnected"])
    counters = engine.counters()
    assert counters["gaps"] == counters["resyncs"] == 0
    assert "book_mismatch" not in counters["rejects"]
    assert counters["frames"] == frames
    aside = ("refresh", "snapshot_failed", "behind")       # a price near the edge; a debug build is slower than what it is sent
    kinds = [event.kind for event in events if event.kind not in aside]
    assert kinds[:3] == ["connected", "snapshot", "disconnected"]
