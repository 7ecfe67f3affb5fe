"""A feed that runs beside a test, what stands in the engine's place, and the least that a venue has to say."""

import asyncio

from hft._core.base.runclock import RunClock
from hft._core.wire.sink import FrameSink
from hft.net.feed import Feed
from hft.net.line import Timing
from hft.venues.binance.venues import venue_at

BOOK = b'{"lastUpdateId":7,"T":1700000000001,"bids":[["1.0","2.0"]],"asks":[["1.5","3.0"]]}'
PATIENT = Timing()


class Market(FrameSink):
    """Stands where the engine stands, and writes down what it is told."""

    def __init__(self, wants=0):
        self.frames = []
        self.reported = []
        self.snapshots = []
        self.wanted = wants
        self.wanting = []

    def on_other(self, frame, now_ns):
        self.frames.append(frame)
        if frame == b'{"raise":1}':
            raise ZeroDivisionError("in the strategy")
        if frame == b'{"gap":1}':
            self.wanting = ["BTCUSDT"]
            return FrameSink.CHECK
        return 0

    def connect(self, symbol, now_ns):
        self.reported.append(("connect", symbol))
        self.wanting = sorted({*self.wanting, symbol}) if self.wanted else []

    def disconnect(self, symbol, now_ns):
        self.reported.append(("disconnect", symbol))
        self.wanting = [each for each in self.wanting if each != symbol]

    def on_snapshot(self, symbol, last_update_id, bids, asks, now_ns, stamp, body):
        self.snapshots.append((symbol, last_update_id, bids, asks, stamp))
        if len(self.snapshots) >= self.wanted:
            self.wanting = [each for each in self.wanting if each != symbol]
            return 0
        return 20                       # too old: another one

    def wants_snapshot(self):
        return list(self.wanting)

    def refreshing(self, symbol):
        return False

    def synced(self, symbol):
        return False

    def update_id(self, symbol):
        return 0

    def trade_id(self, symbol):
        return 0

    def delay_ns(self, symbol):
        return 0


class Running:
    """A feed that runs beside the test."""

    def __init__(self, ws, market, *, rest="http://127.0.0.1:1", symbols=("BTCUSDT",), timing=PATIENT, protocol="binance-usdm",
                 **options):
        self.events = []
        venue = options.pop("venue", None) or venue_at(rest, ws, protocol)
        self.feed = Feed(venue, symbols, market, clock=RunClock(), timing=timing, on_event=self.events.append, **options)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.feed.run())
        return self

    async def __aexit__(self, *_):
        await self.feed.stop()
        await asyncio.gather(self.task, return_exceptions=True)

    def kinds(self):
        return [event.kind for event in self.events]


async def quiet(peer):
    await peer.until_gone()
