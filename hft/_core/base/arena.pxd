# One block of memory, divided into parts in the order of the calls, each part on a cache line.
#
# The same sequence of calls runs twice: first without a block, to compute its size, then with the block.

from hft._core.base.memory cimport align64

cdef struct Arena:
    char* base                  # NULL: the size is still being computed
    size_t used


cdef inline void* arena_take(Arena* a, size_t n) noexcept nogil:
    """The next `n` bytes; NULL if there is no block yet."""
    cdef char* part = a.base + a.used if a.base != NULL else NULL
    a.used += align64(n)
    return part
