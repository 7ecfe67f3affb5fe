# Facts about messages that only the name of their stream gives, as in {"stream":"btcusdt@depth20@100ms","data":…}.

from libc.stdint cimport int64_t
from libc.string cimport memcmp
from hft._core.base.types cimport BOOK_STREAM, MSG_BOOK, Message, unlikely


cdef inline int64_t stream_levels(const char* p, const char* end) noexcept nogil:
    """Levels a side of a stream of whole books, by its name: `btcusdt@depth20@100ms` is 20; any other stream is 0."""
    cdef int64_t levels = 0
    while p < end and p[0] != c'@':
        p += 1
    if end - p < 7 or memcmp(p, b"@depth", 6) != 0:
        return 0
    p += 6
    while p < end and c'0' <= p[0] <= c'9' and levels < 10000:
        levels = 10 * levels + (p[0] - c'0')
        p += 1
    return levels if p == end or p[0] == c'@' else 0


cdef inline void stream_kind(Message* m, const char* p, const char* end) noexcept nogil:
    """A depthUpdate holds the whole book if the name of its stream says so (rule 7c)."""
    cdef int64_t levels = stream_levels(p, end)
    if unlikely(levels != 0):
        m.kind = MSG_BOOK
        m.flags |= BOOK_STREAM
        m.first_id = levels
        m.prev_id = -1
