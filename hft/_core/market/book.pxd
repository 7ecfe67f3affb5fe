# The book: two ladders of base levels (depth), and over them the newest bookTicker (SEMANTICS 7).
#
#   base     the levels that depth messages gave
#   overlay  the newest bookTicker with an update id above the base's
#   view     no bids above the overlay's bid, at that price its quantity, below it the base; asks mirrored
#
# A price without a level is empty or unknown. It is unknown beyond the worst level of a whole book that was cut (`edge`), and
# where a level was removed because a newer one of the other side crossed it (`hole`; rules 7b, 7c).
#
# All later stages read the view, after a whole message. Prices are ticks, quantities quanta, a side is BID or ASK.
# Reads are constant-time where documented: the touch, and sums over the first levels, come from a list that each message
# updates (see `ladder`).
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport abort

from hft._core.base.hash cimport hash_word
from hft._core.base.memory cimport align64
from hft._core.base.status cimport CROSSED_BOOK, OK, STALE_UPDATE
from hft._core.base.types cimport ASK, BID, NO_PRICE, Level, Message, Spec
from hft._core.market.far cimport KEY_NONE
from hft._core.market.ladder cimport (
    KEY_FIRST, Ladder, ladder_after, ladder_best, ladder_clear, ladder_hash, ladder_init, ladder_qty, ladder_set,
    ladder_settle, ladder_size, ladder_veil, ladder_view_after, ladder_view_best, ladder_view_qty,
)
from hft._core.market.ladder_check cimport DEBUGGING, ladder_check

cdef struct BookParams:
    int32_t window_ticks        # dense window of each side: a power of two, 256 to 262,144; 65,536 by default
    int32_t far_levels          # levels kept on each side beyond the window; 8,192 by default

cdef struct Book:
    int64_t base_id             # update id of the newest depth message or snapshot
    int64_t overlay_id          # update id of the overlay, 0 if there is none
    int64_t dropped             # levels dropped beyond capacity, both sides, since the start
    int64_t side_at[2]          # byte offsets of the ladders from this struct
    int64_t bytes
    int64_t edge[2]             # by side: the worst key that a whole book covers; EDGE_NONE: no whole book
    int64_t hole[2]             # keys up to this one are unknown unless they have a level; KEY_FIRST: no such keys
    int64_t reserved[6]


cdef extern from *:
    """
    #define HFT_EDGE_NONE INT64_MAX             /* no whole book: prices beyond the last level are unknown */
    #define HFT_EDGE_ALL (INT64_MAX - 1)        /* a whole book that was not cut: every price is known */
    """
    const int64_t EDGE_NONE "HFT_EDGE_NONE"
    const int64_t EDGE_ALL "HFT_EDGE_ALL"


cdef inline size_t book_size(const BookParams* p) noexcept nogil:
    return align64(sizeof(Book)) + 2 * ladder_size(p.window_ticks, p.far_levels)


cdef inline Ladder* book_side(const Book* b, int side) noexcept nogil:
    return <Ladder*>(<char*>b + b.side_at[side])


cdef inline void book_init(Book* b, const BookParams* p) noexcept nogil:
    """`b` is zeroed memory of book_size() bytes."""
    b.side_at[0] = align64(sizeof(Book))
    b.side_at[1] = b.side_at[0] + ladder_size(p.window_ticks, p.far_levels)
    b.bytes = book_size(p)
    ladder_init(book_side(b, BID), -1, p.window_ticks, p.far_levels)
    ladder_init(book_side(b, ASK), 0, p.window_ticks, p.far_levels)
    b.edge[0] = b.edge[1] = EDGE_NONE
    b.hole[0] = b.hole[1] = KEY_FIRST


cdef inline void book_clear(Book* b) noexcept nogil:
    """Removes base and overlay; keeps the count of dropped levels."""
    b.base_id = 0
    b.overlay_id = 0
    b.edge[0] = b.edge[1] = EDGE_NONE
    b.hole[0] = b.hole[1] = KEY_FIRST
    ladder_clear(book_side(b, BID))
    ladder_clear(book_side(b, ASK))


cdef inline int book_check(const Book* b) noexcept nogil:
    """0, or the broken invariant of the ladders (LadderFault). Debug builds then end the process."""
    cdef int fault = ladder_check(book_side(b, BID))
    return fault if fault else ladder_check(book_side(b, ASK))


