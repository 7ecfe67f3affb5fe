# One block of memory, cut into parts in the order in which they are asked for, each on a cache line.
#
# What is asked for is written once and run twice: first without a block, to find its size, then with one.

from hft._core.base.memory cimport align64

cdef struct Arena:
    char* base                  # NULL: the size is still being found
    size_t used


cdef inline void* arena_take(Arena* a, size_t n) noexcept nogil:
    """The next `n` bytes; NULL while there is no block."""
    cdef char* part = a.base + a.used if a.base != NULL else NULL
    a.used += align64(n)
    return part
