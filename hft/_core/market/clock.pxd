# clock: converts the venue's time to our clock (SEMANTICS 2).
#
# x is the venue's stamp, recv our `now`, d = recv - x. θ = min(d) over the last ten minutes is the offset between the clocks
# plus the least delay; v = x + θ is the time at which the event would have arrived without additional delay. V = max v so far.
# Ten minutes are kept as 60 minima of ten seconds each, by recv / 10 s, so that an observation is constant work.
#
#          d |       · ·   ·                         above θ: delay. θ rises when all stamps of 10 s and the window are above it
#            |   ·  ·   ·     ·  ·                   (when all of 10 s are more than 1 s above it, the window drops older minima)
#          θ |---·------·--------------
#     θ-50ms |-------------·---------------          down to here: θ falls at once
#            |                     · · · · ·         below: an outlier, until five stamps from two reads agree within 50 ms

from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdlib cimport llabs
from hft._core.base.hash cimport hash_span, hash_words
from hft._core.base.types cimport likely, unlikely

cdef enum:
    CLOCK_SLOTS = 60
    CLOCK_AGREE = 5             # stamps that must agree before θ is known, or falls by more than 50 ms …
    CLOCK_ODD = 16              # … among this many recent stamps

cdef extern from *:
    """
    #define HFT_CLOCK_SLOT_NS 10000000000LL
    #define HFT_CLOCK_FALL_NS 50000000LL        /* stamps within this agree, and θ falls at once */
    #define HFT_CLOCK_RISE_NS 1000000000LL      /* a larger rise is not delay */
    """
    const int64_t CLOCK_SLOT_NS "HFT_CLOCK_SLOT_NS"
    const int64_t CLOCK_FALL_NS "HFT_CLOCK_FALL_NS"
    const int64_t CLOCK_RISE_NS "HFT_CLOCK_RISE_NS"

cdef struct ClockState:
    int64_t theta               # θ
    int64_t v_max               # V; 0 before the first stamp
    int64_t v_last              # v of the newest stamp
    int64_t low                 # the least d in the window
    int64_t slot                # number of the newest ten-second slot, recv / 10 s
    int64_t above_ns            # recv of the first observation of the current run above θ; 0: none
    int64_t far_ns              # the same for observations more than 1 s above θ
    int64_t far_low             # the least d since `far_ns`
    int64_t known               # 1: five stamps agreed; before that θ is unknown
    int64_t odd                 # stamps since the last accepted one; the newest are in `odd_…`, by number modulo 16
    int64_t minima[60]          # by slot modulo 60; INT64_MAX: none (CLOCK_SLOTS)
    int64_t odd_recv[16]        # (CLOCK_ODD)
    int64_t odd_d[16]
    int64_t outliers            # stamps that were not accepted: a statistic


cdef class VenueClock:
    """Owns the state; compiled callers may use `c` while they hold the object."""
    cdef ClockState* c


cdef inline size_t clock_size() noexcept nogil:
    return sizeof(ClockState)


cdef inline uint64_t clock_hash(const ClockState* c) noexcept nogil:
    cdef int64_t odd = min(c.odd, CLOCK_ODD)        # older ones no longer count
    cdef uint64_t h = hash_span(0, c, &c.odd_recv)
    return hash_words(hash_words(h, c.odd_recv, odd), c.odd_d, odd)


cdef inline void _turn(ClockState* c, int64_t slot) noexcept nogil:
    """Moves the window to `slot`: drops minima older than ten minutes, and finds the least of the others."""
    cdef int64_t i, low = INT64_MAX
    cdef int64_t gone = slot - c.slot
    if gone > CLOCK_SLOTS:
        gone = CLOCK_SLOTS
    for i in range(gone):
        c.minima[(slot - i + CLOCK_SLOTS) % CLOCK_SLOTS] = INT64_MAX
    for i in range(CLOCK_SLOTS):
        if c.minima[i] < low:
            low = c.minima[i]
    c.slot = slot
    c.low = low


cdef inline void _settle(ClockState* c, int64_t d) noexcept nogil:
    """Sets θ to `d`."""
    c.theta = d
    c.above_ns = c.far_ns = 0
    c.minima[c.slot % CLOCK_SLOTS] = min(d, c.minima[c.slot % CLOCK_SLOTS])
    c.low = min(d, c.low)


