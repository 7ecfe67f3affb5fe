# Text to integers: decimal text, JSON integers and plain JSON strings, without a copy and without reading past the end.
#
# A verb takes the start and the end of the text, and returns the position after the part that it read, or NULL when the
# text does not have the expected form. Digits are read eight at a time: eight bytes are one little-endian word, and a few
# multiplications turn them into a number (D. Lemire, "Quickly parsing eight digits").

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcmp
from hft._core.base.types cimport likely, unlikely

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static inline uint64_t hft_load8(const char *p) {
        uint64_t w;
        memcpy(&w, p, 8);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        w = __builtin_bswap64(w);
    #endif
        return w;
    }
    static inline uint64_t hft_rotr(uint64_t x, uint32_t n) { return (x >> n) | (x << (-n & 63)); }
    static const uint64_t hft_pow10[19] = {
        1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL,
        10000000000ULL, 100000000000ULL, 1000000000000ULL, 10000000000000ULL, 100000000000000ULL, 1000000000000000ULL,
        10000000000000000ULL, 100000000000000000ULL, 1000000000000000000ULL};
    """
    uint64_t load8 "hft_load8"(const char* p) noexcept nogil
    uint64_t rotr "hft_rotr"(uint64_t x, uint32_t n) noexcept nogil
    const uint64_t POW10 "hft_pow10"[19]
    int ctz "__builtin_ctzll"(uint64_t x) noexcept nogil

cdef enum:
    MAX_DIGITS = 18             # of one number, before and after the point together: always fits 64 bits
    SCALES = 19                 # one for each count of digits after the point, 0 to MAX_DIGITS

cdef struct Scale:              # printed digits -> ticks or quanta, for one count of digits after the point
    uint64_t factor             # multiplier; it also divides by the odd part of the divisor (its inverse modulo 2^64)
    uint64_t limit              # more digits than this exceed 63 bits
    uint64_t most               # a quotient above this was not exact
    uint32_t twos               # the power of two in the divisor
    uint32_t reserved

# -- scales ------------------------------------------------------------------------------------------------------------

cdef inline void scale_init(Scale* s, int64_t mant, int32_t exp, int32_t decimals) noexcept nogil:
    """Digits printed with `decimals` after the point, in units of mant x 10^-exp (1 <= mant < 10^18, 0 <= exp <= 18).

    units = digits x 10^(exp - decimals) / mant, where the division must be exact. Multiplying by the inverse of an odd
    divisor modulo 2^64 is that division, and its result is at most (2^64 - 1) / divisor exactly when there was no
    remainder; the twos in the divisor are rotated out, so that a one among them becomes a large number as well
    (Granlund and Montgomery, "Division by invariant integers using multiplication", section 9).
    """
    cdef uint64_t up = POW10[exp - decimals] if exp > decimals else 1
    cdef uint64_t tens = POW10[decimals - exp] if decimals > exp else 1
    cdef uint64_t divisor, odd, inverse
    s.reserved = 0
    if tens > 0xFFFFFFFFFFFFFFFFULL // <uint64_t>mant:       # zero is the only number of 18 digits that is a multiple
        s.factor, s.limit, s.most, s.twos = 1, 0, 0, 0
        return
    divisor = <uint64_t>mant * tens
    s.twos = <uint32_t>ctz(divisor)
    odd = divisor >> s.twos
    inverse = odd                                           # right in 3 bits; each step doubles that: 6, 12, 24, 48, 96
    inverse *= 2 - odd * inverse
    inverse *= 2 - odd * inverse
    inverse *= 2 - odd * inverse
    inverse *= 2 - odd * inverse
    inverse *= 2 - odd * inverse
    s.factor = up * inverse
    s.limit = 0x7FFFFFFFFFFFFFFFULL // up
    s.most = 0xFFFFFFFFFFFFFFFFULL // divisor


cdef inline bint scale_apply(const Scale* s, uint64_t digits, int64_t* out) noexcept nogil:
    """Writes digits as units to `out`; false when they are not whole units or too large."""
    cdef uint64_t units = rotr(digits * s.factor, s.twos)
    out[0] = <int64_t>units
    return units <= s.most and digits <= s.limit


# -- words -------------------------------------------------------------------------------------------------------------

cdef inline uint64_t text_load(const char* p, const char* end) noexcept nogil:
    """The next eight bytes; beyond the end zeros, which match no digit and no other character that is searched for."""
    cdef uint64_t w = 0
    if likely(end - p >= 8):
        return load8(p)
    while end > p:
        end -= 1
        w = w << 8 | <unsigned char>end[0]
    return w


cdef inline int text_digits(uint64_t w) noexcept nogil:
    """How many of the word's first bytes are digits, 0 to 8."""
    # A carry or borrow only leaves a byte that is not a digit, so the first marked byte is the first non-digit.
    cdef uint64_t other = ((w + 0x4646464646464646ULL) | (w - 0x3030303030303030ULL)) & 0x8080808080808080ULL
    return ctz(other) >> 3 if other else 8


