# The memory of the matching engine: price levels, each a queue of resting orders, and their lookup.
#
#   | MatchingState | PriceSet bids | PriceSet asks | levels | orders | fills | dirty | map keys | map values |
#
# A level is found by its key (price and side) in an open-addressed map; its orders are a doubly linked queue of slots,
# oldest first. Levels that changed since the last `matching_cut` are listed once in `dirty`, and live until that cut even
# when empty, so that a depth update can show 0 for them. Slot 0 of orders and levels means "none".

from libc.stdint cimport int16_t, int32_t, int64_t, uint64_t
from libc.string cimport memset

from hft._core.base.memory cimport align64
from hft._core.base.types cimport ASK, BID
from hft.exchange.prices cimport PriceSet, prices_above, prices_add, prices_below, prices_init, prices_remove, prices_size

cdef struct MatchingParams:
    int64_t max_price           # ticks; orders at or above it are refused
    int32_t orders              # resting at once
    int32_t levels              # live or changed since the last cut
    int32_t fills               # of one taker; the rest of its order expires
    int32_t reserved

cdef struct RestingOrder:
    int64_t id                  # generation << 32 | slot
    int64_t qty                 # quanta left
    int32_t level
    int32_t next                # younger
    int32_t prev                # older
    int32_t reserved

cdef struct PriceLevel:
    int64_t price
    int64_t qty                 # sum of its orders
    int32_t head                # oldest
    int32_t tail
    int32_t orders
    int16_t side                # BookSide
    int16_t dirty

cdef struct Fill:
    int64_t trade_id
    int64_t price
    int64_t qty
    int64_t maker_id
    int64_t maker_leaves

cdef struct MatchingState:
    MatchingParams params
    int64_t update_id           # raised by every change of the book
    int64_t trade_id            # of the last trade
    int64_t accepted            # orders ever rested
    int64_t best[2]             # price by BookSide; 0: empty
    int64_t n_levels[2]         # occupied, by BookSide
    int32_t n_orders
    int32_t n_fills             # of the last order
    int32_t n_dirty
    int32_t free_order          # head of the free list, chained by `next`
    int32_t free_level          # chained by `head`
    int32_t reserved
    int64_t map_mask
    int64_t at_prices[2]        # byte offsets from this header
    int64_t at_levels
    int64_t at_orders
    int64_t at_fills
    int64_t at_dirty
    int64_t at_keys
    int64_t at_values


# --- memory -------------------------------------------------------------------------------------------------------------

cdef inline int64_t _map_slots(const MatchingParams* p) noexcept nogil:
    cdef int64_t slots = 16
    while slots < 2 * <int64_t>p.levels:
        slots <<= 1
    return slots


cdef inline size_t _layout(MatchingState* m, const MatchingParams* p) noexcept nogil:
    """Offsets into m (may be NULL); returns the bytes needed."""
    cdef int64_t slots = _map_slots(p)
    cdef int64_t at[8]
    at[0] = align64(sizeof(MatchingState))
    at[1] = align64(at[0] + prices_size(p.max_price))
    at[2] = align64(at[1] + prices_size(p.max_price))
    at[3] = align64(at[2] + (p.levels + 1) * sizeof(PriceLevel))
    at[4] = align64(at[3] + (p.orders + 1) * sizeof(RestingOrder))
    at[5] = align64(at[4] + p.fills * sizeof(Fill))
    at[6] = align64(at[5] + p.levels * sizeof(int32_t))
    at[7] = align64(at[6] + slots * sizeof(int64_t))
    if m != NULL:
        m.map_mask = slots - 1
        m.at_prices[0], m.at_prices[1], m.at_levels, m.at_orders = at[0], at[1], at[2], at[3]
        m.at_fills, m.at_dirty, m.at_keys, m.at_values = at[4], at[5], at[6], at[7]
    return align64(at[7] + slots * sizeof(int32_t))


cdef inline size_t ladder_size(const MatchingParams* p) noexcept nogil:
    return _layout(NULL, p)


cdef inline PriceSet* ladder_prices(const MatchingState* m, int side) noexcept nogil:
    return <PriceSet*>(<char*>m + m.at_prices[side])

cdef inline PriceLevel* ladder_levels(const MatchingState* m) noexcept nogil:
    return <PriceLevel*>(<char*>m + m.at_levels)

cdef inline RestingOrder* ladder_orders(const MatchingState* m) noexcept nogil:
    return <RestingOrder*>(<char*>m + m.at_orders)

cdef inline Fill* ladder_fills(const MatchingState* m) noexcept nogil:
    return <Fill*>(<char*>m + m.at_fills)

cdef inline int32_t* ladder_dirty(const MatchingState* m) noexcept nogil:
    return <int32_t*>(<char*>m + m.at_dirty)