cdef inline void _restart(ClockState* c, int64_t slot, int64_t d) noexcept nogil:
    """Sets θ to `d`, and forgets all older minima."""
    c.slot = slot - CLOCK_SLOTS
    _turn(c, slot)
    _settle(c, d)


cdef inline int64_t _agreement(const ClockState* c, int64_t d) noexcept nogil:
    """The least of five odd stamps, from two reads, that agree with each other and with `d`; INT64_MAX if there are none."""
    cdef int64_t i, j, low, count, recv_ns, least = INT64_MAX
    cdef int64_t n = min(c.odd, CLOCK_ODD)
    cdef bint reads
    for i in range(n):
        low = c.odd_d[i]
        if d < low or d > low + CLOCK_FALL_NS:
            continue
        count, reads, recv_ns = 0, False, c.odd_recv[i]
        for j in range(n):
            if low <= c.odd_d[j] <= low + CLOCK_FALL_NS:
                count += 1
                reads = reads or c.odd_recv[j] != recv_ns
        if count >= CLOCK_AGREE and reads and low < least:
            least = low
    return least


cdef inline bint _believe(ClockState* c, int64_t recv_ns, int64_t d) noexcept nogil:
    """Handles an odd stamp: 1 when it and earlier ones give θ, else 0."""
    cdef int64_t low
    cdef bint alone = c.odd > 0 and llabs(d - c.odd_d[(c.odd - 1) % CLOCK_ODD]) > CLOCK_FALL_NS
    c.odd_recv[c.odd % CLOCK_ODD] = recv_ns
    c.odd_d[c.odd % CLOCK_ODD] = d
    c.odd += 1
    low = _agreement(c, d)
    if low == INT64_MAX:
        if c.known or alone:                    # the first stamps are not outliers, unless they contradict each other
            c.outliers += 1
        return False
    if not c.known:
        _restart(c, recv_ns // CLOCK_SLOT_NS, low)
        c.known = 1
    else:
        _turn(c, recv_ns // CLOCK_SLOT_NS)
        _settle(c, low)
    c.odd = 0
    return True


cdef inline void _rise(ClockState* c, int64_t recv_ns, int64_t d) noexcept nogil:
    """A stamp above θ is delay, unless all stamps of a slot were above it."""
    if c.above_ns == 0:
        c.above_ns = recv_ns
    elif unlikely(c.low > c.theta) and recv_ns - c.above_ns >= CLOCK_SLOT_NS:
        c.theta = c.low
        c.above_ns = 0
    if likely(d - c.theta <= CLOCK_RISE_NS):
        c.far_ns = 0
    elif c.far_ns == 0:
        c.far_ns = recv_ns
        c.far_low = d
    else:
        c.far_low = min(c.far_low, d)
        if recv_ns - c.far_ns >= CLOCK_SLOT_NS:
            _restart(c, c.slot, c.far_low)


cdef inline bint _offset(ClockState* c, int64_t recv_ns, int64_t d) noexcept nogil:
    """Updates θ with one d. 0: d is not accepted, and nothing changed."""
    cdef int64_t slot = recv_ns // CLOCK_SLOT_NS
    if unlikely(not c.known or d < c.theta - CLOCK_FALL_NS):
        return _believe(c, recv_ns, d)
    c.odd = 0
    if unlikely(slot > c.slot):
        _turn(c, slot)
    if d < c.minima[c.slot % CLOCK_SLOTS]:
        c.minima[c.slot % CLOCK_SLOTS] = d
        if d < c.low:
            c.low = d
    if d <= c.theta:
        c.theta = d
        c.above_ns = c.far_ns = 0
    else:
        _rise(c, recv_ns, d)
    return True


cdef inline int64_t clock_observe(ClockState* c, int64_t recv_ns, int64_t x_ns) noexcept nogil:
    """v of an event received at `recv_ns` (positive, not decreasing) with stamp `x_ns`; 0 means no stamp, and gives V.

    A stamp that is not accepted gets the v of the stamp before it, at the start that of its receipt; `outliers` counts it.
    """
    if x_ns == 0:
        return c.v_max
    if likely(_offset(c, recv_ns, recv_ns - x_ns)):
        c.v_last = x_ns + c.theta
    elif not c.known:
        c.v_last = recv_ns
    c.v_max = max(c.v_max, c.v_last)
    return c.v_last