cdef inline uint64_t text_value(uint64_t w, int k) noexcept nogil:
    """The number in the word's first k digits, 1 <= k <= 8."""
    w = (w - 0x3030303030303030ULL) << (64 - 8 * k)
    w = w * 10 + (w >> 8)
    return (((w & 0x000000FF000000FFULL) * 0x000F424000000064ULL)
            + (((w >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL)) >> 32


# -- JSON --------------------------------------------------------------------------------------------------------------

cdef inline const char* text_expect(const char* p, const char* end, const char* literal, size_t n) noexcept nogil:
    """Reads n bytes, which must equal `literal`."""
    if likely(<size_t>(end - p) >= n) and likely(memcmp(p, literal, n) == 0):
        return p + n
    return NULL


cdef inline const char* text_string(const char* p, const char* end) noexcept nogil:
    """From after an opening quote to the closing quote, which is not read. Plain ASCII without escapes only."""
    cdef uint64_t w, mark
    while True:
        w = text_load(p, end)
        # Marks quote, backslash, control and non-ASCII bytes; the first mark is exact, as in `text_digits`.
        mark = (w | (w - 0x2020202020202020ULL) | ((w ^ 0x2222222222222222ULL) - 0x0101010101010101ULL)
                | ((w ^ 0x5C5C5C5C5C5C5C5CULL) - 0x0101010101010101ULL)) & 0x8080808080808080ULL
        if mark:
            p += ctz(mark) >> 3
            return p if p < end and p[0] == c'"' else NULL
        p += 8


cdef inline const char* text_uint(const char* p, const char* end, int64_t* out) noexcept nogil:
    """A non-negative JSON integer of at most 18 digits."""
    cdef uint64_t w = text_load(p, end)
    cdef int k = text_digits(w)
    cdef uint64_t value
    if unlikely(k == 0) or unlikely((w & 0xFF) == c'0' and k > 1):      # JSON has no leading zeros
        return NULL
    value = text_value(w, k)
    p += k
    if k == 8:
        w = text_load(p, end)
        k = text_digits(w)
        if k:
            value = value * POW10[k] + text_value(w, k)
            p += k
        if unlikely(k == 8):
            w = text_load(p, end)
            k = text_digits(w)
            if k > MAX_DIGITS - 16:
                return NULL
            if k:
                value = value * POW10[k] + text_value(w, k)
                p += k
    out[0] = <int64_t>value
    return p


cdef inline char text_key(const char* p, const char* end) noexcept nogil:
    """The letter of `"x":`, or 0 for anything else."""
    if likely(end - p >= 4) and p[0] == c'"' and p[2] == c'"' and p[3] == c':':
        return p[1]
    return 0


cdef inline const char* text_bool(const char* p, const char* end, bint* out) noexcept nogil:
    """`true` or `false`."""
    out[0] = end - p >= 4 and memcmp(p, b"true", 4) == 0
    return p + 4 if out[0] else text_expect(p, end, b"false", 5)


cdef inline const char* text_skip(const char* p, const char* end) noexcept nogil:
    """Skips an unused field: a name of one to three letters, and a string, integer, boolean or null.

    Longer names (`data`, `stream`, `event`) could change the kind of the message, so they are not skipped.
    """
    cdef const char* close
    cdef int64_t ignored
    cdef bint flag
    if p == end or p[0] != c'"':
        return NULL
    close = text_string(p + 1, end)
    if close == NULL or close - p > 4 or close - p < 2 or (close - p == 2 and p[1] == c'e'):
        return NULL
    p = text_expect(close, end, b'":', 2)
    if p == NULL or p == end:
        return NULL
    if p[0] == c'"':
        p = text_string(p + 1, end)
        return p + 1 if p != NULL else NULL
    if p[0] == c'n':
        return text_expect(p, end, b"null", 4)
    if p[0] == c't' or p[0] == c'f':
        return text_bool(p, end, &flag)
    return text_uint(p + 1 if p[0] == c'-' else p, end, &ignored)


# -- decimals ----------------------------------------------------------------------------------------------------------

cdef inline const char* text_decimal_long(const char* p, const char* end, uint64_t* digits, int* decimals) noexcept nogil:
    """`text_decimal`, digit by digit: for the rare number with eight or more digits on one side of the point."""
    cdef uint64_t value = 0
    cdef int before = 0, after = 0
    while p < end and c'0' <= p[0] <= c'9' and before <= MAX_DIGITS:
        value = value * 10 + <uint64_t>(p[0] - c'0')
        before += 1
        p += 1
    if p < end and p[0] == c'.':
        p += 1
        while p < end and c'0' <= p[0] <= c'9' and before + after <= MAX_DIGITS:
            value = value * 10 + <uint64_t>(p[0] - c'0')
            after += 1
            p += 1
        if after == 0:
            return NULL
    if before == 0 or before + after > MAX_DIGITS:
        return NULL
    digits[0] = value
    decimals[0] = after
    return p


cdef inline const char* text_decimal(const char* p, const char* end, uint64_t* digits, int* decimals) noexcept nogil:
    """Unsigned decimal text, ``\\d+(\\.\\d+)?``, of at most 18 digits: its digits, and how many follow the point."""
    cdef uint64_t w = text_load(p, end), tail
    cdef int k = text_digits(w), f
    if unlikely(k == 0):
        return NULL
    if unlikely(k == 8):
        return text_decimal_long(p, end, digits, decimals)
    if (w >> (8 * k)) & 0xFF != c'.':
        digits[0] = text_value(w, k)
        decimals[0] = 0
        return p + k
    tail = text_load(p + k + 1, end)
    f = text_digits(tail)
    if unlikely(f == 0):
        return NULL
    if f == 8 and p + k + 9 < end and c'0' <= p[k + 9] <= c'9':
        return text_decimal_long(p, end, digits, decimals)
    digits[0] = text_value(w, k) * POW10[f] + text_value(tail, f)
    decimals[0] = f
    return p + k + 1 + f


cdef inline const char* text_scaled(const char* p, const char* end, const Scale* scales, int64_t* out) noexcept nogil:
    """Decimal text as units; `scales` has one entry for each count of digits after the point."""
    cdef uint64_t digits
    cdef int decimals
    p = text_decimal(p, end, &digits, &decimals)
    if p == NULL or not scale_apply(&scales[decimals], digits, out):
        return NULL
    return p


cdef inline bint text_exact(int64_t mant, int32_t exp, const char* text, size_t n, int64_t* out) noexcept nogil:
    """A text of n bytes in units of mant x 10^-exp; false when it is not a decimal or not a whole number of units."""
    cdef uint64_t digits
    cdef int decimals
    cdef Scale scale
    if text_decimal(text, text + n, &digits, &decimals) != text + n:
        return False
    scale_init(&scale, mant, exp, decimals)
    return scale_apply(&scale, digits, out)
