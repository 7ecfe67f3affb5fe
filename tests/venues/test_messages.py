"""Every message of the venue is told from every other, and a bad one is refused for the right reason."""

import json

import pytest

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.wire.decode import LARGEST_FRAME, Decoder
from hft.venues.binance import messages
from hft.venues.binance.messages import decode, fill, load
from tests import data
from tests.oracle import decode as oracle

USDM = Spec("BTCUSDT", tick="0.10", step="0.001")
RECV = 1_723_161_255_088_169_167


# -- each message --------------------------------------------------------------------------------------------------------


def test_market_data():
    book_ticker = decode(b'{"u":7,"s":"BTCUSDT","b":"1.0","B":"2","a":"1.1","A":"3"}')
    assert book_ticker == messages.BookTicker(7, "BTCUSDT", "1.0", "2", "1.1", "3")
    assert book_ticker.event_time is None
    depth = decode(b'{"stream":"x","data":{"e":"depthUpdate","E":1,"T":2,"s":"X","U":3,"u":4,"pu":2,"b":[["1","2"]],"a":[]}}')
    assert (depth.first_id, depth.last_id, depth.prev_id, depth.bids, depth.asks) == (3, 4, 2, [("1", "2")], [])
    trade = decode(b'{"e":"trade","E":1,"T":2,"s":"X","t":5,"p":"1","q":"2","X":"INSURANCE_FUND","m":true}')
    assert (trade.trade_id, trade.origin, trade.buyer_is_maker) == (5, "INSURANCE_FUND", True)
    agg = decode(b'{"e":"aggTrade","E":1,"s":"X","a":6,"p":"1","q":"2","nq":"2","f":4,"l":5,"T":2,"m":false,"M":true}')
    assert isinstance(agg, messages.AggTrade)
    assert agg.trade_id == 6
    assert agg.time == 2


@pytest.mark.parametrize("frame", [
    b'{"e":"serverShutdown","E":1723161256313}',
    b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161256313}}',
    b'{"subscriptionId":0,"event":{"e":"serverShutdown","E":1723161256313}}',
])  # fmt: skip
def test_server_shutdown_in_its_three_forms(frame):
    assert decode(frame) == messages.ServerShutdown(1723161256313)
    assert load(Decoder([USDM]), frame) == status.CODES["ignored_event"]


def test_answers_to_control_frames():
    assert decode(b'{"result":null,"id":1}') == messages.Answer(1)
    assert decode(b'{"result":null,"id":null}') == messages.Answer(None)
    assert decode(b'{"id":"0cf2-uuid","result":["btcusdt@depth"]}') == messages.Answer("0cf2-uuid", ["btcusdt@depth"])
    assert decode(b'{"result":true,"id":9}') == messages.Answer(9, True)


def test_errors_over_rest_and_in_answer_to_control_frames():
    assert decode(b'{"code":-1121,"msg":"Invalid symbol."}') == messages.VenueError(-1121, "Invalid symbol.")
    want = messages.VenueError(2, "Invalid request: unknown variant", 1)
    assert decode(b'{"code":2,"msg":"Invalid request: unknown variant","id":1}') == want
    assert decode(b'{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":1}') == want


def test_rest_time():
    assert decode(b'{"serverTime":1499827319559}') == messages.ServerTime(1499827319559)


SPOT_INFO = {
    "timezone": "UTC", "serverTime": 1565246363776,
    "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
    "exchangeFilters": [],
    "symbols": [{
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "orderTypes": ["LIMIT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.0"},
        ]}],
}  # fmt: skip
USDM_INFO = {
    "serverTime": 1565246363776, "rateLimits": [], "assets": [{"asset": "USDT", "marginAvailable": True}],
    "symbols": [{
        "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "status": "SETTLING", "baseAsset": "BTC",
        "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
        "filters": [
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
        ]}],
}  # fmt: skip


def test_exchange_info_of_both_protocols():
    info = decode(json.dumps(SPOT_INFO).encode())
    symbol = info.symbols[0]
    assert (symbol.base_asset, symbol.quote_asset, symbol.trading) == ("BTC", "USDT", True)
    assert symbol.filter("PRICE_FILTER").tick_size == "0.01000000"
    assert symbol.filter("LOT_SIZE").step_size == "0.00001000"
    assert symbol.filter("NOTIONAL").min_notional == "5.00000000"
    assert symbol.filter("PERCENT_PRICE") is None
    assert info.rate_limits == [messages.RequestLimit("REQUEST_WEIGHT", "MINUTE", 1, 6000)]
    symbol = decode(json.dumps(USDM_INFO).encode()).symbols[0]
    assert symbol.filter("PRICE_FILTER").tick_size == "0.10"    # found by its type: here it is the second
    assert symbol.filter("MIN_NOTIONAL").notional == "100"
    assert not symbol.trading


def test_partial_depth_of_spot_is_a_whole_book():
    frame = b'{"stream":"btcusdt@depth5","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[]}}'
    assert decode(frame) == messages.WholeBook("BTCUSDT", 5, 160, [("0.0024", "10")], [], 0)


