"""Binance's protocol on real sockets: correct clients follow without a gap, fields and errors are the venue's."""

import asyncio
import contextlib
import json

import pytest
import websockets
from websockets.frames import CloseCode

from hft.errors import UsageError
from tests.exchange.client import Follower, connected, exchange, follow, get, levels

FIELDS = {
    "binance-usdm": {
        "depth": ["e", "E", "T", "s", "U", "u", "pu", "b", "a"],
        "bookTicker": ["e", "u", "s", "b", "B", "a", "A", "T", "E"],
        "trade": ["e", "E", "T", "s", "t", "p", "q", "X", "m"],
        "aggTrade": ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m"],
    },
    "binance-spot": {
        "depth": ["e", "E", "s", "U", "u", "b", "a"],
        "bookTicker": ["u", "s", "b", "B", "a", "A"],
        "trade": ["e", "E", "s", "t", "p", "q", "T", "m", "M"],
        "aggTrade": ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"],
    },
}
STREAMS = [("binance-usdm", "depth@0ms"), ("binance-usdm", "depth@100ms"), ("binance-usdm", "depth"),
           ("binance-usdm", "depth@500ms"), ("binance-spot", "depth@100ms")]


async def receive(socket, n=1):
    return [json.loads(await asyncio.wait_for(socket.recv(), 20)) for _ in range(n)]


async def ask(socket, **request):
    """Send a control request; its answer, whatever stream messages come before it."""
    await socket.send(json.dumps(request))
    while True:
        (message,) = await receive(socket)
        if "result" in message or "error" in message:
            return message


@pytest.mark.parametrize(("protocol", "stream"), STREAMS)
async def test_a_correct_client_follows_without_a_gap_and_holds_the_venues_book(protocol, stream):
    async with exchange(protocol=protocol, symbols=("BTCUSDT", "ETHUSDT"), seed=3, speed=4.0) as served:
        book, _, _ = await follow(served, stream, updates=12)
        _, _, snapshot = await get(served, "/depth?symbol=BTCUSDT&limit=1000")
        # The stream has gone on since, for as long as a busy machine takes: many levels have not changed. That all are equal
        # at one update is the next test's.
        held, there = {**book.bids, **book.asks}, levels(snapshot["bids"] + snapshot["asks"])
        same = sum(held.get(price) == qty for price, qty in there.items())
        assert same > 0.2 * len(there)


@pytest.mark.parametrize("protocol", ["binance-usdm", "binance-spot"])
async def test_the_followed_book_equals_a_snapshot_at_the_same_update(protocol):
    """Snapshots are asked for until one ends exactly where a depth update ended: then every level must agree."""
    async with exchange(protocol=protocol, seed=4, speed=0.05) as served:
        stream = "depth@0ms" if protocol == "binance-usdm" else "depth@100ms"
        async with connected(served, f"/ws/btcusdt@{stream}") as socket:
            book = Follower(protocol)
            book.snapshot((await get(served, "/depth?symbol=BTCUSDT&limit=1000"))[2])
            floor, ceiling = min(book.bids), max(book.asks)
            compared = 0
            while compared < 2:
                (event,) = await receive(socket)
                book.update(event)
                snapshot = (await get(served, "/depth?symbol=BTCUSDT&limit=1000"))[2]
                if snapshot["lastUpdateId"] == book.id:
                    for held, side in ((book.bids, snapshot["bids"]), (book.asks, snapshot["asks"])):
                        near = {p: q for p, q in levels(side).items() if floor <= p <= ceiling}
                        assert {p: q for p, q in held.items() if p in near or min(near) <= p <= max(near)} == near
                    compared += 1


@pytest.mark.parametrize("protocol", ["binance-usdm", "binance-spot"])
async def test_field_sets(protocol):
    async with exchange(protocol=protocol, speed=20.0) as served:
        for kind, fields in FIELDS[protocol].items():
            async with connected(served, f"/ws/btcusdt@{kind}") as socket:
                assert list((await receive(socket))[0]) == fields


