# A lock-free queue of fixed-size slots between one producer and one consumer: threads, or processes that share memory.
#
#     0            64                 128                192
#     +------------+------------------+------------------+--------+--------+--   --+
#     | capacity   | head             | tail             | slot 0 | slot 1 |  ...  |
#     | slot size  | tail as last     | head as last     |        |        |       |
#     | (constant) | seen (producer)  | seen (consumer)  |        |        |       |
#     +------------+------------------+------------------+--------+--------+--   --+
#
# `head` counts slots ever published, `tail` slots ever released; slot number n is in place n % slots, where `slots` is the power
# of two from `capacity` up. Each side writes only its own line. It reads the other side's counter only when its copy says full or
# empty, so a line moves between cores once for many slots.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy
from hft._core.base.atomic cimport load_acquire, load_relaxed, store_release

cdef extern from *:
    """
    #define HFT_RING_MAGIC 0x00474E4952544648ull      /* "HFTRING" */
    """
    const uint64_t RING_MAGIC "HFT_RING_MAGIC"

cdef struct RingParams:
    int64_t capacity            # slots that may be in use, from 1
    int64_t slot_size           # bytes, a multiple of 8

cdef struct RingState:
    uint64_t magic
    uint64_t capacity
    uint64_t mask
    uint64_t slot_size
    uint64_t reserved0[4]
    uint64_t head               # producer's line
    uint64_t tail_seen
    uint64_t reserved1[6]
    uint64_t tail               # consumer's line
    uint64_t head_seen
    uint64_t reserved2[6]


cdef inline char* ring_slot(const RingState* r, uint64_t n) noexcept nogil:
    return <char*>r + sizeof(RingState) + (n & r.mask) * r.slot_size


cdef inline int64_t ring_used(const RingState* r) noexcept nogil:
    """Slots in use; only approximate in a third thread."""
    cdef uint64_t tail = load_acquire(&r.tail)          # read first: `head` never decreases, so the result is not negative
    return <int64_t>(load_acquire(&r.head) - tail)


cdef inline void* ring_claim(RingState* r) noexcept nogil:
    """Producer: the next slot to write, NULL when the ring is full."""
    if r.head - r.tail_seen >= r.capacity:
        r.tail_seen = load_acquire(&r.tail)
        if r.head - r.tail_seen >= r.capacity:
            return NULL
    return ring_slot(r, r.head)


cdef inline void ring_publish(RingState* r) noexcept nogil:
    """Producer: hands over the slot from `ring_claim`."""
    store_release(&r.head, r.head + 1)


cdef inline const void* ring_peek(RingState* r) noexcept nogil:
    """Consumer: the oldest slot, valid until `ring_release`; NULL when the ring is empty."""
    if r.tail == r.head_seen:
        r.head_seen = load_acquire(&r.head)
        if r.tail == r.head_seen:
            return NULL
    return ring_slot(r, r.tail)


cdef inline void ring_release(RingState* r) noexcept nogil:
    """Consumer: gives back the slot from `ring_peek`."""
    store_release(&r.tail, r.tail + 1)


cdef inline bint ring_push(RingState* r, const void* slot) noexcept nogil:
    """Copies one slot in; False when the ring is full."""
    cdef void* to = ring_claim(r)
    if to == NULL:
        return False
    memcpy(to, slot, r.slot_size)
    ring_publish(r)
    return True


cdef size_t ring_size(const RingParams* params) noexcept nogil
cdef void ring_init(RingState* r, const RingParams* params) noexcept nogil


cdef class Ring:
    cdef RingState* c
    cdef bint owned             # this object allocates and frees it (`memory` may already be cleared by the garbage collector)
    cdef object memory          # otherwise: the buffer that holds the ring
