"""Stamp and frame of a recorded line, in compiled code, for the most frequent lines of a session.

It recognises only frames as venues print them: JSON without white space, escapes or non-ASCII letters. For every other line,
sound or damaged, the result is None, and the file's parser reads it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport strncmp

from hft._core.engine.events import LAST_TIME_NS
from hft.data.record import Kind, Record

cdef enum:
    DEEPEST = 16

cdef object _Record = Record
cdef object _FRAME = Kind.FRAME
cdef uint64_t _first_ns = 946_684_800 * 1_000_000_000       # 2000
cdef uint64_t _last_ns = LAST_TIME_NS


# -- JSON: each verb returns the place after a value, or NULL. A bytes object ends with a zero, where every verb stops.

cdef inline const char* _string(const char* p) noexcept nogil:
    p += 1
    while p[0] != c'"':
        if not c' ' <= p[0] <= c'~' or p[0] == c'\\':
            return NULL
        p += 1
    return p + 1


cdef inline bint _digit(char c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef inline const char* _number(const char* p) noexcept nogil:
    if p[0] == c'-':
        p += 1
    if p[0] == c'0':
        p += 1
    elif _digit(p[0]):
        while _digit(p[0]):
            p += 1
    else:
        return NULL
    if p[0] == c'.':
        p += 1
        if not _digit(p[0]):
            return NULL
        while _digit(p[0]):
            p += 1
    return p


cdef const char* _list(const char* p, int depth) noexcept nogil:
    p += 1
    if p[0] == c']':
        return p + 1
    while True:
        p = _value(p, depth)
        if p == NULL:
            return NULL
        if p[0] == c']':
            return p + 1
        if p[0] != c',':
            return NULL
        p += 1


cdef const char* _object(const char* p, int depth, bint short_keys) noexcept nogil:
    """`short_keys`: no key has more than two characters."""
    cdef const char* key
    p += 1
    if p[0] == c'}':
        return p + 1
    while True:
        if p[0] != c'"':
            return NULL
        key = p
        p = _string(p)
        if p == NULL or p[0] != c':' or (short_keys and p - key > 4):
            return NULL
        p = _value(p + 1, depth)
        if p == NULL:
            return NULL
        if p[0] == c'}':
            return p + 1
        if p[0] != c',':
            return NULL
        p += 1


cdef const char* _value(const char* p, int depth) noexcept nogil:
    if p[0] == c'"':
        return _string(p)
    if p[0] == c'[' or p[0] == c'{':
        if depth == DEEPEST:
            return NULL
        return _list(p, depth + 1) if p[0] == c'[' else _object(p, depth + 1, False)
    if strncmp(p, b"true", 4) == 0 or strncmp(p, b"null", 4) == 0:
        return p + 4
    if strncmp(p, b"false", 5) == 0:
        return p + 5
    return _number(p)


cdef inline bint _is_frame(const char* p, const char* end) noexcept nogil:
    """Whether a hot frame, and nothing else, stands from `p` to `end`; a spot bookTicker has no `e` and short names."""
    cdef bint named = strncmp(p, b'{"stream":"', 11) == 0 or strncmp(p, b'{"e":"', 6) == 0
    if not named and strncmp(p, b'{"u":', 5) != 0:
        return False
    return _object(p, 1, not named) == end


# -- lines -----------------------------------------------------------------------------------------------------------------

cdef inline const char* _stamp(const char* p, int64_t* ns) noexcept nogil:
    """Digits and an optional fraction as exact nanoseconds; NULL if they are no stamp of this century."""
    cdef uint64_t whole = 0, fraction = 0, unit = 1
    cdef int digits = 0
    while _digit(p[0]) and digits < 19:
        whole = whole * 10 + (p[0] - c'0')
        p += 1
        digits += 1
    if digits < 9 or _digit(p[0]):
        return NULL
    while unit <= 1_000_000_000 and not (whole <= _last_ns // unit and _first_ns <= whole * unit < _last_ns):
        unit *= 1000
    if unit > 1_000_000_000:
        return NULL
    if p[0] == c'.':
        p += 1
        digits = 0
        while _digit(p[0]):
            if digits < 9:
                fraction = fraction * 10 + (p[0] - c'0')
                digits += 1
            p += 1
        if digits == 0:
            return NULL
        while digits < 9:
            fraction *= 10
            digits += 1
    ns[0] = <int64_t>(whole * unit + fraction * unit // 1_000_000_000)
    return p


cdef object _record(int64_t ns, const char* p, const char* end):
    return tuple.__new__(_Record, (ns, _FRAME, PyBytes_FromStringAndSize(p, end - p), ""))


cdef inline const char* _end(bytes line) noexcept:
    """For a line without its newline."""
    cdef const char* end = PyBytes_AS_STRING(line) + PyBytes_GET_SIZE(line)
    return end - 1 if PyBytes_GET_SIZE(line) and end[-1] == c'\n' else end


def stamped(bytes line not None):
    """The record of `<stamp> <frame>`.

    >>> stamped(b'1723161253937 {"e":"trade","s":"BTCUSDT"}').ns, stamped(b'1723161253937 {"e":"trade"'), stamped(b'1 {}')
    (1723161253937000000, None, None)
    """
    cdef const char* end = _end(line)
    cdef int64_t ns
    cdef const char* p = _stamp(PyBytes_AS_STRING(line), &ns)
    if p == NULL or p[0] != c' ' or not _is_frame(p + 1, end):
        return None
    return _record(ns, p + 1, end)


def received(bytes line not None):
    """The record of `<stamp>: <frame>`, a line of a file of a pair."""
    cdef const char* end = _end(line)
    cdef int64_t ns
    cdef const char* p = _stamp(PyBytes_AS_STRING(line), &ns)
    if p == NULL or p[0] != c':':
        return None
    p += 2 if p[1] == c' ' else 1
    return _record(ns, p, end) if _is_frame(p, end) else None


def recorded(bytes line not None):
    """The record of `<ns> <body>`, a whole line of a recording of our own; its frames are not checked."""
    cdef const char* p = PyBytes_AS_STRING(line)
    cdef const char* end = _end(line)
    cdef int64_t ns = 0
    cdef int digits = 0
    while _digit(p[0]) and digits < 18:
        ns = ns * 10 + (p[0] - c'0')
        p += 1
        digits += 1
    if digits == 0 or p[0] != c' ' or p + 1 > end or strncmp(p + 1, b'{"hft"', 6) == 0:
        return None
    return _record(ns, p + 1, end)