cdef inline void _debug_check(const Book* b) noexcept nogil:
    if DEBUGGING and book_check(b) != 0:
        abort()


# ---- writes ----------------------------------------------------------------------------------------------------------

cdef inline bint book_crossed(const Book* b) noexcept nogil:
    """Whether the base's best bid is at or above its best ask."""
    cdef int64_t bid = ladder_best(book_side(b, BID)), ask = ladder_best(book_side(b, ASK))
    return bid != KEY_NONE and ask != KEY_NONE and ~bid >= ask


cdef inline void _settled(Book* b, int64_t id) noexcept nogil:
    """Ends a message: its levels are in place."""
    cdef Ladder* bids = book_side(b, BID)
    cdef Ladder* asks = book_side(b, ASK)
    b.base_id = id
    ladder_settle(bids)
    ladder_settle(asks)
    if b.overlay_id and b.base_id >= b.overlay_id:
        b.overlay_id = 0
        ladder_veil(bids, KEY_FIRST, 0)
        ladder_veil(asks, KEY_FIRST, 0)
    b.dropped = bids.far.dropped + asks.far.dropped
    _debug_check(b)


cdef inline int book_apply(Book* b, const Message* m, const Level* levels) noexcept nogil:
    """Applies a depth message, or a snapshot after book_clear: absolute quantities, bids first; the last one counts for a price
    that occurs twice.

    CROSSED_BOOK: applied, and the base's best bid is at or above its best ask.
    """
    cdef Ladder* bids = book_side(b, BID)
    cdef Ladder* asks = book_side(b, ASK)
    cdef uint64_t i
    for i in range(m.n_bids):
        ladder_set(bids, ~levels[i].price, levels[i].qty)
    levels += m.n_bids
    for i in range(m.n_asks):
        ladder_set(asks, levels[i].price, levels[i].qty)
    _settled(b, m.last_id)
    return CROSSED_BOOK if book_crossed(b) else OK


cdef inline int book_overlay(Book* b, const Message* m) noexcept nogil:
    """Makes a bookTicker the overlay.

    STALE_UPDATE: not newer than the base or the overlay; CROSSED_BOOK: its bid is at or above its ask. Neither changes anything.
    A side that it shows as empty (price or quantity 0) is hidden down to that price; completely if the price is 0.
    """
    if m.last_id <= b.base_id or m.last_id <= b.overlay_id:
        return STALE_UPDATE
    if m.price != NO_PRICE and m.ask_price != NO_PRICE and m.price >= m.ask_price:
        return CROSSED_BOOK
    b.overlay_id = m.last_id
    ladder_veil(book_side(b, BID), ~m.price if m.price != NO_PRICE else KEY_NONE, m.qty if m.price != NO_PRICE else 0)
    ladder_veil(book_side(b, ASK), m.ask_price if m.ask_price != NO_PRICE else KEY_NONE,
                m.ask_qty if m.ask_price != NO_PRICE else 0)
    _debug_check(b)
    return OK


# ---- whole books, and crossing levels (out of line: see `whole`) ----------------------------------------------------------

cdef inline bint book_known(const Book* b, int side, int64_t price) noexcept nogil:
    """Whether N(p) is known; if not, a missing level does not mean that the price is empty (rule 7c)."""
    cdef const Ladder* l = book_side(b, side)
    cdef int64_t key = price ^ l.flip
    return b.hole[side] < key <= b.edge[side] or key <= l.veil or ladder_qty(l, key) != 0


cdef inline bint book_complete(const Book* b, int side) noexcept nogil:
    """Whether a whole book defines which prices are known; otherwise a price beyond the last level counts as unknown."""
    return b.edge[side] != EDGE_NONE


# ---- the view --------------------------------------------------------------------------------------------------------

cdef inline int64_t _price(const Ladder* l, int64_t key) noexcept nogil:
    return key ^ l.flip if key != KEY_NONE else NO_PRICE


cdef inline int64_t book_qty(const Book* b, int side, int64_t price) noexcept nogil:
    """N(p): the quantity at a price, 0 if there is no level."""
    cdef const Ladder* l = book_side(b, side)
    return ladder_view_qty(l, price ^ l.flip)


cdef inline int64_t book_best(const Book* b, int side) noexcept nogil:
    """The touch; NO_PRICE when the side is empty."""
    cdef const Ladder* l = book_side(b, side)
    return _price(l, ladder_view_best(l))


