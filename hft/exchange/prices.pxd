# Which prices of one side hold quantity: a bitmap with summary tiers, 64 to 1, so that the next occupied price is found in
# a handful of words however sparse the book is (a real one spans six million ticks, facts: prices 560.0 to 621,368.7).
#
#   tier 0   one bit a price            64-bit words at offset[0]
#   tier 1   one bit a word of tier 0   … offset[1]
#   …        until one word is left

from libc.stdint cimport int32_t, int64_t, uint64_t

cdef extern from *:
    """
    #define hft_lowest_bit(w) ((int64_t)__builtin_ctzll(w))
    #define hft_highest_bit(w) ((int64_t)(63 - __builtin_clzll(w)))
    """
    int64_t lowest_bit "hft_lowest_bit"(uint64_t) noexcept nogil
    int64_t highest_bit "hft_highest_bit"(uint64_t) noexcept nogil

cdef struct PriceSet:
    int64_t size                # prices 0 … size-1
    int64_t tiers
    int64_t words[6]            # in each tier
    int64_t offset[6]           # of each tier's first word, bytes from this header


cdef inline size_t prices_size(int64_t size) noexcept nogil:
    cdef size_t total = sizeof(PriceSet)
    cdef int64_t words = size
    while True:
        words = (words + 63) >> 6
        total += words * 8
        if words == 1:
            return total


cdef inline void prices_init(PriceSet* s, int64_t size) noexcept nogil:
    """Memory zeroed by the caller."""
    cdef int64_t words = size
    cdef int64_t at = sizeof(PriceSet)
    s.size = size
    s.tiers = 0
    while True:
        words = (words + 63) >> 6
        s.words[s.tiers] = words
        s.offset[s.tiers] = at
        s.tiers += 1
        at += words * 8
        if words == 1:
            return


cdef inline uint64_t* prices_tier(const PriceSet* s, int64_t tier) noexcept nogil:
    return <uint64_t*>(<char*>s + s.offset[tier])


cdef inline void prices_add(PriceSet* s, int64_t price) noexcept nogil:
    cdef int64_t tier
    for tier in range(s.tiers):
        prices_tier(s, tier)[price >> 6] |= <uint64_t>1 << (price & 63)
        price >>= 6


cdef inline void prices_remove(PriceSet* s, int64_t price) noexcept nogil:
    cdef int64_t tier
    cdef uint64_t* word
    for tier in range(s.tiers):
        word = prices_tier(s, tier) + (price >> 6)
        word[0] &= ~(<uint64_t>1 << (price & 63))
        if word[0]:
            return
        price >>= 6


cdef inline int64_t prices_above(const PriceSet* s, int64_t price) noexcept nogil:
    """The lowest price in the set that is >= price; -1: none."""
    cdef int64_t tier = 0
    cdef uint64_t word
    if price < 0:
        price = 0
    while tier < s.tiers:
        if (price >> 6) < s.words[tier]:
            word = prices_tier(s, tier)[price >> 6] & (~<uint64_t>0 << (price & 63))
            if word:
                price = (price >> 6 << 6) + lowest_bit(word)
                while tier > 0:
                    tier -= 1
                    price = (price << 6) + lowest_bit(prices_tier(s, tier)[price])
                return price
        price = (price >> 6) + 1
        tier += 1
    return -1


cdef inline int64_t prices_below(const PriceSet* s, int64_t price) noexcept nogil:
    """The highest price in the set that is <= price; -1: none."""
    cdef int64_t tier = 0
    cdef uint64_t word
    if price >= s.size:
        price = s.size - 1
    while tier < s.tiers and price >= 0:
        word = prices_tier(s, tier)[price >> 6] & (~<uint64_t>0 >> (63 - (price & 63)))
        if word:
            price = (price >> 6 << 6) + highest_bit(word)
            while tier > 0:
                tier -= 1
                price = (price << 6) + highest_bit(prices_tier(s, tier)[price])
            return price
        price = (price >> 6) - 1
        tier += 1
    return -1
