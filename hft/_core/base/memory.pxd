# Zeroed memory on a cache line. Whoever calls `hft_alloc` keeps the pointer in a cdef class and frees it in `__dealloc__`.

cdef extern from *:
    """
    #include <stdlib.h>
    #include <string.h>
    static inline void *hft_zeroed(size_t n) {
        void *p = NULL;
        n = (n + 63) & ~(size_t)63;
        if (n == 0) n = 64;
        if (posix_memalign(&p, 64, n) != 0) return NULL;
        memset(p, 0, n);
        return p;
    }
    """
    void* hft_zeroed(size_t n) noexcept nogil

cdef extern from "<stdlib.h>" nogil:
    void hft_free "free"(void* p) noexcept nogil


cdef inline void* hft_alloc(size_t n) except NULL:
    """n zeroed bytes; MemoryError where there are none."""
    cdef void* p = hft_zeroed(n)
    if p == NULL:
        raise MemoryError
    return p


cdef inline size_t align64(size_t n) noexcept nogil:
    """n, rounded up to a cache line."""
    return (n + 63) & ~<size_t>63
