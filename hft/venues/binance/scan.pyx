"""Scans numbers and fields of recorded frames, in compiled code, since every frame of a session is scanned before it is run.

Only streams that are traded on count for the scales (SEMANTICS 28): depth, bookTicker, trades. A mark price or a kline prints
decimals that no order can have.
"""

from libc.stdint cimport int64_t
from libc.string cimport memchr, memcmp

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from hft._core.wire.stream_name cimport stream_levels

# Bits that show the protocol of a message, the certain ones first. A venue adds fields and removes none, so a missing field
# shows more than a present one.
SPOT_DEPTH = 1          # a depth update without `pu`, which futures always have
CHAINED_DEPTH = 2       # `U` does not follow `pu`: ids shared by futures' symbols
SPOT_BOOK_TICKER = 4    # a bookTicker without `e`
FUTURES_DEPTH = 8       # `pu`, and `U` right after it
FUTURES_BOOK_TICKER = 16    # a bookTicker with `e` and `E`
SPOT_TRADE = 32         # a trade with `M`
FUTURES_BOOK = 64       # a REST book with its time
NAMED_SPOT, NAMED_USDM, NAMED_COINM = 128, 256, 512     # shown by an address, a field or a name
TRADES, AGG_TRADES = 1024, 2048                         # streams of traded volume
WHOLE_BOOKS = 4096      # a stream of whole books, by its name

cdef enum:
    MOST_DECIMALS = 18

cdef struct Text:
    const char* p
    const char* end


cdef class Seen:
    """One symbol: bits, and the most decimals of its prices and quantities without trailing zeros; the number of depth updates
    without a stream name, and of their levels a side: -1 if it differs, or a level is deleted."""
    cdef public int bits
    cdef public int price
    cdef public int qty
    cdef public int unnamed
    cdef public int levels


cdef inline const char* _closing(const char* p, const char* end) noexcept nogil:
    """From after an opening quote to the closing one; NULL if there is none, or an escape comes first."""
    cdef const char* close = <const char*>memchr(p, c'"', end - p)
    if close == NULL or memchr(p, c'\\', close - p) != NULL:
        return NULL
    return close


cdef inline const char* _value(const char* p, const char* end) noexcept nogil:
    """The place after a value that begins at p; NULL if it does not end."""
    cdef int depth = 0
    while p < end:
        if p[0] == c'"':
            p = _closing(p + 1, end)
            if p == NULL:
                return NULL
        elif p[0] == c'[' or p[0] == c'{':
            depth += 1
        elif p[0] == c']' or p[0] == c'}':
            if depth == 0:
                return p
            depth -= 1
        elif p[0] == c',' and depth == 0:
            return p
        p += 1
    return NULL


cdef inline int64_t _integer(const Text* t) noexcept nogil:
    cdef int64_t value = 0
    cdef const char* p = t.p
    if p == t.end or t.end - p > 18:
        return -1
    while p < t.end:
        if not c'0' <= p[0] <= c'9':
            return -1
        value = value * 10 + (p[0] - c'0')
        p += 1
    return value


cdef inline void _decimals(const char* p, const char* end, int* most) noexcept nogil:
    """Notes a number's decimals; an invalid number is skipped here and refused when it is decoded."""
    cdef const char* point = <const char*>memchr(p, c'.', end - p)
    cdef const char* last = end
    if point == NULL or end - point - 1 <= most[0]:
        return
    while last > point + 1 and last[-1] == c'0':
        last -= 1
    if last - point - 1 <= most[0] or last - point - 1 > MOST_DECIMALS:
        return
    while p < last:
        if p != point and not c'0' <= p[0] <= c'9':
            return
        p += 1
    most[0] = <int>(last - point - 1)


cdef inline bint _numbers(const Text* t, int* price, int* qty) noexcept nogil:
    """The decimals of `"…"`, into `price`, or of `[["…","…"],…]`, alternately into both."""
    cdef const char* p = t.p
    cdef const char* close
    cdef bint second = False
    while p < t.end:
        p = <const char*>memchr(p, c'"', t.end - p)
        if p == NULL:
            return True
        close = _closing(p + 1, t.end)
        if close == NULL:
            return False
        _decimals(p + 1, close, qty if second else price)
        second = not second
        p = close + 1
    return True


cdef inline int _levels(const Text* side) noexcept nogil:
    """The number of levels in `[["…","…"],…]`; -1 if one has quantity 0, which deletes it."""
    cdef const char* p = side.p
    cdef int n = 0, nothing = True, quotes = 0
    while p < side.end:
        if p[0] == c'"':
            quotes += 1
        elif p[0] == c']' and quotes == 4:
            if nothing:
                return -1
            n, quotes, nothing = n + 1, 0, True
        elif quotes == 3 and c'1' <= p[0] <= c'9':
            nothing = False
        p += 1
    return n


cdef inline bint _is(const Text* t, const char* text, size_t n) noexcept nogil:
    return <size_t>(t.end - t.p) == n and memcmp(t.p, text, n) == 0


