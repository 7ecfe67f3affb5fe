"""Event records: messages encoded once; the engine's `replay_events` runs them in C, without a Python object for each."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM
from libc.stdlib cimport free
from libc.string cimport memset

from hft._core.base.status cimport DECODE_FALLBACK, OK, STATUS_CODES
from hft._core.base.types cimport MSG_NONE, Spec
from hft._core.wire.decode cimport Decoder, decode_frame, decode_next, decoder_levels, decoder_message

from hft._core.base import status as status_table

assert sizeof(EventRecord) == 64

BID, ASK, LAST = EVENT_BID, EVENT_ASK, EVENT_LAST
NOT_A_MARKET_TRADE, BUYER_MAKER, EMPTY = EVENT_NOT_MARKET, EVENT_BUYER_MAKER, EVENT_EMPTY
BOOK_STREAM_ONLY, ONE_SIDE_ONLY = EVENT_BOOK_STREAM, EVENT_ONE_SIDE
"""Bits of `flags`."""

LAST_TIME_NS = LAST_NS
"""Upper limit of times in records, the year 2100."""

KINDS = {
    "depth": MSG_DEPTH, "bookTicker": MSG_BOOK_TICKER, "trade": MSG_TRADE, "aggTrade": MSG_AGG_TRADE, "snapshot": MSG_SNAPSHOT,
    "book": MSG_BOOK,
    "connect": EVENT_CONNECT, "disconnect": EVENT_DISCONNECT, "resync": EVENT_RESYNC, "rules": EVENT_RULES,
}
"""Values of `kind`."""


cdef class EventEncoder:
    """Frames, REST books and connections as consecutive records, in memory of its own until they are taken.

    `recv_ns` never goes back: an earlier stamp is replaced by that of the record before, as in an engine.

    Parameters
    ----------
    specs : iterable of Spec
        The symbols; a record's `symbol` is an index into them.
    fallback : callable, optional
        As for `Engine`: the venue's wire.

    >>> from hft._core.base.types import Spec
    >>> encoder = EventEncoder([Spec("BTCUSDT", tick="0.10", step="0.001")])
    >>> encoder.frame(b'{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":7,"p":"61800.30","q":"0.006","X":"MARKET","m":false}', 5)
    0
    >>> len(encoder), len(encoder.take()), len(encoder)
    (1, 64, 0)
    """
    cdef EventArray records
    cdef int64_t now
    cdef int64_t refused[96]    # by status code (STATUS_CODES)
    cdef readonly Decoder decoder
    cdef readonly object fallback
    cdef dict specs             # by name

    def __init__(self, specs, fallback=None):
        specs = list(specs)
        self.specs = {spec.name: spec for spec in specs}
        self.decoder = Decoder(specs)
        self.fallback = fallback

    def __dealloc__(self):
        free(self.records.at)

    def __len__(self):
        """Number of records to take."""
        return self.records.n

    cdef EventRecord* _claim(self, int64_t n) except NULL:
        if not events_reserve(&self.records, n):
            raise MemoryError
        self.records.n += n
        return &self.records.at[self.records.n - n]

    cdef int _keep(self, int code) except -1:
        """Encodes the decoder's messages, if it has any."""
        cdef Message* m = decoder_message(self.decoder.d)
        cdef bint one = code == OK and (m.kind != MSG_NONE or decode_next(self.decoder.d))
        if code != OK:
            self.refused[code] += 1
        while one:
            self.now = m.recv_ns = max(self.now, m.recv_ns)
            event_encode(m, decoder_levels(self.decoder.d), self._claim(event_count(m)))
            one = decode_next(self.decoder.d)
        return code

    cdef int _frame(self, bytes frame, int64_t now_ns) except -1:
        cdef int code = decode_frame(self.decoder.d, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), now_ns)
        if code == DECODE_FALLBACK and self.fallback is not None:
            code = self.fallback(self.decoder, frame, now_ns)
        return self._keep(code)

    def frame(self, bytes frame not None, int64_t now_ns) -> int:
        """Encode one websocket frame; returns its status code, 0 for a message."""
        return self._frame(frame, now_ns)

    def frames(self, list frames not None, const int64_t[::1] stamps not None) -> None:
        """Encode frames (bytes) with the `now` of each; the loop is in C."""
        cdef Py_ssize_t i, n = len(frames)
        if stamps.shape[0] != n:
            raise ValueError(f"{n} frames, {stamps.shape[0]} stamps")
        for i in range(n):
            self._frame(<bytes?><object>PyList_GET_ITEM(frames, i), stamps[i])

    def snapshot(self, symbol, int64_t last_update_id, bids, asks, int64_t now_ns, stamp=0) -> int:
        """Encode a REST book; arguments as for `Engine.on_snapshot`. Returns its status code."""
        name = getattr(symbol, "name", symbol)
        return self._keep(self.decoder.load_snapshot(name, last_update_id, bids, asks, stamp, now_ns))

    def book(self, symbol, int64_t update_id, bids, asks, int64_t now_ns, stamp=0, int levels=0) -> int:
        """Encode a whole book; arguments as for `Engine.on_book`. Returns its status code."""
        name = getattr(symbol, "name", symbol)
        return self._keep(self.decoder.load_book(name, update_id, bids, asks, levels, stamp, now_ns))

    def connect(self, symbol, int64_t now_ns) -> None:
        """The stream of a symbol is open."""
        self._connection(symbol, EVENT_CONNECT, now_ns)

    def disconnect(self, symbol, int64_t now_ns) -> None:
        """The stream of a symbol is lost."""
        self._connection(symbol, EVENT_DISCONNECT, now_ns)

    def resync(self, symbol, int64_t now_ns) -> None:
        """The book of a symbol was discarded."""
        self._connection(symbol, EVENT_RESYNC, now_ns)

    def set_rules(self, symbol, int64_t now_ns, *, tick, step, quantum=None, min_qty=0, max_qty=0, min_notional=0,
                  bint trading=True) -> None:
        """A symbol's rules change; arguments as for `Engine.set_rules`. ValueError if the file's units can't express
        them."""
        cdef Spec spec = self.specs[getattr(symbol, "name", symbol)]
        cdef Spec new = spec.ruled(tick=tick, step=step, quantum=quantum, min_qty=min_qty, max_qty=max_qty,
                                   min_notional=min_notional)
        cdef EventRecord* r
        if (new.price_unit, new.quantum) != (spec.price_unit, spec.quantum):
            raise ValueError(f"{spec.name}: tick {new.tick} and quantum {new.quantum} are finer than the units of the file")
        self._connection(symbol, EVENT_RULES, now_ns)
        r = &self.records.at[self.records.n - 1]
        r.price, r.qty = new.c.tick, new.c.lot
        r.first_id, r.last_id, r.venue_ns = new.c.min_qty, new.c.max_qty, new.c.min_notional
        if not trading:
            r.flags |= EVENT_NOT_MARKET

    def _connection(self, symbol, int kind, int64_t now_ns):
        cdef EventRecord* r
        cdef int index = self.decoder.symbols.index(getattr(symbol, "name", symbol))
        self.now = max(self.now, now_ns)
        r = self._claim(1)
        memset(r, 0, sizeof(EventRecord))
        r.recv_ns = self.now
        r.prev_id = -1
        r.symbol = <uint16_t>index
        r.kind = <uint8_t>kind
        r.flags = EVENT_LAST | EVENT_EMPTY

    def take(self) -> bytes:
        """Take the records, 64 bytes each."""
        cdef bytes out = PyBytes_FromStringAndSize(<const char*>self.records.at, self.records.n * sizeof(EventRecord))
        self.records.n = 0
        return out

    @property
    def rejects(self) -> dict:
        """Number of frames and books that gave no message of these symbols, by reason."""
        cdef int code
        return {status_table.name(code): self.refused[code] for code in range(<int>STATUS_CODES) if self.refused[code]}
