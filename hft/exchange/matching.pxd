# A matching engine with price-time priority, as a pure machine: no clock, no I/O, no randomness. Every verb leaves the book
# consistent; its results are the ladder's fills and the returned Execution.

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from hft._core.base.status cimport RISK_BAD_PRICE, RISK_BAD_QTY, VENUE_BOOK_FULL, VENUE_FOK, VENUE_IOC_REST
from hft._core.base.status cimport VENUE_NO_LIQUIDITY, VENUE_POST_ONLY
from hft._core.base.types cimport ASK, BID, BUY, FOK, GTX, IOC, LIMIT, MARKET, Level
from hft.exchange.ladder cimport Fill, MatchingState, PriceLevel, RestingOrder, ladder_change, ladder_dirty, ladder_fills
from hft.exchange.ladder cimport ladder_find, ladder_forget, ladder_level, ladder_levels, ladder_next, ladder_orders
from hft.exchange.ladder cimport ladder_qty

cdef struct Execution:          # result of one order
    int64_t order_id            # of the part that rests; 0: nothing rests
    int64_t filled
    int64_t leaves              # resting, or expired with `status`
    int32_t status              # OK, or why the rest expired or the order was refused
    int32_t reserved


cdef inline bint _fillable(const MatchingState* m, int side, int64_t limit, int64_t qty) noexcept nogil:
    """Whether one taker could have `qty` from `side` at `limit` or better (0: any price) within its room for fills."""
    cdef int64_t price = m.best[side]
    cdef int32_t fills = 0
    cdef int32_t slot
    while price and not (limit and (price < limit if side == BID else price > limit)):
        slot = ladder_levels(m)[ladder_find(m, side, price)].head
        while slot and fills < m.params.fills:
            qty -= ladder_orders(m)[slot].qty
            fills += 1
            if qty <= 0:
                return True
            slot = ladder_orders(m)[slot].next
        if fills == m.params.fills:
            return False
        price = ladder_next(m, side, price)
    return False


cdef inline void _unlink(MatchingState* m, int32_t slot) noexcept nogil:
    """Removes an order from its level's queue to the free list; the caller changes the level's quantity."""
    cdef RestingOrder* order = &ladder_orders(m)[slot]
    cdef PriceLevel* level = &ladder_levels(m)[order.level]
    if order.prev:
        ladder_orders(m)[order.prev].next = order.next
    else:
        level.head = order.next
    if order.next:
        ladder_orders(m)[order.next].prev = order.prev
    else:
        level.tail = order.prev
    level.orders -= 1
    m.n_orders -= 1
    order.qty = 0
    order.next = m.free_order
    m.free_order = slot


cdef inline int64_t _rest(MatchingState* m, int side, int64_t price, int64_t qty) noexcept nogil:
    """Adds an order at the back of its level's queue; returns its id, 0 if there is no slot."""
    cdef int32_t slot = m.free_order
    cdef int32_t at
    cdef RestingOrder* order
    cdef PriceLevel* level
    if slot == 0:
        return 0
    at = ladder_level(m, side, price)
    if at == 0:
        return 0
    order = &ladder_orders(m)[slot]
    level = &ladder_levels(m)[at]
    m.free_order = order.next
    m.n_orders += 1
    m.accepted += 1
    order.id = (((order.id >> 32) + 1) << 32) | slot
    order.qty = qty
    order.level = at
    order.next = 0
    order.prev = level.tail
    if level.tail:
        ladder_orders(m)[level.tail].next = slot
    else:
        level.head = slot
    level.tail = slot
    level.orders += 1
    ladder_change(m, level, qty)
    return order.id


cdef inline int64_t _take(MatchingState* m, int side, int64_t limit, int64_t qty) noexcept nogil:
    """Fills against `side`, best price first, oldest first; returns what is left."""
    cdef int64_t price = m.best[side]
    cdef int64_t part
    cdef int32_t slot
    cdef PriceLevel* level
    cdef RestingOrder* order
    cdef Fill* fill
    while qty > 0 and price and m.n_fills < m.params.fills:
        if limit and (price < limit if side == BID else price > limit):
            break
        level = &ladder_levels(m)[ladder_find(m, side, price)]
        slot = level.head
        order = &ladder_orders(m)[slot]
        part = min(qty, order.qty)
        qty -= part
        order.qty -= part
        m.trade_id += 1
        fill = &ladder_fills(m)[m.n_fills]
        m.n_fills += 1
        fill.trade_id, fill.price, fill.qty = m.trade_id, price, part
        fill.maker_id, fill.maker_leaves = order.id, order.qty
        if order.qty == 0:
            _unlink(m, slot)
        ladder_change(m, level, -part)
        price = m.best[side]
    return qty


