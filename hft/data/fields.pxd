# A row of a CSV file: its fields, and a field as number, stamp or word. What Tardis writes is plain: no quotes, no spaces.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

from hft._core.base.text cimport MAX_DIGITS, POW10, Scale, scale_apply, text_decimal
from hft._core.base.types cimport likely
from hft._core.engine.events cimport LAST_NS

cdef enum Layout:               # what a row holds after exchange, symbol, timestamp, local_timestamp
    INCREMENTAL = 0             # is_snapshot, side, price, amount
    TRADES = 1                  # id, side, price, amount
    QUOTES = 2                  # ask_amount, ask_price, bid_price, bid_amount
    SHALLOW = 3                 # asks[i].price, asks[i].amount, bids[i].price, bids[i].amount, for each level

cdef enum:
    MAX_SHALLOW = 100           # levels of a book_snapshot file
    MAX_FIELDS = 404            # of a row: the four keys, and four for each of these levels

cdef struct Field:
    const char* p
    const char* end


cdef inline bint field_exponent(const char* p, const char* end, uint64_t* digits, int* decimals) noexcept nogil:
    """`e-7` after a number: its digits and decimals with the exponent worked in. Tardis prints what is below 1e-6 so."""
    cdef int value = 0, down
    if p == end or (p[0] != c'e' and p[0] != c'E'):
        return False
    p += 1
    down = p < end and p[0] == c'-'
    if p < end and (p[0] == c'-' or p[0] == c'+'):
        p += 1
    if p == end or end - p > 3:
        return False
    while p < end:
        if not c'0' <= p[0] <= c'9':
            return False
        value = value * 10 + (p[0] - c'0')
        p += 1
    decimals[0] += value if down else -value
    while decimals[0] < 0:
        if digits[0] >= POW10[MAX_DIGITS - 1]:
            return False
        digits[0] *= 10
        decimals[0] += 1
    while decimals[0] > MAX_DIGITS:
        if digits[0] % 10:
            return False
        digits[0] //= 10
        if digits[0] == 0:
            decimals[0] = 0
        decimals[0] -= 1
    if decimals[0] < 0:
        decimals[0] = 0
    return True


cdef inline bint field_number(const Field* f, uint64_t* digits, int* decimals) noexcept nogil:
    """A whole field as digits and the count of them after the point."""
    cdef const char* p = text_decimal(f.p, f.end, digits, decimals)
    if likely(p == f.end) and p != NULL:
        return True
    return p != NULL and field_exponent(p, f.end, digits, decimals)


cdef inline bint field_units(const Field* f, const Scale* scales, int64_t* out) noexcept nogil:
    """A whole field in ticks or quanta."""
    cdef uint64_t digits
    cdef int decimals
    return field_number(f, &digits, &decimals) and scale_apply(&scales[decimals], digits, out)


cdef inline int64_t field_integer(const Field* f) noexcept nogil:
    """A whole field of 1 to 18 digits, or -1."""
    cdef int64_t value = 0
    cdef const char* p = f.p
    if p == f.end or f.end - p > MAX_DIGITS:
        return -1
    while p < f.end:
        if not c'0' <= p[0] <= c'9':
            return -1
        value = value * 10 + (p[0] - c'0')
        p += 1
    return value


cdef inline int64_t field_stamp(const Field* f) noexcept nogil:
    """Microseconds, 16 digits, as nanoseconds; nanoseconds, 19 digits, as they are; else -1. Before 2100."""
    cdef Field head
    cdef int64_t value
    if likely(f.end - f.p == 16):
        value = field_integer(f)
        return value * 1000 if 0 <= value < LAST_NS // 1000 else -1
    if f.end - f.p != 19 or f.p[0] > c'3':
        return -1
    head.p, head.end = f.p, f.end - 1
    value = field_integer(&head)
    if value < 0 or not c'0' <= (f.end - 1)[0] <= c'9':
        return -1
    return value * 10 + ((f.end - 1)[0] - c'0')


cdef inline bint field_is(const Field* f, const char* text, size_t n) noexcept nogil:
    return <size_t>(f.end - f.p) == n and memcmp(f.p, text, n) == 0


cdef inline int row_split(const char* p, const char* end, Field* fields, int room) noexcept nogil:
    """The fields of a row, by its commas: their number, or room + 1 when they are more."""
    cdef int n = 0
    fields[0].p = p
    while p < end:
        if p[0] == c',':
            fields[n].end = p
            n += 1
            if n == room:
                return room + 1
            fields[n].p = p + 1
        p += 1
    fields[n].end = end
    return n + 1


cdef inline const char* row_end(const char* p, const char* newline) noexcept nogil:
    return newline - 1 if newline > p and (newline - 1)[0] == c'\r' else newline
