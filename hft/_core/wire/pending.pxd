# The remaining messages of a frame with several: a queue of messages, each with its levels.
#
# A scanned frame holds one message and does not use this. Messages decoded in Python do, and may allocate.

from libc.stdint cimport int64_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy

from hft._core.base.types cimport Level, Message, likely

cdef enum:
    HEADER_UNITS = 6            # a Message takes the space of six levels

cdef struct Pending:
    Level* at                   # owned by the decoder
    int64_t head                # in units of a Level
    int64_t tail
    int64_t capacity
    int64_t count               # messages in the queue


cdef inline bint pending_push(Pending* p, const Message* m, const Level* levels) noexcept nogil:
    """Appends a copy of a message; false when there is no memory."""
    cdef int64_t n = <int64_t>m.n_bids + m.n_asks
    cdef int64_t needed = p.tail + HEADER_UNITS + n
    cdef Level* at
    if needed > p.capacity:
        at = <Level*>realloc(p.at, 2 * needed * sizeof(Level))
        if at == NULL:
            return False
        p.at = at
        p.capacity = 2 * needed
    memcpy(p.at + p.tail, m, sizeof(Message))
    memcpy(p.at + p.tail + HEADER_UNITS, levels, n * sizeof(Level))
    p.tail = needed
    p.count += 1
    return True


cdef inline bint pending_pop(Pending* p, Message* m, Level* levels) noexcept nogil:
    """Takes the first message; false when the queue is empty."""
    cdef int64_t n
    if likely(p.count == 0):
        return False
    memcpy(m, p.at + p.head, sizeof(Message))
    n = <int64_t>m.n_bids + m.n_asks
    memcpy(levels, p.at + p.head + HEADER_UNITS, n * sizeof(Level))
    p.head += HEADER_UNITS + n
    p.count -= 1
    return True


cdef inline void pending_clear(Pending* p) noexcept nogil:
    p.head = p.tail = p.count = 0
