"""The order book: both sides, exact top-N at any depth; bookTickers update the touch between depth updates."""

from typing import NamedTuple

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memset

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport MSG_BOOK, MSG_DEPTH, MSG_SNAPSHOT, MSG_BOOK_TICKER
from hft._core.market.ladder cimport MAX_WINDOW, MIN_WINDOW
from hft._core.market.ladder_check cimport (
    LADDER_DIGEST, LADDER_FAR_ORDER, LADDER_FAR_ROOM, LADDER_HIDDEN, LADDER_LIST, LADDER_LIST_SHORT, LADDER_SLOT, LADDER_SUMMARY,
    LADDER_UNSETTLED, LADDER_WINDOW,
)
from hft._core.market.whole cimport whole_read, whole_take, whole_uncross

FAULTS = {
    LADDER_UNSETTLED: "a change was not followed by a settle",
    LADDER_SLOT: "a slot's quantity and its bit disagree",
    LADDER_SUMMARY: "the bitmap's summary is wrong",
    LADDER_FAR_ORDER: "the far store is out of order",
    LADDER_FAR_ROOM: "the far store exceeds its memory",
    LADDER_WINDOW: "the window is at a wrong place",
    LADDER_LIST: "the list of best levels is wrong",
    LADDER_LIST_SHORT: "the list of best levels is short",
    LADDER_HIDDEN: "the count of the list's hidden levels is wrong",
    LADDER_DIGEST: "the digest does not match the levels",
}

LIMIT = 10**18
SIDES = {"bid": BID, "ask": ASK}

from hft._core.base.checks import power_of_two, whole

assert sizeof(Book) == 128 and sizeof(Ladder) % 8 == 0


class PriceLevel(NamedTuple):
    """A price and its quantity, as exact decimals."""

    price: object
    qty: object


cdef int64_t _number(value, int64_t least, what, text) except -1:
    """Ticks or quanta within the book's range: 18 digits, so that the difference of two of them fits 64 bits."""
    if not least <= value < LIMIT:
        raise ValueError(f"{what} {text} is {value} units; it must be from {least} to {LIMIT - 1}")
    return value


cdef int _applied(OrderBook self, const Message* m, const Level* levels, int64_t* gone) except -1:
    """Applies a message according to its kind. If `gone` is given, crossed older levels are removed and counted in it."""
    cdef OrderBook aside
    cdef int code
    if m.kind == MSG_BOOK:
        aside = OrderBook(self.spec, window_ticks=256, far_levels=max(2, m.n_bids, m.n_asks))     # room for all levels
        code = whole_read(aside.book, m, levels)
        if code == OK:
            whole_take(self.book, aside.book, m, &self.longest)
        return code
    code = book_apply(self.book, m, levels)
    if code == CROSSED_BOOK and gone != NULL:
        return whole_uncross(self.book, m, levels, gone)
    return code


cdef int _load(OrderBook self, bids, asks, int64_t update_id, int kind, int64_t most=0, int64_t* gone=NULL) except -1:
    """Loads all levels of a message, or none."""
    bids, asks = list(bids), list(asks)
    cdef Message m
    memset(&m, 0, sizeof(Message))
    m.kind = kind
    m.last_id = update_id
    m.first_id = most
    m.n_bids = len(bids)
    m.n_asks = len(asks)
    cdef Level* levels = <Level*>PyMem_Malloc((len(bids) + len(asks) + 1) * sizeof(Level))
    if levels == NULL:
        raise MemoryError
    cdef size_t i = 0
    try:
        for price, qty in bids + asks:
            levels[i].price = _number(self.spec.ticks(price), 1, "price", price)
            levels[i].qty = _number(self.spec.quanta(qty), 0, "quantity", qty)
            i += 1
        if kind == MSG_SNAPSHOT:
            book_clear(self.book)
        return _applied(self, &m, levels, gone)
    finally:
        PyMem_Free(levels)


cdef int _apply_raw(OrderBook self, const Level* levels, Py_ssize_t n, Py_ssize_t n_bids, int64_t update_id) except -1:
    cdef Message m
    cdef Py_ssize_t i
    if n_bids < 0 or n_bids > n:
        raise ValueError(f"n_bids {n_bids} must be from 0 to {n}, the number of levels")
    for i in range(n):
        _number(levels[i].price, 1, "price", f"of level {i}")
        _number(levels[i].qty, 0, "quantity", f"of level {i}")
    memset(&m, 0, sizeof(Message))
    m.kind = MSG_DEPTH
    m.last_id = update_id
    m.n_bids = n_bids
    m.n_asks = n - n_bids
    return book_apply(self.book, &m, levels)


cdef list _levels(OrderBook self, int side, n, bint base):
    """The best n levels of the base or the view."""
    cdef Ladder* l = book_side(self.book, side)
    cdef int64_t key = ladder_after(l, KEY_FIRST) if base else ladder_view_best(l)
    cdef Py_ssize_t left = n if n is not None else KEY_NONE
    cdef list out = []
    while left > 0 and key != KEY_NONE:
        out.append(PriceLevel(self.spec.price(key ^ l.flip),
                              self.spec.qty(ladder_qty(l, key) if base else ladder_view_qty(l, key))))
        key = ladder_after(l, key) if base else ladder_view_after(l, key)
        left -= 1
    return out


