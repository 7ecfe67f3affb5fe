"""Bybit's v5 public stream of linear contracts, as a package of `hft.venues` would have it: nothing outside this folder knows it.

`orderbook.<levels>.<symbol>` sends a snapshot first and after each restart of the service, then what changed, `u` counted without
holes; `publicTrade.<symbol>` sends several trades in one frame, and names them by no number.
Source: https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook and …/trade, read 2026-11.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from hft._core.base.status import CODES
from hft._core.market.sync import SyncRules
from hft._core.wire.decode import Decoder
from hft.venues.protocol import FrameFacts, VenueProtocol


class Book(msgspec.Struct):
    s: str
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]
    u: int


class Trade(msgspec.Struct):
    T: int
    s: str
    S: str      # the taker's side
    v: str
    p: str


class Frame(msgspec.Struct):
    topic: str = ""
    type: str = ""
    ts: int = 0
    cts: int = 0        # of the matching engine
    op: str = ""
    data: msgspec.Raw = msgspec.Raw()


_frame = msgspec.json.Decoder(Frame).decode
_book = msgspec.json.Decoder(Book).decode
_trades = msgspec.json.Decoder(list[Trade]).decode


def load(decoder: Decoder, frame: bytes, recv_ns: int = 0) -> int:
    """The wire: a frame's messages into the decoder."""
    try:
        head = _frame(frame)
        stream, _, rest = head.topic.partition(".")
        if stream == "orderbook":
            return _load_book(decoder, head, int(rest.partition(".")[0]), recv_ns)
        if stream in ("publicTrade", "trade"):
            return _load_trades(decoder, _trades(head.data), recv_ns)
        code = CODES["ignored_event" if head.op else "unknown_event"]
    except msgspec.ValidationError:
        code = CODES["bad_shape"]
    except (msgspec.DecodeError, UnicodeDecodeError):
        code = CODES["bad_json"]
    decoder.clear()
    return code


def _load_book(decoder: Decoder, head: Frame, levels: int, recv_ns: int) -> int:
    book = _book(head.data)
    stamp = head.cts or head.ts
    if head.type == "snapshot":
        return decoder.load_book(book.s, book.u, book.b, book.a, levels, stamp, recv_ns, alone=False)
    return decoder.load_depth(book.s, book.u, book.u, None, stamp, book.b, book.a, recv_ns)


def _load_trades(decoder: Decoder, trades: list[Trade], recv_ns: int) -> int:
    for trade in trades:
        code = decoder.load_trade(trade.s, 0, trade.p, trade.v, trade.T, trade.S == "Sell", recv_ns=recv_ns)
        if code:
            return code
        decoder.keep()
    return 0


def facts(frame: bytes) -> Iterator[FrameFacts]:
    """What a recorded frame tells of its symbol, before its scales are known."""
    head = _frame(frame)
    if head.topic.startswith("orderbook."):
        book = _book(head.data)
        levels = [*book.b, *book.a]
        yield FrameFacts(book.s, "depth", [price for price, _ in levels], [qty for _, qty in levels])
    elif head.topic.startswith("publicTrade."):
        for trade in _trades(head.data):
            yield FrameFacts(trade.s, "trade", [trade.p], [trade.v])


LINEAR = VenueProtocol(
    name="bybit-linear", instrument="linear", sync=SyncRules(chained=False, step=1, in_band=True), load=load, facts=facts,
    fees=(Decimal("0.0002"), Decimal("0.00055")), exchanges=("bybit",),
)
PROTOCOLS = (LINEAR,)
