"""A book in sync and the REST side: the fresh snapshot waits for the stream, is compared, and nothing is disturbed (case 11)."""

import asyncio

import msgspec
import pytest
from aiohttp import web

from hft.net import feed as feed_module
from tests.net.broadcast import SYMBOL, Broadcast
from tests.net.trading import goes_on, lost_nothing, trading
from tests.net.wire import eventually


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(feed_module, "POLL_S", 0.02)


def rejects(engine):
    engine.advance(engine.now_ns)
    return engine.counters()["rejects"]


@pytest.mark.parametrize("protocol", ["binance-usdm", "binance-spot"])
async def test_a_comparison_waits_until_the_stream_is_as_far_as_the_snapshot(protocol):
    """The venue's REST side is 0.2 s ahead of its streams."""
    market = Broadcast(protocol)
    market.lag = lambda _: 0.2
    async with trading(market, engine_options={"compare_ms": 100}) as (engine, feed, events):
        await eventually(lambda: feed.counts["refresh"])
        await goes_on(engine)
        lost_nothing(engine, feed)
        assert next(event.text for event in events if event.kind == "refresh").endswith(": ok")
        assert not {"snapshot_ahead", "book_mismatch"} & set(rejects(engine))


async def test_a_book_that_differs_from_the_venues_is_reported_and_replaced():
    market = Broadcast()
    async with trading(market, engine_options={"compare_ms": 100}) as (engine, feed, events):
        sound = market.book
        market.book = lambda: msgspec.json.encode(msgspec.json.decode(sound()) | {"asks": [["101.0", "2"], ["102.0", "3"]]})
        await eventually(lambda: feed.counts["book_mismatch"])
        await goes_on(engine)
        assert rejects(engine)["book_mismatch"] == 1
        assert (engine.generation(SYMBOL), engine.counters()["resyncs"]) == (2, 1)
        assert engine.synced(SYMBOL)
        assert any(event.kind == "book_mismatch" and event.symbols == (SYMBOL,) for event in events)


async def test_case_11_the_price_drifts_to_the_edge_and_the_next_levels_are_fetched():
    market = Broadcast()
    levels = [[f"{990 - n}.0", "1"] for n in range(40)]
    taken = 0

    def book():
        asks = [[f"{1000 + n}.0", "1"] for n in range(5)]
        return msgspec.json.encode({"lastUpdateId": market.id, "T": 1, "E": 1, "bids": levels[taken : taken + 5], "asks": asks})

    market.book = book
    async with trading(market, stream=False) as (engine, feed, _):
        assert engine.touch(SYMBOL)[0] == 990
        taken = 4
        market.step(bids=[[price, "0"] for price, _ in levels[:4]])
        await eventually(lambda: feed.counts["refresh"] == 1)
        market.step(bids=[["986.0", "0"]])
        await eventually(lambda: engine.touch(SYMBOL)[0] == 985)       # which no update ever told
        lost_nothing(engine, feed)


async def test_a_rest_side_that_fails_leaves_the_book_in_sync():
    market = Broadcast()
    async with trading(market, engine_options={"compare_ms": 100}) as (engine, feed, _):
        market.book = lambda: b"{}"
        await eventually(lambda: feed.counts["snapshot_failed"] >= 2)
        await goes_on(engine)
        lost_nothing(engine, feed)
        assert engine.refreshing(SYMBOL)


# -- the first snapshot, through the same sockets ------------------------------------------------------------------------


async def test_case_1_an_old_snapshot_is_fetched_again_with_backoff_and_the_buffer_kept():
    market = Broadcast()
    requests = []

    async with trading(market) as (engine, feed, _):
        def book():
            requests.append(market.id)
            if len(requests) < 4:          # ends long before what is buffered
                return msgspec.json.encode({"lastUpdateId": 5, "T": 1, "E": 1, "bids": [["99.0", "1"]], "asks": [["101.0", "1"]]})
            return Broadcast.book(market)

        market.book = book
        engine.resync(SYMBOL, engine.now_ns)
        await eventually(lambda: engine.wants_snapshot())
        feed.snapshots.check()
        await eventually(lambda: len(requests) >= 4 and engine.synced(SYMBOL))
        assert rejects(engine)["snapshot_too_old"] == 3
        assert feed.snapshots.backoffs[SYMBOL].failures >= 3
        assert engine.generation(SYMBOL) == 2           # one book: the buffer was kept all the while
        assert engine.missing_trades == 0


async def test_case_12_a_second_gap_while_the_snapshot_is_fetched_supersedes_the_first():
    """The REST answer of the first resync comes after the second gap, and is older than what is buffered then."""
    market = Broadcast()
    async with trading(market, stream=False) as (engine, _feed, _):
        hold, begun = asyncio.Event(), []
        old = market.book()

        async def slow():
            begun.append(1)
            if len(begun) == 1:
                await hold.wait()
                return web.Response(body=old)
            return web.Response(body=Broadcast.book(market))

        market.book = slow
        for _ in range(2):
            market.id += 10             # updates that never come
            market.step()
            await eventually(lambda: engine.counters()["gaps"])
            await eventually(lambda: begun)
        await eventually(lambda: engine.counters()["gaps"] == 2)
        hold.set()
        await eventually(lambda: len(begun) >= 2)
        market.step()
        await eventually(lambda: engine.synced(SYMBOL))
        assert engine.counters()["resyncs"] == 1
        assert rejects(engine)["snapshot_too_old"] == 1
        await eventually(lambda: engine.update_id(SYMBOL) == market.id)
