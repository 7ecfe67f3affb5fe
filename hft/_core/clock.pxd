# clock: the venue's time on our clock (SEMANTICS 2).
#
# x is the venue's stamp, recv our `now`. θ = min(recv - x) over the last ten minutes is the offset between the clocks plus
# the least delay; v = x + θ is when the event would have arrived without the rest of its delay. V = max v so far.
# Ten minutes are kept as 60 minima of ten seconds each, by recv / 10 s, so that an observation is constant work.

from libc.stdint cimport int64_t
from hft._core.types cimport likely, unlikely

cdef enum:
    CLOCK_SLOTS = 60

cdef extern from *:
    """
    #define HFT_CLOCK_SLOT_NS 10000000000LL
    """
    const int64_t CLOCK_SLOT_NS "HFT_CLOCK_SLOT_NS"

cdef struct VenueClockState:
    int64_t theta               # θ
    int64_t v_max               # V; 0 until there was a stamp
    int64_t low                 # the least recv - x of the window
    int64_t slot                # number of the newest ten seconds, recv / 10 s
    int64_t above_ns            # recv of the first observation above θ since the last that was not; 0: none
    int64_t observed            # observations
    int64_t minima[60]          # by slot modulo 60; INT64_MAX: none