@pytest.mark.parametrize(
    "name", [data.SPOT_BTC, data.SPOT_NEXO, data.USDM_BTC, data.USDM_BTC_2026, data.SPOT_FOUR_REST, data.USDM_FOUR_REST]
)
def test_every_captured_snapshot_is_what_the_naive_decoder_says(name):
    snapshots, decoder = 0, Decoder(data.SPECS[name])
    for body in data.frames(name):
        if b'"lastUpdateId"' in body[:20]:
            for spec in data.SPECS[name] if "http" in name else data.SPECS[name][:1]:
                book = decode(body)
                assert decoder.load_snapshot(spec.name, book.last_update_id, book.bids, book.asks, book.stamp, RECV) == 0
                assert decoder.message == oracle.snapshot(body, spec, RECV)
            snapshots += 1
    assert snapshots == (4 if "http" in name else 1)


# -- what is refused, and why --------------------------------------------------------------------------------------------

DEPTH = {"e": "depthUpdate", "E": 1723161256299, "T": 1723161256298, "s": "BTCUSDT", "U": 832006, "u": 837557, "pu": 831937,
         "b": [["58710.20", "0.014"]], "a": [["61800.30", "12.510"]]}  # fmt: skip
TRADE = {"e": "trade", "E": 1723161256322, "T": 1723161256322, "s": "BTCUSDT", "t": 5266583935, "p": "61800.30", "q": "0.006",
         "X": "MARKET", "m": False}  # fmt: skip
TICKER = {"e": "bookTicker", "u": 5, "s": "BTCUSDT", "b": "61800.20", "B": "2.507", "a": "61800.30", "A": "2.510"}


def but(fields, **changes):
    """A message with some fields changed, or left out where the change is `...`."""
    return json.dumps({k: v for k, v in {**fields, **changes}.items() if v is not ...}).encode()


def level(price="61800.20", qty="1"):
    return but(DEPTH, a=[["61800.30", "1"], [price, qty]])


REFUSED = {
    "bad_json": [
        b"", b"\x00\x01\x02", b"not JSON", b'{"e":"trade"', b"\xff\xfe{}", b'{"e":"trade",}', b'{"x":"\xff"}',
        b'{"x":' + b"[" * 100_000,
        but(TRADE)[:-1], level().replace(b'"1"]', b"NaN]"), but(TRADE) + b"x",
    ],
    "bad_shape": [
        b"[]", b"17", b'"text"', b"null", b"{}", b'{"stream":"x","data":null}', b'{"e":5}', b'{"u":7}',
        b'{"data":{"data":{"u":1}}}', b'{"stream":5,"data":%b}' % but(TICKER), b'{"stream":null,"data":%b}' % but(DEPTH),
        but(DEPTH, U=...), but(DEPTH, u=...), but(DEPTH, s=...), but(DEPTH, b=...), but(DEPTH, a=None),
        but(DEPTH, U="832006"), but(DEPTH, U=1.5), but(DEPTH, U=True), but(DEPTH, U=837558), but(DEPTH, b=[["1.0"]]),
        but(DEPTH, b=[["1.0", "1", "[]"]]), but(DEPTH, b=[[1.0, "1"]]), but(DEPTH, b="1.0"), but(DEPTH, s=7),
        but(TRADE, m=0), but(TRADE, p=61800.3), but(TRADE, T=...), but(TRADE, t=...), but(TICKER, B=...),
        level(1e300), but(TRADE).replace(b'"61800.30"', b"1e400"),
    ],
    "bad_number": [
        level("-61800.20"), level("6.18e4"), level("NaN"), level("Infinity"), level("123456789012345678901"), level("61800.25"),
        level(qty="-1"), level(qty="0.0001"), level(qty=""), level(" 1"), level("0"), level("0.0"), level("１２.0"),
        but(DEPTH, U=-1), but(DEPTH, u=10**18), but(DEPTH, pu=-5), but(DEPTH, T=-1), but(DEPTH, T=10**14), but(DEPTH, T=10**17),
        but(TRADE, q="0"), but(TRADE, p="0.00"), but(TRADE, t=10**30), but(TRADE, p="-0"),
        but(TICKER, b="61800.25"), but(TICKER, A="x"),
    ],
    "unknown_event": [but(TRADE, e="tradeX"), but(TRADE, e=""), b'{"stream":"x","data":{"e":"liquidityUpdate"}}'],
    "unknown_symbol": [
        but(DEPTH, s="ETHUSDT"), but(TRADE, s=""), but(TICKER, s="btcusdt"), but(TRADE, s="BTCUSDT\0"), but(TRADE, s="B" * 99),
    ],
    "too_large": [b" " * (LARGEST_FRAME + 1), but(DEPTH, b=[["1.0", "1"]] * 8192, a=[["2.0", "1"]] * 8193)],
    "ignored_event": [
        but(TRADE, e="kline"), but(TRADE, e="markPriceUpdate"), b'{"result":null,"id":1}', b'{"serverTime":1}',
        b'{"code":-1003,"msg":"Too many requests."}',
    ],
}  # fmt: skip


