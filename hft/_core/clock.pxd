# clock: the venue's time on our clock (SEMANTICS 2).
#
# x is the venue's stamp, recv our `now`. θ = min(recv - x) over the last ten minutes is the offset between the clocks plus
# the least delay; v = x + θ is when the event would have arrived without the rest of its delay. V = max v so far.
# Ten minutes are kept as 60 minima of ten seconds each, by recv / 10 s, so that an observation is constant work.

from libc.stdint cimport INT64_MAX, int64_t
from hft._core.types cimport likely, unlikely

cdef enum:
    CLOCK_SLOTS = 60

cdef extern from *:
    """
    #define HFT_CLOCK_SLOT_NS 10000000000LL
    """
    const int64_t CLOCK_SLOT_NS "HFT_CLOCK_SLOT_NS"

cdef struct ClockState:
    int64_t theta               # θ
    int64_t v_max               # V; 0 until there was a stamp
    int64_t low                 # the least recv - x of the window
    int64_t slot                # number of the newest ten seconds, recv / 10 s
    int64_t above_ns            # recv of the first observation above θ since the last that was not; 0: none
    int64_t observed            # stamps seen
    int64_t minima[60]          # by slot modulo 60; INT64_MAX: none (CLOCK_SLOTS)


cdef class VenueClock:
    """Owns the state; compiled callers may use `c` as long as they hold the object."""
    cdef ClockState* c


cdef inline size_t clock_size() noexcept nogil:
    return sizeof(ClockState)


cdef inline void _turn(ClockState* c, int64_t slot) noexcept nogil:
    """Move the window on to `slot`: forget what is ten minutes old, and find the least of the rest."""
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


cdef inline void _offset(ClockState* c, int64_t recv_ns, int64_t d) noexcept nogil:
    """Take one recv - x into the window, and let θ follow: down at once, up only when the level has lasted a slot."""
    cdef int64_t slot = recv_ns // CLOCK_SLOT_NS
    if unlikely(c.observed == 0):
        c.slot = slot - CLOCK_SLOTS
        c.theta = d
    if unlikely(slot > c.slot):
        _turn(c, slot)
    c.observed += 1
    if d < c.minima[c.slot % CLOCK_SLOTS]:
        c.minima[c.slot % CLOCK_SLOTS] = d
        if d < c.low:
            c.low = d
    if d <= c.theta:
        c.theta = d
        c.above_ns = 0
    elif c.above_ns == 0:
        c.above_ns = recv_ns
    elif unlikely(c.low > c.theta) and recv_ns - c.above_ns >= CLOCK_SLOT_NS:
        c.theta = c.low
        c.above_ns = 0


cdef inline int64_t clock_observe(ClockState* c, int64_t recv_ns, int64_t x_ns) noexcept nogil:
    """v of an event received at `recv_ns` (positive, not decreasing) with stamp `x_ns`; 0 is no stamp, and gives V."""
    cdef int64_t v
    if x_ns == 0:
        return c.v_max
    _offset(c, recv_ns, recv_ns - x_ns)
    v = x_ns + c.theta
    if v > c.v_max:
        c.v_max = v
    return v