cdef _price_or_none(OrderBook self, int64_t ticks):
    return self.spec.price(ticks) if ticks != NO_PRICE else None


cdef class OrderBook:
    """A symbol's order book.

    Depth messages give the *base*; a bookTicker newer than it overlays it, until the base has caught up: there are no bids above
    its bid, at its bid its quantity counts, below it the base; asks mirrored. The methods return this view.

    Parameters
    ----------
    spec : Spec
        The symbol's scales.
    window_ticks : int
        Ticks of each side in a dense array, from a little above the touch: a power of two from 256 to 262,144.
        It affects speed and memory (8 bytes a tick and side), never the content of the book.
    far_levels : int
        Levels of each side kept beyond the window, at least 2. When the store is full, the level farthest from the touch is
        dropped and counted in `dropped`.

    >>> from hft._core.base.types import Spec
    >>> book = OrderBook(Spec("BTCUSDT", tick="0.10", step="0.001"))
    >>> book.snapshot([("61800.20", "2.507"), ("61800.10", "0.250")], [("61800.30", "2.510"), ("61801", "4")], 100)
    0
    >>> str(book.best_bid), str(book.best_ask), str(book.mid)
    ('61800.2', '61800.3', '61800.25')
    >>> book.apply([("61800.20", "0")], [("61800.30", "3.000")], 101)
    0
    >>> str(book.best_bid), str(book.spread), round(book.imbalance(5), 4)
    ('61800.1', '0.2', -0.931)
    >>> book.book_ticker("61800.20", "1.250", "61800.30", "2.750", 105)
    0
    >>> [(str(level.price), str(level.qty)) for level in book.bids(5)]
    [('61800.2', '1.250'), ('61800.1', '0.250')]
    >>> book.book_ticker("61800.10", "9", "61800.30", "9", 104)      # older: STALE_UPDATE
    16
    >>> round(book.microprice, 5)
    61800.23125
    """

    def __cinit__(self):
        self.book = NULL

    def __init__(self, Spec spec not None, *, window_ticks=65536, far_levels=8192):
        if self.book != NULL:
            raise RuntimeError("an OrderBook is initialised once")
        cdef BookParams params
        params.window_ticks = power_of_two("window_ticks", window_ticks, MIN_WINDOW, MAX_WINDOW)
        params.far_levels = whole("far_levels", far_levels, 2, 1 << 24)
        self.book = <Book*>hft_alloc(book_size(&params))
        book_init(self.book, &params)
        self.spec = spec

    def __dealloc__(self):
        hft_free(self.book)

    # -- writes

    def snapshot(self, bids, asks, int64_t update_id) -> int:
        """Replace the book by these levels, pairs of decimal text (or Decimal); see `apply`."""
        return _load(self, bids, asks, update_id, MSG_SNAPSHOT)

    def apply(self, bids, asks, int64_t update_id) -> int:
        """Set levels to new quantities, pairs of decimal text (or Decimal); 0 deletes; for a price given twice the last counts.

        Returns 0, or the code of CROSSED_BOOK when the best bid is then at or above the best ask. ValueError: a
        number is off the tick or quantum, or not positive; nothing is applied then.
        """
        return _load(self, bids, asks, update_id, MSG_DEPTH)

    def apply_newest(self, bids, asks, int64_t update_id) -> tuple:
        """As `apply`, but if the book crosses, removes the levels that a newer one of the other side crosses; prices from there
        on are then unknown (rule 7b). Returns their count, and the side of the newer level: 0 none, 1 bid, 2 ask, 3 both."""
        cdef int64_t gone = 0
        cdef int newer = _load(self, bids, asks, update_id, MSG_DEPTH, 0, &gone)
        return gone, newer

    def whole(self, bids, asks, int64_t update_id, int64_t levels=0) -> int:
        """Replace the book by a whole book (rule 7c) with at most `levels` a side, 0 if that limit is unknown.

        Returns 0, or the code of CROSSED_BOOK if it crosses itself; nothing changes then.
        """
        return _load(self, bids, asks, update_id, MSG_BOOK, levels)

    def known(self, side, price) -> bool:
        """Whether the quantity at a price is known; if not, a missing level does not mean that it is empty (rule 7c)."""
        return book_known(self.book, SIDES[side], self.spec.ticks(price))

    def apply_ticks(self, levels, Py_ssize_t n_bids, int64_t update_id) -> int:
        """`apply` for integers: a buffer of int64 (`array('q')`, a NumPy array) of ticks and quanta in turn.

        The first `n_bids` levels are bids, the others asks.
        """
        cdef Py_buffer view
        PyObject_GetBuffer(levels, &view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS)
        try:
            if view.itemsize != 8 or view.format not in (b"q", b"l") or view.len % <Py_ssize_t>sizeof(Level):
                raise ValueError("levels must be pairs of int64")
            return _apply_raw(self, <const Level*>view.buf, view.len // <Py_ssize_t>sizeof(Level), n_bids, update_id)
        finally:
            PyBuffer_Release(&view)

    def book_ticker(self, bid, bid_qty, ask, ask_qty, int64_t update_id) -> int:
        """Overlay the base with a bookTicker; decimal text (or Decimal), price 0 for an empty side.

        Returns 0, or the code of STALE_UPDATE (not newer than the base or the last one), or of CROSSED_BOOK (its
        bid is at or above its ask); nothing changes then.
        """
        cdef Message m
        memset(&m, 0, sizeof(Message))
        m.kind = MSG_BOOK_TICKER
        m.last_id = update_id
        m.price = _number(self.spec.ticks(bid), 0, "price", bid)
        m.qty = _number(self.spec.quanta(bid_qty), 0, "quantity", bid_qty)
        m.ask_price = _number(self.spec.ticks(ask), 0, "price", ask)
        m.ask_qty = _number(self.spec.quanta(ask_qty), 0, "quantity", ask_qty)
        return book_overlay(self.book, &m)

    def clear(self) -> None:
        """Remove every level and the bookTicker."""
        book_clear(self.book)

    # -- the view

    def bids(self, n=None) -> list:
        """The best `n` bids (default: all), each a `PriceLevel`, best first."""
        return _levels(self, BID, n, False)

    def asks(self, n=None) -> list:
        """The best `n` asks (default: all), each a `PriceLevel`, best first."""
        return _levels(self, ASK, n, False)

    def base_bids(self, n=None) -> list:
        """`bids` without the bookTicker."""
        return _levels(self, BID, n, True)

    def base_asks(self, n=None) -> list:
        """`asks` without the bookTicker."""
        return _levels(self, ASK, n, True)

    def qty(self, str side not None, price):
        """The quantity at a price of side ``"bid"`` or ``"ask"``, 0 if there is no level."""
        return self.spec.qty(book_qty(self.book, SIDES[side], self.spec.ticks(price)))

    def depth(self, str side not None, int n):
        """Total quantity of the best `n` levels of side ``"bid"`` or ``"ask"``."""
        return self.spec.qty(book_sum(self.book, SIDES[side], n))

    @property
    def best_bid(self):
        """The highest bid; None when there is none."""
        return _price_or_none(self, book_best(self.book, BID))

    @property
    def best_ask(self):
        """The lowest ask; None when there is none."""
        return _price_or_none(self, book_best(self.book, ASK))

    @property
    def best_bid_qty(self):
        """The quantity at the best bid; 0 when there is none."""
        return self.spec.qty(book_best_qty(self.book, BID))

    @property
    def best_ask_qty(self):
        """The quantity at the best ask; 0 when there is none."""
        return self.spec.qty(book_best_qty(self.book, ASK))

    @property
    def mid(self):
        """(best bid + best ask) / 2, exact; None when a side is empty."""
        cdef int64_t mid2 = book_mid2(self.book)
        return self.spec.price(mid2) / 2 if mid2 else None

    @property
    def spread(self):
        """best ask - best bid; None when a side is empty."""
        return self.best_ask - self.best_bid if book_mid2(self.book) else None

    @property
    def microprice(self):
        """The mid weighted by the opposite quantities, (b qa + a qb) / (qa + qb); None when a side is empty."""
        if not book_mid2(self.book):
            return None
        bid_qty, ask_qty = self.best_bid_qty, self.best_ask_qty
        return float((self.best_bid * ask_qty + self.best_ask * bid_qty) / (bid_qty + ask_qty))

    def imbalance(self, int n=5) -> float:
        """(bids - asks) / (bids + asks) over the best `n` levels of each side, -1 to 1; NaN when both are empty."""
        return book_imbalance(self.book, n)

    # -- the book itself

    @property
    def update_id(self) -> int:
        """Update id of the base."""
        return self.book.base_id

    @property
    def book_ticker_id(self) -> int:
        """Update id of the bookTicker that overlays the base, 0 if there is none."""
        return self.book.overlay_id

    @property
    def dropped(self) -> int:
        """Levels dropped for lack of capacity since the book was made."""
        return self.book.dropped

    def horizon(self, str side not None):
        """The nearest price dropped since the last snapshot, or None; the book is exact up to it."""
        cdef Ladder* l = book_side(self.book, SIDES[side])
        return self.spec.price(l.far.horizon ^ l.flip) if l.far.horizon != KEY_NONE else None

    @property
    def nbytes(self) -> int:
        """Memory of the book in bytes; constant."""
        return self.book.bytes

    @property
    def hash(self) -> int:
        """A 64-bit hash of all levels, the overlaying bookTicker and the update ids."""
        return book_content_hash(self.book)

    def check(self) -> None:
        """Recompute the book's internal invariants; AssertionError names a broken one."""
        cdef int fault = book_check(self.book)
        if fault:
            raise AssertionError(FAULTS[fault])

    def __repr__(self):
        return f"OrderBook({self.spec.name}, bid={self.best_bid}, ask={self.best_ask}, update_id={self.update_id})"
