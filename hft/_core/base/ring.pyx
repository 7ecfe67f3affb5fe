"""Lock-free queue of fixed-size slots between one producer and one consumer."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from hft._core.base.buffer cimport buffer_address
from hft._core.base.memory cimport hft_alloc, hft_free

from hft._core.base.checks import whole

cdef extern from *:
    """
    #ifdef HFT_DEBUG
    #define HFT_RING_TRACED 1
    #else
    #define HFT_RING_TRACED 0
    #endif
    """
    const bint TRACED "HFT_RING_TRACED"

cdef extern from "<sched.h>" nogil:
    int sched_yield() noexcept nogil

assert sizeof(RingState) == 192

# A line-traced build takes the GIL at every call: two spinning threads then pass it back and forth, thousands of times slower.
_TRACED = bool(TRACED)


cdef uint64_t _slots(const RingParams* params) noexcept nogil:
    cdef uint64_t n = 1
    while n < <uint64_t>params.capacity:
        n *= 2
    return n


cdef size_t ring_size(const RingParams* params) noexcept nogil:
    return sizeof(RingState) + _slots(params) * <uint64_t>params.slot_size


cdef void ring_init(RingState* r, const RingParams* params) noexcept nogil:
    r.capacity = params.capacity
    r.mask = _slots(params) - 1
    r.slot_size = params.slot_size
    store_release(&r.magic, RING_MAGIC)


cdef class Ring:
    """A bounded queue of byte strings of one size: one producer, one consumer, no locks.

    Parameters
    ----------
    capacity : int
        Maximum number of slots in use, 1 to 2**30.
    slot_size : int
        Bytes in a slot, a multiple of 8 up to 65,536.
    memory : writable buffer, optional
        Zeroed memory for the ring, or memory that already holds such a ring: two processes that map it share the queue.

    >>> ring = Ring(2, 8)
    >>> ring.push(b"bid 100."), ring.push(b"ask 101."), ring.push(b"no room.")
    (True, True, False)
    >>> ring.pop(), len(ring)
    (b'bid 100.', 1)
    """

    def __init__(self, capacity, slot_size, *, memory=None):
        if self.c != NULL:
            raise RuntimeError("a Ring is initialised once")
        cdef RingParams params
        params.capacity = whole("capacity", capacity, 1, 2**30)
        params.slot_size = whole("slot_size", slot_size, 8, 65536)
        if params.slot_size % 8:
            raise ValueError(f"slot_size {slot_size} must be a multiple of 8 from 8 to 65536")
        cdef RingState* c
        if memory is None:
            c = <RingState*>hft_alloc(ring_size(&params))
        else:
            c = <RingState*>buffer_address(memory, ring_size(&params), True)
            if c.magic not in (0, RING_MAGIC):
                raise ValueError("the memory is neither zeroed nor a ring")
            if c.magic and (c.capacity, c.slot_size) != (capacity, slot_size):
                raise ValueError(f"the memory holds a ring of {c.capacity} slots of {c.slot_size} bytes")
            self.memory = memoryview(memory)
        if c.magic == 0:
            ring_init(c, &params)
        self.c = c
        self.owned = memory is None

    def __dealloc__(self):
        if self.owned:
            hft_free(self.c)

    @staticmethod
    def size(int64_t capacity, int64_t slot_size) -> int:
        """Bytes of memory that such a ring needs."""
        cdef RingParams params
        params.capacity = capacity
        params.slot_size = slot_size
        return ring_size(&params)

    def push(self, const unsigned char[::1] slot not None) -> bool:
        """Producer: copies one slot in. False when the ring is full; ValueError when the size is wrong."""
        if slot.shape[0] != <Py_ssize_t>self.c.slot_size:
            raise ValueError(f"a slot has {self.c.slot_size} bytes, not {slot.shape[0]}")
        return ring_push(self.c, &slot[0])

    def pop(self):
        """Consumer: the oldest slot as bytes, or None when the ring is empty."""
        cdef const void* oldest = ring_peek(self.c)
        if oldest == NULL:
            return None
        cdef bytes slot = PyBytes_FromStringAndSize(<const char*>oldest, self.c.slot_size)
        ring_release(self.c)
        return slot

    @property
    def capacity(self) -> int:
        return self.c.capacity

    @property
    def slot_size(self) -> int:
        return self.c.slot_size

    def __len__(self):
        return ring_used(self.c)


def _spin_push(Ring ring not None, uint64_t first, uint64_t n):
    """Pushes the words first, first + 1 …, and waits whenever the ring is full; without the GIL, for tests and benchmarks."""
    cdef uint64_t i = 0, idle = 0
    cdef uint64_t* slot
    with nogil:
        while i < n:
            slot = <uint64_t*>ring_claim(ring.c)
            if slot != NULL:
                slot[0] = first + i
                ring_publish(ring.c)
                i += 1
            else:
                idle = _idle(idle)


def _spin_pop(Ring ring not None, uint64_t first, uint64_t n):
    """Pops `n` words and returns the count of unexpected ones; without the GIL."""
    cdef uint64_t i = 0, idle = 0, wrong = 0
    cdef const uint64_t* slot
    with nogil:
        while i < n:
            slot = <const uint64_t*>ring_peek(ring.c)
            if slot != NULL:
                wrong += slot[0] != first + i
                ring_release(ring.c)
                i += 1
            else:
                idle = _idle(idle)
    return wrong


cdef inline uint64_t _idle(uint64_t spins) noexcept nogil:
    """One more turn without work. It yields the processor now and then, since the other side may need the same one."""
    if spins % 1024 == 1023:
        sched_yield()
    return spins + 1
