# Trade flow over the window (now - W, now]: signed volume and the number of taker orders, as running integers.
#
# A taker order that sweeps the book prints several trades: those of equal `T` and side are one order (SEMANTICS 23). The order
# counts while any of its trades is in the window. Trades of one order that were read together share an entry of the ring.

from libc.stdint cimport int64_t, uint64_t

from hft._core.base.hash cimport hash_pair, hash_span, hash_word
from hft._core.base.memory cimport align64
from hft._core.base.status cimport DUPLICATE_TRADE, OK, OTHER_TRADE_SOURCE
from hft._core.base.types cimport BUYER_IS_MAKER, MSG_TRADE, NOT_MARKET, Message, i128, multiply, unlikely

cdef struct FlowEntry:
    int64_t ts_ns               # `now` of the read
    int64_t venue_ns            # T
    int64_t qty                 # quanta: > 0 bought by takers, < 0 sold
    int64_t continued           # 1: a later entry belongs to the same order

cdef struct Flow:
    i128 volume                 # signed, over the window
    int64_t orders              # taker orders with a trade in the window
    int64_t window_ns
    uint64_t capacity
    int64_t last_id             # trade id; 0: none yet
    int64_t kind                # MSG_TRADE or MSG_AGG_TRADE, the current source of volume; 0: none yet
    int64_t void_until          # every window that ends before this time lacks trades
    uint64_t digest             # the sum of `flow_entry_hash` over the window
    uint64_t mask               # index mask of the ring, whose size is a power of two from `capacity` up
    uint64_t head               # entries ever pushed
    uint64_t tail               # entries ever evicted
    uint64_t last[2]            # by side (0 buy, 1 sell): 1 + number of the newest entry; 0: none
    int64_t gaps                # gaps in trade ids: a statistic
    int64_t shortened           # entries evicted early for lack of room: a statistic


cdef inline uint64_t ring_slots(uint64_t capacity) noexcept nogil:
    """The least power of two at or above capacity."""
    cdef uint64_t n = 1
    while n < capacity:
        n <<= 1
    return n


cdef inline size_t flow_size(uint64_t capacity) noexcept nogil:
    return align64(sizeof(Flow)) + align64(ring_slots(capacity) * sizeof(FlowEntry))


cdef inline void flow_init(Flow* f, int64_t window_ns, uint64_t capacity) noexcept nogil:
    """`f` is zeroed memory of flow_size() bytes."""
    f.window_ns = window_ns
    f.capacity = capacity
    f.mask = ring_slots(capacity) - 1


cdef inline FlowEntry* _entry(const Flow* f, uint64_t number) noexcept nogil:
    return <FlowEntry*>(<char*>f + align64(sizeof(Flow))) + (number & f.mask)


cdef inline uint64_t flow_entry_hash(const FlowEntry* e) noexcept nogil:
    return hash_pair(hash_pair(e.ts_ns, e.venue_ns), hash_pair(e.qty, e.continued))


cdef inline uint64_t flow_hash(const Flow* f) noexcept nogil:
    """Entries are numbered from the oldest in the window, so that the total number of earlier entries does not matter."""
    cdef uint64_t h = hash_word(hash_span(0, f, &f.mask), f.head - f.tail)
    cdef int side
    for side in range(2):
        h = hash_word(h, f.last[side] - f.tail if f.last[side] > f.tail else 0)
    return h


cdef inline void _evict_oldest(Flow* f) noexcept nogil:
    cdef const FlowEntry* e = _entry(f, f.tail)
    f.volume -= e.qty
    f.digest -= flow_entry_hash(e)
    f.orders -= not e.continued
    f.tail += 1


cdef inline void flow_evict(Flow* f, int64_t now) noexcept nogil:
    """Evicts entries at or before now - W."""
    cdef int64_t limit = now - f.window_ns
    if f.head != f.tail and _entry(f, f.head - 1).ts_ns <= limit:   # after a silence, all at once
        f.tail = f.head
        f.volume = 0
        f.orders = 0
        f.digest = 0
    while f.tail != f.head and _entry(f, f.tail).ts_ns <= limit:
        _evict_oldest(f)


cdef inline bint flow_rescale(Flow* f, int64_t factor) noexcept nogil:
    """Converts the window's trades to finer quanta; 0 if a number exceeds 64 bits."""
    cdef uint64_t n
    cdef bint fits = True
    f.volume *= factor
    f.digest = 0
    for n in range(f.tail, f.head):
        fits = multiply(&_entry(f, n).qty, factor) and fits
        f.digest += flow_entry_hash(_entry(f, n))
    return fits


cdef inline void _push_trade(Flow* f, const Message* m, int64_t now) noexcept nogil:
    cdef bint sold = m.flags & BUYER_IS_MAKER != 0
    cdef int64_t qty = -m.qty if sold else m.qty
    cdef FlowEntry* e = NULL
    cdef bint same = False
    if f.last[sold] > f.tail:
        e = _entry(f, f.last[sold] - 1)
        same = m.venue_ns != 0 and e.venue_ns == m.venue_ns
        if same and e.ts_ns == now and -(<int64_t>1 << 62) < e.qty < <int64_t>1 << 62:
            f.digest -= flow_entry_hash(e)
            e.qty += qty
            f.digest += flow_entry_hash(e)
            f.volume += qty
            return
    if unlikely(f.head - f.tail == f.capacity):
        _evict_oldest(f)
        f.shortened += 1
        same = same and f.last[sold] > f.tail       # else its order left the window, and this trade begins a new one
    if same:
        f.digest -= flow_entry_hash(e)
        e.continued = 1
        f.digest += flow_entry_hash(e)
    e = _entry(f, f.head)
    e.ts_ns = now
    e.venue_ns = m.venue_ns
    e.qty = qty
    e.continued = 0
    f.digest += flow_entry_hash(e)
    f.volume += qty
    f.orders += not same
    f.head += 1
    f.last[sold] = f.head


cdef inline int flow_on_trade(Flow* f, const Message* m, int64_t now) noexcept nogil:
    """A trade or aggTrade.

    Ids are consecutive: a gap voids the flow for W. OTHER_TRADE_SOURCE: an aggTrade while trades are the source of
    volume; the first trade after aggTrades makes trades the source. DUPLICATE_TRADE: not a newer id. Of a trade that is not a
    market trade (insurance fund) only the id counts.
    """
    if unlikely(f.kind != m.kind):
        if f.kind == MSG_TRADE:
            return OTHER_TRADE_SOURCE
        if f.kind != 0:
            f.void_until = now + f.window_ns    # the window contains some volume twice
            f.last_id = 0
        f.kind = m.kind
    if f.last_id != 0:
        if m.last_id <= f.last_id:
            return DUPLICATE_TRADE
        if unlikely(m.last_id > f.last_id + 1):
            f.gaps += 1
            f.void_until = now + f.window_ns
    f.last_id = m.last_id
    flow_evict(f, now)
    if not m.flags & NOT_MARKET:
        _push_trade(f, m, now)
    return OK
