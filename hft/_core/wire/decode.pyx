"""Frames to messages: converts the bytes of market data directly to ticks, quanta and nanoseconds."""

from dataclasses import dataclass

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport free
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.status cimport BAD_NUMBER, BAD_SHAPE, UNKNOWN_SYMBOL
from hft._core.base.text cimport text_exact
from hft._core.base.types cimport (
    BOOK_STREAM, BUYER_IS_MAKER, MAX_LEVELS, MSG_AGG_TRADE, MSG_BOOK, MSG_BOOK_TICKER, MSG_SNAPSHOT, MSG_TRADE, NOT_MARKET,
    Level, Message, Spec, SymbolSpec,
)
from hft._core.wire.pending cimport pending_push
from hft._core.wire.scales cimport symbols_add, symbols_at, symbols_init

KINDS = {MSG_DEPTH: "depth", MSG_BOOK_TICKER: "bookTicker", MSG_TRADE: "trade", MSG_AGG_TRADE: "aggTrade",
         MSG_SNAPSHOT: "snapshot", MSG_BOOK: "book"}
LARGEST_FRAME = MAX_FRAME
LARGEST_ID = 10**18 - 1


@dataclass(frozen=True, slots=True)
class MarketMessage:
    """A decoded message for Python: prices in ticks, quantities in quanta, times in nanoseconds.

    Fields that a kind does not use are 0 or empty, `prev_id` -1. `venue_ns` is the venue's own stamp, 0 if there is none.
    For a bookTicker `price` and `qty` are the best bid and its quantity.
    """

    kind: str
    symbol: str
    recv_ns: int = 0
    venue_ns: int = 0
    first_id: int = 0
    last_id: int = 0
    prev_id: int = -1
    price: int = 0
    qty: int = 0
    ask_price: int = 0
    ask_qty: int = 0
    bids: tuple = ()
    asks: tuple = ()
    buyer_is_maker: bool = False
    not_market: bool = False


cdef tuple _side(const Level* levels, uint32_t count):
    cdef uint32_t i
    return tuple([(levels[i].price, levels[i].qty) for i in range(count)])


# -- one message from fields that were decoded elsewhere: `_begin`, fields, `_end`

cdef int _begin(DecoderState* d, str symbol, stamp, recv_ns) except -1:
    cdef Py_ssize_t n
    cdef int64_t ticks
    cdef const char* name = PyUnicode_AsUTF8AndSize(symbol, &n)
    cdef int i = decoder_symbol(d, name, n)
    decoder_clear(d)
    if i < 0:
        return UNKNOWN_SYMBOL
    d.message.symbol = i
    d.message.recv_ns = recv_ns
    if _id(stamp, &ticks) != OK or decode_stamp(ticks) < 0:
        return BAD_NUMBER
    d.message.venue_ns = decode_stamp(ticks)
    return OK


cdef int _end(DecoderState* d, int code, int kind) except -1:
    if code == OK:
        d.message.kind = kind
    else:
        decoder_clear(d)
        pending_clear(&d.pending)       # a frame is applied whole or not at all
    return code


cdef int _id(value, int64_t* out) except -1:
    if not 0 <= value <= LARGEST_ID:
        return BAD_NUMBER
    out[0] = value
    return OK


cdef int64_t _units(int64_t mant, int32_t exp, text) except? -2:
    """Decimal text as units, or -1."""
    cdef Py_ssize_t n
    cdef int64_t units
    if not isinstance(text, str):
        raise TypeError(f"a decimal is given as str, not {type(text).__name__}")
    cdef const char* raw = PyUnicode_AsUTF8AndSize(text, &n)
    return units if text_exact(mant, exp, raw, n, &units) else -1


cdef int64_t _price(const DecoderState* d, text) except? -2:
    cdef const SymbolSpec* spec = &symbols_at(&d.symbols, d.message.symbol).spec
    return _units(spec.price_mant, spec.price_exp, text)


cdef int64_t _qty(const DecoderState* d, text) except? -2:
    cdef const SymbolSpec* spec = &symbols_at(&d.symbols, d.message.symbol).spec
    return _units(spec.qty_mant, spec.qty_exp, text)


