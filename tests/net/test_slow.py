"""A consumer that is slower than its market (fault case 18): TCP holds the venue back, memory stays as it is, and it is told."""

import asyncio
import threading
import time

import msgspec

from hft._core.base.runclock import RunClock
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft._core.wire.sink import FrameSink
from hft.net import feed as feed_module
from hft.net.feed import Feed
from hft.venues.binance import messages
from hft.venues.binance.venues import venue_at
from tests.net.running import Market
from tests.net.sockets import HELD
from tests.net.wire import WireServer, eventually, frame

PAYLOAD = b'{"x":"' + b"x" * 65_536 + b'"}'


class Flood(threading.Thread):
    """A venue with a loop of its own that writes as fast as it is let."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sent = 0
        self.started = threading.Event()
        self.over = threading.Event()

    def run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        async with WireServer(self._script) as server:
            self.url = server.url
            self.started.set()
            while not self.over.is_set():
                await asyncio.sleep(0.01)

    async def _script(self, peer):
        while not self.over.is_set():
            await peer.write(frame(PAYLOAD))
            self.sent += len(PAYLOAD)

    def __enter__(self):
        self.start()
        self.started.wait()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


class Slow(Market):
    def __init__(self):
        super().__init__()
        self.taken = 0

    def on_other(self, frame, now_ns):
        time.sleep(0.001)
        self.taken += len(frame)
        return 0


async def test_what_waits_is_bounded_by_the_sockets_however_much_the_venue_has_to_say(transport):
    sink, waiting = Slow(), []
    with Flood() as venue:
        feed = Feed(venue_at("http://127.0.0.1:1", venue.url), ["BTCUSDT"], sink, clock=RunClock(), transport=transport)
        task = asyncio.create_task(feed.run())

        def far():
            waiting.append(venue.sent - sink.taken)
            return sink.taken > 2 * HELD

        await eventually(far)
        await feed.stop()
        await asyncio.gather(task, return_exceptions=True)
    assert venue.sent > 2 * HELD
    assert max(waiting) < HELD


async def test_messages_that_wait_for_us_are_reported_once(monkeypatch):
    monkeypatch.setattr(feed_module, "POLL_S", 0.02)

    async def script(peer):
        for late_ms in (0, 10, 20, 30, 40, 3_000, 3_100, 15):     # against the venue's own clock, which five stamps tell
            stamp = 1_700_000_000_000 + time.monotonic_ns() // 1_000_000 - late_ms
            trade = {"e": "trade", "E": stamp, "T": stamp, "s": "BTCUSDT", "t": late_ms + 1, "p": "1", "q": "1", "m": True,
                     "X": "MARKET"}
            await peer.write(frame(msgspec.json.encode(trade)))
            await asyncio.sleep(0.2)
        await peer.until_gone()

    engine, events = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"), fallback=messages.load), []
    assert isinstance(engine, FrameSink)
    async with WireServer(script) as server:
        venue = venue_at("http://127.0.0.1:1", server.url)
        feed = Feed(venue, ["BTCUSDT"], engine, clock=RunClock(), on_event=events.append)
        task = asyncio.create_task(feed.run())
        await eventually(lambda: feed.counts["behind"])
        await eventually(lambda: engine.delay_ns("BTCUSDT") < 1_000_000_000)
        await feed.stop()
        await asyncio.gather(task, return_exceptions=True)
    reported = [event for event in events if event.kind == "behind"]
    assert [event.symbols for event in reported] == [("BTCUSDT",)]
    assert "after their time" in reported[0].text
