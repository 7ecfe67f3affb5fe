"""Snapshots that an engine wants, from a REST side on loopback."""

import asyncio

import pytest
from aiohttp import web

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.run.feed_event import ALERTS
from hft.venues.binance.rest import AT_ONCE
from tests.net.running import BOOK, Market, Running, quiet
from tests.net.wire import RestServer, WireServer, eventually, frame


async def test_a_wanted_snapshot_is_fetched_and_delivered():
    market = Market(wants=1)
    async with WireServer(quiet) as server, RestServer({"/fapi/v1/depth": BOOK}) as rest:
        async with Running(server.url, market, rest=rest.url):
            await eventually(lambda: market.snapshots)
        assert market.snapshots == [("BTCUSDT", 7, [("1.0", "2.0")], [("1.5", "3.0")], 1_700_000_000_001)]
        assert rest.requests == ["/fapi/v1/depth?symbol=BTCUSDT&limit=1000"]


async def test_a_snapshot_that_is_too_old_is_fetched_again_with_backoff():
    market = Market(wants=3)
    async with WireServer(quiet) as server, RestServer({"/fapi/v1/depth": BOOK}) as rest:
        async with Running(server.url, market, rest=rest.url) as running:
            await eventually(lambda: len(market.snapshots) == 3)
            await eventually(lambda: running.kinds().count("snapshot") == 3)
            assert running.feed.snapshots.backoffs["BTCUSDT"].failures == 2
        assert len(rest.requests) == 3


async def test_attention_during_a_read_fetches_what_is_wanted():
    async def script(peer):
        await peer.write(frame('{"gap":1}'), frame('{"after":1}'))
        await peer.until_gone()

    market = Market()
    market.wanted = 0
    async with (
        WireServer(script) as server,
        RestServer({"/fapi/v1/depth": BOOK}) as rest,
        Running(server.url, market, rest=rest.url),
    ):
        await eventually(lambda: market.snapshots)
    assert market.frames == [b'{"gap":1}', b'{"after":1}']


async def test_a_snapshot_that_is_refused_for_a_while_comes_in_the_end():
    """Fault case 17: 429, then 503, then the book; nothing is delivered before. How long Retry-After is waited for: test_rest."""
    answers = iter([web.Response(status=429, headers={"Retry-After": "0"}), web.Response(status=503), web.Response(body=BOOK)])
    market = Market(wants=1)
    async with (
        WireServer(quiet) as server,
        RestServer({"/fapi/v1/depth": lambda _: next(answers)}) as rest,
        Running(server.url, market, rest=rest.url) as running,
    ):
        await eventually(lambda: market.snapshots)
        assert running.feed.counts["rate_limited"] == 1
        assert running.feed.counts["snapshot_failed"] == 1
    assert len(market.snapshots) == 1


@pytest.mark.parametrize("body", [b"not json", b'{"code":-1121,"msg":"Invalid symbol."}', b'{"lastUpdateId":1,"bids":[]}'])
async def test_a_body_that_is_no_book_is_reported_and_requested_again(body):
    bodies = [body, BOOK]
    market, answers = Market(wants=1), {"/fapi/v1/depth": lambda _: bodies.pop(0)}
    async with (
        WireServer(quiet) as server,
        RestServer(answers) as rest,
        Running(server.url, market, rest=rest.url) as running,
    ):
        await eventually(lambda: market.snapshots)
        assert running.feed.counts["snapshot_failed"] == 1


@pytest.mark.parametrize("number", [str(10**30), "-7", "9" * 4000])
async def test_an_id_beyond_64_bits_is_a_book_that_is_refused_with_the_way_out(number):
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"))
    bodies = [BOOK.replace(b":7,", b":%s," % number.encode()), BOOK.replace(b"1.5", b"1.55")]
    async with (
        WireServer(quiet) as server,
        RestServer({"/fapi/v1/depth": lambda _: web.Response(body=bodies.pop(0) if bodies else BOOK)}) as rest,
        Running(server.url, engine, rest=rest.url) as running,
    ):
        await eventually(lambda: engine.update_id("BTCUSDT") == 7)
        refused = [event.text for event in running.events if event.kind == "snapshot_refused"]
        assert len(refused) == 2
        assert all("bad_number; " in text and len(text) < 200 for text in refused)
        assert not running.task.done()


async def test_what_the_engine_refuses_again_and_again_is_a_warning():
    market = Market(wants=5)
    async with (
        WireServer(quiet) as server,
        RestServer({"/fapi/v1/depth": BOOK}) as rest,
        Running(server.url, market, rest=rest.url) as running,
    ):
        await eventually(lambda: len(market.snapshots) == 5 and "snapshot" in running.kinds()[-1])
    kinds = [kind for kind in running.kinds() if kind.startswith("snapshot")]
    assert kinds == ["snapshot", "snapshot", "snapshot_refused", "snapshot_refused", "snapshot"]
    assert "snapshot_refused" in ALERTS


async def test_a_request_that_waits_for_weight_is_reported():
    """The venue counts all of its weight as used by others."""
    answers = {"/fapi/v1/depth": lambda _: web.Response(body=b"no book", headers={"X-MBX-USED-WEIGHT-1M": "2399"})}
    async with (
        WireServer(quiet) as server,
        RestServer(answers) as rest,
        Running(server.url, Market(wants=2), rest=rest.url) as running,
    ):
        await eventually(lambda: running.feed.counts["waiting"])
    assert len(rest.requests) == 1


async def test_none_is_fetched_any_more_once_the_feed_has_stopped(transport):
    """A frame that tells of a gap arrives while the connection closes: closed means closed."""
    over = asyncio.Event()

    async def script(peer):
        await peer.until_gone()
        await peer.write(frame('{"gap":1}'))
        await asyncio.sleep(0.1)

    async def late(_):
        await over.wait()
        return web.Response(body=BOOK)

    market = Market()
    async with WireServer(script) as server, RestServer({"/fapi/v1/depth": late}) as rest:
        async with Running(server.url, market, rest=rest.url, transport=transport) as running:
            await eventually(lambda: "connected" in running.kinds())
        fetching = list(running.feed.snapshots.tasks)
        over.set()
        assert (market.frames, fetching) == ([], [])


async def test_books_in_sync_do_not_hold_up_one_that_is_not():
    """Ten are to be compared on a REST side that is slow with them; each gets its turn, and what has no book gets one at once."""
    over, requests = asyncio.Event(), []
    names = [f"SYM{n}USDT" for n in range(10)]

    class Comparing(Market):
        def refreshing(self, symbol):
            return symbol in names

    async def answer(request):
        requests.append(symbol := request.query["symbol"])
        if symbol in names:
            await over.wait()
        return web.Response(body=BOOK)

    market = Comparing(wants=1)
    market.update_id = lambda _: 7
    async with (
        WireServer(quiet) as server,
        RestServer({"/fapi/v1/depth": answer}) as rest,
        Running(server.url, market, rest=rest.url, symbols=[*names, "BTCUSDT"]) as running,
    ):
        await eventually(lambda: "BTCUSDT" in requests or len(requests) == AT_ONCE)
        taken = [symbol in names for symbol in requests]
        over.set()
        assert taken.count(True) <= 1
        await eventually(lambda: market.snapshots)
        market.wanted = 100             # none is taken: each turn ends with the next one's
        await eventually(lambda: running.feed.snapshots.check() or set(names) <= set(requests))
