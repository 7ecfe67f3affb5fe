# Queue position of own resting orders at one price level (SEMANTICS 14–17).
#
# The feed shows one event twice: as a trade, and as a decrease of the displayed quantity, in either order. Two ledgers
# for each level keep the event from counting twice:
#
#     traded  (C)  traded, the decrease not yet shown      a trade adds       a decrease takes off
#     shown   (S)  shown as a decrease, not yet traded     a decrease adds    a trade takes off
#
# `front` (F) is the quantity ahead of an order. `credited` (g) is the part of `shown` that has already lowered F:
# when the trade of that decrease prints, only the quantity beyond g moves the queue again.

from libc.math cimport rint
from libc.stdint cimport int32_t, int64_t, uint64_t

from hft._core.base.elementary cimport log1p, power
from hft._core.base.hash cimport hash_word, hash_words

cdef enum:
    LEDGER_ENTRIES = 64                 # number of distinct stamps in a ledger; a power of two
    LEDGER_LIFETIME_NS = 150000000      # longest observed time between the trade and the decrease of one event
    FRONT_UNKNOWN = -1                  # beyond the known depth: set by the first quantity shown

cdef enum QueueKind:
    RISK_AVERSE = 0             # every decrease without a trade was behind the order
    PROB_LOG = 1                # f(back) / (f(back) + f(front)), f = ln(1 + x)
    PROB_LOG2 = 2               # f(back) / f(back + front),      f = ln(1 + x)
    PROB_POWER = 3              # as PROB_LOG with f = x^n
    PROB_POWER2 = 4             # as PROB_LOG2 with f = x^n
    PROB_POWER3 = 5             # 1 - (front / (front + back))^n
    QUEUE_KINDS = 6

cdef struct QueueModel:
    double exponent             # n of the power models
    double unit                 # one quantum in base units, as ln(1 + x) depends on the unit
    int32_t kind                # QueueKind
    int32_t reserved

cdef struct QueuePosition:      # of one order
    int64_t front               # F, quanta; FRONT_UNKNOWN
    int64_t credited            # g, quanta

cdef struct LedgerEntry:
    int64_t qty
    int64_t venue_ns            # the exchange's stamp of the message that caused it; 0: none
    int64_t stamp_ns            # the venue clock at that time

cdef struct Ledger:             # FIFO of stamped quantities; `total` is their sum
    int64_t total
    int32_t head
    int32_t count
    LedgerEntry entry[LEDGER_ENTRIES]


cdef inline void ledger_clear(Ledger* l) noexcept nogil:
    l.total = 0
    l.head = 0
    l.count = 0


cdef inline LedgerEntry* ledger_entry(Ledger* l, int32_t i) noexcept nogil:
    """The i-th oldest."""
    return &l.entry[(l.head + i) & (LEDGER_ENTRIES - 1)]


