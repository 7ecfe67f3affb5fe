"""A planned reconnect loses nothing (fault case 14): a real engine on a market that goes to both connections."""

import asyncio

import msgspec
import pytest

from hft.net import connection as connection_module
from hft.net import line as line_module
from hft.net.connection import RENEWAL_SPREAD
from hft.net.handover import Handover
from hft.net.line import Timing
from tests.net.broadcast import SYMBOL, Broadcast
from tests.net.running import Market, Running, quiet
from tests.net.trading import goes_on, lost_nothing, trading
from tests.net.wire import PING, PONG, TEXT, WireServer, eventually, frame

FORMS = {
    "raw": b'{"e":"serverShutdown","E":1723161256313}',
    "combined": b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161256313}}',
    "event": b'{"subscriptionId":0,"event":{"e":"serverShutdown","E":1723161256313}}',
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_shutdown_notice_in_each_form_is_followed_by_a_switch_without_loss(form, transport):
    market = Broadcast()
    async with trading(market, transport=transport) as (engine, feed, events):
        market.send(0, FORMS[form])
        await eventually(lambda: feed.counts["handover"])
        await goes_on(engine)
        lost_nothing(engine, feed)
        assert [event.kind for event in events if event.kind not in ("snapshot", "refresh")] == [
            "connected", "server_shutdown", "renewing", "handover",
        ]
        assert "nothing is missing" in events[-1].text
        await eventually(lambda: market.peers[0]._writer.is_closing())
        assert len(market.peers) == 2


@pytest.mark.parametrize("protocol", ["binance-usdm", "binance-spot"])
@pytest.mark.parametrize("lags", [(0.15, 0.0), (0.0, 0.15)], ids=["the old one is behind", "the new one is behind"])
async def test_connections_at_different_paces_lose_nothing(protocol, lags, transport):
    market = Broadcast(protocol)
    market.lag = lambda number: lags[number]
    async with trading(market, transport=transport) as (engine, feed, _):
        market.send(0, FORMS["raw"])
        await eventually(lambda: feed.counts["handover"])
        await goes_on(engine)
        lost_nothing(engine, feed)


async def test_a_connection_is_renewed_before_its_time_is_over_again_and_again(monkeypatch):
    monkeypatch.setattr(connection_module, "STABLE_S", 0.0)
    market = Broadcast()
    async with trading(market, timing=Timing(lifetime_s=0.3)) as (engine, feed, _):
        await eventually(lambda: feed.counts["handover"] >= 4)
        lost_nothing(engine, feed)
        assert feed.counts["renewing"] >= 4


async def test_streams_split_over_endpoints_hand_over_each_on_its_own():
    """USD-M's /public and /market: two connections to a symbol."""
    market = Broadcast()
    routes = (("depth", "/public"), ("bookTicker", "/public"), ("trade", "/market"))
    async with trading(market, routes=routes) as (engine, feed, _):
        for number in range(2):
            market.send(number, FORMS["combined"])
        await eventually(lambda: feed.counts["handover"] == 2)
        await goes_on(engine)
        assert sorted(peer.path.split("/")[1] for peer in market.peers) == ["market", "market", "public", "public"]
        assert (engine.generation(SYMBOL), engine.missing_trades, feed.counts["disconnected"]) == (1, 0, 0)


async def test_the_ends_of_lifetimes_are_spread():
    """Each is shorter than what the venue allows, and those that were opened together do not end together."""
    async with WireServer(quiet) as server:
        symbols = [f"SYM{n}USDT" for n in range(40)]
        async with Running(
            server.url, Market(), symbols=symbols, streams_per_connection=3, timing=Timing(lifetime_s=1.0)
        ) as running:
            await eventually(lambda: running.feed.counts["renewing"] == 40)
            at = sorted(event.now_ns / 1e9 for event in running.events if event.kind == "renewing")
            texts = {event.text for event in running.events if event.kind == "renewing"}
        assert at[-1] - at[0] > RENEWAL_SPREAD / 4
        assert texts == {"it is 1 s old"}


