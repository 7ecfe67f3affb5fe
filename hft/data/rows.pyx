"""Rows of a Tardis CSV file as event records, in compiled code: a day of them is tens of millions."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, qsort
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.text cimport SCALES, Scale, scale_init
from hft._core.base.types cimport (
    ASK, BID, MAX_LEVELS, MSG_BOOK, MSG_DEPTH, MSG_SNAPSHOT, MSG_BOOK_TICKER, MSG_TRADE, Spec, likely, unlikely)
from hft._core.engine.events cimport (
    EVENT_ASK, EVENT_BID, EVENT_BOOK_STREAM, EVENT_BUYER_MAKER, EVENT_CONNECT, EVENT_EMPTY, EVENT_LAST, EVENT_NOT_MARKET,
    EVENT_ONE_SIDE, EventArray, EventRecord, events_reserve)
from hft.data.fields cimport (
    INCREMENTAL, MAX_FIELDS, MAX_SHALLOW, QUOTES, SHALLOW, TRADES, Field, field_integer, field_is, field_stamp, field_units,
    row_end, row_split)

from hft.data.row_probe import LAYOUTS, OffGridError, RowError

cdef enum:
    MOST_A_SIDE = MAX_LEVELS // 2       # levels kept on each side of a whole book; both sides fit one message
    GROUP_ROOM = 4 * MAX_LEVELS         # rows of a whole book held before its worst levels are dropped

cdef struct Instrument:         # a symbol of the file
    char name[64]               # as the file prints it
    int64_t length
    int32_t index               # `symbol` of its records; -1: its rows are left out
    int32_t snapshot            # 1: the newest rows belong to a snapshot
    int32_t whole               # 1: it has only snapshots, each the whole book
    int32_t opened              # 1: its stream is open
    int32_t apart               # 1: each snapshot has one side only and keeps the other
    Scale price[19]
    Scale qty[19]


cdef int _by_price(const void* a, const void* b) noexcept nogil:
    """Order: bids before asks, the best of a side first, equal prices in the file's order, which `rest` holds."""
    cdef const EventRecord* x = <const EventRecord*>a
    cdef const EventRecord* y = <const EventRecord*>b
    cdef int side = (x.flags & EVENT_ASK) - (y.flags & EVENT_ASK)
    cdef int64_t worse = x.price - y.price if x.flags & EVENT_ASK else y.price - x.price
    if side == 0 and worse == 0:
        return 1 if x.rest > y.rest else -1
    return side if side != 0 else (1 if worse > 0 else -1)


