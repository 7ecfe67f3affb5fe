# A seeded generator as plain memory: xoshiro256++ (Blackman, Vigna 2019), seeded by splitmix64 as its authors advise.
# It is a field of its user's state, so a copy of the state repeats the same random numbers.

from libc.math cimport sqrt
from libc.stdint cimport int64_t, uint64_t

from hft._core.base.elementary cimport cos_turn, exp, log

cdef struct Random:
    uint64_t s[4]


cdef inline void random_init(Random* r, uint64_t seed) noexcept nogil:
    cdef uint64_t z
    cdef int i
    for i in range(4):
        seed += <uint64_t>0x9E3779B97F4A7C15
        z = seed
        z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
        r.s[i] = z ^ (z >> 31)


cdef inline uint64_t random_bits(Random* r) noexcept nogil:
    cdef uint64_t sum = r.s[0] + r.s[3]
    cdef uint64_t result = ((sum << 23) | (sum >> 41)) + r.s[0]
    cdef uint64_t t = r.s[1] << 17
    r.s[2] ^= r.s[0]
    r.s[3] ^= r.s[1]
    r.s[1] ^= r.s[2]
    r.s[0] ^= r.s[3]
    r.s[2] ^= t
    r.s[3] = (r.s[3] << 45) | (r.s[3] >> 19)
    return result


cdef inline double random_unit(Random* r) noexcept nogil:
    """Uniform in [0, 1), 53 bits."""
    return (random_bits(r) >> 11) * (1.0 / 9007199254740992.0)


cdef inline int64_t random_below(Random* r, int64_t n) noexcept nogil:
    """Uniform in 0 … n-1; n far below 2**53, so that the scaling's bias is negligible."""
    return <int64_t>(random_unit(r) * n)


cdef inline bint random_chance(Random* r, double p) noexcept nogil:
    return random_unit(r) < p


cdef inline double random_exponential(Random* r, double mean) noexcept nogil:
    return -mean * log(1.0 - random_unit(r))


cdef inline double random_normal(Random* r) noexcept nogil:
    """Box and Muller's cosine half; the sine half is discarded, so that the state stays four words."""
    cdef double size = sqrt(-2.0 * log(1.0 - random_unit(r)))   # separate, as C may draw either number first
    return size * cos_turn(random_unit(r))


cdef inline double random_lognormal(Random* r, double median, double sigma) noexcept nogil:
    return median * exp(sigma * random_normal(r))
