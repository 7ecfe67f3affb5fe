# Scans the hot shapes of a venue's stream: depthUpdate, bookTicker, trade, aggTrade, as the venue prints them.
#
# They have no white space, `e` first, and `s` before fields that need its scales; unknown plain fields are skipped. A verb reads
# the text from p on and returns the end of the part that it read, or NULL if the text has another form.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp
from hft._core.base.text cimport (
    Scale, scale_apply, text_bool, text_decimal, text_expect, text_key, text_scaled, text_skip, text_string, text_uint,
)
from hft._core.base.types cimport (
    BUYER_IS_MAKER, MAX_LEVELS, MSG_AGG_TRADE, MSG_BOOK_TICKER, MSG_DEPTH, MSG_TRADE, NOT_MARKET, Level, Message, likely,
    unlikely,
)
from hft._core.wire.decoder_state cimport DecoderState, decode_stamp, decoder_symbol
from hft._core.wire.number_format cimport number_format_init, number_format_pair
from hft._core.wire.scales cimport ScaledSymbol, symbols_at


# -- fields ------------------------------------------------------------------------------------------------------------

cdef inline const char* _quoted(const char* p, const char* end, const Scale* scales, int64_t* out) noexcept nogil:
    """`"<decimal>"` as units. NULL if `p` is NULL."""
    if unlikely(p == NULL) or unlikely(p == end) or p[0] != c'"':
        return NULL
    p = text_scaled(p + 1, end, scales, out)
    if unlikely(p == NULL) or unlikely(p == end) or p[0] != c'"':
        return NULL
    return p + 1


cdef inline const char* _symbol(DecoderState* d, const char* p, const char* end, ScaledSymbol** s) noexcept nogil:
    """`"<name>"`; sets the message's symbol."""
    cdef const char* close
    cdef int i
    if unlikely(p == end) or p[0] != c'"':
        return NULL
    close = text_string(p + 1, end)
    if unlikely(close == NULL):
        return NULL
    i = decoder_symbol(d, p + 1, close - p - 1)
    if unlikely(i < 0):
        return NULL
    d.message.symbol = i
    s[0] = symbols_at(&d.symbols, i)
    return close + 1


cdef inline uint64_t _bit(char key) noexcept nogil:
    """One bit for each letter, upper and lower case separate, none for other characters: the set of fields seen."""
    return <uint64_t>(key >= c'A') << (key & 63)


cdef inline const char* _stamped(Message* m, uint64_t seen, int64_t T, int64_t E, const char* p) noexcept nogil:
    """x = `T`, else `E`, else none."""
    m.venue_ns = decode_stamp(T if seen & _bit(c'T') else E)
    return p if likely(m.venue_ns >= 0) else NULL


# -- shapes: from after the `{` of the object to after its `}` -----------------------------------------------------------

cdef inline const char* _level(
        ScaledSymbol* s, const char* p, const char* end, uint64_t* price, uint64_t* qty) noexcept nogil:
    """One level, from after its first quote to its last, in any format; keeps that format for the next levels."""
    cdef int decimals
    p = text_decimal(p, end, price, &decimals)
    if p == NULL:
        return NULL
    if decimals != s.price_format.decimals:
        number_format_init(&s.price_format, decimals)
    p = text_expect(p, end, b'","', 3)
    if p == NULL:
        return NULL
    p = text_decimal(p, end, qty, &decimals)
    if p != NULL and decimals != s.qty_format.decimals:
        number_format_init(&s.qty_format, decimals)
    return p


cdef inline const char* _levels(
        DecoderState* d, ScaledSymbol* s, const char* p, const char* end, uint32_t first, uint32_t* count) noexcept nogil:
    """`[["<price>","<qty>"],…]` into the level memory from `first` on.

    A venue prints a symbol's levels alike, so the format of the last level is tried first.
    """
    cdef Level* level = &d.levels[first]
    cdef Level* beyond = &d.levels[MAX_LEVELS]
    cdef const char* q
    cdef uint64_t price, qty
    count[0] = 0
    q = text_expect(p, end, b"[]", 2)
    if q != NULL:
        return q
    p = text_expect(p, end, b'[["', 3)
    while p != NULL:
        if unlikely(level == beyond):
            d.too_large = 1
            return NULL
        q = number_format_pair(p, &s.price_format, &s.qty_format, &price, &qty) if likely(end - p >= 32) else NULL
        if unlikely(q == NULL):
            q = _level(s, p, end, &price, &qty)
            if unlikely(q == NULL):
                return NULL
        if unlikely(not scale_apply(&s.price[s.price_format.decimals], price, &level.price)) or unlikely(price == 0):
            return NULL
        if unlikely(not scale_apply(&s.qty[s.qty_format.decimals], qty, &level.qty)):
            return NULL
        level += 1
        p = text_expect(q, end, b'"],["', 5)
    count[0] = <uint32_t>(level - &d.levels[first])
    return text_expect(q, end, b'"]]', 3) if q != NULL else NULL


