"""The whole feed against a venue on loopback: connect, subscribe, reconnect, stop."""

import asyncio
import socket
from itertools import pairwise

import msgspec
import pytest
from aiohttp import web

from hft.net.line import STREAMS_PER_MESSAGE, Timing
from hft.venues.binance.venues import venue_at
from tests.net.running import BOOK, Market, Running, quiet
from tests.net.wire import PING, PONG, RestServer, WireServer, eventually, frame

# -- connecting and subscribing ----------------------------------------------------------------------------------------


async def test_streams_are_subscribed_to_in_the_url(transport):
    async def script(peer):
        await peer.write(frame("1"), frame("2"))
        await peer.until_gone()

    market = Market()
    async with WireServer(script) as server, Running(server.url, market, transport=transport) as running:
        await eventually(lambda: len(market.frames) == 2)
        assert server.peers[0].path == "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade"
        assert market.reported == [("connect", "BTCUSDT")]
        assert running.feed.messages == 2
    assert market.reported == [("connect", "BTCUSDT"), ("disconnect", "BTCUSDT")]
    assert market.frames == [b"1", b"2"]
    assert running.kinds() == ["connected", "disconnected"]


async def test_too_many_for_a_url_are_subscribed_to_by_message(transport):
    requests = []

    async def script(peer):
        while True:
            requests.append(await peer.request())
            await peer.write(frame(b'{"result":null,"id":%d}' % requests[-1]["id"]))

    market, symbols = Market(), [f"SYM{n}USDT" for n in range(60)]
    async with WireServer(script) as server, Running(server.url, market, symbols=symbols, transport=transport) as running:
        await eventually(lambda: len(requests) == 2)
        assert server.peers[0].path == "/stream"
        assert {request["method"] for request in requests} == {"SUBSCRIBE"}
        assert all(len(request["params"]) <= STREAMS_PER_MESSAGE for request in requests)
        streams = [stream for request in requests for stream in request["params"]]
        assert streams == running.feed.connections[0].options.streams
        assert len(set(streams)) == 180
        assert len({request["id"] for request in requests}) == 2
        await eventually(lambda: len(market.reported) == 60)
    assert [msgspec.json.decode(each)["id"] for each in market.frames] == [1, 2]    # inputs like any other


