"""A websocket is owned from its first moment, and closed means closed: wherever its owner is cancelled, nothing is left of it."""

import asyncio

import msgspec
import pytest
import uvloop

from hft._core.base.runclock import RunClock
from hft.net.feed import Feed
from hft.net.line import Timing
from hft.net.listener import Listener
from hft.net.transports import connect
from hft.venues.binance.venues import venue_at
from tests.net.cancelling import Cancelling, at_every_await, settled, sockets
from tests.net.running import Market, Running
from tests.net.wire import PING, PONG, TEXT, WireServer, eventually, frame

SHUTDOWN = b'{"e":"serverShutdown","E":1723161256313}'


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine on the loop that runs are made on, and on the standard library's."""
    def run(work):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if request.param == "uvloop" else None) as runner:
            return runner.run(work)

    return run


async def chatting(peer):
    """Sends without end, and answers pings."""
    async def send():
        while True:
            await peer.write(frame(b"{}"), frame(b"{}"))
            await asyncio.sleep(0.001)

    sending = asyncio.create_task(send())
    try:
        while True:
            opcode, payload = await peer.read()
            if opcode == PING:
                await peer.write(frame(payload, PONG))
    finally:
        sending.cancel()


class Awaited(Market):
    """A market that says when it has had some frames."""

    def __init__(self):
        super().__init__()
        self.some = asyncio.Event()

    def on_other(self, frame, now_ns):
        if len(self.frames) > 2:
            self.some.set()
        return super().on_other(frame, now_ns)


class Nothing:
    """What is there before and after an attempt, apart from the venue itself."""

    def __init__(self, server, market):
        self.server = server
        self.market = market
        self.sockets = sockets()
        self.tasks = asyncio.all_tasks()

    async def is_left(self):
        frames = len(self.market.frames)
        await settled(lambda: self.server.connections == 0, "the venue still has a connection")
        await settled(lambda: sockets() == self.sockets, f"{sockets() - self.sockets} sockets are left")
        await settled(lambda: asyncio.all_tasks() == self.tasks, f"left: {asyncio.all_tasks() - self.tasks}")
        assert len(self.market.frames) == frames
        up = sum(kind == "connect" for kind, _ in self.market.reported)
        assert up == sum(kind == "disconnect" for kind, _ in self.market.reported)


class Owner:
    """Stands where a `Line` stands, and tells the market what that would tell it."""

    def __init__(self, market):
        self.market = market

    def on_open(self, listener):
        self.market.connect("BTCUSDT", 0)

    def on_closed(self, why, frame):
        self.market.disconnect("BTCUSDT", 0)


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "as the wait ends"])
def test_a_connection_that_is_cancelled_at_any_moment_is_gone(transport, late, run):
    async def test():
        async with WireServer(chatting) as server:
            async def attempt(cancelling: Cancelling):
                market = Awaited()
                before = Nothing(server, market)

                async def life():
                    link = await connect(transport, server.url, Listener(market, RunClock(), Owner(market)))
                    try:
                        await market.some.wait()
                    finally:
                        await link.close()

                await cancelling.watch(life())
                await before.is_left()

            return await at_every_await(attempt, late)

    assert run(test()) >= 4


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "as the wait ends"])
def test_a_feed_s_connection_that_is_cancelled_at_any_moment_of_a_handover_is_gone(transport, late, run):
    """Subscribed on by message, told to leave, renewed, handed over, closed: the cancel comes at each of its waits."""
    async def subscribed(peer):
        sent = False
        while True:
            opcode, payload = await peer.read()
            if opcode == PING:
                await peer.write(frame(payload, PONG))
            elif opcode == TEXT:
                await peer.write(frame(b'{"result":null,"id":%d}' % msgspec.json.decode(payload)["id"]), frame(b"{}"))
                if not sent and len(server.peers) % 2:
                    await peer.write(frame(SHUTDOWN))
                sent = True

    async def test():
        nonlocal server
        async with WireServer(subscribed) as server:
            async def attempt(cancelling: Cancelling):
                server.peers.clear()
                market = Awaited()
                before = Nothing(server, market)
                over = asyncio.Event()
                symbols = [f"SYM{n}USDT" for n in range(60)]
                feed = Feed(venue_at("http://127.0.0.1:1", server.url, "binance-usdm"), symbols, market, clock=RunClock(),
                            transport=transport, on_event=lambda event: event.kind == "handover" and over.set())
                connection = feed.connections[0]

                async def life():
                    running = asyncio.create_task(connection.run())
                    try:
                        await over.wait()
                    finally:
                        running.cancel()
                        await asyncio.gather(running, return_exceptions=True)

                await cancelling.watch(life())
                await before.is_left()
                assert connection.listener is None or connection.listener.stopped

            return await at_every_await(attempt, late)

    server = None
    assert run(test()) > 12


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "as the wait ends"])
def test_a_feed_that_is_cancelled_at_any_moment_of_its_end_is_gone(transport, late, run):
    async def test():
        async with WireServer(chatting) as server:
            async def attempt(cancelling: Cancelling):
                market = Awaited()
                before = Nothing(server, market)
                feed = Feed(venue_at("http://127.0.0.1:1", server.url, "binance-usdm"), ["BTCUSDT"], market, clock=RunClock(),
                            transport=transport)

                async def life():
                    asyncio.get_running_loop().call_later(0.02, feed.events.stop)
                    await feed.run()

                await cancelling.watch(life())
                await before.is_left()

            return await at_every_await(attempt, late)

    assert run(test()) >= 4


def test_a_feed_that_is_cancelled_again_and_again_is_gone(transport, run):
    """Its websocket is closed by a task, which may be cancelled before it has begun."""
    async def test():
        async with WireServer(chatting) as server:
            market = Awaited()
            before = Nothing(server, market)
            feed = Feed(venue_at("http://127.0.0.1:1", server.url, "binance-usdm"), ["BTCUSDT"], market, clock=RunClock(),
                        transport=transport)
            running = asyncio.create_task(feed.run())
            await market.some.wait()
            while not running.done():
                running.cancel()
                await asyncio.sleep(0)
            await before.is_left()

    run(test())


async def test_a_successor_in_mid_handshake_goes_with_the_line_that_it_was_to_succeed(transport):
    """Its handshake is answered late, and then it sends more than may be held: nobody hears of it, and the run goes on."""
    answered = asyncio.Event()

    async def answering(number):
        if number == 1:
            await answered.wait()

    async def script(peer):
        number = len(server.peers)
        if number == 1:
            await peer.write(frame(SHUTDOWN))
            await asyncio.sleep(0)
        try:
            while True:
                await peer.write(frame(b'{"from":%d}' % number))
                await asyncio.sleep(0.002)
        except ConnectionError:
            pass

    async with WireServer(script, answering) as server:
        market = Market()
        async with Running(server.url, market, transport=transport, held_bytes=8, timing=Timing(connect_s=5.0)) as running:
            await eventually(lambda: server.connections == 2 and len(server.peers) == 1)
            server.peers[0].cut()
            await eventually(lambda: running.feed.counts["disconnected"] == 1)
            answered.set()
            await eventually(lambda: running.feed.counts["connected"] == 2)
            seen = len(market.frames)
            await eventually(lambda: len(market.frames) > seen + 10)
            assert not running.task.done()
            assert running.feed.counts["handover"] == running.feed.counts["handover_full"] == 0
    assert running.task.exception() is None