cdef inline const char* _depth(DecoderState* d, const char* p, const char* end) noexcept nogil:
    """`E,[T],s,[ps],U,u,[pu],b,a`"""
    cdef Message* m = &d.message
    cdef ScaledSymbol* s = NULL
    cdef uint64_t seen = 0, bit
    cdef int64_t T = 0, E = 0
    cdef char key
    while True:
        key = text_key(p, end)
        bit = _bit(key)
        if unlikely(seen & bit):
            return NULL
        seen |= bit
        if key == c'E':
            p = text_uint(p + 4, end, &E)
        elif key == c'T':
            p = text_uint(p + 4, end, &T)
        elif key == c's':
            p = _symbol(d, p + 4, end, &s)
        elif key == c'U':
            p = text_uint(p + 4, end, &m.first_id)
        elif key == c'u':
            p = text_uint(p + 4, end, &m.last_id)
        elif key == c'b':
            if s == NULL or seen & _bit(c'a'):      # bids come first in the level memory
                return NULL
            p = _levels(d, s, p + 4, end, 0, &m.n_bids)
        elif key == c'a':
            if s == NULL or not seen & _bit(c'b'):
                return NULL
            p = _levels(d, s, p + 4, end, m.n_bids, &m.n_asks)
        elif end - p > 5 and memcmp(p, b'"pu":', 5) == 0:
            if m.prev_id >= 0:
                return NULL
            p = text_uint(p + 5, end, &m.prev_id)
        else:
            p = text_skip(p, end)
        if unlikely(p == NULL) or unlikely(p == end):
            return NULL
        if p[0] != c',':
            break
        p += 1
    bit = _bit(c'E') | _bit(c's') | _bit(c'U') | _bit(c'u') | _bit(c'b') | _bit(c'a')
    if unlikely(p[0] != c'}') or unlikely(seen & bit != bit):
        return NULL
    if unlikely(m.first_id > m.last_id):
        return NULL
    m.kind = MSG_DEPTH
    return _stamped(m, seen, T, E, p + 1)


cdef inline const char* _after(const char* p, const char* end, const char* literal, size_t n) noexcept nogil:
    """As `text_expect`, but `p` may be NULL, which gives NULL."""
    return text_expect(p, end, literal, n) if likely(p != NULL) else NULL


cdef inline const char* _usual_ticker(DecoderState* d, const char* p, const char* end) noexcept nogil:
    """A bookTicker with its fields in the order that Binance sends, `u,s,b,B,a,A` and then `T,E` or nothing, as most
    messages are. NULL if the order differs; the fields read so far are then void."""
    cdef Message* m = &d.message
    cdef ScaledSymbol* s = NULL
    cdef int64_t T = 0, E = 0
    p = text_expect(p, end, b'"u":', 4)
    if p != NULL:
        p = _after(text_uint(p, end, &m.last_id), end, b',"s":', 5)
    if p != NULL:
        p = _after(_symbol(d, p, end, &s), end, b',"b":', 5)
    if p == NULL:
        return NULL
    p = _after(_quoted(p, end, s.price, &m.price), end, b',"B":', 5)
    p = _after(_quoted(p, end, s.qty, &m.qty), end, b',"a":', 5)
    p = _after(_quoted(p, end, s.price, &m.ask_price), end, b',"A":', 5)
    p = _quoted(p, end, s.qty, &m.ask_qty)
    if p != NULL and p != end and p[0] == c',':
        p = text_expect(p, end, b',"T":', 5)
        if p != NULL:
            p = _after(text_uint(p, end, &T), end, b',"E":', 5)
        if p != NULL:
            p = text_uint(p, end, &E)
    if p == NULL or p == end or p[0] != c'}':
        return NULL
    m.kind = MSG_BOOK_TICKER
    return _stamped(m, _bit(c'T'), T, E, p + 1)


