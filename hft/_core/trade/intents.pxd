# What a strategy asks for, until the trader takes it: a queue with room for one instant.
#
# A callback puts, the trader takes after it, in order. The room is for all that is asked for at one instant, taken or not, so
# that what one input may cause is bounded. A strategy can always stop: that has a place of its own behind the others.

from hft._core.base.hash cimport hash_span
from hft._core.base.memory cimport align64
from hft._core.base.types cimport INTENT_STOP, Intent, int64_t, uint64_t

cdef struct Intents:
    int64_t capacity
    int64_t count               # put at this instant
    int64_t taken
    # Intent[capacity + 1] follow


cdef inline size_t intents_size(int64_t capacity) noexcept nogil:
    return align64(sizeof(Intents)) + <size_t>(capacity + 1) * sizeof(Intent)


cdef inline void intents_init(Intents* q, int64_t capacity) noexcept nogil:
    """`q`: `intents_size(capacity)` bytes of zeroes."""
    q.capacity = capacity


cdef inline uint64_t intents_hash(const Intents* q) noexcept nogil:
    """Between inputs everything was taken, and the next input begins another instant."""
    return hash_span(0, q, &q.count)


cdef inline void intents_begin(Intents* q) noexcept nogil:
    """Another instant. Everything was taken."""
    q.count = q.taken = 0


cdef inline bint intents_wait(const Intents* q) noexcept nogil:
    return q.taken != q.count


cdef inline Intent* intents_at(Intents* q, int64_t i) noexcept nogil:
    """Number `i` of this instant, from 0."""
    return <Intent*>(<char*>q + align64(sizeof(Intents))) + i


cdef inline bint intents_put(Intents* q, const Intent* intent) noexcept nogil:
    """False: there is no room."""
    if q.count >= q.capacity and (intent.kind != INTENT_STOP or q.count > q.capacity):
        return False
    intents_at(q, q.count)[0] = intent[0]
    q.count += 1
    return True


cdef inline Intent* intents_take(Intents* q) noexcept nogil:
    """The next one; it lives until `intents_begin`. There is one."""
    q.taken += 1
    return intents_at(q, q.taken - 1)
