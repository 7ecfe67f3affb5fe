"""Loops over event records that NumPy can't express: ids for formats without ids, and hftbacktest's order of rows."""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer

from hft._core.base.types cimport MAX_LEVELS, MSG_AGG_TRADE, MSG_BOOK, MSG_DEPTH, MSG_SNAPSHOT, MSG_BOOK_TICKER, MSG_TRADE
from hft._core.engine.events cimport EventRecord

LARGEST_MESSAGE = MAX_LEVELS
"""Levels of one message."""

cdef struct Counters:           # the newest ids of a symbol
    int64_t book                # of any message about the book
    int64_t depth               # of a depth message or a snapshot
    int64_t trade
    int64_t chained


cdef class Numbering:
    """Gives ids to messages without one (`last_id` 0), in receive order.

    Depth messages and snapshots get consecutive ids, which the engine's synchronisation accepts; a bookTicker's id lies between
    those of the depth messages around it, so that it is valid until the next one; trades are counted. The first id of a symbol
    is its first message's time in microseconds, above every id given to an earlier day. Existing ids are kept, and counting
    goes on from them.

    Parameters
    ----------
    chained : sequence of bool
        For each symbol, whether its venue's updates name the previous update (`pu`).
    """
    cdef Counters* counters     # owned: one per symbol
    cdef int n_symbols

    def __cinit__(self, chained):
        self.n_symbols = len(chained)
        self.counters = <Counters*>calloc(max(1, self.n_symbols), sizeof(Counters))
        if self.counters == NULL:
            raise MemoryError
        for i, each in enumerate(chained):
            self.counters[i].chained = bool(each)

    def __dealloc__(self):
        free(self.counters)

    def number(self, records not None) -> None:
        """Whole messages, in a writable buffer of 64-byte records."""
        cdef Py_buffer view
        cdef int64_t at = 0, n
        PyObject_GetBuffer(records, &view, PyBUF_WRITABLE)
        try:
            n = view.len // <Py_ssize_t>sizeof(EventRecord)
            while 0 <= at < n:
                at = self._message(<EventRecord*>view.buf, at, n)
        finally:
            PyBuffer_Release(&view)
        if at < 0:
            raise ValueError(f"no message of {self.n_symbols} symbols begins at record {-1 - at}")

    cdef int64_t _message(self, EventRecord* records, int64_t at, int64_t n) noexcept nogil:
        """Where the next message begins; below 0 if none begins here."""
        cdef EventRecord* r = &records[at]
        cdef int64_t i, beyond = at + 1 + r.rest
        cdef Counters* c = &self.counters[r.symbol]
        cdef bint made = r.last_id == 0
        cdef int64_t first = r.first_id, last = r.last_id, prev = r.prev_id
        if beyond > n or r.symbol >= self.n_symbols:
            return -1 - at
        if r.kind == MSG_TRADE or r.kind == MSG_AGG_TRADE:
            if made:
                first = last = c.trade + 1 if c.trade else r.recv_ns // 1000
            c.trade = max(c.trade, last)
        elif r.kind == MSG_DEPTH or r.kind == MSG_SNAPSHOT or r.kind == MSG_BOOK or r.kind == MSG_BOOK_TICKER:
            if made:
                if c.book == 0:
                    c.book = c.depth = r.recv_ns // 1000
                last = c.book + 1
                if r.kind == MSG_DEPTH:
                    first = c.depth + 1
                    prev = c.depth if c.chained else -1
            c.book = max(c.book, last)
            if r.kind != MSG_BOOK_TICKER:
                c.depth = last
        if made:
            for i in range(at, beyond):
                records[i].first_id, records[i].last_id, records[i].prev_id = first, last, prev
        return beyond


def joined_order(const int64_t[::1] exch_ts, const int64_t[::1] local_ts, const int64_t[::1] by_exch,
                 const int64_t[::1] by_local, int64_t[::1] index, uint8_t[::1] which) -> int:
    """Orders rows for both clocks, as hftbacktest needs them: a row appears once if both clocks agree on its place, else twice,
    once for each.

    Both orders are merged: the smaller (exch_ts, local_ts) comes next, equal ones as one row.

    Parameters
    ----------
    exch_ts, local_ts : int64
        Stamps of each row.
    by_exch, by_local : int64
        Numbers of the rows in the stable order of each clock.
    index, which : writable, twice as long
        Receive the number of each output row, and its side: 1 exchange, 2 local, 3 both.

    Returns the number of output rows.
    """
    cdef int64_t n = by_exch.shape[0], e = 0, k = 0, out = 0, i = 0, j = 0
    cdef int64_t side
    if exch_ts.shape[0] != n or local_ts.shape[0] != n or by_local.shape[0] != n:
        raise ValueError("orders and stamps differ in length")
    if index.shape[0] < 2 * n or which.shape[0] < 2 * n:
        raise ValueError(f"room for {index.shape[0]} rows; the output may have {2 * n}")
    with nogil:
        while e < n or k < n:
            if e < n:
                i = by_exch[e]
            if k < n:
                j = by_local[k]
            if e == n:
                side = 1
            elif k == n:
                side = -1
            else:
                side = (exch_ts[i] > exch_ts[j]) - (exch_ts[i] < exch_ts[j])
                if side == 0:
                    side = (local_ts[i] > local_ts[j]) - (local_ts[i] < local_ts[j])
            index[out] = i if side <= 0 else j
            which[out] = 1 if side < 0 else 2 if side > 0 else 3
            e += side <= 0
            k += side >= 0
            out += 1
    return out
