"""Where fuzzing begins: messages as the venues print them, cases at the edge, and the words they are made of.

Everything is made here, from the embedded exchange and by hand: no recorded session is in the repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from hft._core.base.types import Spec
from hft.data.record import Record
from hft.exchange.generate import generate
from tests.frames import COINM, HOT, SPOT, USDM, wrapped

# Names are apart, so that one decoder knows all protocols; the last three have ticks and steps as no venue has them.
SPECS = [
    USDM,
    Spec("BTCFDUSD", tick="0.01", step="0.00001", instrument="spot", quote="FDUSD"),
    COINM,
    Spec("X", tick="0.05", step="0.0025", quantum="0.0025", instrument="spot"),
    Spec("FINE", tick="0.000000000000000001", step="0.00000001", quantum="0.00000001", instrument="spot"),
    Spec("COARSE", tick="1000", step="7"),
]

WORDS = [
    b'{"e":"depthUpdate",', b'{"e":"bookTicker",', b'{"e":"trade",', b'{"e":"aggTrade",', b'{"e":"serverShutdown",', b'{"u":',
    b'{"stream":"x","data":', b'"E":1723161256299,', b'"T":1723161256298123,', b'"s":"BTCUSDT",', b'"s":"BTCFDUSD",',
    b'"s":"BTCUSD_260925",', b'"s":"X",', b'"s":"FINE",', b'"s":"COARSE",', b'"ps":"BTCUSD",', b'"U":1,', b'"u":2,', b'"pu":0,',
    b'"t":5,', b'"a":5,', b'"p":"1.0",', b'"q":"1",', b'"X":"MARKET",', b'"X":"NA",', b'"m":true', b'"m":false', b'"M":true',
    b'"b":"1.0",', b'"B":"1",', b'"a":"1.0",', b'"A":"1"', b'"b":[],', b'"a":[]', b'"b":[["1.0","1"]],', b'"a":[["1.0","0"]]',
    b'["1.0","1"],', b'"],["', b'"]]', b'","', b'"nq":"0.019",', b'"st":2,', b'"f":-1,', b"null", b"true", b"false", b"0.0",
    b"0.00000001", b"999999999999999999", b"9223372036854775807", b"9223372036854", b"9223372036854775", b"1000000000000000",
    b"1e5", b"-1", b"\\u0041", b"\\ud800", b'\\"', b"\xff", b"\xe2\x82\xac", b"1.5", b"}", b"{}", b"[]", b"\n", b" ", b"\x00",
]  # fmt: skip


@cache
def session(protocol: str, trades: str = "trade") -> tuple[Record, ...]:
    """A generated session: some seconds of one symbol, its book among them."""
    return tuple(generate("BTCUSDT", protocol, seed=7, messages=400, trades=trades))


def _renamed(frame: bytes) -> bytes:
    return frame.replace(b'"BTCUSDT"', b'"BTCFDUSD"')


def frames() -> Iterator[bytes]:
    """Frames of every shape."""
    for spec, frame in HOT.values():
        known = _renamed(frame) if spec is SPOT else frame
        yield from (known, wrapped(known), known + b"\n" + wrapped(known))
    for protocol in ("binance-usdm", "binance-spot"):
        for trades in ("trade", "aggTrade"):
            # Short ones: a long one slows every input that comes of it.
            some = [r.data for r in session(protocol, trades) if len(r.data) < 600 and b"lastUpdateId" not in r.data][:20]
            yield from map(_renamed if protocol == "binance-spot" else bytes, some)
    yield from EDGES


EDGES = [
    b"", b"{}", b"null", b"[]", b'""', b'{"e":"kline"}', b'{"e":"nonsense"}', b'{"u":1}', b'{"result":null,"id":1}',
    b'{"id":"0cf2","result":["btcusdt@depth"]}', b'{"code":-1121,"msg":"Invalid symbol."}',
    b'{"error":{"code":2,"msg":"Invalid request"},"id":1}',
    b'{"subscriptionId":0,"event":{"e":"serverShutdown","E":1723161256313}}',
    b'{"serverTime":1499827319559}', b'{"lastUpdateId":160,"E":1,"T":1,"bids":[["0.05","10"]],"asks":[["0.10","0.0025"]]}',
    b'{"stream":"btcusdt@depth5","data":{"lastUpdateId":160,"bids":[["61800.20","10"]],"asks":[]}}',
    b'{"e":"depthUpdate","E":1,"s":"X","U":1,"u":2,"b":[["0.05","0.0025"],["12345678.05","1"],["1.10","0"]],"a":[["1","2.5"]]}',
    b'{"e":"depthUpdate","E":1,"s":"FINE","U":1,"u":2,"b":[["9.22337203685477580","1"],["0.000000000000000001","0.00000001"]],"a":[]}',
    b'{"e":"depthUpdate","E":1,"T":1,"s":"COARSE","U":1,"u":2,"pu":0,"b":[["000000000000001000","14"]],"a":[["2000.000","0"]]}',
    b'{"u":1,"s":"X","b":"0","B":"0","a":"99999999.95","A":"0.0025"}',
    b'{"e":"trade","E":1,"T":9223372036854775,"s":"X","t":999999999999999999,"p":"0.05","q":"0.0025","m":true}',
]  # fmt: skip


def bodies() -> Iterator[bytes]:
    """REST books."""
    for protocol in ("binance-usdm", "binance-spot"):
        yield from (r.data[:400].rpartition(b"],[")[0] + b"]]}" for r in session(protocol) if b"lastUpdateId" in r.data[:20])


NS = 1_723_161_253_937_085_768


def captures() -> Iterator[bytes]:
    """Capture files of every kind, each as it is, packed, and torn."""
    some = [frame for frame in frames() if b'"BTCUSDT"' in frame and b"\n" not in frame][:12]
    book = b'{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}'
    info = next(exchange_infos())
    stamped = b"".join(b"%d %s\n" % (NS + n, frame) for n, frame in enumerate([book, *some, info, b'{"hft":{"timer":true}}']))
    wrapped = b"".join(
        b'{"ts_local":%d.%d,"symbol":"btcusdt","type":"%s","data":%s}\n' % (1772633474 + n, n, kind, body)
        for n, (kind, body) in enumerate([(b"exchangeInfo", info), (b"snapshot", book), (b"trade", some[0]), (b"depth", some[1])])
    )
    paired = (
        b"wss://f.example/stream?streams=ausdt@aggTrade <-> 1626992740.179554\n"
        b"https://fapi.example/fapi/v1/depth?symbol=AUSDT&limit=1000 -> 1626992741.301402: " + book + b"\n\n"
        b"1626992741.301401: " + some[0] + b"\n1626992741.301402: " + some[1] + b"\n"
    )
    micro = b"1721749182850494 " + book + b"\n1721749182.8504 " + some[0] + b"\n1721749182850 {}\n"
    for content in (stamped, wrapped, paired, micro, stamped[:-9], b"", b"\n\n", b"stamp,price,qty\n1,2,3\n", b"PK\x03\x04"):
        yield from (how + content for how in (b"p", b"g", b"t\xe0", b"z"))


def exchange_infos() -> Iterator[bytes]:
    """exchangeInfo bodies of each protocol, and another recorder's short form."""
    yield b'{"symbol":"BTCUSDT","tickSize":"0.10","stepSize":"0.001","quoteAsset":"USDT","venue":"BINANCE_USDM"}'
    for kind, tick, least, most, step, more in (
        (b'"status":"TRADING"', b"0.01", b"0.00001", b"9000", b"0.00001", b'{"filterType":"NOTIONAL","minNotional":"5.0"}'),
        (b'"status":"BREAK"', b"0.10", b"0.001", b"1000", b"0.001", b'{"filterType":"MIN_NOTIONAL","notional":"100"}'),
        (b'"contractSize":100', b"0.1", b"1", b"0", b"1", b'{"filterType":"ICEBERG_PARTS","limit":10}'),
    ):
        price = b'{"filterType":"PRICE_FILTER","tickSize":"%s"}' % tick
        lot = b'{"filterType":"LOT_SIZE","minQty":"%s","maxQty":"%s","stepSize":"%s"}' % (least, most, step)
        symbol = b'"symbol":"BTCUSDT",%s,"baseAsset":"BTC","quoteAsset":"USDT"' % kind
        yield b'{"serverTime":1,"rateLimits":[],"symbols":[{%s,"filters":[%s]}]}' % (symbol, b",".join([price, lot, more]))


