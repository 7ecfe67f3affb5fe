# The imbalance over time, kept once for all accounts on the market: each value, and its start (SEMANTICS 19).
#
#       tail                              head - 1
#         |--- 0.31 ---|-- 0.28 --|--- -0.05 ---> now            entries are numbered, from 1
#
# A follower (`signal`) sums the time for which the imbalance was beyond its own threshold. It reads each entry when it ends
# and once more when it leaves the follower's window, so the ring needs room for only one entry more than it keeps.

from libc.math cimport fabs
from libc.stdint cimport int64_t, uint64_t

from hft._core.base.hash cimport hash_pair, hash_span, hash_words
from hft._core.base.memory cimport align64
from hft._core.base.types cimport unlikely
from hft._core.market.flow cimport ring_slots

cdef struct SeriesParams:
    int64_t window_ns           # of the features
    int64_t capacity            # number of entries kept: buffer_capacity

cdef struct SeriesEntry:
    int64_t start_ns            # the entry ends where the next one starts
    double value

cdef struct Series:             # the entries follow
    int64_t window_ns
    uint64_t capacity
    uint64_t head               # number of the next entry
    uint64_t tail               # the oldest that is kept
    uint64_t first              # the first since the last sync; `head`: there is none
    int64_t since_ns            # start of that entry
    int64_t refreshed_ns        # when the newest value was last confirmed
    uint64_t digest             # the sum of `series_entry_hash` over all entries but the newest, which may still change
    uint64_t mask
    int64_t shortened           # entries dropped inside the window for lack of room: a statistic
    double largest              # largest |imbalance| so far, reported by a run without signals (SEMANTICS 32)


cdef inline size_t series_size(const SeriesParams* p) noexcept nogil:
    return align64(sizeof(Series)) + ring_slots(p.capacity + 1) * sizeof(SeriesEntry)


cdef inline void series_init(Series* s, const SeriesParams* p) noexcept nogil:
    """`s` is zeroed memory of `series_size(p)` bytes."""
    s.window_ns = p.window_ns
    s.capacity = p.capacity
    s.mask = ring_slots(p.capacity + 1) - 1
    s.head = s.tail = s.first = 1       # 1, so that a follower that starts from 0 has not begun


cdef inline SeriesEntry* series_entry(const Series* s, uint64_t number) noexcept nogil:
    return <SeriesEntry*>(<char*>s + align64(sizeof(Series))) + (number & s.mask)


cdef inline uint64_t series_entry_hash(const SeriesEntry* e) noexcept nogil:
    return hash_pair(e.start_ns, (<const uint64_t*>&e.value)[0])


cdef inline bint series_empty(const Series* s) noexcept nogil:
    return s.head == s.first


cdef inline double series_value(const Series* s) noexcept nogil:
    """The imbalance at the last refresh. The series must not be empty."""
    return series_entry(s, s.head - 1).value


cdef inline uint64_t series_hash(const Series* s) noexcept nogil:
    cdef uint64_t h = hash_span(0, s, &s.mask)
    return h if series_empty(s) else hash_words(h, series_entry(s, s.head - 1), sizeof(SeriesEntry) // 8)


cdef inline void series_reset(Series* s) noexcept nogil:
    """Removes all entries: the book is not in sync."""
    s.first = s.tail = s.head
    s.digest = 0


cdef inline void series_push(Series* s, double imbalance, int64_t now) noexcept nogil:
    """Records that the view changed or was confirmed. Of several values at one time only the last one is kept."""
    cdef SeriesEntry* newest
    s.refreshed_ns = now
    if unlikely(fabs(imbalance) > s.largest):
        s.largest = fabs(imbalance)
    if not series_empty(s):
        newest = series_entry(s, s.head - 1)
        if newest.value == imbalance:
            return
        if newest.start_ns == now:
            newest.value = imbalance
            return
        s.digest += series_entry_hash(newest)
    else:
        s.since_ns = now
    if unlikely(s.head - s.tail == s.capacity):
        s.digest -= series_entry_hash(series_entry(s, s.tail))
        s.tail += 1
        s.shortened += series_entry(s, s.tail).start_ns > now - s.window_ns
    newest = series_entry(s, s.head)
    newest.start_ns = now
    newest.value = imbalance
    s.head += 1
