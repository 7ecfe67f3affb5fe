# decode: the bytes of a frame -> one Message and its levels, in ticks, quanta and nanoseconds.
#
# The scanner knows the hot stream shapes (depthUpdate, bookTicker, trade, aggTrade) of its venues, bare and inside
# {"stream":…,"data":…}, as the venue prints them: no white space, `e` first, `s` before what needs its scales. Unknown
# plain fields are skipped. Whatever else it meets is DECODE_FALLBACK and goes to `hft.venues.binance.messages`, which also finds
# the precise reason of a reject. After anything but OK the message is void (`kind` is MSG_NONE).

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset
from hft._core.base.status cimport BAD_NUMBER, DECODE_FALLBACK, OK, TOO_LARGE
from hft._core.base.text cimport (
    Scale, scale_apply, text_bool, text_decimal, text_exact, text_expect, text_key, text_scaled, text_skip, text_string,
    text_uint)
from hft._core.base.types cimport (
    BUYER_IS_MAKER, MAX_LEVELS, MSG_AGG_TRADE, MSG_DEPTH, MSG_NONE, MSG_BOOK_TICKER, MSG_TRADE, NOT_MARKET,
    Level, Message, SymbolSpec, likely, unlikely)
from hft._core.wire.number_format cimport number_format_init, number_format_pair
from hft._core.wire.pending cimport Pending, pending_clear, pending_pop
from hft._core.wire.scales cimport ScaledSymbol, ScaledSymbols, symbols_add, symbols_find
from hft._core.wire.stream_name cimport stream_kind

cdef enum:
    MAX_FRAME = 4194304         # bytes of a frame: beyond it, TOO_LARGE before a byte is read

cdef struct DecoderState:
    Message message             # the last frame's
    Pending pending             # of a frame that holds several messages, those after `message`
    int64_t too_large           # why the scanner gave up: 1 = more levels than there is room for
    ScaledSymbols symbols
    Level levels[16384]         # of `message`: bids, then asks (MAX_LEVELS)


cdef class Decoder:
    """Owns the state; compiled callers may use `d` as long as they hold the object."""
    cdef DecoderState* d


cdef inline size_t decoder_size() noexcept nogil:
    return sizeof(DecoderState)


cdef inline Message* decoder_message(DecoderState* d) noexcept nogil:
    """The message of the last frame; void unless the verb that filled it returned OK."""
    return &d.message


cdef inline bint decode_next(DecoderState* d) noexcept nogil:
    """Make the frame's next message the decoder's; false, and all as it is, when there is none."""
    return pending_pop(&d.pending, &d.message, d.levels)


cdef inline Level* decoder_levels(DecoderState* d) noexcept nogil:
    """Its levels: `n_bids`, then `n_asks`, as printed."""
    return d.levels


cdef inline void decoder_clear(DecoderState* d) noexcept nogil:
    """No message: what a message does not use is zero, so that equal messages have equal bytes."""
    memset(&d.message, 0, sizeof(Message))
    d.message.prev_id = -1
    d.too_large = 0


# -- symbols and numbers -----------------------------------------------------------------------------------------------

cdef inline int decoder_add(DecoderState* d, const SymbolSpec* spec) noexcept nogil:
    """Add a symbol; its index, or -1 when the table is full or the name is there already."""
    return symbols_add(&d.symbols, spec)


cdef inline int decoder_symbol(DecoderState* d, const char* name, size_t n) noexcept nogil:
    """The index of a symbol by its name, or -1."""
    return symbols_find(&d.symbols, name, n)


cdef inline int decode_price(const SymbolSpec* spec, const char* text, size_t n, int64_t* out) noexcept nogil:
    """Decimal text -> ticks. BAD_NUMBER: off the tick, a sign, an exponent, more than 18 digits, beyond 63 bits as a
    count of the tick's last decimal."""
    return OK if text_exact(spec.price_mant, spec.price_exp, text, n, out) else BAD_NUMBER


