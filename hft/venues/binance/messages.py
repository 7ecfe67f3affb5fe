"""Every message of Binance's public interfaces, spot, USD-M and COIN-M, as msgspec structs.

`decode` turns the bytes of a websocket frame or of a REST body into one of them; `load` passes a market-data frame that
the compiled scanner did not recognise to the engine's decoder. Names are the field's own, with the venue's letters beside
them. Unknown fields are ignored; a required number that is missing or of a wrong type is BAD_SHAPE.

Prices and quantities stay text here; the decoder turns them into ticks and quanta, exactly or not at all.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct, field

from hft._core.base.status import CODES, text
from hft._core.wire.decode import LARGEST_FRAME, Decoder

BAD_JSON = CODES["bad_json"]
BAD_SHAPE = CODES["bad_shape"]
UNKNOWN_EVENT = CODES["unknown_event"]
TOO_LARGE = CODES["too_large"]
IGNORED_EVENT = CODES["ignored_event"]

# Streams that exist and are not traded on. Any other event is UNKNOWN_EVENT: something new at the venue that should be
# examined.
IGNORED = frozenset({
    "kline", "continuous_kline", "indexPrice_kline", "markPrice_kline", "markPriceUpdate", "indexPriceUpdate",
    "24hrTicker", "24hrMiniTicker", "1dTicker", "1hTicker", "4hTicker", "avgPrice", "forceOrder", "compositeIndex",
    "contractInfo", "assetIndexUpdate", "tradingSession", "referencePrice",
})  # fmt: skip

Levels = list[tuple[str, str]]      # (price, quantity), decimal text, best first in a snapshot
ControlId = int | Annotated[str, Meta(max_length=36)] | None


class Rejected(ValueError):
    """A rejected message; `code` is the reason in `hft._core.base.status`."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(f"{text(code)}: {detail}" if detail else text(code))
        self.code = code


# -- market data -------------------------------------------------------------------------------------------------------


class DepthUpdate(Struct, frozen=True, gc=False):
    """Absolute quantities of the levels that changed; 0 deletes. Stamps are ms, or µs if the URL requests them."""

    symbol: str = field(name="s")
    event_time: int = field(name="E")
    first_id: int = field(name="U")
    last_id: int = field(name="u")
    bids: Levels = field(name="b")
    asks: Levels = field(name="a")
    prev_id: int | None = field(name="pu", default=None)            # not on spot
    transaction_time: int | None = field(name="T", default=None)    # not on spot


class BookTicker(Struct, frozen=True, gc=False):
    """The touch after update `update_id`. On spot it has no stamp."""

    update_id: int = field(name="u")
    symbol: str = field(name="s")
    bid: str = field(name="b")
    bid_qty: str = field(name="B")
    ask: str = field(name="a")
    ask_qty: str = field(name="A")
    transaction_time: int | None = field(name="T", default=None)
    event_time: int | None = field(name="E", default=None)


class _Trade(Struct, frozen=True, gc=False, kw_only=True):
    symbol: str = field(name="s")
    event_time: int = field(name="E")
    price: str = field(name="p")
    qty: str = field(name="q")
    time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    origin: str = field(name="X", default="MARKET")


class RawTrade(_Trade, frozen=True, gc=False, kw_only=True):
    """One match. `origin` other than MARKET (INSURANCE_FUND, NA …; not on spot) is not a trade of the market."""

    trade_id: int = field(name="t")


class AggTrade(_Trade, frozen=True, gc=False, kw_only=True):
    """The matches of one taker order at one price."""

    trade_id: int = field(name="a")


class DepthSnapshot(Struct, frozen=True, gc=False, rename="camel"):
    """The book over REST, and the message of `@depth5/10/20` on spot. It does not name its symbol (COIN-M does)."""

    last_update_id: int
    bids: Levels
    asks: Levels
    event_time: int | None = field(name="E", default=None)          # not on spot
    transaction_time: int | None = field(name="T", default=None)

    @property
    def stamp(self) -> int:
        """The venue's stamp as printed; 0 if there is none. `Engine.on_snapshot` takes it, live and in replays."""
        return self.transaction_time or self.event_time or 0


class WholeBook(Struct, frozen=True, gc=False):
    """The message of a stream of whole books (`@depth5`, `@depth10`, `@depth20`). Only the stream's name identifies it, since
    USD-M's message calls itself a depthUpdate and spot's has no name."""

    symbol: str
    levels: int
    """Most levels of a side."""
    update_id: int
    bids: Levels
    asks: Levels
    stamp: int = 0


# -- control -----------------------------------------------------------------------------------------------------------


class Answer(Struct, frozen=True):
    """The venue's answer to SUBSCRIBE and similar requests: `result` is null, a list of streams, or a property."""

    id: ControlId
    result: bool | list[str] | None = None


class VenueError(Struct, frozen=True):
    """A request was refused: over REST, or as the answer to a control frame (then with its `id`)."""

    code: int
    msg: str
    id: ControlId = None