async def test_numbers_are_printed_with_the_decimals_of_tick_and_step():
    async with exchange(speed=20.0) as served, connected(served, "/ws/btcusdt@bookTicker") as socket:
        (book_ticker,) = await receive(socket)
        assert [len(book_ticker[k].partition(".")[2]) for k in "bBaA"] == [2, 3, 2, 3]
    async with exchange(protocol="binance-spot", speed=20.0) as served, connected(served, "/ws/btcusdt@bookTicker") as socket:
        (book_ticker,) = await receive(socket)
        assert [len(book_ticker[k].partition(".")[2]) for k in "bBaA"] == [8, 8, 8, 8]


async def test_combined_and_raw_and_bare_endpoints():
    async with exchange(speed=20.0) as served:
        async with connected(served, "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker") as socket:
            names = {m["stream"] for m in await receive(socket, 60)}
            assert names == {"btcusdt@depth@100ms", "btcusdt@bookTicker"}
        async with connected(served, "/public/ws/btcusdt@depth@100ms") as socket:
            assert (await receive(socket))[0]["e"] == "depthUpdate"
        for bare in ("/ws", "/stream", "/market/stream"):
            async with connected(served, bare) as socket:
                assert await ask(socket, method="SUBSCRIBE", params=["btcusdt@trade"], id="a") == {"result": None, "id": "a"}
                (message,) = await receive(socket)
                assert (message["stream"] == "btcusdt@trade") if "stream" in bare else (message["e"] == "trade")


async def test_subscriptions_are_listed_and_ended():
    async with exchange(speed=5.0) as served, connected(served, "/ws") as socket:
        await ask(socket, method="SUBSCRIBE", params=["btcusdt@trade", "btcusdt@bookTicker"], id=1)
        listed = await ask(socket, method="LIST_SUBSCRIPTIONS", id=2)
        assert listed == {"result": ["btcusdt@trade", "btcusdt@bookTicker"], "id": 2}
        assert await ask(socket, method="UNSUBSCRIBE", params=["btcusdt@trade", "btcusdt@bookTicker"], id=3) == {
            "result": None, "id": 3}
        assert await ask(socket, method="LIST_SUBSCRIPTIONS", id=None) == {"result": [], "id": None}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)


async def test_combined_is_a_property():
    async with exchange() as served, connected(served, "/ws") as socket:
        assert (await ask(socket, method="GET_PROPERTY", params=["combined"], id=1))["result"] is False
        assert (await ask(socket, method="SET_PROPERTY", params=["combined", True], id=2))["result"] is None
        assert (await ask(socket, method="GET_PROPERTY", params=["combined"], id=3))["result"] is True


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 3), ("[]", 2), ('{"id":1}', 2), ('{"method":"FLY","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":["btc"],"id":1}', 2), ('{"method":"SUBSCRIBE","params":"x","id":1}', 2),
        ('{"method":"LIST_SUBSCRIPTIONS","id":1.5}', 2),
        ('{"method":"GET_PROPERTY","params":["x"],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined",3],"id":1}', 1),
    ],
)
async def test_a_bad_request_is_answered_with_the_venues_code(frame, code):
    async with exchange() as served, connected(served, "/ws") as socket:
        await socket.send(frame)
        assert (await receive(socket))[0]["error"]["code"] == code
        assert (await ask(socket, method="LIST_SUBSCRIPTIONS", id=1))["result"] == []


async def test_too_many_requests_end_the_connection():
    async with exchange(protocol="binance-spot") as served, connected(served, "/ws") as socket:
        with contextlib.suppress(websockets.ConnectionClosed):
            for n in range(100):
                await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": n}))
                await socket.recv()
        assert socket.close_code == CloseCode.POLICY_VIOLATION


async def test_a_ping_is_answered():
    async with exchange() as served, connected(served, "/ws") as socket:
        assert await asyncio.wait_for(await socket.ping(b"payload"), 5) >= 0


async def test_microseconds_on_request():
    async with exchange(speed=20.0) as served, connected(served, "/ws/btcusdt@trade?timeUnit=MICROSECOND") as socket:
        assert (await receive(socket))[0]["T"] > 10**15