def requests() -> Iterator[bytes]:
    """Control frames: one of every method, and some that are refused."""
    for method, params in (
        (b"SUBSCRIBE", b'["btcusdt@depth@100ms","btcusdt@trade"]'), (b"UNSUBSCRIBE", b'["btcusdt@trade"]'),
        (b"LIST_SUBSCRIPTIONS", b"[]"), (b"SET_PROPERTY", b'["combined",true]'), (b"GET_PROPERTY", b'["combined"]'),
        (b"SET_PROPERTY", b'["combined",1]'), (b"SUBSCRIBE", b"[1]"), (b"SUBSCRIBE", b"1"), (b"NONSENSE", b"[]"),
    ):  # fmt: skip
        for name in (b"1", b'"0cf2"', b"null", b"-1", b"1.5"):
            yield b'{"method":"%s","params":%s,"id":%s}' % (method, params, name)


def stamps() -> Iterator[bytes]:
    """Stamps in each unit, and one that is none."""
    yield from (b"1723161253937085768", b"1721749182850494", b"1721749182850", b"1633998512.0633569", b"946684800", b"1.")


def replies() -> Iterator[bytes]:
    """Every message that is not a stream's, and some that are."""
    yield from EDGES
    yield from bodies()
    yield from exchange_infos()
    yield from (frame for _, frame in HOT.values())