async def test_the_old_one_may_go_once_the_new_one_is_up(transport):
    """It never answers the ping: the switch comes with its end."""
    market = Broadcast()
    market.deaf = lambda number: number == 0
    async with trading(market, transport=transport) as (engine, feed, events):
        market.send(0, FORMS["raw"])
        await eventually(lambda: len(market.peers) == 2)
        await eventually(lambda: feed.connections[0]._handover.held)
        market.peers[0].cut()
        await eventually(lambda: feed.counts["handover"])
        assert "the old one is gone" in events[-1].text
        await goes_on(engine)
        lost_nothing(engine, feed)


async def test_the_old_one_may_go_before_the_new_one_is_up(transport):
    """Then it is a lost connection like any other: told, and built anew."""
    market = Broadcast()
    market.refuse = lambda number: number == 1
    async with trading(market, transport=transport) as (engine, feed, _events):
        market.send(0, FORMS["raw"])
        await eventually(lambda: feed.counts["handover_failed"])
        market.peers[0].cut()
        await eventually(lambda: feed.counts["disconnected"] == 1)
        await eventually(lambda: feed.counts["connected"] == 2 and engine.synced(SYMBOL))
        assert feed.counts["handover"] == 0


async def test_the_old_one_goes_on_while_the_new_one_can_t_be_opened(transport):
    market = Broadcast()
    market.refuse = lambda number: 0 < number < 3
    async with trading(market, transport=transport) as (engine, feed, _events):
        market.send(0, FORMS["raw"])
        await eventually(lambda: feed.counts["handover"])
        await goes_on(engine)
        lost_nothing(engine, feed)
        assert feed.counts["handover_failed"] == 2
        assert len(market.peers) == 4


async def test_more_than_may_be_held_switches_at_once_and_says_so():
    market = Broadcast()
    market.deaf = lambda number: number == 0
    async with trading(market, held_bytes=5_000) as (engine, feed, events):
        market.send(0, FORMS["raw"])
        await eventually(lambda: feed.counts["handover"])
        assert feed.counts["handover_full"] == 1
        assert "at once" in next(event.text for event in events if event.kind == "handover")
        await goes_on(engine)
        lost_nothing(engine, feed)


async def test_a_new_one_that_does_not_continue_takes_over_at_the_time_limit_and_the_gap_is_a_gap():
    market = Broadcast()
    market.lag = lambda number: 3600.0 if number == 0 and len(market.peers) > 1 else 0.0    # the old one stalls
    async with trading(market, timing=Timing(handover_s=0.3)) as (engine, feed, _events):
        market.send(0, FORMS["raw"])
        await eventually(lambda: len(market.peers) == 2)
        await eventually(lambda: feed.counts["handover"])
        assert feed.counts["handover_late"] == 1
        await eventually(lambda: engine.synced(SYMBOL))
        await goes_on(engine)
        assert feed.counts["disconnected"] == 0


async def test_streams_requested_by_message_are_in_place_before_the_switch(transport):
    """The venue answers SUBSCRIBE on the new connection late."""
    hold, peers = asyncio.Event(), []

    async def script(peer):
        peers.append(peer)
        number = len(peers)
        while True:
            opcode, payload = await peer.read()
            if opcode == PING:
                await peer.write(frame(payload, PONG))
            if opcode == TEXT:
                if number == 2:
                    await hold.wait()
                await peer.write(frame(b'{"result":null,"id":%d}' % msgspec.json.decode(payload)["id"]))

    market, symbols = Market(), [f"SYM{n}USDT" for n in range(60)]
    async with WireServer(script) as server, Running(server.url, market, symbols=symbols, transport=transport) as running:
        await eventually(lambda: len(market.frames) == 2)
        await peers[0].write(frame(FORMS["combined"]))
        await eventually(lambda: len(peers) == 2)
        await peers[1].write(frame('{"held":1}'))
        await eventually(lambda: running.feed.connections[0]._handover.held)
        assert running.feed.counts["handover"] == 0
        assert len(market.frames) == 3
        hold.set()
        await eventually(lambda: running.feed.counts["handover"] == 1)
        assert b'{"held":1}' in market.frames
        assert len(market.reported) == 60           # connected once


