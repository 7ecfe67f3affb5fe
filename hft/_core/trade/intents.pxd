# Intents of a strategy until the trader takes them: a queue with room for one instant.
#
# A callback puts intents, then the trader takes them in order. The capacity counts all intents of one instant, taken or not, so
# that the effects of one input are bounded. One more place is reserved for INTENT_STOP: a strategy can always stop.

from hft._core.base.hash cimport hash_span
from hft._core.base.memory cimport align64
from hft._core.base.types cimport INTENT_STOP, Intent, int64_t, uint64_t

cdef struct Intents:
    int64_t capacity
    int64_t count               # intents put at this instant
    int64_t taken
    # Intent[capacity + 1] follow


cdef inline size_t intents_size(int64_t capacity) noexcept nogil:
    return align64(sizeof(Intents)) + <size_t>(capacity + 1) * sizeof(Intent)


cdef inline void intents_init(Intents* q, int64_t capacity) noexcept nogil:
    """`q`: `intents_size(capacity)` bytes of zeroes."""
    q.capacity = capacity


cdef inline uint64_t intents_hash(const Intents* q) noexcept nogil:
    """Between inputs the queue is empty, and the next input begins a new instant, so the counts are not hashed."""
    return hash_span(0, q, &q.count)


cdef inline void intents_begin(Intents* q) noexcept nogil:
    """Begins a new instant. The queue must be empty."""
    q.count = q.taken = 0


cdef inline bint intents_wait(const Intents* q) noexcept nogil:
    return q.taken != q.count


cdef inline Intent* intents_at(Intents* q, int64_t i) noexcept nogil:
    """Number `i` of this instant, from 0."""
    return <Intent*>(<char*>q + align64(sizeof(Intents))) + i


cdef inline bint intents_put(Intents* q, const Intent* intent) noexcept nogil:
    """Adds an intent; false when there is no room."""
    if q.count >= q.capacity and (intent.kind != INTENT_STOP or q.count > q.capacity):
        return False
    intents_at(q, q.count)[0] = intent[0]
    q.count += 1
    return True


cdef inline Intent* intents_take(Intents* q) noexcept nogil:
    """Takes the next intent, which must exist; it is valid until `intents_begin`."""
    q.taken += 1
    return intents_at(q, q.taken - 1)