cdef int _levels_of(DecoderState* d, bids, asks) except -1:
    cdef Level* level = d.levels
    if len(bids) + len(asks) > MAX_LEVELS:
        return TOO_LARGE
    for side in (bids, asks):
        for price, qty in side:
            level.price, level.qty = _price(d, price), _qty(d, qty)
            if level.price <= 0 or level.qty < 0:
                return BAD_NUMBER
            level += 1
    d.message.n_bids, d.message.n_asks = len(bids), len(asks)
    return OK


cdef class Decoder:
    """Decodes market-data frames of the given symbols; holds the last message.

    Parameters
    ----------
    specs : iterable of Spec
        The symbols. Their order gives their index.

    The message is in memory of this object: compiled stages read it there, `message` shows it to Python. Every method that
    reads a frame returns a code of `hft._core.base.status`; after any code but 0 there is no message, never a part of one.

    >>> from hft._core.base.types import Spec
    >>> decoder = Decoder([Spec("BTCUSDT", tick="0.10", step="0.001")])
    >>> decoder.decode_frame(b'{"e":"bookTicker","u":7,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510",'
    ...                      b'"T":1723161256313,"E":1723161256313}')
    0
    >>> touch = decoder.message
    >>> touch.kind, touch.symbol, touch.price, touch.qty, touch.ask_price, touch.ask_qty
    ('bookTicker', 'BTCUSDT', 618002, 2507, 618003, 2510)
    >>> decoder.load_depth("BTCUSDT", 8, 9, 7, 1723161256313, [("61800.20", "0")], [("61800.35", "1")])  # off the tick
    4
    >>> decoder.message is None
    True
    """

    def __cinit__(self, specs=()):
        cdef list symbols = list(specs)
        cdef Spec spec
        self.d = <DecoderState*>hft_alloc(decoder_size(len(symbols)))
        symbols_init(&self.d.symbols, len(symbols))
        for spec in symbols:
            if symbols_add(&self.d.symbols, &(<Spec?>spec).c) < 0:
                raise ValueError(f"symbol {spec.name} is already present")

    def __dealloc__(self):
        if self.d != NULL:
            free(self.d.pending.at)
        hft_free(self.d)

    @property
    def symbols(self) -> tuple:
        """Names of the symbols, by index."""
        return tuple([(<bytes>symbols_at(&self.d.symbols, i).spec.name).decode() for i in range(self.d.symbols.count)])

    @property
    def message(self):
        """The last message, copied into a MarketMessage; None if the last frame gave none."""
        cdef Message* m = &self.d.message
        if m.kind == 0:
            return None
        return MarketMessage(
            kind=KINDS[m.kind], symbol=(<bytes>symbols_at(&self.d.symbols, m.symbol).spec.name).decode(), recv_ns=m.recv_ns,
            venue_ns=m.venue_ns, first_id=m.first_id, last_id=m.last_id, prev_id=m.prev_id, price=m.price, qty=m.qty,
            ask_price=m.ask_price, ask_qty=m.ask_qty, bids=_side(self.d.levels, m.n_bids),
            asks=_side(self.d.levels + m.n_bids, m.n_asks),
            buyer_is_maker=bool(m.flags & BUYER_IS_MAKER), not_market=bool(m.flags & NOT_MARKET))

    def clear(self) -> None:
        """Discard the message."""
        decoder_clear(self.d)
        pending_clear(&self.d.pending)

    def keep(self) -> None:
        """Queue the message for `next`, for a frame of several messages: each of them is loaded and kept in turn.

        If the frame is refused later, none of its messages is used; a failing `load_…` and `clear` discard the kept ones.
        """
        if not pending_push(&self.d.pending, &self.d.message, self.d.levels):
            raise MemoryError
        decoder_clear(self.d)

    def next(self) -> bool:
        """Load the next kept message; False when there is none."""
        return decode_next(self.d)

    # -- the scanner

    def decode_frame(self, const unsigned char[::1] frame not None, int64_t recv_ns=0) -> int:
        """Scan one frame (anything with the buffer protocol). 0, DECODE_FALLBACK (try `load_…`), or TOO_LARGE."""
        cdef const char* p = <const char*>&frame[0] if frame.shape[0] else NULL
        return decode_frame(self.d, p, frame.shape[0], recv_ns)

    def decode_many(self, list frames not None, int64_t recv_ns=0) -> int:
        """Scan frames (bytes) one after the other, with the loop in C; returns the number recognised. For benchmarks."""
        cdef Py_ssize_t taken = 0
        cdef bytes frame
        for frame in frames:
            taken += decode_frame(self.d, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), recv_ns) == OK
        return taken

    # -- messages decoded by msgspec

    def load_depth(self, str symbol not None, first_id, last_id, prev_id, stamp, bids, asks, recv_ns=0) -> int:
        """A depth update. `prev_id` is `pu`, None if there is none; `stamp` is `T`, else `E`, in the venue's own unit.

        `bids` and `asks` are sequences of (price, quantity), both decimal text.
        """
        cdef Message* m = &self.d.message
        cdef int code = _begin(self.d, symbol, stamp, recv_ns)
        if code == OK:
            code = OK if prev_id is None else _id(prev_id, &m.prev_id)
        if code == OK:
            code = _id(first_id, &m.first_id) or _id(last_id, &m.last_id)
        if code == OK:
            code = BAD_SHAPE if m.first_id > m.last_id else _levels_of(self.d, bids, asks)
        return _end(self.d, code, MSG_DEPTH)

    def load_snapshot(self, str symbol not None, last_update_id, bids, asks, stamp=0, recv_ns=0) -> int:
        """The REST book. It does not name its symbol, so the caller passes it. Arguments as for `load_depth`."""
        cdef int code = _begin(self.d, symbol, stamp, recv_ns)
        if code == OK:
            code = _id(last_update_id, &self.d.message.last_id)
        if code == OK:
            code = _levels_of(self.d, bids, asks)
        return _end(self.d, code, MSG_SNAPSHOT)

    def load_book(self, str symbol not None, update_id, bids, asks, int levels=0, stamp=0, recv_ns=0,
                  bint alone=True) -> int:
        """A whole book with at most `levels` a side, 0 if unknown. `alone`: it is from a stream of whole books, not the
        snapshot in a stream of updates. Other arguments as for `load_depth`."""
        cdef int code = _begin(self.d, symbol, stamp, recv_ns)
        if code == OK:
            code = _id(update_id, &self.d.message.last_id)
        if code == OK:
            code = _levels_of(self.d, bids, asks)
        self.d.message.first_id = levels
        self.d.message.flags = BOOK_STREAM if alone else 0
        return _end(self.d, code, MSG_BOOK)

    def load_book_ticker(self, str symbol not None, update_id, bid, bid_qty, ask, ask_qty, stamp=0, recv_ns=0) -> int:
        """A bookTicker; an empty side has price and quantity 0. `stamp` is 0 if there is none (spot)."""
        cdef Message* m = &self.d.message
        cdef int code = _begin(self.d, symbol, stamp, recv_ns)
        if code == OK:
            code = _id(update_id, &m.last_id)
        if code == OK:
            m.price, m.qty = _price(self.d, bid), _qty(self.d, bid_qty)
            m.ask_price, m.ask_qty = _price(self.d, ask), _qty(self.d, ask_qty)
            if m.price < 0 or m.qty < 0 or m.ask_price < 0 or m.ask_qty < 0:
                code = BAD_NUMBER
        return _end(self.d, code, MSG_BOOK_TICKER)

    def load_trade(self, str symbol not None, trade_id, price, qty, stamp, bint buyer_is_maker, bint aggregate=False,
                   bint not_market=False, recv_ns=0) -> int:
        """A trade, or an aggTrade. Only a trade that is not a market trade may have price or quantity 0."""
        cdef Message* m = &self.d.message
        cdef int code = _begin(self.d, symbol, stamp, recv_ns)
        if code == OK:
            code = _id(trade_id, &m.last_id)
        if code == OK:
            m.first_id = m.last_id
            m.price, m.qty = _price(self.d, price), _qty(self.d, qty)
            m.flags = (BUYER_IS_MAKER if buyer_is_maker else 0) | (NOT_MARKET if not_market else 0)
            if m.price < 0 or m.qty < 0 or ((m.price == 0 or m.qty == 0) and not not_market):
                code = BAD_NUMBER
        return _end(self.d, code, MSG_AGG_TRADE if aggregate else MSG_TRADE)