@pytest.mark.parametrize(("reason", "frame"), [(reason, frame) for reason, frames in REFUSED.items() for frame in frames],
                         ids=lambda v: v if isinstance(v, str) else repr(v[:40]))  # fmt: skip
def test_a_bad_message_is_refused_for_its_reason_and_leaves_nothing(reason, frame):
    decoder = Decoder([USDM])
    assert load(decoder, but(TRADE)) == 0
    assert status.name(load(decoder, frame, RECV)) == reason
    assert decoder.message is None


def test_a_bad_level_late_in_a_message_leaves_none_of_the_good_ones():
    decoder = Decoder([USDM])
    assert load(decoder, but(DEPTH, b=[["1.0", "1"]] * 100 + [["1.05", "1"]])) == status.CODES["bad_number"]
    assert decoder.message is None


def test_zero_in_any_spelling_deletes():
    decoder = Decoder([USDM])
    for zero in ("0", "0.0", "0.00000000"):
        assert load(decoder, level(qty=zero)) == 0
        assert decoder.message.asks[-1] == (618002, 0)


def test_an_empty_side_of_a_book_ticker_is_price_zero():
    decoder = Decoder([USDM])
    assert load(decoder, but(TICKER, a="0.00", A="0.000")) == 0
    assert (decoder.message.ask_price, decoder.message.ask_qty) == (0, 0)


def test_outside_an_envelope_stream_is_a_field_like_any_other_unknown_one():
    decoder = Decoder([USDM])
    for value in (5, None, "btcusdt@depth5", {}):
        assert load(decoder, but(TICKER, stream=value)) == 0
        assert decoder.message.kind == "bookTicker"


def test_the_stamp_is_T_else_E_else_none():
    decoder = Decoder([USDM])
    for changes, want in (
        ({"T": 1723161256313, "E": 1723161256314}, 1723161256313_000000),
        ({"E": 1723161256314}, 1723161256314_000000),
        ({"E": 1723161256314159}, 1723161256314159_000),
        ({}, 0),
    ):
        assert load(decoder, but(TICKER, **changes), RECV) == 0
        assert (decoder.message.venue_ns, decoder.message.recv_ns) == (want, RECV)


def test_a_rejected_message_says_why():
    for frame, states in (
        (b"{", "not valid JSON: Input data was truncated"),
        (b'{"e":"trade"}', "missing required field `s`"),
        (b'{"e":"newThing"}', "newThing"),
        (b" " * (LARGEST_FRAME + 1), str(LARGEST_FRAME)),
    ):
        with pytest.raises(messages.Rejected, match=states):
            decode(frame)


def test_only_market_data_fills_the_decoder():
    decoder = Decoder([USDM])
    for message in (messages.Answer(1), messages.Ignored("kline"), messages.DepthSnapshot(1, [], [])):
        assert load(decoder, but(TRADE)) == 0
        assert fill(decoder, message) == status.CODES["ignored_event"]
        assert decoder.message is None


UPDATE = (b'{"e":"depthUpdate","E":1723161256313,"T":1723161256313,"s":"BTCUSDT","U":90,"u":110,"pu":85,'
          b'"b":[["61800.20","1.5"]],"a":[["61800.30","2"]]}')
BARE = b'{"lastUpdateId":110,"bids":[["61800.20","1.5"]],"asks":[["61800.30","2"]]}'


@pytest.mark.parametrize(
    ("stream", "levels"), [("btcusdt@depth5", 5), ("btcusdt@depth10@500ms", 10), ("btcusdt@depth20@100ms", 20)]
)
@pytest.mark.parametrize("body", [UPDATE, BARE])
def test_a_stream_of_whole_books_is_known_by_its_name(stream: str, levels: int, body: bytes) -> None:
    decoder = Decoder([Spec("BTCUSDT", tick="0.10", step="0.001")])
    frame = b'{"stream":"%b","data":%b}' % (stream.encode(), body)
    spaced = frame.replace(b'":', b'": ')       # the scanner leaves it, and msgspec tells the same
    for each in (frame, spaced):
        if decoder.decode_frame(each) != 0:
            assert messages.load(decoder, each) == 0
        found = decoder.message
        assert (found.kind, found.symbol, found.first_id, found.last_id, found.prev_id) == ("book", "BTCUSDT", levels, 110, -1)
        assert (found.bids, found.asks) == (((618002, 1500),), ((618003, 2000),))


@pytest.mark.parametrize("stream", ["btcusdt@depth", "btcusdt@depth@100ms", "btcusdt@depthx20", "btcusdt@rpiDepth@500ms"])
def test_any_other_stream_of_depth_is_one_of_updates(stream: str) -> None:
    decoder = Decoder([Spec("BTCUSDT", tick="0.10", step="0.001")])
    frame = b'{"stream":"%b","data":%b}' % (stream.encode(), UPDATE)
    assert decoder.decode_frame(frame) == 0
    assert decoder.message.kind == "depth"
    assert messages.load(decoder, frame.replace(b'":', b'": ')) == 0
    assert decoder.message.kind == "depth"