cdef inline const char* _book_ticker(DecoderState* d, const char* p, const char* end) noexcept nogil:
    """`u,s,[ps],b,B,a,A` and, except on spot, `T,E`, in any order"""
    cdef Message* m = &d.message
    cdef const char* q = _usual_ticker(d, p, end)
    cdef ScaledSymbol* s = NULL
    cdef uint64_t seen = 0, bit
    cdef int64_t T = 0, E = 0
    cdef char key
    if likely(q != NULL):
        return q
    while True:
        key = text_key(p, end)
        bit = _bit(key)
        if unlikely(seen & bit):
            return NULL
        seen |= bit
        if key == c'u':
            p = text_uint(p + 4, end, &m.last_id)
        elif key == c's':
            p = _symbol(d, p + 4, end, &s)
        elif key == c'T':
            p = text_uint(p + 4, end, &T)
        elif key == c'E':
            p = text_uint(p + 4, end, &E)
        elif key == c'b' or key == c'B' or key == c'a' or key == c'A':
            if unlikely(s == NULL):
                return NULL
            if key == c'b':
                p = _quoted(p + 4, end, s.price, &m.price)
            elif key == c'B':
                p = _quoted(p + 4, end, s.qty, &m.qty)
            elif key == c'a':
                p = _quoted(p + 4, end, s.price, &m.ask_price)
            else:
                p = _quoted(p + 4, end, s.qty, &m.ask_qty)
        else:
            p = text_skip(p, end)
        if unlikely(p == NULL) or unlikely(p == end):
            return NULL
        if p[0] != c',':
            break
        p += 1
    bit = _bit(c'u') | _bit(c's') | _bit(c'b') | _bit(c'B') | _bit(c'a') | _bit(c'A')
    if unlikely(p[0] != c'}') or unlikely(seen & bit != bit):
        return NULL
    m.kind = MSG_BOOK_TICKER
    return _stamped(m, seen, T, E, p + 1)


cdef inline const char* _trade(DecoderState* d, const char* p, const char* end, char id_key) noexcept nogil:
    """`E,[T],s,t,p,q,[X],T,m,[M]`; an aggTrade has `a` for its id"""
    cdef Message* m = &d.message
    cdef ScaledSymbol* s = NULL
    cdef uint64_t seen = 0, bit
    cdef int64_t T = 0, E = 0
    cdef bint flag = False
    cdef char key
    while True:
        key = text_key(p, end)
        bit = _bit(key)
        if unlikely(seen & bit):
            return NULL
        seen |= bit
        if key == c'E':
            p = text_uint(p + 4, end, &E)
        elif key == c'T':
            p = text_uint(p + 4, end, &T)
        elif key == c's':
            p = _symbol(d, p + 4, end, &s)
        elif key == id_key:
            p = text_uint(p + 4, end, &m.last_id)
        elif key == c'p' or key == c'q':
            if unlikely(s == NULL):
                return NULL
            if key == c'p':
                p = _quoted(p + 4, end, s.price, &m.price)
            else:
                p = _quoted(p + 4, end, s.qty, &m.qty)
        elif key == c'm':
            p = text_bool(p + 4, end, &flag)
            m.flags |= BUYER_IS_MAKER if flag else 0
        elif key == c'X':
            if end - p >= 12 and memcmp(p + 4, b'"MARKET"', 8) == 0:
                p += 12
            else:
                m.flags |= NOT_MARKET
                p = text_skip(p, end) if end - p > 4 and p[4] == c'"' else NULL
        else:
            p = text_skip(p, end)
        if unlikely(p == NULL) or unlikely(p == end):
            return NULL
        if p[0] != c',':
            break
        p += 1
    bit = _bit(c'E') | _bit(c'T') | _bit(c's') | _bit(id_key) | _bit(c'p') | _bit(c'q') | _bit(c'm')
    if unlikely(p[0] != c'}') or unlikely(seen & bit != bit):
        return NULL
    if unlikely(m.price == 0 or m.qty == 0) and not m.flags & NOT_MARKET:
        return NULL
    m.first_id = m.last_id
    m.kind = MSG_TRADE if id_key == c't' else MSG_AGG_TRADE
    return _stamped(m, seen, T, E, p + 1)


cdef inline const char* shape_read(DecoderState* d, const char* p, const char* end) noexcept nogil:
    """One object of a hot shape; its first bytes give the shape."""
    cdef const char* q
    if unlikely(end - p < 16):
        return NULL
    if memcmp(p, b'{"e":"', 6) != 0:                # a spot bookTicker has no `e`
        return _book_ticker(d, p + 1, end) if memcmp(p, b'{"u":', 5) == 0 else NULL
    q = text_expect(p + 6, end, b'bookTicker",', 12)
    if q != NULL:
        return _book_ticker(d, q, end)
    q = text_expect(p + 6, end, b'trade",', 7)
    if q != NULL:
        return _trade(d, q, end, c't')
    q = text_expect(p + 6, end, b'depthUpdate",', 13)
    if q != NULL:
        return _depth(d, q, end)
    q = text_expect(p + 6, end, b'aggTrade",', 10)
    if q != NULL:
        return _trade(d, q, end, c'a')
    return NULL
