# The own orders that rest at the simulated exchange: price levels, best first, each a FIFO of orders.
#
#     Resting | order[capacity] | level[capacity] | rank[BID][capacity] | rank[ASK][capacity]
#
# One block of plain memory, the arrays at byte offsets behind the header. A level exists while an order rests there, so there are
# never more levels than orders. Freed slots are chained through `next`; unused ones are not touched.

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t

from hft._core.base.hash cimport hash_span, hash_word
from hft._core.base.memory cimport align64
from hft._core.base.types cimport BID
from hft._core.execution.queue cimport Ledger, QueuePosition, ledger_clear, ledger_hash

cdef enum:
    NO_SLOT = -1

cdef struct RestingOrder:       # one cache line
    int64_t order_id            # 0: a free slot
    int64_t price
    int64_t leaves
    int64_t arrived_ns          # a: trades with v < a never fill it
    QueuePosition queue
    int64_t filled              # before it rested and since; compared with an amend's total quantity
    int32_t next                # next order at its level; or the next free slot
    uint16_t level
    int8_t side                 # Side
    uint8_t flags               # OrderFlag

cdef struct OwnLevel:
    int64_t price
    int64_t displayed           # N at the last update: `prev` of rule 17
    int32_t unknown             # 1: an order here has no known front
    int32_t waits               # 1: the quantity here is unknown, and F waits for it (rule 7c)
    int32_t side                # BookSide
    int32_t count               # orders
    int32_t first
    int32_t last
    int32_t next                # next free slot
    int32_t reserved[5]         # up to the cache line: an update reads no further unless the level changed
    Ledger traded               # C
    Ledger shown                # S

cdef struct Resting:
    int32_t capacity
    int32_t count               # orders
    int32_t free_order          # freed slots; NO_SLOT: none
    int32_t free_level
    int32_t new_order           # slots from here on were never used
    int32_t new_level
    int32_t levels[2]           # by BookSide
    int64_t orders_at           # byte offsets from this header
    int64_t levels_at
    int64_t ranks_at
    int64_t reserved2


cdef inline size_t resting_size(int32_t capacity) noexcept nogil:
    return (align64(sizeof(Resting)) + align64(capacity * sizeof(RestingOrder)) + align64(capacity * sizeof(OwnLevel))
            + align64(2 * capacity * sizeof(int32_t)))


cdef inline RestingOrder* resting_order(Resting* r, int32_t slot) noexcept nogil:
    return <RestingOrder*>(<char*>r + r.orders_at) + slot


cdef inline OwnLevel* resting_level(Resting* r, int32_t slot) noexcept nogil:
    return <OwnLevel*>(<char*>r + r.levels_at) + slot


cdef inline int32_t* resting_rank(Resting* r, int side) noexcept nogil:
    """Level slots of one side, best price first; `levels[side]` of them."""
    return <int32_t*>(<char*>r + r.ranks_at) + side * r.capacity


cdef inline void resting_init(Resting* r, int32_t capacity) noexcept nogil:
    """`r`: `resting_size(capacity)` bytes of zeroes."""
    r.capacity = capacity
    r.orders_at = align64(sizeof(Resting))
    r.levels_at = r.orders_at + align64(capacity * sizeof(RestingOrder))
    r.ranks_at = r.levels_at + align64(capacity * sizeof(OwnLevel))
    r.free_order = NO_SLOT
    r.free_level = NO_SLOT


cdef inline uint64_t resting_hash(Resting* r) noexcept nogil:
    """Hash of levels, best first, each with its ledgers and its queue of orders; independent of their slots."""
    cdef OwnLevel* level
    cdef RestingOrder* order
    cdef uint64_t h = 0
    cdef int32_t at, slot
    cdef int side
    for side in range(2):
        h = hash_word(h, r.levels[side])
        for at in range(r.levels[side]):
            level = resting_level(r, resting_rank(r, side)[at])
            h = hash_span(h, level, &level.side)
            h = ledger_hash(&level.shown, ledger_hash(&level.traded, h))
            slot = level.first
            while slot != NO_SLOT:
                order = resting_order(r, slot)
                h = hash_word(hash_span(h, order, &order.next), <uint64_t>(<uint8_t>order.side) << 8 | order.flags)
                slot = order.next
    return h