cdef inline int64_t* _keys(const MatchingState* m) noexcept nogil:
    return <int64_t*>(<char*>m + m.at_keys)

cdef inline int32_t* _values(const MatchingState* m) noexcept nogil:
    return <int32_t*>(<char*>m + m.at_values)


cdef inline void ladder_init(MatchingState* m, const MatchingParams* p) noexcept nogil:
    """Memory zeroed by the caller."""
    cdef int32_t i
    m.params = p[0]
    _layout(m, p)
    prices_init(ladder_prices(m, BID), p.max_price)
    prices_init(ladder_prices(m, ASK), p.max_price)
    for i in range(1, p.orders):
        ladder_orders(m)[i].next = i + 1
    for i in range(1, p.levels):
        ladder_levels(m)[i].head = i + 1
    m.free_order = m.free_level = 1


# --- levels -------------------------------------------------------------------------------------------------------------

cdef inline int64_t _slot(const MatchingState* m, int64_t key) noexcept nogil:
    return <int64_t>((<uint64_t>key * <uint64_t>0x9E3779B97F4A7C15) >> 32) & m.map_mask


cdef inline int32_t ladder_find(const MatchingState* m, int side, int64_t price) noexcept nogil:
    """The slot of a level; 0: nothing there."""
    cdef int64_t key = (price << 1) | side
    cdef int64_t i = _slot(m, key)
    while _keys(m)[i]:
        if _keys(m)[i] == key:
            return _values(m)[i]
        i = (i + 1) & m.map_mask
    return 0


cdef inline int64_t ladder_qty(const MatchingState* m, int side, int64_t price) noexcept nogil:
    return ladder_levels(m)[ladder_find(m, side, price)].qty


cdef inline int32_t ladder_level(MatchingState* m, int side, int64_t price) noexcept nogil:
    """The level of that price, made when it is not there; 0: no slot is left."""
    cdef int32_t slot = ladder_find(m, side, price)
    cdef int64_t i
    if slot == 0:
        slot = m.free_level
        if slot == 0:
            return 0
        m.free_level = ladder_levels(m)[slot].head
        memset(&ladder_levels(m)[slot], 0, sizeof(PriceLevel))
        ladder_levels(m)[slot].price = price
        ladder_levels(m)[slot].side = side
        i = _slot(m, (price << 1) | side)
        while _keys(m)[i]:
            i = (i + 1) & m.map_mask
        _keys(m)[i] = (price << 1) | side
        _values(m)[i] = slot
    return slot


cdef inline void ladder_forget(MatchingState* m, int32_t slot) noexcept nogil:
    """Removes a level from the map by backward shift: no tombstones, so lookups always stay short."""
    cdef PriceLevel* level = &ladder_levels(m)[slot]
    cdef int64_t key = (level.price << 1) | level.side
    cdef int64_t i = _slot(m, key)
    cdef int64_t j
    while _keys(m)[i] != key:
        i = (i + 1) & m.map_mask
    j = i
    while True:
        j = (j + 1) & m.map_mask
        if _keys(m)[j] == 0:
            break
        if ((j - _slot(m, _keys(m)[j])) & m.map_mask) >= ((j - i) & m.map_mask):
            _keys(m)[i] = _keys(m)[j]
            _values(m)[i] = _values(m)[j]
            i = j
    _keys(m)[i] = 0
    level.head = m.free_level
    m.free_level = slot


cdef inline void ladder_change(MatchingState* m, PriceLevel* level, int64_t change) noexcept nogil:
    """The one place where a level's quantity changes."""
    cdef int64_t before = level.qty
    cdef int side = level.side
    level.qty += change
    m.update_id += 1
    if not level.dirty:
        level.dirty = 1
        ladder_dirty(m)[m.n_dirty] = <int32_t>(level - ladder_levels(m))
        m.n_dirty += 1
    if before == 0:
        prices_add(ladder_prices(m, side), level.price)
        m.n_levels[side] += 1
        if m.best[side] == 0 or (level.price > m.best[side] if side == BID else level.price < m.best[side]):
            m.best[side] = level.price
    elif level.qty == 0:
        prices_remove(ladder_prices(m, side), level.price)
        m.n_levels[side] -= 1
        if level.price == m.best[side]:
            m.best[side] = ladder_next(m, side, level.price)


cdef inline int64_t ladder_next(const MatchingState* m, int side, int64_t price) noexcept nogil:
    """The next occupied price strictly worse than `price`; 0: none. From 0: the best."""
    cdef int64_t found
    if price == 0:
        return m.best[side]
    if side == BID:
        found = prices_below(ladder_prices(m, side), price - 1)
    else:
        found = prices_above(ladder_prices(m, side), price + 1)
    return found if found > 0 else 0