class ServerShutdown(Struct, frozen=True):
    """The server will close; another connection is needed. The message comes bare, in an envelope, or inside `event`."""

    event_time: int = field(name="E")


class Ignored(Struct, frozen=True):
    """An event of a known kind that is not traded on."""

    event: str


# -- REST --------------------------------------------------------------------------------------------------------------


class ServerTime(Struct, frozen=True, rename="camel"):
    server_time: int


class Filter(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One rule of a symbol; each type of filter has some of these fields. "0" disables a rule."""

    filter_type: str
    tick_size: str | None = None
    min_price: str | None = None
    max_price: str | None = None
    step_size: str | None = None
    min_qty: str | None = None
    max_qty: str | None = None
    min_notional: str | None = None         # spot: NOTIONAL and the older MIN_NOTIONAL
    notional: str | None = None             # USD-M: MIN_NOTIONAL


class SymbolInfo(Struct, frozen=True, rename="camel"):
    """One symbol in exchangeInfo."""

    symbol: str
    base_asset: str
    quote_asset: str
    filters: list[Filter]
    status: str | None = None               # TRADING, HALT, BREAK, CANCEL_ONLY …
    contract_status: str | None = None      # COIN-M's name for it
    contract_type: str | None = None        # futures only
    contract_size: int | None = None        # COIN-M
    pair: str | None = None

    def filter(self, filter_type: str) -> Filter | None:
        """The filter of that type, wherever it is, since the venue promises no order."""
        return next((f for f in self.filters if f.filter_type == filter_type), None)

    @property
    def trading(self) -> bool:
        return (self.status or self.contract_status) == "TRADING"


class RequestLimit(Struct, frozen=True, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class ExchangeInfo(Struct, frozen=True, rename="camel"):
    """Symbols and their rules, and the venue's rate limits."""

    symbols: list[SymbolInfo]
    server_time: int | None = None
    rate_limits: list[RequestLimit] = []


Message = (
    WholeBook | DepthUpdate | BookTicker | RawTrade | AggTrade | DepthSnapshot | Answer | VenueError | ServerShutdown | Ignored
    | ServerTime | ExchangeInfo
)  # fmt: skip


# -- recognising a message -------------------------------------------------------------------------------------------------------


class _Head(Struct, frozen=True, rename="camel"):
    """The fields that distinguish messages; empty if absent."""

    e: str | None = None
    stream: Raw = Raw()
    data: Raw = Raw()
    event: Raw = Raw()
    error: Raw = Raw()
    u: Raw = Raw()
    last_update_id: Raw = Raw()
    symbols: Raw = Raw()
    server_time: Raw = Raw()
    code: Raw = Raw()
    id: Raw = Raw()


class _Refusal(Struct):
    error: VenueError
    id: ControlId = None


def _decoder(kind: type[Message]) -> msgspec.json.Decoder[Message]:
    return msgspec.json.Decoder(kind)


_HEAD = msgspec.json.Decoder(_Head)
_REFUSAL = msgspec.json.Decoder(_Refusal)
_STREAM = msgspec.json.Decoder(str)
_EVENTS = {
    "depthUpdate": _decoder(DepthUpdate),
    "bookTicker": _decoder(BookTicker),
    "trade": _decoder(RawTrade),
    "aggTrade": _decoder(AggTrade),
    "serverShutdown": _decoder(ServerShutdown),
}
_SHAPES = (  # in this order: an exchangeInfo has a serverTime as well
    ("u", _decoder(BookTicker)),
    ("last_update_id", _decoder(DepthSnapshot)),
    ("symbols", _decoder(ExchangeInfo)),
    ("server_time", _decoder(ServerTime)),
    ("code", _decoder(VenueError)),
    ("id", _decoder(Answer)),
)
_WHOLE = re.compile(r"([^@]+)@depth(\d{1,4})(?:@.*)?")


def whole_books(stream: str) -> tuple[str, int] | None:
    """Symbol and levels of a stream of whole books, by its name; None for any other.

    >>> whole_books("btcusdt@depth20@100ms"), whole_books("btcusdt@depth@100ms")
    (('BTCUSDT', 20), None)
    """
    match = _WHOLE.fullmatch(stream)
    return (match[1].upper(), int(match[2])) if match else None


def _of_stream(name: str, found: Message) -> Message:
    """A message of a stream of whole books as a `WholeBook`; any other message unchanged."""
    whole = whole_books(name)
    match found:
        case DepthSnapshot() if whole:
            return WholeBook(*whole, found.last_update_id, found.bids, found.asks, found.stamp)
        case DepthUpdate() if whole:
            stamp = _stamp(found.transaction_time, found.event_time)
            return WholeBook(found.symbol, whole[1], found.last_id, found.bids, found.asks, stamp)
    return found


def _decode(body: bytes) -> Message:
    head = _HEAD.decode(body)
    inner = head.data or head.event     # {"stream": …, "data": …}; the WebSocket API's envelope
    if not inner:
        return _bare(body, head)
    found = _bare(inner, _HEAD.decode(inner))
    return _of_stream(_STREAM.decode(head.stream), found) if head.stream and head.data else found


def _bare(body: bytes | Raw, head: _Head) -> Message:
    """A message without its envelope."""
    if head.e is not None:
        if head.e in IGNORED:
            return Ignored(head.e)
        if head.e not in _EVENTS:
            raise Rejected(UNKNOWN_EVENT, head.e)
        return _EVENTS[head.e].decode(body)
    if head.error:
        refusal = _REFUSAL.decode(body)
        return VenueError(refusal.error.code, refusal.error.msg, refusal.id)
    for name, decoder in _SHAPES:
        if getattr(head, name):
            return decoder.decode(body)
    raise Rejected(BAD_SHAPE, "not a message that this engine knows")


def decode(frame: bytes) -> Message:
    """Decode the bytes of a websocket frame or of a REST body.

    Raises `Rejected` with the reason: TOO_LARGE, BAD_JSON, BAD_SHAPE, UNKNOWN_EVENT.

    >>> decode(b'{"result":null,"id":7}')
    Answer(id=7, result=None)
    >>> decode(b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161256313}}')
    ServerShutdown(event_time=1723161256313)
    >>> decode(b'{"code":-1121,"msg":"Invalid symbol."}').msg
    'Invalid symbol.'
    >>> decode(b'{"e":"kline","s":"BTCUSDT"}')
    Ignored(event='kline')
    """
    if len(frame) > LARGEST_FRAME:
        raise Rejected(TOO_LARGE, f"{len(frame)} bytes; at most {LARGEST_FRAME} are allowed")
    try:
        if not frame.isascii():
            frame.decode()      # msgspec does not check strings that it skips
        return _decode(frame)
    except msgspec.ValidationError as error:
        raise Rejected(BAD_SHAPE, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(BAD_JSON, str(error)) from None


# -- into the engine ---------------------------------------------------------------------------------------------------


def fill(decoder: Decoder, message: Message, recv_ns: int = 0) -> int:
    """Puts a decoded market-data message into `decoder`, whole or not at all. Returns a status code.

    Anything else (answers, errors, ignored events, snapshots, which name no symbol) is IGNORED_EVENT.
    """
    match message:
        case DepthUpdate(symbol=s, first_id=first, last_id=last, prev_id=prev, bids=bids, asks=asks):
            stamp = _stamp(message.transaction_time, message.event_time)
            return decoder.load_depth(s, first, last, prev, stamp, bids, asks, recv_ns)
        case WholeBook(symbol=s, levels=levels, update_id=u, bids=bids, asks=asks):
            return decoder.load_book(s, u, bids, asks, levels, message.stamp, recv_ns)
        case BookTicker(symbol=s, update_id=u, bid=bid, bid_qty=bid_qty, ask=ask, ask_qty=ask_qty):
            stamp = _stamp(message.transaction_time, message.event_time)
            return decoder.load_book_ticker(s, u, bid, bid_qty, ask, ask_qty, stamp, recv_ns)
        case RawTrade() | AggTrade():
            return decoder.load_trade(
                message.symbol, message.trade_id, message.price, message.qty, message.time, message.buyer_is_maker,
                aggregate=isinstance(message, AggTrade), not_market=message.origin != "MARKET", recv_ns=recv_ns,
            )  # fmt: skip
    decoder.clear()
    return IGNORED_EVENT


def _stamp(transaction_time: int | None, event_time: int | None) -> int:
    """The venue's stamp x: `T`, else `E`, else 0 (SEMANTICS 2)."""
    return next((t for t in (transaction_time, event_time) if t is not None), 0)


def load(decoder: Decoder, frame: bytes, recv_ns: int = 0) -> int:
    """The slow path of a frame that the scanner did not recognise: decodes it with msgspec and puts it into `decoder`.

    Returns 0, or the reason of the rejection: BAD_JSON, BAD_SHAPE, BAD_NUMBER, UNKNOWN_EVENT, UNKNOWN_SYMBOL, TOO_LARGE,
    IGNORED_EVENT. The last only means that it is not market data: `decode` recognises a control answer or serverShutdown.

    >>> from hft._core.base.types import Spec
    >>> decoder = Decoder([Spec("BTCUSDT", tick="0.01", step="0.00001", instrument="spot")])
    >>> load(decoder, b'{"u": 1, "s": "BTCUSDT", "b": "61837.63", "B": "3.78826", "a": "61837.64", "A": "1.5"}')
    0
    >>> load(decoder, b'{"u": 1, "s": "BTCUSDT", "b": "61837.635", "B": "3.78826", "a": "61837.64", "A": "1.5"}')
    4
    """
    try:
        return fill(decoder, decode(frame), recv_ns)
    except Rejected as reject:
        decoder.clear()
        return reject.code
