"""Two clients that we did not write, on the exchange as a process: what they hold is held against the exchange's own word.

`binance-sdk-spot` is the venue's, with a model of every answer; `ccxt` keeps a book by its own code. Neither may look for any
other address.
"""

import asyncio
import socket
import time
from decimal import Decimal

import aiohttp
import pytest

from tests.exchange.client import API
from tests.trading.processes import exchange

# Theirs to mend.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch):
    """Every address but loopback is refused, and that anybody asked for one is a failure."""
    requests = []
    find, connect = socket.getaddrinfo, socket.socket.connect

    def look_up(host, *args, **kwargs):
        if host not in ("127.0.0.1", b"127.0.0.1", "localhost", None):
            requests.append(host)
            raise socket.gaierror(f"the test asks for no name: {host}")
        return find(host, *args, **kwargs)

    def reach(self, address):
        if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1")):
            requests.append(address)
            raise OSError(f"the test reaches no other address: {address}")
        return connect(self, address)

    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", reach)
    yield
    assert requests == []


async def until(condition, what):
    """Returns once it holds; fails after half a minute, which no sound run comes near."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.01)


# -- the venue's own ---------------------------------------------------------------------------------------------------


@pytest.fixture
def spot(tmp_path):
    with exchange("--protocol", "binance-spot", "--symbols", "BTCUSDT,ETHUSDT", cwd=tmp_path) as at:
        yield at


def sdk(at):
    from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
    from binance_sdk_spot import Spot

    return Spot(
        config_rest_api=ConfigurationRestAPI(base_path=at["rest"]),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=at["ws"] + "/stream"),
    )


def test_the_venue_s_client_asks_for_all_that_there_is(spot):
    rest = sdk(spot).rest_api
    rest.ping()
    assert abs(rest.time().data().server_time / 1000 - time.time()) < 60
    info = rest.exchange_info()
    assert [symbol.symbol for symbol in info.data().symbols] == ["BTCUSDT", "ETHUSDT"]
    assert rest.exchange_info(symbols=["ETHUSDT"]).data().symbols[0].base_asset == "ETH"
    assert info.rate_limits
    assert info.rate_limits[0].count >= 20
    book = rest.depth("BTCUSDT", 100).data()
    assert (len(book.bids), len(book.asks)) == (100, 100)
    assert Decimal(book.bids[0][0]) < Decimal(book.asks[0][0])


def test_the_venue_s_client_understands_a_refusal(spot):
    from binance_common.errors import BadRequestError

    with pytest.raises(BadRequestError, match="Invalid symbol"):
        sdk(spot).rest_api.depth("NOSUCH")


async def test_the_venue_s_client_reads_every_stream(spot):
    """On the bare combined endpoint, subscribed to by message with ids of its own; its models take every field."""
    client = sdk(spot)
    heard = {"depth": [], "bookTicker": [], "trade": [], "aggTrade": []}
    connection = await client.websocket_streams.create_connection()
    try:
        for kind, opened in {
            "depth": connection.diff_book_depth("btcusdt", update_speed="100ms"),
            "bookTicker": connection.book_ticker("btcusdt"),
            "trade": connection.trade("btcusdt"),
            "aggTrade": connection.agg_trade("btcusdt"),
        }.items():
            (await opened).on("message", heard[kind].append)
        await until(lambda: all(len(each) >= 5 for each in heard.values()), "five messages of each stream")
    finally:
        await connection.close_connection(close_session=True)
    for each in heard.values():
        assert all(message.additional_properties == {} for message in each)
    assert all(message.e == "depthUpdate" and message.u + 1 == later.U
               for message, later in zip(heard["depth"], heard["depth"][1:], strict=False))
    assert all(later.t == message.t + 1 for message, later in zip(heard["trade"], heard["trade"][1:], strict=False))
    assert all(later.a == message.a + 1 for message, later in zip(heard["aggTrade"], heard["aggTrade"][1:], strict=False))
    assert all(Decimal(message.b) < Decimal(message.a) for message in heard["bookTicker"])


# -- ccxt --------------------------------------------------------------------------------------------------------------

MARKETS = [("binance-spot", "BTC/USDT"), ("binance-usdm", "BTC/USDT:USDT")]


def ccxt_client(at):
    import ccxt.pro as ccxt

    name = {"binance-spot": "binance", "binance-usdm": "binanceusdm"}[at["protocol"]]
    kind = {"binance-spot": "spot", "binance-usdm": "linear"}[at["protocol"]]
    rest = at["rest"] + API[at["protocol"]]
    return getattr(ccxt, name)({
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": [kind]}},
        "urls": {"api": {"public": rest, "fapiPublic": rest, "ws": {kind: at["ws"] + "/ws"}}},
    })


@pytest.mark.parametrize(("protocol", "symbol"), MARKETS)
async def test_ccxt_reads_rules_and_book(protocol, symbol, tmp_path):
    with exchange("--protocol", protocol, "--symbols", "BTCUSDT,ETHUSDT", cwd=tmp_path) as at:
        client = ccxt_client(at)
        try:
            markets = await client.load_markets()
            assert {market["id"] for market in markets.values()} == {"BTCUSDT", "ETHUSDT"}
            market = markets[symbol]
            precision = {"binance-spot": (0.01, 1e-05), "binance-usdm": (0.1, 0.001)}[protocol]
            assert (market["precision"]["price"], market["precision"]["amount"]) == precision
            assert (market["precision"]["base"], market["precision"]["quote"]) == (1e-08, 1e-08)
            assert market["active"]
            assert market["limits"]["cost"]["min"] == {"binance-spot": 5.0, "binance-usdm": 100.0}[protocol]
            book = await client.fetch_order_book(symbol, 100)
            assert (len(book["bids"]), len(book["asks"])) == (100, 100)
            assert book["bids"][0][0] < book["asks"][0][0]
        finally:
            await client.close()


@pytest.mark.parametrize(("protocol", "symbol"), MARKETS)
async def test_the_book_that_ccxt_keeps_is_the_exchange_s(protocol, symbol, tmp_path):
    """Slowed down, so that a snapshot can be had of the very update at which ccxt's book stands."""
    with exchange("--protocol", protocol, "--speed", "0.1", cwd=tmp_path) as at:
        client = ccxt_client(at)
        url = f"{at['rest']}{API[protocol]}/depth?symbol=BTCUSDT&limit=100"
        equal, nonces = 0, []
        try:
            async with aiohttp.ClientSession() as session:
                while equal < 3:
                    book = await client.watch_order_book(symbol)
                    held = book["nonce"], [level[:2] for level in book["bids"][:100]], [level[:2] for level in book["asks"][:100]]
                    nonces.append(held[0])
                    async with session.get(url) as answer:
                        there = await answer.json()
                    if there["lastUpdateId"] == held[0]:
                        assert held[1:] == tuple([[float(p), float(q)] for p, q in there[side]] for side in ("bids", "asks"))
                        equal += 1
                    assert len(nonces) < 60, "never at the same update"
        finally:
            await client.close()
    assert nonces == sorted(nonces)


