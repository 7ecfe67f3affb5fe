# whole: books that arrive whole, and levels that a newer one of the other side crosses (rules 7b, 7c).
#
# A whole book replaces the last one level by level, so that all later stages see only the difference. It is read into an empty
# spare book first: its levels come in any order, and it may contradict itself.

from libc.stdint cimport int64_t, uint64_t

from hft._core.base.types cimport ASK, BID, ONE_SIDE, Level, Message
from hft._core.market.book cimport EDGE_ALL, EDGE_NONE, Book, _settled, book_apply, book_side
from hft._core.market.far cimport KEY_NONE
from hft._core.market.ladder cimport KEY_FIRST, Ladder, ladder_after, ladder_best, ladder_qty, ladder_set, ladder_settle

cdef enum Newer:                # sides whose new levels cross the other side, as bits
    NEWER_BIDS = 1
    NEWER_ASKS = 2


cdef inline void whole_empty(Book* b) noexcept nogil:
    """Removes every level, one by one: cheaper than book_clear for a few."""
    cdef Ladder* l
    cdef int64_t key, following
    cdef int side
    for side in range(2):
        l = book_side(b, side)
        key = ladder_after(l, KEY_FIRST)
        while key != KEY_NONE:
            following = ladder_after(l, key)
            ladder_set(l, key, 0)
            key = following
        ladder_settle(l)


cdef inline int whole_read(Book* aside, const Message* m, const Level* levels) noexcept nogil:
    """Reads a whole book into `aside`. CROSSED_BOOK: it contradicts itself."""
    whole_empty(aside)
    return book_apply(aside, m, levels)


cdef inline bint whole_has(const Message* m, int side) noexcept nogil:
    """Whether the message contains that side."""
    return not m.flags & ONE_SIDE or (m.n_bids if side == BID else m.n_asks) != 0


cdef inline int64_t _take_side(Ladder* own, const Ladder* other, int64_t* worst) noexcept nogil:
    """Makes `own` equal to `other`; returns the count of levels, and the worst key."""
    cdef int64_t a = ladder_after(own, KEY_FIRST), b = ladder_after(other, KEY_FIRST), count = 0, following
    worst[0] = KEY_NONE
    while a != KEY_NONE or b != KEY_NONE:
        if b <= a:
            worst[0] = b
            count += 1
            following = ladder_after(own, a) if a == b else a
            ladder_set(own, b, ladder_qty(other, b))
            b = ladder_after(other, b)
        else:
            following = ladder_after(own, a)
            ladder_set(own, a, 0)
        a = following
    return count


cdef inline void whole_take(Book* b, const Book* aside, const Message* m, int64_t* longest) noexcept nogil:
    """Replaces the last book by the one in `aside`. A side with the maximum length of its feed's books was cut there; if
    the feed does not give that maximum, the longest side so far counts as it (`longest`)."""
    cdef int64_t[2] count, worst
    cdef int side
    longest[0] = max(longest[0], m.first_id)
    for side in range(2):
        if whole_has(m, side):
            count[side] = _take_side(book_side(b, side), book_side(aside, side), &worst[side])
            longest[0] = max(longest[0], count[side])
    for side in range(2):
        if whole_has(m, side):
            b.edge[side] = worst[side] if count[side] != 0 and count[side] >= longest[0] else EDGE_ALL
            b.hole[side] = KEY_FIRST
    _settled(b, m.last_id)


cdef inline int64_t _cut(Book* b, int side, int64_t price) noexcept nogil:
    """Removes the levels of a side at `price` and better; these prices are then unknown."""
    cdef Ladder* l = book_side(b, side)
    cdef int64_t last = price ^ l.flip, key = ladder_after(l, KEY_FIRST), following, count = 0
    while key <= last and key != KEY_NONE:
        following = ladder_after(l, key)
        ladder_set(l, key, 0)
        key = following
        count += 1
    b.hole[side] = max(b.hole[side], last)
    return count


cdef inline int whole_uncross(Book* b, const Message* m, const Level* levels, int64_t* count) noexcept nogil:
    """Removes the levels that newer ones cross from a book that this message crossed. Returns Newer bits; both if the message
    crosses itself, and then both sides are cut. Adds the number of removed levels to `count`."""
    cdef Ladder* bids = book_side(b, BID)
    cdef Ladder* asks = book_side(b, ASK)
    cdef int64_t bid = ~ladder_best(bids), ask = ladder_best(asks)
    cdef int newer = 0
    cdef uint64_t i
    for i in range(m.n_bids):
        if levels[i].price >= ask and ladder_qty(bids, ~levels[i].price) != 0:
            newer |= NEWER_BIDS
    levels += m.n_bids
    for i in range(m.n_asks):
        if levels[i].price <= bid and ladder_qty(asks, levels[i].price) != 0:
            newer |= NEWER_ASKS
    if newer & NEWER_BIDS:
        count[0] += _cut(b, ASK, bid)
    if newer & NEWER_ASKS:
        count[0] += _cut(b, BID, ask)
    ladder_settle(bids)
    ladder_settle(asks)
    return newer
