"""While the journal has no room nothing is read, the loop goes on, and what was read is handled in order once there is."""

import asyncio

import msgspec

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.execution.capacity import worst_cases
from hft._core.record.journal import Journal
from hft.net.line import Timing
from hft.venues.binance import messages
from tests.net.running import Running
from tests.net.sockets import HELD
from tests.net.wire import WireServer, eventually, frame

BTC = Spec("BTCUSDT", tick="0.1", step="0.001")
PADDING = " " * 16_384
MANY = 3 * HELD // len(PADDING)
"""More than sockets hold."""


def update(n):
    depth = {"e": "depthUpdate", "E": 1_700_000_000_000, "T": 1_700_000_000_000, "s": "BTCUSDT", "U": n, "u": n, "pu": n - 1,
             "b": [["99.0", str(n % 7)]], "a": []}  # fmt: skip
    return frame(msgspec.json.encode(depth) + PADDING.encode())


class Market:
    """A venue that writes numbered updates as fast as it is let, to its first connection of each route."""

    def __init__(self, many):
        self.many = many
        self.sent = 0

    async def script(self, peer):
        if peer.path.startswith("/market") or self.sent:
            return await peer.until_gone()
        while self.sent < self.many:
            self.sent += 1
            await peer.write(update(self.sent))
        await peer.until_gone()
        return None


def engine_without_room():
    """An engine whose journal, as small as it may be, is full."""
    journal = Journal(worst_cases(2, 1, 16)["journal_least"])
    engine = Engine(BTC, fallback=messages.load, journal=journal)
    while journal.append_kill():
        pass
    return engine


async def test_reading_stops_and_nothing_is_lost(transport):
    engine = engine_without_room()
    market = Market(MANY)
    async with WireServer(market.script) as server, Running(server.url, engine, transport=transport) as running:
        await eventually(lambda: engine.held > 0)
        sent = -1
        while sent != market.sent:              # until the venue is held back by TCP
            sent = market.sent
            for _ in range(30):
                engine.advance(running.feed.clock.now())        # the timer of a run, which goes on
                await asyncio.sleep(0.01)
        assert sent < MANY
        assert engine.held_bytes < HELD
        assert engine.counters()["messages"]["depth"] == 0
        assert running.kinds().count("held") >= 1
        assert "disconnected" not in running.kinds()
        engine.journal.commit(engine.journal.used)
        await eventually(lambda: engine.counters()["messages"]["depth"] == MANY)
        assert engine.held == engine.held_bytes == 0
        assert "resumed" in running.kinds()
        assert running.kinds().count("held") <= 1 + (running.events[-1].now_ns - running.events[0].now_ns) // 10**9


async def test_a_run_that_is_held_can_be_ended(transport):
    engine = engine_without_room()
    market = Market(MANY)
    async with WireServer(market.script) as server, Running(server.url, engine, transport=transport) as running:
        await eventually(lambda: engine.held > 0)
        async with asyncio.timeout(10):
            await running.feed.stop()


async def test_silence_that_is_ours_is_not_held_against_the_venue(transport):
    engine = engine_without_room()
    market = Market(50)
    timing = Timing(silent_after_s=0.1, answer_s=0.2)
    async with WireServer(market.script) as server:
        running = Running(server.url, engine, transport=transport, timing=timing)
        async with running:
            await eventually(lambda: engine.held > 0)
            began = running.feed.clock.now()
            await eventually(lambda: running.feed.clock.now() - began > 2_000_000_000)
            public = [event.text for event in running.events if event.kind == "disconnected" and event.connection == "public-1"]
            assert public == []