@pytest.mark.parametrize(("protocol", "symbol"), MARKETS)
async def test_ccxt_reads_every_trade(protocol, symbol, tmp_path):
    with exchange("--protocol", protocol, "--speed", "4", cwd=tmp_path) as at:
        client = ccxt_client(at)
        client.newUpdates = True
        seen = []
        try:
            while len(seen) < 40:
                seen += await client.watch_trades(symbol)
        finally:
            await client.close()
    ids = [int(trade["id"]) for trade in seen]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert {trade["side"] for trade in seen} == {"buy", "sell"}
    assert all(trade["symbol"] == symbol and trade["amount"] > 0 for trade in seen)


# -- orders: there are no accounts, and both clients understand that -----------------------------------------------------------


def test_the_venue_s_client_gets_an_error_that_its_key_is_unknown(spot):
    from binance_common.configuration import ConfigurationRestAPI
    from binance_common.errors import UnauthorizedError
    from binance_sdk_spot import Spot

    client = Spot(config_rest_api=ConfigurationRestAPI(api_key="k" * 64, api_secret="s", base_path=spot["rest"]))
    with pytest.raises(UnauthorizedError, match="Invalid API-key"):
        client.rest_api.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=1.0)


@pytest.mark.parametrize(("protocol", "symbol"), MARKETS)
async def test_ccxt_gets_an_error_that_its_key_is_unknown(protocol, symbol, tmp_path):
    import ccxt

    with exchange("--protocol", protocol, cwd=tmp_path) as at:
        client = ccxt_client(at)
        client.urls["api"].update(dict.fromkeys(("private", "fapiPrivate"), at["rest"] + API[protocol]))
        try:
            await client.load_markets()
            client.apiKey, client.secret = "k" * 64, "s"        # with a key it looks for margin markets as well
            with pytest.raises(ccxt.AuthenticationError, match="-2015"):
                await client.create_order(symbol, "market", "buy", 1)
        finally:
            await client.close()
