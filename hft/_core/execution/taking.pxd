# Taking displayed liquidity (SEMANTICS 8 and 9).
#
# A simulated taker does not change the venue's book, so the taken quantity is kept here, by side and price. Available =
# max(0, N - used), N the quantity in the view: a rise of N is available, and a fall limits `used` to the remaining N. The
# strategy's own view is unchanged.
#
# A bookTicker changes N only at prices that it, or the one before it, reaches. So it skips entries behind both, and each
# side keeps the best key (`ladder`: the smallest) at which a quantity was taken.
#
# Capacity: USED_LEVELS levels over both sides. When they are used up, the entry with the least used is dropped (that quantity
# could be taken twice) and counted in `evicted`.

from libc.stdint cimport int32_t, int64_t, uint64_t

from hft._core.base.hash cimport hash_span, hash_words
from hft._core.base.types cimport ASK, BID, BUY, NO_PRICE, Level, SymbolSpec, i128, pow10, round_half_even
from hft._core.market.book cimport Book, book_known, book_next, book_qty, book_side
from hft._core.market.far cimport KEY_NONE
from hft._core.market.ladder cimport KEY_FIRST, Ladder

cdef enum:
    USED_LEVELS = 64
    TAKE_LEVELS = 64            # one order takes from at most this many levels; deeper ones are ignored
    NO_LIMIT = 0                # a price without a limit

cdef struct UsedLevel:
    int64_t price
    int64_t used                # quanta taken; at most N
    int32_t side                # BookSide of the level
    int32_t exposed             # 1: the overlay was at it, or N was unknown, or it is new: the next message may change N

cdef struct Used:
    int32_t count
    int32_t reserved
    int64_t nearest[2]          # by side: the best key; KEY_FIRST: an entry is exposed
    int64_t evicted             # a statistic
    UsedLevel level[USED_LEVELS]


cdef inline uint64_t used_hash(const Used* u) noexcept nogil:
    return hash_words(hash_span(0, u, &u.evicted), u.level, u.count * (sizeof(UsedLevel) // 8))


cdef inline UsedLevel* used_find(Used* u, int side, int64_t price) noexcept nogil:
    cdef int32_t i
    for i in range(u.count):
        if u.level[i].price == price and u.level[i].side == side:
            return &u.level[i]
    return NULL


cdef inline UsedLevel* used_slot(Used* u) noexcept nogil:
    """A free entry, or the one to overwrite."""
    cdef int32_t i
    cdef int32_t least = 0
    if u.count < USED_LEVELS:
        u.count += 1
        return &u.level[u.count - 1]
    for i in range(1, USED_LEVELS):
        if u.level[i].used < u.level[least].used:
            least = i
    u.evicted += 1
    return &u.level[least]


cdef inline void used_add(Used* u, int side, int64_t price, int64_t qty) noexcept nogil:
    cdef UsedLevel* e = used_find(u, side, price)
    if e == NULL:
        e = used_slot(u)
        e.side = side
        e.price = price
        e.used = 0
    e.used += qty
    e.exposed = 1
    u.nearest[side] = KEY_FIRST


cdef inline void used_on_book(Used* u, const Book* book, bint book_ticker) noexcept nogil:
    """Rule 9, after any change of the view and after a resync; `book_ticker`: the message was a bookTicker.

    The used quantity is at most the shown one: a rise or the same quantity again leaves it unchanged, a fall limits it to
    the remaining quantity.
    """
    cdef UsedLevel* e
    cdef const Ladder* l
    cdef int64_t shown, key
    cdef int32_t i = 0
    cdef bint waits
    u.nearest[0] = u.nearest[1] = KEY_NONE
    while i < u.count:
        e = &u.level[i]
        l = book_side(book, e.side)
        key = e.price ^ l.flip
        if book_ticker and not e.exposed and key > l.veil:
            u.nearest[e.side] = min(u.nearest[e.side], key)
            i += 1
            continue
        shown = book_qty(book, e.side, e.price)
        waits = shown == 0 and not book_known(book, e.side, e.price)    # unknown, not empty (rule 7c)
        if not waits:
            e.used = min(e.used, shown)
            if e.used == 0:
                u.count -= 1
                e[0] = u.level[u.count]
                continue
        e.exposed = waits or key <= l.veil
        u.nearest[e.side] = min(u.nearest[e.side], KEY_FIRST if e.exposed else key)
        i += 1


cdef inline bint used_untouched(const Used* u, const Book* book) noexcept nogil:
    """Whether a bookTicker, already in the view, is better than all used levels: then nothing changes there."""
    return u.nearest[<int>BID] > book_side(book, BID).veil and u.nearest[<int>ASK] > book_side(book, ASK).veil


cdef inline int64_t floor_lot(int64_t qty, int64_t lot) noexcept nogil:
    return qty - qty % lot


cdef inline int64_t take_available(Used* u, const Book* book, int side, int64_t price) noexcept nogil:
    cdef UsedLevel* e = used_find(u, side, price) if u.count else NULL
    cdef int64_t shown = book_qty(book, side, price)
    return shown if e == NULL else max(0, shown - e.used)


cdef inline bint take_reaches(int side, int64_t price, int64_t limit) noexcept nogil:
    """Whether a level of book side `side` is at the limit price or better for a taker."""
    if limit == NO_LIMIT:
        return True
    return price <= limit if side == ASK else price >= limit


cdef inline int64_t take_plan(Used* u, const Book* book, int side, int64_t limit, int64_t lot, int64_t want, Level* plan,
                              int32_t* n) noexcept nogil:
    """Plans taking `want` quanta from book side `side`, at `limit` or better, each level floored to the lot: up to TAKE_LEVELS
    levels to `plan`, their number to `n`; returns the sum. Nothing is used up yet."""
    cdef int64_t price = book_next(book, side, NO_PRICE)
    cdef int64_t total = 0
    cdef int64_t part
    n[0] = 0
    while price != NO_PRICE and total < want and n[0] < TAKE_LEVELS and take_reaches(side, price, limit):
        part = floor_lot(min(want - total, take_available(u, book, side, price)), lot)
        if part > 0:
            plan[n[0]].price = price
            plan[n[0]].qty = part
            n[0] += 1
            total += part
        price = book_next(book, side, price)
    return total


cdef inline void take_commit(Used* u, int side, const Level* plan, int32_t n) noexcept nogil:
    """Uses up the quantities of a plan."""
    cdef int32_t i
    for i in range(n):
        used_add(u, side, plan[i].price, plan[i].qty)


cdef inline int64_t fill_fee(const SymbolSpec* spec, int side, int64_t price, int64_t qty, bint maker,
                             bint* in_base) noexcept nogil:
    """The fee of one fill in 1e-8 of its asset, the exact product rounded half to even (SEMANTICS 24, 25). If fees are taken
    from the asset received, a buy pays in base."""
    cdef int64_t rate = spec.maker_fee if maker else spec.taker_fee
    cdef i128 value = <i128>qty * spec.qty_mant
    cdef int32_t e = spec.qty_exp
    in_base[0] = spec.fee_received and side == BUY
    if not in_base[0]:
        value = value * price * spec.contract * spec.price_mant
        e += spec.price_exp
    return round_half_even(value * rate, <i128>pow10(min(e, 18)) * pow10(max(e - 18, 0)))