cdef inline int decode_qty(const SymbolSpec* spec, const char* text, size_t n, int64_t* out) noexcept nogil:
    """Decimal text -> quanta; BAD_NUMBER as for `decode_price`."""
    return OK if text_exact(spec.qty_mant, spec.qty_exp, text, n, out) else BAD_NUMBER


cdef inline int64_t decode_stamp(int64_t stamp) noexcept nogil:
    """A venue's stamp, in milliseconds or (from 1e15 on) microseconds, as nanoseconds; -1 beyond the year 2262."""
    if stamp <= 9223372036854LL:
        return stamp * 1000000
    if 1000000000000000LL <= stamp <= 9223372036854775LL:
        return stamp * 1000
    return -1


# -- fields ------------------------------------------------------------------------------------------------------------

cdef inline const char* _quoted(const char* p, const char* end, const Scale* scales, int64_t* out) noexcept nogil:
    """`"<decimal>"` as units."""
    if unlikely(p == end) or p[0] != c'"':
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
    s[0] = &d.symbols.table[i]
    return close + 1


cdef inline uint64_t _bit(char key) noexcept nogil:
    """One bit per letter, upper and lower case apart, and none for what is no letter: the set of fields seen."""
    return <uint64_t>(key >= c'A') << (key & 63)


cdef inline const char* _stamped(Message* m, uint64_t seen, int64_t T, int64_t E, const char* p) noexcept nogil:
    """x = `T`, else `E`, else none."""
    m.venue_ns = decode_stamp(T if seen & _bit(c'T') else E)
    return p if likely(m.venue_ns >= 0) else NULL


# -- shapes: from after the `{` of the object to after its `}` -----------------------------------------------------------

cdef inline const char* _level(
        ScaledSymbol* s, const char* p, const char* end, uint64_t* price, uint64_t* qty) noexcept nogil:
    """One level, from after its first quote to its last, whichever way it is printed; that way is kept in mind."""
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

    A venue prints a symbol's levels alike, so each is first tried as the last was printed.
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


cdef inline const char* _book_ticker(DecoderState* d, const char* p, const char* end) noexcept nogil:
    """`u,s,[ps],b,B,a,A` and, but on spot, `T,E`"""
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
    """`E,[T],s,t,p,q,[X],T,m,[M]`, and with `a` for its id the same of aggTrade"""
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


# -- frames ------------------------------------------------------------------------------------------------------------

cdef inline const char* _event(DecoderState* d, const char* p, const char* end) noexcept nogil:
    """One object of a hot shape: which it is shows in its first bytes."""
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


cdef inline int decode_frame(DecoderState* d, const char* p, size_t n, int64_t recv_ns) noexcept nogil:
    """Decode a frame of n bytes into the decoder's message and levels.

    OK; DECODE_FALLBACK: not what the scanner knows; TOO_LARGE: more bytes or levels than there is room for.
    """
    cdef const char* end = p + n
    cdef const char* q
    cdef const char* name = NULL
    cdef const char* name_end = NULL
    decoder_clear(d)
    pending_clear(&d.pending)
    if unlikely(n > MAX_FRAME):
        return TOO_LARGE
    q = text_expect(p, end, b'{"stream":"', 11)
    if q == NULL:
        q = _event(d, p, end)
    else:
        name = q
        q = name_end = text_string(q, end)
        if q != NULL:
            q = text_expect(q, end, b'","data":', 9)
        if q != NULL:
            q = _event(d, q, end)
        if q != NULL:
            q = text_expect(q, end, b"}", 1)
    if unlikely(q == NULL) or unlikely(q != end):
        d.message.kind = MSG_NONE
        return TOO_LARGE if d.too_large else DECODE_FALLBACK
    d.message.recv_ns = recv_ns
    if name != NULL and d.message.kind == MSG_DEPTH:
        stream_kind(&d.message, name, name_end)
    return OK
