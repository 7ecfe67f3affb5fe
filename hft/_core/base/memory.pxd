# Zeroed memory on a cache line. The caller of `hft_alloc` keeps the pointer in a cdef class and frees it in `__dealloc__`.
#
# The memory comes from `calloc`: for a large block the system provides a page when it is first written, so room for a worst
# case that never happens uses no memory. The pointer to free is stored before the block.

cdef extern from *:
    """
    #include <stdlib.h>
    #include <stdint.h>
    static inline void *hft_zeroed(size_t n) {
        char *start = (char *)calloc((n + 63) / 64 + 1, 64);
        if (start == NULL) return NULL;
        void **block = (void **)(((uintptr_t)start + 64) & ~(uintptr_t)63);
        block[-1] = start;
        return block;
    }
    static inline void hft_free(void *block) {
        if (block != NULL) free(((void **)block)[-1]);
    }
    """
    void* hft_zeroed(size_t n) noexcept nogil
    void hft_free(void* block) noexcept nogil


cdef inline void* hft_alloc(size_t n) except NULL:
    """n zeroed bytes; raises MemoryError."""
    cdef void* p = hft_zeroed(n)
    if p == NULL:
        raise MemoryError
    return p


cdef inline size_t align64(size_t n) noexcept nogil:
    """n, rounded up to a cache line."""
    return (n + 63) & ~<size_t>63