cdef class Scan:
    """Scans frames of the shapes that a venue prints; the caller handles others.

    >>> scan = Scan()
    >>> scan.frame(b'{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"61800.30","q":"0.006","T":1,"m":false,"M":true}')
    True
    >>> scan.frame(b'{"lastUpdateId":7}')
    False
    >>> seen = scan.symbols["BTCUSDT"]
    >>> seen.price, seen.qty, seen.bits == SPOT_TRADE | TRADES
    (1, 3, True)
    """
    cdef dict _by_name          # bytes: Seen, in the order of their first message
    cdef bytes _last_name
    cdef Seen _last

    def __cinit__(self):
        self._by_name = {}

    @property
    def symbols(self) -> dict:
        """By name, in the order of their first message."""
        return {name.decode(): seen for name, seen in self._by_name.items()}

    def symbol(self, str name not None) -> Seen:
        """The record of a symbol; made if it does not exist."""
        return self._of(name.encode())

    cdef Seen _of(self, bytes name):
        cdef Seen seen = self._by_name.get(name)
        if seen is None:
            seen = self._by_name[name] = Seen()
        return seen

    cdef Seen _named(self, const Text* name):
        cdef Py_ssize_t n = name.end - name.p
        cdef bytes key
        if self._last_name is not None and PyBytes_GET_SIZE(self._last_name) == n and memcmp(
                PyBytes_AS_STRING(self._last_name), name.p, n) == 0:
            return self._last
        key = PyBytes_FromStringAndSize(name.p, n)
        if not key.isascii() or key.upper() != key:
            key = key.decode().upper().encode()         # UnicodeDecodeError: not a venue's name
        self._last_name, self._last = key, self._of(key)
        return self._last

    def frame(self, bytes data not None) -> bool:
        """Scans one frame. False: another shape, nothing was noted. Raises UnicodeDecodeError for a name that is not text."""
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef const char* end = p + PyBytes_GET_SIZE(data)
        cdef const char* key
        cdef Text[128] field
        cdef Text value, chain
        cdef bint named = False
        cdef int i
        for i in range(128):
            field[i].p = field[i].end = NULL
        chain.p = chain.end = NULL
        if end - p > 11 and memcmp(p, b'{"stream":"', 11) == 0:
            p = _closing(p + 11, end)
            if p == NULL or end - p < 9 or memcmp(p, b'","data":', 9) != 0:
                return False
            if stream_levels(PyBytes_AS_STRING(data) + 11, p):
                return False
            p += 9
            named = True
        if p == end or p[0] != c'{':
            return False
        while True:
            key = p + 2             # after `{"` or `,"`
            if end - p < 6 or p[1] != c'"':
                return False
            p = _closing(key, end)
            if p == NULL or end - p < 3 or p[1] != c':':
                return False
            value.p = p + 2
            value.end = _value(value.p, end)
            if value.end == NULL or value.end == value.p:
                return False
            if p - key == 1 and 0 < key[0] < 127:
                field[<int>key[0]] = value
            elif p - key == 2 and key[0] == c'p' and key[1] == c'u':
                chain = value
            elif p - key == 12 and memcmp(key, b"lastUpdateId", 12) == 0:
                return False
            p = value.end
            if p[0] == c'}':
                break
            if p[0] != c',':
                return False
        return self._message(field, &chain, named)

    cdef bint _message(self, const Text* field, const Text* chain, bint named) except -1:
        cdef const Text* event = &field[<int>c'e']
        cdef Text name = field[<int>c's']
        cdef Seen seen
        if name.end - name.p < 3 or name.p[0] != c'"' or name.end[-1] != c'"':
            return False
        name.p += 1
        name.end -= 1
        if event.p == NULL and (field[<int>c'u'].p == NULL or field[<int>c'B'].p == NULL):
            return False
        seen = self._named(&name)
        if event.p == NULL:
            seen.bits |= SPOT_BOOK_TICKER
            return self._book_ticker(seen, field)
        if _is(event, b'"bookTicker"', 12):
            seen.bits |= FUTURES_BOOK_TICKER if field[<int>c'E'].p != NULL else 0
            return self._book_ticker(seen, field)
        if _is(event, b'"depthUpdate"', 13):
            return self._depth(seen, field, chain, named)
        if _is(event, b'"trade"', 7):
            return self._trade(seen, field, TRADES)
        if _is(event, b'"aggTrade"', 10):
            return self._trade(seen, field, AGG_TRADES)
        return True                 # nothing that is traded on

    cdef bint _book_ticker(self, Seen seen, const Text* field) except -1:
        cdef int price = seen.price, qty = seen.qty
        _numbers(&field[<int>c'b'], &price, &price)
        _numbers(&field[<int>c'a'], &price, &price)
        _numbers(&field[<int>c'B'], &qty, &qty)
        _numbers(&field[<int>c'A'], &qty, &qty)
        seen.price, seen.qty = price, qty
        return True

    cdef bint _depth(self, Seen seen, const Text* field, const Text* chain, bint named) except -1:
        cdef int price = seen.price, qty = seen.qty, levels
        if chain.p == NULL:
            seen.bits |= SPOT_DEPTH
        elif _integer(chain) + 1 == _integer(&field[<int>c'U']):
            seen.bits |= FUTURES_DEPTH
        else:
            seen.bits |= CHAINED_DEPTH
        _numbers(&field[<int>c'b'], &price, &qty)
        _numbers(&field[<int>c'a'], &price, &qty)
        seen.price, seen.qty = price, qty
        if seen.levels >= 0:        # all of them so far could be whole books
            levels = _levels(&field[<int>c'b'])
            if named or levels < 1 or _levels(&field[<int>c'a']) != levels or seen.levels not in (0, levels):
                seen.levels = -1
            else:
                seen.levels = levels
                seen.unnamed += 1
        return True

    cdef bint _trade(self, Seen seen, const Text* field, int stream) except -1:
        cdef int price = seen.price, qty = seen.qty
        seen.bits |= stream | (SPOT_TRADE if field[<int>c'M'].p != NULL else 0)
        if field[<int>c'X'].p == NULL or _is(&field[<int>c'X'], b'"MARKET"', 8):    # others fill nobody
            _numbers(&field[<int>c'p'], &price, &price)
            _numbers(&field[<int>c'q'], &qty, &qty)
            seen.price, seen.qty = price, qty
        return True