cdef inline bint better(int side, int64_t price, int64_t other) noexcept nogil:
    """Whether an order of book side `side` at `price` is served before one at `other`."""
    return price > other if side == BID else price < other


cdef inline bint resting_has_room(const Resting* r) noexcept nogil:
    return r.count < r.capacity


cdef inline int32_t resting_find(Resting* r, int64_t order_id) noexcept nogil:
    """The slot of an order, or NO_SLOT."""
    cdef int32_t i
    if r.count:
        for i in range(r.new_order):
            if resting_order(r, i).order_id == order_id:
                return i
    return NO_SLOT


cdef inline int32_t resting_level_at(Resting* r, int side, int64_t price) noexcept nogil:
    """The slot of the level at a price, or NO_SLOT."""
    cdef int32_t* rank = resting_rank(r, side)
    cdef int32_t i
    for i in range(r.levels[side]):
        if resting_level(r, rank[i]).price == price:
            return rank[i]
    return NO_SLOT


cdef inline int32_t resting_open_level(Resting* r, int side, int64_t price, int64_t displayed) noexcept nogil:
    """Opens a level at its place in the ranking. There is always a slot, since a level needs an order."""
    cdef int32_t slot = r.free_level if r.free_level != NO_SLOT else r.new_level
    cdef OwnLevel* level = resting_level(r, slot)
    cdef int32_t* rank = resting_rank(r, side)
    cdef int32_t i = r.levels[side]
    if slot == r.new_level:
        r.new_level += 1
    else:
        r.free_level = level.next
    level.price = price
    level.displayed = displayed
    level.side = side
    level.count = 0
    level.first = NO_SLOT
    level.last = NO_SLOT
    level.unknown = 0
    level.waits = 0
    ledger_clear(&level.traded)
    ledger_clear(&level.shown)
    while i > 0 and better(side, price, resting_level(r, rank[i - 1]).price):
        rank[i] = rank[i - 1]
        i -= 1
    rank[i] = slot
    r.levels[side] += 1
    return slot


cdef inline RestingOrder* resting_add(Resting* r, int side, int64_t price, int64_t displayed) noexcept nogil:
    """Adds an order, last at its price; NULL without a free slot. `displayed`: N at the price. The caller sets the rest."""
    cdef int32_t slot = r.free_order if r.free_order != NO_SLOT else r.new_order
    cdef int32_t at
    cdef OwnLevel* level
    cdef RestingOrder* order
    if not resting_has_room(r):
        return NULL
    at = resting_level_at(r, side, price)
    if at == NO_SLOT:
        at = resting_open_level(r, side, price, displayed)
    order = resting_order(r, slot)
    if slot == r.new_order:
        r.new_order += 1
    else:
        r.free_order = order.next
    order.price = price
    order.level = <uint16_t>at
    order.next = NO_SLOT
    level = resting_level(r, at)
    if level.last == NO_SLOT:
        level.first = slot
    else:
        resting_order(r, level.last).next = slot
    level.last = slot
    level.count += 1
    r.count += 1
    return order


cdef inline void resting_close_level(Resting* r, int32_t slot) noexcept nogil:
    cdef OwnLevel* level = resting_level(r, slot)
    cdef int32_t* rank = resting_rank(r, level.side)
    cdef int32_t i = 0
    while rank[i] != slot:
        i += 1
    r.levels[level.side] -= 1
    while i < r.levels[level.side]:
        rank[i] = rank[i + 1]
        i += 1
    level.next = r.free_level
    r.free_level = slot


cdef inline void resting_remove(Resting* r, int32_t slot) noexcept nogil:
    """Frees an order's slot, and that of its level after the last order there."""
    cdef RestingOrder* order = resting_order(r, slot)
    cdef OwnLevel* level = resting_level(r, order.level)
    cdef int32_t before = NO_SLOT
    cdef int32_t i = level.first
    while i != slot:
        before = i
        i = resting_order(r, i).next
    if before == NO_SLOT:
        level.first = order.next
    else:
        resting_order(r, before).next = order.next
    if level.last == slot:
        level.last = before
    level.count -= 1
    r.count -= 1
    if level.count == 0:
        resting_close_level(r, order.level)
    order.order_id = 0
    order.next = r.free_order
    r.free_order = slot