cdef class RowReader:
    """Turns rows into records whose ids are 0, see `hft.data.records.Numbering`.

    Parameters
    ----------
    layout : str
        A key of `LAYOUTS`.
    fields : int
        Fields of a row, as the header has them.
    symbols : mapping of str to (int, Spec)
        By name as printed in the file: the `symbol` of its records, and its scales. Rows of other symbols are left out.
    integer_ids : bool
        Trade ids are the venue's own integers; they are kept.
    whole : set of str, optional
        Names of the symbols that have only snapshots.
    apart : set of str, optional
        Those of them whose snapshots have one side each; the other side is kept.

    Attributes
    ----------
    line : int
        Number of the newest row, from 1.
    dropped : int
        Levels of whole books that were left out: the worst ones beyond 8,192 a side.

    >>> from hft._core.base.types import Spec
    >>> reader = RowReader("trades", 8, {"XBTUSD": (0, Spec("XBTUSD", tick="0.5", step="1"))}, False)
    >>> reader.feed(b"bitmex,XBTUSD,1583020803145000,1583020803307160,ccc3c1fa,sell,8531.5,2152\\n")
    >>> len(reader.take())
    64
    """
    cdef bint off_grid
    cdef int layout, n_fields, n_symbols
    cdef bint integer_ids
    cdef readonly int64_t line, dropped
    cdef int64_t now            # of the newest row
    cdef Instrument* instruments
    cdef Field fields[405]
    cdef EventArray records
    cdef EventRecord* spare     # room for as many asks as a message can hold
    cdef int64_t group          # INCREMENTAL: first record of the message that may continue; -1: none

    def __cinit__(self, layout, int fields, symbols, bint integer_ids, whole=frozenset(), apart=frozenset()):
        cdef Instrument* s
        cdef bytes raw
        cdef Spec spec
        cdef int decimals
        self.layout, self.n_fields, self.integer_ids = LAYOUTS[layout], fields, integer_ids
        self.group, self.line = -1, 1
        if any(len(name.encode()) > 63 for name in symbols):
            raise ValueError("a symbol's name has more than 63 bytes")
        if not 8 <= fields <= MAX_FIELDS or fields % 4 or (fields != 8 and self.layout != SHALLOW):
            raise ValueError(f"no row of {layout} has {fields} fields")
        self.instruments = <Instrument*>hft_alloc(len(symbols) * sizeof(Instrument))
        self.spare = <EventRecord*>hft_alloc(MAX_LEVELS * sizeof(EventRecord))
        for name, (index, spec) in symbols.items():
            s = &self.instruments[self.n_symbols]
            raw = name.encode()
            memcpy(s.name, PyBytes_AS_STRING(raw), len(raw))
            s.length, s.index, s.whole = len(raw), index, name in whole
            s.snapshot, s.apart = s.whole, name in apart
            for decimals in range(SCALES):
                scale_init(&s.price[decimals], spec.c.price_mant, spec.c.price_exp, decimals)
                scale_init(&s.qty[decimals], spec.c.qty_mant, spec.c.qty_exp, decimals)
            self.n_symbols += 1

    def __dealloc__(self):
        hft_free(self.instruments)
        hft_free(self.spare)
        free(self.records.at)

    # -- memory

    cdef EventRecord* _add(self, const Instrument* s, int kind, int64_t venue_ns, int flags) noexcept nogil:
        """The next record; reserves room for it."""
        cdef EventRecord* r = &self.records.at[self.records.n]
        memset(r, 0, sizeof(EventRecord))
        r.recv_ns, r.venue_ns, r.prev_id = self.now, venue_ns, -1
        r.symbol, r.kind, r.flags = <uint16_t>s.index, <uint8_t>kind, <uint8_t>flags
        self.records.n = self.records.n + 1     # in place, a debug build would need the GIL
        return r

    def take(self) -> bytes:
        """Takes the records of complete messages, 64 bytes each."""
        cdef int64_t whole = self.records.n if self.group < 0 else self.group
        cdef bytes out = PyBytes_FromStringAndSize(<const char*>self.records.at, whole * sizeof(EventRecord))
        self.records.n -= whole
        if self.group >= 0:
            self.group = 0
            memmove(self.records.at, &self.records.at[whole], self.records.n * sizeof(EventRecord))
        return out

    # -- messages

    cdef void _close(self, int64_t first) noexcept nogil:
        """Makes the records from `first` on a message: bids first, `rest` counted down, the last one marked."""
        cdef EventRecord* r = &self.records.at[first]
        cdef int64_t n = self.records.n - first, i, b = 0, a = 0
        for i in range(n):
            if r[i].flags & EVENT_ASK:
                self.spare[a] = r[i]
                a += 1
            else:
                r[b] = r[i]
                b += 1
        memcpy(&r[b], self.spare, a * sizeof(EventRecord))
        for i in range(n):
            r[i].rest = <uint32_t>(n - 1 - i)
        r[n - 1].flags |= EVENT_LAST

    cdef void _keep_best(self, int64_t first) noexcept nogil:
        """Keeps the best levels of the whole book from record `first` on; for a repeated price the last row counts."""
        cdef EventRecord* r = &self.records.at[first]
        cdef int64_t n = self.records.n - first, i, kept = 0
        cdef int64_t[2] count
        cdef int side
        count[0] = count[1] = 0
        for i in range(n):
            r[i].rest = <uint32_t>i
        qsort(r, n, sizeof(EventRecord), _by_price)
        for i in range(n):
            side = ASK if r[i].flags & EVENT_ASK else BID
            if i + 1 < n and r[i + 1].price == r[i].price and (r[i + 1].flags ^ r[i].flags) & EVENT_ASK == 0:
                continue
            if count[side] == MOST_A_SIDE:
                self.dropped = self.dropped + 1     # in place, a debug build would need the GIL
                continue
            count[side] += 1
            r[kept] = r[i]
            kept += 1
        self.records.n = first + kept

    cdef void _end_group(self) noexcept nogil:
        if self.group >= 0:
            if self.records.at[self.group].kind == MSG_BOOK and unlikely(self.records.n - self.group > MOST_A_SIDE):
                self._keep_best(self.group)
            self._close(self.group)
        self.group = -1

    def finish(self) -> None:
        """Ends the rows and with them the last message."""
        self._end_group()

    cdef void _open(self, Instrument* s) noexcept nogil:
        """Opens a stream of whole books once; each book then follows the one before."""
        if not s.opened:
            self._add(s, EVENT_CONNECT, 0, EVENT_EMPTY | EVENT_LAST)
        s.opened = 1

    cdef EventRecord* _book(self, const Instrument* s, int64_t venue_ns, int flags) noexcept nogil:
        """A record of a whole book; book_snapshot gives the most levels it has."""
        cdef EventRecord* r = self._add(s, MSG_BOOK, venue_ns, flags | EVENT_BOOK_STREAM)
        r.first_id = (self.n_fields - 4) // 4 if self.layout == SHALLOW else 0
        return r

    cdef const char* _incremental(self, Instrument* s, int64_t venue_ns) noexcept nogil:
        """Rows of equal stamps are one message; NULL, or the error."""
        cdef Field* f = self.fields
        cdef EventRecord* r
        cdef int64_t price, qty
        cdef int flags
        cdef bint snapshot = field_is(&f[4], b"true", 4)
        if unlikely(not snapshot and not field_is(&f[4], b"false", 5)):
            return b"is_snapshot is neither true nor false"
        if field_is(&f[5], b"bid", 3):
            flags = EVENT_BID
        elif likely(field_is(&f[5], b"ask", 3)):
            flags = EVENT_ASK
        else:
            return b"side is neither bid nor ask"
        if unlikely(not field_units(&f[6], s.price, &price)) or unlikely(price <= 0):
            return self._off(b"price is no number above 0 on the tick")
        if unlikely(not field_units(&f[7], s.qty, &qty)):
            return self._off(b"amount is no number on the quantum")
        if self.group >= 0:
            r = &self.records.at[self.group]
            if (r.recv_ns != self.now or r.venue_ns != venue_ns or r.symbol != s.index or s.snapshot != snapshot
                    or (self.records.n - self.group == MAX_LEVELS and not s.whole)):
                self._end_group()
        if s.whole:
            self._open(s)
            if self.group < 0:
                self.group = self.records.n
            elif unlikely(self.records.n - self.group == GROUP_ROOM):
                self._keep_best(self.group)
            r = self._book(s, venue_ns, flags | EVENT_ONE_SIDE if s.apart else flags)
        elif self.group < 0:
            # Rows are one snapshot, whatever their stamps, until an update comes. Levels that do not fit one message, or come
            # later, become an update on top of it.
            if snapshot and not s.snapshot:
                self._add(s, EVENT_CONNECT, 0, EVENT_EMPTY | EVENT_LAST)
            self.group = self.records.n
            r = self._add(s, MSG_SNAPSHOT if snapshot and not s.snapshot else MSG_DEPTH, venue_ns, flags)
            s.snapshot = snapshot
        else:
            r = self._add(s, self.records.at[self.group].kind, venue_ns, flags)
        r.price, r.qty = price, qty
        return NULL

    cdef const char* _trade(self, Instrument* s, int64_t venue_ns) noexcept nogil:
        cdef Field* f = self.fields
        cdef EventRecord* r
        cdef int64_t price, qty, id = 0
        cdef int flags = EVENT_LAST
        if field_is(&f[5], b"sell", 4):
            flags |= EVENT_BUYER_MAKER
        elif not field_is(&f[5], b"buy", 3):
            if not field_is(&f[5], b"unknown", 7) and f[5].p != f[5].end:
                return b"side is none of buy, sell and unknown"
            flags |= EVENT_NOT_MARKET
        if unlikely(not field_units(&f[6], s.price, &price)):
            return self._off(b"price is no number on the tick")
        if unlikely(not field_units(&f[7], s.qty, &qty)):
            return self._off(b"amount is no number on the quantum")
        if price == 0 or qty == 0:
            flags |= EVENT_NOT_MARKET
        if self.integer_ids and f[4].p != f[4].end:     # an older file may have none; the id is counted then
            id = field_integer(&f[4])
            if unlikely(id <= 0):
                return b"id is not an integer above 0"
        r = self._add(s, MSG_TRADE, venue_ns, flags)
        r.price, r.qty, r.first_id, r.last_id = price, qty, id, id
        return NULL

    cdef const char* _quote(self, Instrument* s, int64_t venue_ns) noexcept nogil:
        """An empty side has price and quantity 0."""
        cdef Field* f = self.fields
        cdef EventRecord* r
        cdef int64_t bid = 0, bid_qty = 0, ask = 0, ask_qty = 0
        if f[5].p != f[5].end or f[4].p != f[4].end:
            if not field_units(&f[5], s.price, &ask) or not field_units(&f[4], s.qty, &ask_qty):
                return b"ask_price or ask_amount is no number on tick and quantum"
        if f[6].p != f[6].end or f[7].p != f[7].end:
            if not field_units(&f[6], s.price, &bid) or not field_units(&f[7], s.qty, &bid_qty):
                return b"bid_price or bid_amount is no number on tick and quantum"
        r = self._add(s, MSG_BOOK_TICKER, venue_ns, EVENT_BID)
        r.price, r.qty, r.rest = bid, bid_qty, 1
        r = self._add(s, MSG_BOOK_TICKER, venue_ns, EVENT_ASK | EVENT_LAST)
        r.price, r.qty = ask, ask_qty
        return NULL

    cdef const char* _shallow(self, Instrument* s, int64_t venue_ns) noexcept nogil:
        """Each row is the whole book."""
        cdef int64_t first
        cdef const char* wrong
        self._open(s)
        first = self.records.n
        wrong = self._shallow_side(s, BID, venue_ns)
        if wrong == NULL:
            wrong = self._shallow_side(s, ASK, venue_ns)
        if wrong != NULL:
            return wrong
        if self.records.n == first:
            self._book(s, venue_ns, EVENT_EMPTY)
        self._close(first)
        return NULL

    cdef const char* _shallow_side(self, Instrument* s, int side, int64_t venue_ns) noexcept nogil:
        cdef EventRecord* r
        cdef Field* f
        cdef int64_t price, qty, before = 0, sign = -1 if side == BID else 1
        cdef int k, flags = EVENT_BID if side == BID else EVENT_ASK
        for k in range((self.n_fields - 4) // 4):
            f = &self.fields[4 + 4 * k + (2 if side == BID else 0)]
            if f[0].p == f[0].end and f[1].p == f[1].end:
                break
            if not field_units(&f[0], s.price, &price) or price <= 0:
                return self._off(b"a price is no number above 0 on the tick")
            if not field_units(&f[1], s.qty, &qty):
                return self._off(b"an amount is no number on the quantum")
            if before and sign * price <= sign * before:
                return b"levels are not in order of price"
            before = price
            r = self._book(s, venue_ns, flags)
            r.price, r.qty = price, qty
        return NULL

    # -- rows

    cdef Instrument* _symbol(self, const Field* f) noexcept nogil:
        cdef int i
        cdef int64_t n = f.end - f.p
        for i in range(self.n_symbols):
            if self.instruments[i].length == n and memcmp(self.instruments[i].name, f.p, n) == 0:
                return &self.instruments[i]
        return NULL

    cdef const char* _off(self, const char* what) noexcept nogil:
        """The error of a number that is only off the tick or quantum in use."""
        self.off_grid = True
        return what

    cdef const char* _row(self, const char* p, const char* end) noexcept nogil:
        """One row; NULL, or its error."""
        cdef Field* f = self.fields
        cdef Instrument* s
        cdef int64_t venue_ns, now
        if unlikely(row_split(p, end, f, self.n_fields) != self.n_fields):
            return b"has another number of fields than the header"
        s = self._symbol(&f[1])
        venue_ns = field_stamp(&f[2])
        now = field_stamp(&f[3])
        if s == NULL:
            return NULL
        if unlikely(venue_ns < 0) or unlikely(now <= 0):
            return b"timestamp or local_timestamp is no stamp in microseconds"
        if unlikely(now < self.now):
            return b"local_timestamp goes back"
        if now != self.now:
            self._end_group()
            self.now = now
        if self.layout == INCREMENTAL:
            return self._incremental(s, venue_ns)
        if self.layout == TRADES:
            return self._trade(s, venue_ns)
        if self.layout == QUOTES:
            return self._quote(s, venue_ns)
        return self._shallow(s, venue_ns)

    def feed(self, bytes rows not None) -> None:
        """Whole rows, each with its newline; RowError at the first that can't be taken."""
        cdef const char* p = PyBytes_AS_STRING(rows)
        cdef const char* end = p + PyBytes_GET_SIZE(rows)
        cdef const char* newline
        cdef const char* wrong
        cdef int64_t most = 2 if self.layout != SHALLOW else 2 * MAX_SHALLOW + 2
        while p < end:
            self.line += 1
            newline = <const char*>memchr(p, c'\n', end - p)
            if newline == NULL:
                newline = end
            if not events_reserve(&self.records, most):
                raise MemoryError
            wrong = self._row(p, row_end(p, newline))
            if unlikely(wrong != NULL):
                raise (OffGridError if self.off_grid else RowError)(self.line, wrong.decode())
            p = newline + 1