async def test_messages_to_the_venue_keep_to_its_rate(monkeypatch):
    """Spot takes five a second and connection; three are ours. The fourth waits, on a clock of the test's own."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    now = [0.0]
    requests = []

    async def script(peer):
        while True:
            request = await peer.request()
            requests.append((request, now[0]))
            await peer.write(frame(b'{"result":null,"id":%d}' % request["id"]))

    symbols = [f"SYM{n}USDT" for n in range(300)]
    market = Market()
    async with WireServer(script) as server:
        running = Running(server.url, market, symbols=symbols, protocol="binance-spot", streams_per_connection=1024)
        for connection in running.feed.connections:
            monkeypatch.setattr(connection.options, "monotonic", lambda: now[0])
            monkeypatch.setattr(connection.options, "sleep", sleep)
        async with running:
            await eventually(lambda: len(requests) == 9)
    sent = sorted(at for request, at in requests)
    assert sum(slept) >= 2.0            # nine in threes: two whole seconds at least
    assert sent[-1] >= 2.0


async def test_a_symbol_is_connected_once_all_its_streams_are():
    """Streams split over endpoints, as on USD-M: a book without its trades is not connected."""
    hold = asyncio.Event()

    async def script(peer):
        if peer.path.startswith("/market"):
            await hold.wait()
            peer.cut()
        await peer.until_gone()

    async with WireServer(script) as server:
        routes = (("depth", "/public"), ("bookTicker", "/public"), ("trade", "/market"))
        venue = msgspec.structs.replace(venue_at("http://127.0.0.1:1", server.url), routes=routes)
        market = Market()
        async with Running(server.url, market, venue=venue) as running:
            await eventually(lambda: market.reported == [("connect", "BTCUSDT")])
            assert sorted(peer.path.split("/")[1] for peer in server.peers) == ["market", "public"]
            assert [event.symbols for event in running.events] == [(), ("BTCUSDT",)]
            hold.set()
            await eventually(lambda: len(market.reported) >= 3)
            assert market.reported[1:3] == [("disconnect", "BTCUSDT"), ("connect", "BTCUSDT")]


async def test_a_subscribe_without_an_answer_is_given_up(monkeypatch):
    monkeypatch.setattr("hft.net.transports.CLOSE_S", 0.05)

    async def busy(peer):
        while True:                     # market data goes on, the answer never comes
            await peer.write(frame('{"x":1}'))
            await asyncio.sleep(0.01)

    market, symbols = Market(), [f"SYM{n}USDT" for n in range(60)]
    timing = Timing(silent_after_s=5.0, answer_s=0.1)
    async with WireServer(busy) as server, Running(server.url, market, symbols=symbols, timing=timing) as running:
        await eventually(lambda: len(server.peers) >= 2)
        down = next(event for event in running.events if event.kind == "disconnected")
        assert down.text == "no answer to SUBSCRIBE"


async def test_a_refused_subscribe_says_the_venues_words():
    async def refusing(peer):
        request = await peer.request()
        await peer.write(frame(b'{"error":{"code":2,"msg":"Invalid request: too many streams"},"id":%d}' % request["id"]))
        await peer.until_gone()

    symbols = [f"SYM{n}USDT" for n in range(60)]
    async with WireServer(refusing) as server, Running(server.url, Market(), symbols=symbols) as running:
        await eventually(lambda: "refused" in running.kinds())
        event = next(event for event in running.events if event.kind == "refused")
        assert event.text == "SUBSCRIBE was refused: Invalid request: too many streams (2)"
        await eventually(lambda: "disconnected" in running.kinds())


# -- going and coming back ---------------------------------------------------------------------------------------------


async def test_a_cut_connection_comes_back_and_its_snapshot_is_fetched_anew(transport):
    """Fault case 15."""
    async def script(peer):
        await peer.write(frame(b"%d" % len(server.peers)))
        if len(server.peers) == 1:
            peer.cut()
        await peer.until_gone()

    market = Market(wants=1)
    async with (
        WireServer(script) as server,
        RestServer({"/fapi/v1/depth": BOOK}) as rest,
        Running(server.url, market, rest=rest.url, transport=transport) as running,
    ):
        await eventually(lambda: len(server.peers) == 2)
        await eventually(lambda: len(market.reported) == 3)
        assert market.reported == [("connect", "BTCUSDT"), ("disconnect", "BTCUSDT"), ("connect", "BTCUSDT")]
        await eventually(lambda: running.feed.counts["snapshot"] >= 1)


@pytest.mark.parametrize("form", [
    b'{"e":"serverShutdown","E":1723161256313}',
    b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161256313}}',
    b'{"subscriptionId":0,"event":{"e":"serverShutdown","E":1723161256313}}',
])
async def test_a_shutdown_notice_is_reported_in_each_of_its_forms_and_once_a_connection(form):
    """However often the venue repeats it: each goes to the engine as an input, and none but the first costs a line."""
    async def script(peer):
        if len(server.peers) > 1:       # the successor is not let in
            return peer.cut()
        for _ in range(20):
            await peer.write(frame(form) * 500)
        await peer.until_gone()

    market = Market()
    async with WireServer(script) as server, Running(server.url, market) as running:
        await eventually(lambda: len(market.frames) >= 10_000)
        assert running.feed.counts["server_shutdown"] == 1
        assert running.kinds().count("server_shutdown") == 1
    assert set(market.frames) == {form}


async def test_a_venue_that_sends_us_from_one_connection_to_the_next_is_followed_at_growing_distance():
    notice = b'{"e":"serverShutdown","E":1723161256313}'

    async def script(peer):
        await peer.write(frame(notice))
        while True:
            opcode, payload = await peer.read()
            if opcode == PING:
                await peer.write(frame(payload, PONG))

    market, waits = Market(), []
    async with WireServer(script) as server:
        running = Running(server.url, market)
        connection = running.feed.connections[0]

        async def sleep(seconds):
            waits.append(seconds)
            await asyncio.sleep(0)

        connection.options.sleep = sleep
        async with running:
            await eventually(lambda: running.feed.counts["handover"] >= 9)
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits[:6]))
    assert all(15 <= wait <= 30 for wait in waits[6:8])


async def test_what_looks_like_an_answer_and_is_none_goes_to_the_engine():
    odd = [b'{"result":', b'{"id":[1,2]}', b'{"code":"x"}', b'{"error":7}']

    async def script(peer):
        await peer.write(*map(frame, odd))
        await peer.until_gone()

    market = Market()
    async with WireServer(script) as server, Running(server.url, market):
        await eventually(lambda: len(market.frames) == 4)
    assert market.frames == odd


async def test_a_port_where_nobody_listens_is_tried_again_at_growing_distance(transport, monkeypatch):
    """Fault case 16, on a real refused port. The clock is the test's, so that the distances are exact."""
    now, attempts = [0.0], []

    async def sleep(seconds):
        now[0] += seconds
        await asyncio.sleep(0)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        running = Running(f"ws://127.0.0.1:{taken.getsockname()[1]}", Market(), transport=transport)
        connection = running.feed.connections[0]
        connect = connection._open

        async def opened():
            attempts.append(now[0])
            return await connect()

        monkeypatch.setattr(connection.options, "monotonic", lambda: now[0])
        monkeypatch.setattr(connection.options, "sleep", sleep)
        monkeypatch.setattr(connection, "_open", opened)
        async with running:
            await eventually(lambda: len(attempts) >= 100)
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    for n, gap in enumerate(gaps[:99]):
        ceiling = min(30.0, 0.5 * 2 ** min(n, 30))
        assert ceiling / 2 <= gap <= ceiling + 1e-6
    assert max(sum(start <= at < start + 300 for at in attempts) for start in attempts) < 50 < 300
    assert set(running.kinds()) == {"connect_failed"}
    assert "Connect call failed" in running.events[0].text or "refused" in running.events[0].text.lower()