cdef inline Execution matching_submit(MatchingState* m, int side, int64_t price, int64_t qty, int type, int tif) noexcept nogil:
    """One new order. `side` is BUY or SELL, `price` ticks (MARKET: a bound, 0 = none), `tif` GTC, IOC, FOK or GTX."""
    cdef Execution e
    cdef int own = BID if side == BUY else ASK
    cdef int other = 1 - own
    memset(&e, 0, sizeof(Execution))
    m.n_fills = 0
    e.leaves = qty
    if qty <= 0:
        e.status = RISK_BAD_QTY
        return e
    if price >= m.params.max_price or price < 0 or (price == 0 and type == LIMIT):
        e.status = RISK_BAD_PRICE
        return e
    if tif == GTX and m.best[other] and (price >= m.best[other] if own == BID else price <= m.best[other]):
        e.status = VENUE_POST_ONLY
        return e
    if tif == FOK and not _fillable(m, other, price, qty):
        e.status = VENUE_FOK
        return e
    e.leaves = _take(m, other, price, qty)
    e.filled = qty - e.leaves
    if e.leaves == 0:
        return e
    if type == MARKET or tif == IOC or tif == FOK or m.n_fills == m.params.fills:
        e.status = VENUE_NO_LIQUIDITY if type == MARKET and e.filled == 0 else VENUE_IOC_REST
        return e
    e.order_id = _rest(m, own, price, e.leaves)
    if e.order_id == 0:
        e.status = VENUE_BOOK_FULL
    return e


cdef inline RestingOrder* matching_find(const MatchingState* m, int64_t order_id) noexcept nogil:
    """A resting order by its id; NULL: it is final or unknown."""
    cdef int64_t slot = order_id & <int64_t>0xFFFFFFFF
    if order_id <= 0 or slot < 1 or slot > m.params.orders:
        return NULL
    if ladder_orders(m)[slot].id != order_id or ladder_orders(m)[slot].qty == 0:
        return NULL
    return &ladder_orders(m)[slot]


cdef inline int64_t matching_cancel(MatchingState* m, int64_t order_id) noexcept nogil:
    """Cancels an order and returns its quantity; 0: no such order rests (VENUE_UNKNOWN_ORDER at the border)."""
    cdef RestingOrder* order = matching_find(m, order_id)
    cdef int64_t qty
    cdef int32_t level
    if order == NULL:
        return 0
    qty = order.qty
    level = order.level
    _unlink(m, <int32_t>(order - ladder_orders(m)))
    ladder_change(m, &ladder_levels(m)[level], -qty)
    return qty


cdef inline int32_t matching_cut(MatchingState* m, Level* out, int32_t* n_bids) noexcept nogil:
    """Levels changed since the last cut, absolute quantities, bids first; `out` holds `params.levels`. Returns how many."""
    cdef int32_t i, side
    cdef int32_t n = 0
    cdef PriceLevel* level
    for side in range(2):
        for i in range(m.n_dirty):
            level = &ladder_levels(m)[ladder_dirty(m)[i]]
            if level.side == side:
                out[n].price, out[n].qty = level.price, level.qty
                n += 1
        if side == BID:
            n_bids[0] = n
    for i in range(m.n_dirty):
        level = &ladder_levels(m)[ladder_dirty(m)[i]]
        level.dirty = 0
        if level.qty == 0:
            ladder_forget(m, ladder_dirty(m)[i])
    m.n_dirty = 0
    return n


cdef inline int32_t matching_top(const MatchingState* m, int side, int32_t n, Level* out) noexcept nogil:
    """The best `n` levels of a side; returns how many there are."""
    cdef int32_t i = 0
    cdef int64_t price = m.best[side]
    while i < n and price:
        out[i].price, out[i].qty = price, ladder_qty(m, side, price)
        i += 1
        price = ladder_next(m, side, price)
    return i