@pytest.mark.long
async def test_a_slow_client_is_dropped_and_others_are_not(capsys):
    async with exchange(speed=100.0, client_queue=2000) as served:
        url = served["ws"] + "/stream?streams=btcusdt@depth@0ms/btcusdt@bookTicker"
        async with (
            websockets.connect(url, compression=None, max_queue=1) as slow,
            websockets.connect(url, compression=None, max_queue=None, max_size=None) as fast,
        ):
            while "a client is dropped: too slow" not in capsys.readouterr().err:   # until all that lies in between is full
                await receive(fast, 500)
            with contextlib.suppress(websockets.ConnectionClosed):
                async for _ in slow:
                    pass
            # Told why, or cut off without a word where it had not read up to that in ten seconds.
            assert slow.close_code in {CloseCode.POLICY_VIOLATION, CloseCode.ABNORMAL_CLOSURE}
            await receive(fast, 500)


async def test_rest_answers():
    async with exchange(symbols=("BTCUSDT", "ETHUSDT")) as served:
        assert (await get(served, "/ping"))[2] == {}
        assert (await get(served, "/time"))[2]["serverTime"] > 1.7e12
        _, headers, info = await get(served, "/exchangeInfo")
        assert [s["symbol"] for s in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
        first = info["symbols"][0]["filters"]
        assert (first[0]["filterType"], first[0]["tickSize"]) == ("PRICE_FILTER", "0.10")
        assert (first[1]["filterType"], first[1]["stepSize"]) == ("LOT_SIZE", "0.001")
        assert first[3] == {"filterType": "MIN_NOTIONAL", "notional": "100"}
        before = int(headers["X-MBX-USED-WEIGHT-1M"])
        status, headers, book = await get(served, "/depth?symbol=BTCUSDT&limit=1000")
        assert status == 200
        assert list(book) == ["lastUpdateId", "E", "T", "bids", "asks"]
        assert len(book["bids"]) == len(book["asks"]) == 1000
        assert int(headers["X-MBX-USED-WEIGHT-1M"]) in (before + 20, 20)  # a new minute starts anew


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/depth?symbol=NOPE", 400, -1121), ("/depth", 400, -1102), ("/depth?symbol=BTCUSDT&limit=x", 400, -1100),
        ("/depth?symbol=BTCUSDT&limit=7", 400, -1130), ("/klines", 404, -5000),
    ],
)
async def test_rest_errors_are_the_venues(path, status, code):
    async with exchange() as served:
        answer = await get(served, path)
        assert (answer[0], answer[2]["code"]) == (status, code)


async def test_spot_limits_and_weights():
    async with exchange(protocol="binance-spot") as served:
        _, _, book = await get(served, "/depth?symbol=BTCUSDT&limit=7")
        assert list(book) == ["lastUpdateId", "bids", "asks"]
        assert len(book["bids"]) == 7
        assert (await get(served, "/exchangeInfo?symbol=NOPE"))[2]["code"] == -1121
        statuses = [(await get(served, "/depth?symbol=BTCUSDT&limit=5000"))[:2] for _ in range(60)]
        refused = [headers for status, headers in statuses if status == 429]
        assert refused or len({int(h["X-MBX-USED-WEIGHT-1M"]) // 6000 for _, h in statuses}) == 1
        assert all(1 <= int(headers["Retry-After"]) <= 60 for headers in refused)


async def test_an_unknown_symbol_and_a_port_in_use_are_one_line():
    with pytest.raises(UsageError, match=r"DOGEUSDT.*BTCUSDT"):
        async with exchange(symbols=("DOGEUSDT",)):
            pass
    async with exchange() as served:
        port = int(served["ws"].rpartition(":")[2])
        with pytest.raises(UsageError, match=rf"{port}.*another --port"):
            async with exchange(port=port):
                pass


async def test_the_same_seed_says_the_same_over_the_socket():
    """Stamps aside, which are the clock's."""
    sessions = []
    for _ in range(2):
        async with exchange(seed=9, speed=10.0) as served, connected(served, "/ws/btcusdt@trade") as socket:
            trades = [(t["t"], t["p"], t["q"], t["m"]) for t in await receive(socket, 40)]
            sessions.append({t[0]: t for t in trades})
    both = sessions[0].keys() & sessions[1].keys()
    assert len(both) > 20
    assert all(sessions[0][n] == sessions[1][n] for n in both)
