# The building blocks of digests: 64 bits over words of plain memory. Hashed structs have no padding.

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    /* xxHash64's round: any change of `word` changes the lane. */
    static inline uint64_t hft_hash_round(uint64_t lane, uint64_t word) {
        lane += word * 0xC2B2AE3D27D4EB4FULL;
        return ((lane << 31) | (lane >> 33)) * 0x9E3779B185EBCA87ULL;
    }

    /* Combines two words into one: xor of both halves of a 128-bit product, as in wyhash. */
    static inline uint64_t hft_hash_pair(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)((a ^ 0xA0761D6478BD642FULL) * 0x9E3779B97F4A7C15ULL)
                                    * (b ^ 0xE7037ED1A0B428DBULL);
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    """
    uint64_t _round "hft_hash_round"(uint64_t lane, uint64_t word) noexcept nogil
    # Combines two words with three multiplications. Incremental digests are sums of these values.
    uint64_t hash_pair "hft_hash_pair"(uint64_t a, uint64_t b) noexcept nogil


cdef inline uint64_t hash_word(uint64_t h, uint64_t word) noexcept nogil:
    """Adds one word to the hash: Murmur3's finaliser."""
    h ^= word
    h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDULL
    h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53ULL
    return h ^ (h >> 33)


cdef inline uint64_t hash_words(uint64_t h, const void* words, size_t n) noexcept nogil:
    """Adds `n` words in order: four lanes in parallel, then the remaining words."""
    cdef const uint64_t* at = <const uint64_t*>words
    cdef uint64_t a = h, b = ~h, c = h + 1, d = h - 1
    cdef size_t i = 0
    if n >= 4:
        while i + 4 <= n:
            a = _round(a, at[i])
            b = _round(b, at[i + 1])
            c = _round(c, at[i + 2])
            d = _round(d, at[i + 3])
            i += 4
        h = hash_word(hash_word(hash_word(a, b), c), d)
    while i < n:
        h = hash_word(h, at[i])
        i += 1
    return h


cdef inline uint64_t hash_span(uint64_t h, const void* first, const void* end) noexcept nogil:
    """Adds the fields of a struct from `first` up to, but without, the field `end`: whole words."""
    return hash_words(h, first, (<const char*>end - <const char*>first) // 8)
