# Fast reading of number pairs that have the format of the pair before, as a venue prints the levels of a book.
#
# With a known count of decimals, the end of a number gives the place of its point. So a pair is checked as a whole, against
# the places where its format has a character other than a digit, and read sixteen digits at a time, backwards from its end.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp
from hft._core.base.text cimport ctz
from hft._core.base.types cimport unlikely

cdef extern from *:
    """
    #include <stdint.h>
    static const unsigned char hft_keep[32] = {[16 ... 31] = 0x0F};
    static const unsigned char hft_before[32] = {[0 ... 15] = 0xFF};
    #if defined(__SSE2__) && !defined(HFT_PORTABLE)
    #include <emmintrin.h>
    static inline void hft_marks(const char *p, uint64_t *closing, uint64_t *others) {
        const __m128i bracket = _mm_set1_epi8(']'), zero = _mm_set1_epi8('0'), ten = _mm_set1_epi8(10);
        const __m128i a = _mm_loadu_si128((const __m128i *)p), b = _mm_loadu_si128((const __m128i *)(p + 16));
        const __m128i x = _mm_sub_epi8(a, zero), y = _mm_sub_epi8(b, zero);
        *closing = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, bracket))
            | (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b, bracket)) << 16;
        *others = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(x, ten), x))
            | (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(y, ten), y)) << 16;
    }
    static inline uint64_t hft_digits(const char *end, const unsigned char *before, const unsigned char *keep) {
        const __m128i b = _mm_loadu_si128((const __m128i *)before);
        __m128i w = _mm_loadu_si128((const __m128i *)(end - 16));
        w = _mm_or_si128(_mm_and_si128(_mm_slli_si128(w, 1), b), _mm_andnot_si128(b, w));
        w = _mm_and_si128(w, _mm_loadu_si128((const __m128i *)keep));
        w = _mm_add_epi16(_mm_mullo_epi16(_mm_and_si128(w, _mm_set1_epi16(255)), _mm_set1_epi16(10)), _mm_srli_epi16(w, 8));
        w = _mm_madd_epi16(w, _mm_set1_epi32(1 << 16 | 100));           /* pairs to fours */
        w = _mm_packs_epi32(w, w);
        w = _mm_madd_epi16(w, _mm_set1_epi32(1 << 16 | 10000));         /* fours to eights */
        uint64_t eights = (uint64_t)_mm_cvtsi128_si64(w);
        return (uint32_t)eights * 100000000ULL + (eights >> 32);
    }
    #else
    static inline void hft_marks(const char *p, uint64_t *closing, uint64_t *others) {
        *closing = *others = 0;
        for (int i = 0; i < 32; i++) {
            *closing |= (uint64_t)(p[i] == ']') << i;
            *others |= (uint64_t)((unsigned char)(p[i] - '0') > 9) << i;
        }
    }
    static inline uint64_t hft_digits(const char *end, const unsigned char *before, const unsigned char *keep) {
        uint64_t value = 0;
        for (int i = 0; i < 16; i++) {
            value = value * 10 + (uint64_t)(end[i - 16 - (before[i] & 1)] & keep[i]);
        }
        return value;
    }
    #endif
    """
    # For 32 bytes: bit i of `closing` is set if byte i is a bracket `]`, bit i of `others` if it is not a digit.
    void _marks "hft_marks"(const char* p, uint64_t* closing, uint64_t* others) noexcept nogil

    # The number whose digits end at `end`: takes the sixteen bytes there, moves those in the mask `before` up by one, over the
    # point, and uses those in the mask `keep`.
    uint64_t _digits "hft_digits"(const char* end, const unsigned char* before, const unsigned char* keep) noexcept nogil
    const unsigned char KEEP "hft_keep"[32]         # KEEP + n: the last n of sixteen
    const unsigned char BEFORE "hft_before"[32]     # BEFORE + n: all but the last n of sixteen

cdef enum:
    FORM_DECIMALS = 14          # most decimals that a NumberFormat describes

cdef struct NumberFormat:               # how a number is printed: its count of decimals; digits before the point are free
    int64_t back                # from the closing quote back to the point; 0: no point; 63: matches no text
    int64_t point               # character required there: a point or, if there is none, the closing quote
    int64_t points              # 1, or 0
    int64_t decimals
    int64_t before              # start in BEFORE of the mask for the digits before the point


cdef inline void number_format_init(NumberFormat* f, int decimals) noexcept nogil:
    """The format with this count of decimals; it matches no text if that exceeds FORM_DECIMALS."""
    f.decimals = decimals
    f.points = decimals > 0
    f.point = c'.' if decimals else c'"'
    f.back = 0 if decimals == 0 else decimals + 1 if decimals <= FORM_DECIMALS else 63
    f.before = decimals if 0 < decimals <= FORM_DECIMALS else 16


cdef inline const char* number_format_pair(
        const char* p, const NumberFormat* f, const NumberFormat* g, uint64_t* a, uint64_t* b) noexcept nogil:
    """Two decimals of known formats that end an array, `61800.20","0.014"]`, as digits; NULL if the format differs.

    Reads from after the first opening quote to the second closing quote, which is not read. There must be
    sixteen readable bytes before p, and 32 after it.

    All checks are one: of the bytes up to the bracket, the non-digits must be at the places that the formats give. The start
    of the next pair depends only on the bracket, so the processor can begin it before this pair is converted.
    """
    cdef uint64_t closing, others, first, last, point_a, point_b
    cdef int64_t n, m
    cdef const char* q
    _marks(p, &closing, &others)
    closing &= ~closing + 1                                 # bits of the bracket, the quotes before it and after `a`
    last = closing >> 1
    first = others & (others - f.points)
    first &= ~first + 1
    point_a = first >> f.back
    point_b = last >> g.back
    if unlikely(others & (2 * closing - 1) != (point_a | 7 * first | point_b | last | closing)):
        return NULL
    if unlikely(point_a <= 1) or unlikely(point_b <= 8 * first):        # no digit before the point, or no bracket
        return NULL
    n = ctz(first)
    q = p + n + 3
    m = ctz(last) - n - 3
    if unlikely(memcmp(q - 3, b'","', 3) != 0) or unlikely((p[n - f.back] ^ f.point) | (q[m - g.back] ^ g.point)):
        return NULL
    if unlikely(n > 16) or unlikely(m > 16):
        return NULL
    a[0] = _digits(q - 3, BEFORE + f.before, KEEP + n - f.points)
    q = p + ctz(last)                                       # not q + m, which depends on more
    b[0] = _digits(q, BEFORE + g.before, KEEP + m - g.points)
    return q