async def test_a_connection_reported_gone_is_not_taken_over_from(monkeypatch):
    """The old one goes while it waits for its turn to SUBSCRIBE, before the new one could take over; then that one is full."""
    monkeypatch.setattr(line_module, "STREAMS_PER_MESSAGE", 1)
    peers = []

    async def script(peer):
        peers.append(peer)
        await peer.until_gone()

    market, symbols = Market(), [f"SYM{n}USDT" for n in range(60)]
    async with WireServer(script) as server, Running(server.url, market, symbols=symbols, held_bytes=8) as running:
        await eventually(lambda: running.feed.counts["connected"] == 1)
        await peers[0].write(frame(FORMS["combined"]))
        await eventually(lambda: len(peers) == 2 and running.feed.connections[0]._next.is_open)
        peers[0].cut()
        await eventually(lambda: running.feed.counts["disconnected"] == 1)
        await peers[1].write(frame('{"held":1}'))
        await eventually(lambda: running.feed.counts["connected"] == 2)
        assert [kind for kind in running.kinds() if kind.startswith("handover")] == []
        assert market.reported[-1] == ("connect", symbols[-1])


@pytest.mark.parametrize("venue", ["closes every new one", "sends us from one to the next"])
async def test_renewals_stay_within_the_venues_limit_on_connections(venue, monkeypatch):
    """Every attempt goes through the gate and its backoff. The clock is the test's."""
    now, attempts, peers = [0.0], [], []

    async def sleep(seconds):
        now[0] += seconds
        await asyncio.sleep(0)

    async def script(peer):
        peers.append(peer)
        attempts.append(now[0])
        if len(peers) == 1 or venue.startswith("sends"):
            await peer.write(frame(FORMS["raw"]))
            while True:
                opcode, payload = await peer.read()
                if opcode == PING:
                    await peer.write(frame(payload, PONG))

    async with WireServer(script) as server:
        running = Running(server.url, Market())
        monkeypatch.setattr(running.feed.connections[0].options, "monotonic", lambda: now[0])
        monkeypatch.setattr(running.feed.connections[0].options, "sleep", sleep)
        async with running:
            await eventually(lambda: len(attempts) >= 60)
            assert running.feed.counts["connected"] == 1
            assert running.feed.counts["disconnected"] == 0
    assert max(sum(start <= at < start + 300 for at in attempts) for start in attempts) <= 50


class Books:
    def __init__(self, synced=True, update_id=100, trade_id=50):
        self.synced = lambda _: synced
        self.update_id = lambda _: update_id
        self.trade_id = lambda _: trade_id


def depth(first, last, prev=None):
    body = {"e": "depthUpdate", "E": 1, "s": SYMBOL, "U": first, "u": last, "b": [], "a": []}
    return msgspec.json.encode(body | ({"pu": prev, "T": 1} if prev is not None else {}))


def trade(number):
    return msgspec.json.encode({"e": "trade", "E": 1, "s": SYMBOL, "t": number, "p": "1", "q": "1", "T": 1, "m": True, "M": True})


@pytest.mark.parametrize(
    ("frames", "continues"),
    [
        ([], True),
        ([depth(101, 105)], True), ([depth(90, 101)], True), ([depth(80, 90)], True), ([depth(102, 105)], False),
        ([depth(150, 160, 100)], True), ([depth(80, 100, 70)], True), ([depth(101, 105, 101)], False),
        ([trade(51)], True), ([trade(40)], True), ([trade(52)], False),
        ([depth(101, 101), depth(110, 111)], True),         # only the first is asked about: a later hole is the venue's
        ([trade(51), depth(102, 105)], False),
        ([b"not json", b'{"result":null,"id":1}'], True),
    ],
)
def test_the_first_held_of_each_stream_says_whether_anything_is_missing(frames, continues):
    handover = Handover(Books(), lambda: None)
    for each in frames:
        handover.on_other(each, 1)
    assert handover.continues() is continues
    assert Handover(Books(synced=False, trade_id=0), lambda: None).continues()
    assert handover.held == frames


def test_a_book_that_is_not_in_sync_and_a_first_trade_hold_nothing_up():
    handover = Handover(Books(synced=False, trade_id=0), lambda: None)
    for each in (depth(500, 600), trade(70)):
        handover.on_other(each, 1)
    assert handover.continues()
