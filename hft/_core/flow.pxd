# Trade flow over the window (now - W, now]: signed volume and the number of taker orders, as running integers.
#
# A taker order that sweeps a level prints several trades: those of equal `T` and side are one order (SEMANTICS 23). It counts
# while any of its trades is in the window. Trades of one order that were read together share an entry of the ring.

from libc.stdint cimport int32_t, int64_t, uint64_t

from hft._core.memory cimport align64
from hft._core.status cimport DUPLICATE_TRADE, OK, OTHER_TRADE_SOURCE
from hft._core.types cimport BUYER_IS_MAKER, MSG_TRADE, NOT_MARKET, Message, i128

cdef struct FlowEntry:
    int64_t ts_ns               # `now` of the read
    int64_t venue_ns            # T
    int64_t qty                 # > 0 bought by takers, < 0 sold
    int64_t continued           # 1: a later entry belongs to the same order

cdef struct Flow:
    int64_t window_ns
    int64_t capacity
    uint64_t mask               # of the ring, a power of two of at least `capacity` entries
    uint64_t head               # entries ever pushed
    uint64_t tail               # entries ever evicted
    int64_t volume_high         # signed volume of the window, an i128 in two words
    uint64_t volume_low
    int64_t orders              # taker orders with a trade in the window
    uint64_t last[2]            # per side (0 buy, 1 sell): 1 + number of its newest entry
    int64_t last_id
    int64_t void_until          # a gap in trade ids: no value before
    int64_t gaps
    int64_t shortened           # entries that left before their time, for want of room
    int64_t kind                # MSG_TRADE or MSG_AGG_TRADE, once one has come
    int64_t reserved