cdef inline int64_t book_best_qty(const Book* b, int side) noexcept nogil:
    """The quantity at the touch; 0 when the side is empty."""
    cdef const Ladder* l = book_side(b, side)
    cdef int64_t key
    if l.veil_qty:
        return l.veil_qty
    if l.hidden < l.top_n:
        return l.top_qty[l.hidden]
    key = ladder_view_best(l)
    return ladder_qty(l, key) if key != KEY_NONE else 0


cdef inline int64_t book_next(const Book* b, int side, int64_t price) noexcept nogil:
    """The next occupied price strictly worse than `price` (NO_PRICE: the touch), NO_PRICE after the last."""
    cdef const Ladder* l = book_side(b, side)
    return _price(l, ladder_view_after(l, price ^ l.flip) if price != NO_PRICE else ladder_view_best(l))


cdef inline int book_top(const Book* b, int side, int n, Level* out) noexcept nogil:
    """Writes the best n levels, best first; returns how many there are."""
    cdef const Ladder* l = book_side(b, side)
    cdef int count = 0
    cdef int64_t key = ladder_view_best(l)
    while count < n and key != KEY_NONE:
        out[count].price = key ^ l.flip
        out[count].qty = ladder_view_qty(l, key)
        count += 1
        key = ladder_view_after(l, key)
    return count


cdef inline int64_t book_sum(const Book* b, int side, int n) noexcept nogil:
    """Total quantity of the best n levels; INT64_MAX instead of an overflow."""
    cdef const Ladder* l = book_side(b, side)
    cdef int64_t total = l.veil_qty, more, key
    if n <= 0:
        return 0
    if total:
        n -= 1
    if l.hidden + n <= l.top_n:
        more = l.top_sum[l.hidden + n] - l.top_sum[l.hidden]
        return total + more if total <= KEY_NONE - more else KEY_NONE
    key = ladder_after(l, l.veil)       # a short side, or a veil beyond the list
    while n > 0 and key != KEY_NONE:
        more = ladder_qty(l, key)
        if total > KEY_NONE - more:
            return KEY_NONE
        total += more
        key = ladder_after(l, key)
        n -= 1
    return total


cdef inline int64_t book_mid2(const Book* b) noexcept nogil:
    """Bid + ask: the mid in half ticks; 0 when a side is empty."""
    cdef int64_t bid = book_best(b, BID), ask = book_best(b, ASK)
    return bid + ask if bid != NO_PRICE and ask != NO_PRICE else 0


cdef inline double book_imbalance(const Book* b, int n) noexcept nogil:
    """(bids - asks) / (bids + asks) over the best n levels of each side, -1 to 1; NaN when both are empty."""
    cdef int64_t bids = book_sum(b, BID, n), asks = book_sum(b, ASK, n)
    if bids == 0 and asks == 0:
        return NAN
    return <double>(bids - asks) / (<double>bids + <double>asks)


# ---- the base --------------------------------------------------------------------------------------------------------

cdef inline int64_t book_base_best(const Book* b, int side) noexcept nogil:
    cdef const Ladder* l = book_side(b, side)
    return _price(l, ladder_best(l))


cdef inline int64_t book_base_best_qty(const Book* b, int side) noexcept nogil:
    cdef const Ladder* l = book_side(b, side)
    return l.top_qty[0] if l.top_n else 0


# ---- digests ---------------------------------------------------------------------------------------------------------

cdef inline uint64_t book_content_hash(const Book* b) noexcept nogil:
    """Hash of all levels, the overlay and the update ids: the content of the book, wherever its windows are."""
    cdef uint64_t h = hash_word(hash_word(0, b.base_id), b.overlay_id)
    cdef int side
    for side in range(2):
        h = hash_word(hash_word(hash_word(h, b.edge[side]), b.hole[side]), ladder_hash(book_side(b, side)))
    return h


cdef inline uint64_t book_hash(const Book* b) noexcept nogil:
    """The content, the windows that decide which levels are dropped when the store is full, and the known part of the book."""
    cdef uint64_t h = book_content_hash(b)
    cdef int side
    for side in range(2):
        h = hash_word(hash_word(h, book_side(b, side).base), book_side(b, side).far.horizon)
    return h


cdef class OrderBook:
    """A `Book` for Python."""
    cdef Book* book
    cdef readonly Spec spec
    cdef int64_t longest        # levels a side of the longest whole book so far