@pytest.mark.parametrize("status", [429, 418])
async def test_a_handshake_answered_with_a_ban_obeys_retry_after(status, transport, monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        await asyncio.sleep(3600 if len(slept) > 0 else 0)

    async with RestServer({"/stream": lambda _: web.Response(status=status, headers={"Retry-After": "77"})}) as server:
        running = Running(server.url.replace("http", "ws"), Market(), transport=transport)
        monkeypatch.setattr(running.feed.connections[0].options, "sleep", sleep)
        async with running:
            await eventually(lambda: slept)
    assert slept[0] == 77.0
    assert f"the handshake was answered with {status}" in running.events[0].text


async def test_an_exception_of_the_engine_ends_the_run_with_it(transport):
    async def script(peer):
        await peer.write(frame('{"raise":1}'))
        await peer.until_gone()

    async with WireServer(script) as server:
        running = Running(server.url, Market(), transport=transport)
        with pytest.raises(ZeroDivisionError, match="in the strategy"):
            await running.feed.run()


async def test_an_exception_on_attention_ends_the_run_with_it():
    class Raising(Market):
        def on_check(self):
            raise ZeroDivisionError("in the strategy")

    async with WireServer(quiet) as server:
        with pytest.raises(ZeroDivisionError):
            await Running(server.url, Raising()).feed.run()


async def test_stopping_before_the_start_and_twice_does_no_harm():
    async with WireServer(quiet) as server:
        running = Running(server.url, Market())
        await running.feed.stop()
        async with running:
            await eventually(lambda: "connected" in running.kinds())
            await running.feed.stop()
            await running.feed.stop()
            assert running.task.done()