cdef inline uint64_t ledger_hash(Ledger* l, uint64_t h) noexcept nogil:
    """Hash of the entries, oldest first; `total` is their sum."""
    cdef int32_t i
    h = hash_word(hash_word(h, l.count), l.total)
    for i in range(l.count):
        h = hash_words(h, ledger_entry(l, i), sizeof(LedgerEntry) // 8)
    return h


cdef inline void ledger_pop(Ledger* l) noexcept nogil:
    l.total -= l.entry[l.head].qty
    l.head = (l.head + 1) & (LEDGER_ENTRIES - 1)
    l.count -= 1


cdef inline bint ledger_add(Ledger* l, int64_t qty, int64_t venue_ns, int64_t stamp_ns) noexcept nogil:
    """Adds an entry; equal stamps share one. Returns 1 if the ledger was full: the newest entry then grows and gets the new
    stamps, so that the sum stays exact and only an age becomes inexact."""
    cdef LedgerEntry* last
    cdef bint full = l.count == LEDGER_ENTRIES
    l.total += qty
    if l.count:
        last = ledger_entry(l, l.count - 1)
        if full or (last.stamp_ns == stamp_ns and last.venue_ns == venue_ns):
            last.qty += qty
            last.venue_ns = venue_ns
            last.stamp_ns = stamp_ns
            return full
    last = ledger_entry(l, l.count)
    last.qty = qty
    last.venue_ns = venue_ns
    last.stamp_ns = stamp_ns
    l.count += 1
    return False


cdef inline bint ledger_expire(Ledger* l, int64_t clock_ns) noexcept nogil:
    """Drops entries older than the lifetime; 1 if there were any."""
    cdef bint dropped = False
    while l.count and clock_ns - l.entry[l.head].stamp_ns > LEDGER_LIFETIME_NS:
        ledger_pop(l)
        dropped = True
    return dropped


cdef inline int64_t ledger_take(Ledger* l, int64_t want, int64_t venue_ns) noexcept nogil:
    """Takes up to `want`, oldest entries first; returns the quantity taken. An entry stamped before `venue_ns` shows the book
    before that trade, so it can't be that trade's decrease; if either has no stamp (0), the entry counts."""
    cdef LedgerEntry* e
    cdef int64_t taken = 0
    cdef int64_t part
    cdef int32_t i
    for i in range(l.count):
        if taken == want:
            break
        e = ledger_entry(l, i)
        if venue_ns == 0 or e.venue_ns == 0 or venue_ns <= e.venue_ns:
            part = min(want - taken, e.qty)
            e.qty -= part
            taken += part
    l.total -= taken
    while l.count and l.entry[l.head].qty == 0:
        ledger_pop(l)
    return taken


cdef inline double queue_probability(const QueueModel* m, int64_t front, int64_t back) noexcept nogil:
    """The probability that a decrease was behind the order, given the quantities before and behind it. With nothing behind it is
    0 in every model, except 0/0, which is 1."""
    cdef double f, b
    if front <= 0:
        return 1.0
    if back <= 0:
        return 0.0
    f = <double>front * m.unit
    b = <double>back * m.unit
    if m.kind == PROB_LOG:
        return log1p(b) / (log1p(b) + log1p(f))
    if m.kind == PROB_LOG2:
        return log1p(b) / log1p(b + f)
    if m.kind == PROB_POWER:
        return power(b, m.exponent) / (power(b, m.exponent) + power(f, m.exponent))
    if m.kind == PROB_POWER2:
        return power(b, m.exponent) / power(b + f, m.exponent)
    return 1.0 - power(f / (f + b), m.exponent)


cdef inline int64_t queue_step(const QueueModel* m, int64_t front, int64_t back, int64_t change) noexcept nogil:
    """How much `change`, a decrease without a trade, lowers the front; rounded half to even."""
    cdef double p
    if m.kind == RISK_AVERSE:
        return 0
    p = queue_probability(m, front, back)
    if not (p >= 0.0 and p <= 1.0):     # a power of a large quantity overflowed
        p = 1.0
    return <int64_t>rint((1.0 - p) * change - min(<double>back - p * change, 0.0))


cdef inline void queue_on_decrease(QueuePosition* q, const QueueModel* m, int64_t prev, int64_t new,
                                   int64_t explained) noexcept nogil:
    """Rule 17: the level fell from `prev` to `new`; earlier trades explain `explained` of it."""
    cdef int64_t before = q.front
    cdef int64_t step = queue_step(m, q.front, prev - explained - q.front, prev - new - explained)
    q.front = min(max(q.front - step, 0), new)
    q.credited += before - q.front


cdef inline void queue_on_increase(QueuePosition* q, int64_t new) noexcept nogil:
    """Rule 17: new orders queue behind."""
    q.front = min(q.front, new)


cdef inline int64_t queue_on_trade(QueuePosition* q, int64_t fresh, int64_t absorbed, int64_t ahead) noexcept nogil:
    """Rule 16: the quantity of a trade at the level left for this order once the queue before it is served. `fresh` (r) was not
    shown yet, `absorbed` (a) was, `ahead` went to own orders before this one. The result can be below 0: own orders before it
    then took volume with which this order was already credited, and the front grows back by that."""
    cdef int64_t volume = fresh + max(0, absorbed - q.credited) - ahead
    cdef int64_t reached = max(0, volume - q.front)
    q.front = max(0, q.front - volume)
    return reached
