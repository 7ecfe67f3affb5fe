# refresh: which part of the exchange's book is known, and how a fresh snapshot of a book in sync is used.
#
#   touch                 near     known                                          keys, worse ->
#     |  every level is here .  .  . |  only levels from later updates are here
#
# A snapshot that was cut by its limit contains nothing beyond its worst level. When the touch has drifted so far that less
# than a quarter of the distance to that level is left, a fresh snapshot is wanted; also every `compare_ns`, if set. The fresh
# snapshot is brought to the book's id in a spare book, and the two are compared up to the fresh one's edge:
#
#   up to `known`      both must hold the same levels
#   beyond `known`     the fresh one must hold the book's levels; its additional levels are added to the book
#   beyond its edge    the book's levels are kept: they came from updates, with every later change
#
# From the first level dropped for lack of room on (`far.horizon`), nothing is known either.

from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from hft._core.base.types cimport ASK, BID, Level, Message
from hft._core.market.book cimport Book, book_clear, book_side
from hft._core.market.far cimport KEY_NONE
from hft._core.market.ladder cimport KEY_FIRST, Ladder, ladder_after, ladder_best, ladder_qty, ladder_set, ladder_settle

cdef extern from *:
    """
    #define HFT_REFRESH_PAUSE_NS 10000000000LL
    """
    const int64_t REFRESH_PAUSE_NS "HFT_REFRESH_PAUSE_NS"   # between the starts of two refreshes of a symbol

cdef enum:
    EDGE_SHARE = 4              # the touch is near the edge when less than 1/EDGE_SHARE of the distance is left

cdef struct Refresh:
    int64_t known[2]            # the worst key up to which every level is known; KEY_NONE: all levels are
    int64_t near[2]             # a touch worse than this key is near the edge
    int64_t compare_ns          # 0: no periodic comparison
    int64_t compare_at          # INT64_MAX: never
    int64_t pause_until


cdef inline int64_t _edge(const Level* levels, uint64_t n, int64_t flip) noexcept nogil:
    """The worst key of a snapshot's side with as many levels as a snapshot can have; else KEY_NONE, as it is whole."""
    cdef int64_t worst = KEY_FIRST
    cdef uint64_t i
    if not (n == 5 or n == 10 or n == 20 or n == 50 or n == 100 or n == 500 or n == 1000 or n == 5000):
        return KEY_NONE
    for i in range(n):
        worst = max(worst, levels[i].price ^ flip)
    return worst


cdef inline void refresh_edges(const Book* b, const Message* m, const Level* levels, int64_t* edge) noexcept nogil:
    """The worst key that a snapshot covers, by side."""
    edge[0] = _edge(levels, m.n_bids, book_side(b, BID).flip)
    edge[1] = _edge(levels + m.n_bids, m.n_asks, book_side(b, ASK).flip)


cdef inline void refresh_watch(Refresh* r, const Book* b, int64_t now) noexcept nogil:
    """Sets the time of the next refresh, when the book came into sync or was refreshed."""
    cdef int64_t best
    cdef int side
    for side in range(2):
        best = min(ladder_best(book_side(b, side)), r.known[side])
        r.near[side] = r.known[side] - (r.known[side] - best) // EDGE_SHARE if r.known[side] != KEY_NONE else KEY_NONE
    r.compare_at = now + r.compare_ns if r.compare_ns else INT64_MAX


cdef inline bint refresh_due(const Refresh* r, const Book* b, int64_t now) noexcept nogil:
    """Called after each update: whether a fresh snapshot is wanted."""
    return ((ladder_best(book_side(b, BID)) > r.near[0] or ladder_best(book_side(b, ASK)) > r.near[1] or now >= r.compare_at)
            and now >= r.pause_until)


cdef inline void refresh_began(Refresh* r, int64_t now) noexcept nogil:
    r.pause_until = now + REFRESH_PAUSE_NS
    if r.compare_ns:
        r.compare_at = now + r.compare_ns


cdef inline int64_t _held(const Ladder* l, int64_t known) noexcept nogil:
    """The worst known key of a side, which may have dropped levels for lack of room."""
    return min(known, l.far.horizon - 1) if l.far.horizon != KEY_NONE else known


cdef inline bint _side_agrees(const Ladder* book, const Ladder* fresh, int64_t known, int64_t reach) noexcept nogil:
    cdef int64_t a = ladder_after(book, KEY_FIRST), b = ladder_after(fresh, KEY_FIRST)
    while True:
        if a > reach:
            a = KEY_NONE
        if b > reach:
            b = KEY_NONE
        if a == b:
            if a == KEY_NONE:
                return True
            if ladder_qty(book, a) != ladder_qty(fresh, b):
                return False
            a = ladder_after(book, a)
            b = ladder_after(fresh, b)
        elif b < a and b > known:           # an additional level of the fresh snapshot
            b = ladder_after(fresh, b)
        else:
            return False


cdef inline bint refresh_agrees(const Refresh* r, const Book* book, const Book* fresh, const int64_t* edge) noexcept nogil:
    """Whether the book agrees with the fresh one, brought to the same id."""
    cdef const Ladder* own
    cdef const Ladder* other
    cdef int side
    for side in range(2):
        own = book_side(book, side)
        other = book_side(fresh, side)
        if not _side_agrees(own, other, _held(own, r.known[side]), _held(other, edge[side])):
            return False
    return True


cdef inline bint _take(Book* book, const Book* fresh, int side, int64_t after) noexcept nogil:
    """Copies every level worse than `after`; returns whether that changed anything."""
    cdef Ladder* own = book_side(book, side)
    cdef const Ladder* other = book_side(fresh, side)
    cdef int64_t key = ladder_after(other, after), qty
    cdef bint changed = False
    while key != KEY_NONE:
        qty = ladder_qty(other, key)
        if ladder_qty(own, key) != qty:
            ladder_set(own, key, qty)
            changed = True
        key = ladder_after(other, key)
    ladder_settle(own)
    book.dropped = book_side(book, BID).far.dropped + book_side(book, ASK).far.dropped
    return changed


cdef inline bint refresh_adopt(Refresh* r, Book* book, const Book* fresh, const int64_t* edge) noexcept nogil:
    """Adds the levels that the book could not know; returns whether there were any. The overlay is kept."""
    cdef bint changed = False
    cdef Ladder* own
    cdef int64_t known
    cdef int side
    for side in range(2):
        own = book_side(book, side)
        known = _held(own, r.known[side])
        own.far.horizon = KEY_NONE          # dropped levels come in too, or are dropped again
        changed = _take(book, fresh, side, known) or changed
        r.known[side] = max(known, _held(book_side(fresh, side), edge[side]))
    return changed


cdef inline void refresh_replace(Refresh* r, Book* book, const Book* fresh, const int64_t* edge) noexcept nogil:
    """Replaces the book by a fresh one that differs."""
    cdef int64_t id = fresh.base_id
    cdef int side
    book_clear(book)
    for side in range(2):
        _take(book, fresh, side, KEY_FIRST)
        r.known[side] = edge[side]
    book.base_id = id
