# What digests are made of: 64 bits over words of plain memory.

from libc.stdint cimport uint64_t


cdef inline uint64_t hash_word(uint64_t h, uint64_t word) noexcept nogil:
    """Murmur3's finaliser over one word more."""
    h ^= word
    h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDULL
    h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53ULL
    return h ^ (h >> 33)


cdef inline uint64_t hash_words(uint64_t h, const void* words, size_t n) noexcept nogil:
    """The same over `n` words, in order."""
    cdef size_t i
    for i in range(n):
        h = hash_word(h, (<const uint64_t*>words)[i])
    return h
