# The decisions of the imbalance strategy for one symbol: enter, hold, leave (SEMANTICS 20, 21).
#
#        flat ──signal──▶ IOC one tick through the touch ──fill────▶ holding ──same side──▶ (the hold restarts)
#         ▲                                                               │
#         └───────────── fill ◀── reduce-only market order ◀── hold over, or the opposite signal
#
# It knows only reported orders and positions; while orders are in flight it waits.

from libc.stdint cimport int32_t, int64_t, uint64_t, INT64_MAX

from hft._core.base.hash cimport hash_span
from hft._core.base.types cimport BUY, IOC, LIMIT, MARKET, NO_PRICE, REDUCE_ONLY, SELL, SPOT, Intent, SymbolSpec
from hft._core.trade.signal cimport SignalRecord

cdef enum:
    IMBALANCE_NO_HOLD = 0       # `hold_until_ns`: no hold is running


cdef struct ImbalanceParams:
    int64_t entry_qty           # quanta, on the lot: computed from the settings by rule 20
    int64_t max_order           # quanta, the largest order to send; 0: no limit
    int64_t holding_ns          # used before any signal (a position held at the start)
    int32_t symbol
    int32_t reserved

cdef struct Imbalance:
    ImbalanceParams params
    int64_t holding_ns          # of the signal that entered, or restarted the hold
    int64_t hold_until_ns
    int64_t leaving             # 1: the hold is over or the signal turned; stays until flat or a signal on the same side
    int64_t no_shorts           # entries omitted because a spot venue can't be sold short


cdef inline void imbalance_init(Imbalance* s, const ImbalanceParams* params) noexcept nogil:
    s.params = params[0]
    s.holding_ns = params.holding_ns


cdef inline uint64_t imbalance_hash(const Imbalance* s, uint64_t h) noexcept nogil:
    """Hash of all fields but `no_shorts`, a statistic."""
    return hash_span(h, s, &s.no_shorts)


cdef inline int64_t imbalance_next_due(const Imbalance* s) noexcept nogil:
    """End of the hold: `imbalance_decide` must be called then, even without a book. INT64_MAX: nothing is due."""
    return INT64_MAX if s.hold_until_ns == IMBALANCE_NO_HOLD else s.hold_until_ns


cdef inline void imbalance_on_fill(Imbalance* s, int side, int64_t position, int64_t now) noexcept nogil:
    """Handles a reported fill on `side`; `position` (quanta, signed) includes it."""
    if position == 0:
        s.hold_until_ns = IMBALANCE_NO_HOLD
        s.leaving = 0
    elif (position > 0) == (side == BUY):      # an entry: the fill and the position point the same way
        s.hold_until_ns = now + s.holding_ns


cdef inline int imbalance_leave(Imbalance* s, const SymbolSpec* spec, int64_t position, Intent* out) noexcept nogil:
    cdef int64_t qty = position if position > 0 else -position
    if s.params.max_order > 0 and qty > s.params.max_order:     # the rest follows when this part is reported
        qty = s.params.max_order
    if spec.max_qty > 0 and qty > spec.max_qty:
        qty = spec.max_qty
    qty -= qty % spec.lot                           # if the lot grew, the remainder can't be sold
    out.price = 0
    out.qty = qty
    out.symbol = s.params.symbol
    out.side = SELL if position > 0 else BUY
    out.type = MARKET
    out.tif = IOC
    out.flags = REDUCE_ONLY
    return 1


cdef inline int64_t imbalance_through(int64_t touch, bint buy, int64_t tick) noexcept nogil:
    """The first price on the tick beyond the touch; the book may hold prices of a finer tick, see SEMANTICS 28."""
    if tick == 1:
        return touch + 1 if buy else touch - 1
    return (touch // tick + 1) * tick if buy else ((touch + tick - 1) // tick - 1) * tick


cdef inline int imbalance_enter(Imbalance* s, const SignalRecord* signal, int64_t best_bid, int64_t best_ask,
                                const SymbolSpec* spec, Intent* out) noexcept nogil:
    cdef bint buy = signal.strength > 0
    cdef int64_t touch = best_ask if buy else best_bid
    if not buy and spec.instrument == SPOT:
        s.no_shorts += 1
        return 0
    s.holding_ns = signal.holding_period_ns
    out.price = NO_PRICE                            # the side is empty, so risk will refuse the order
    if touch != NO_PRICE:
        out.price = imbalance_through(touch, buy, spec.tick)
    out.qty = s.params.entry_qty
    out.symbol = s.params.symbol
    out.side = BUY if buy else SELL
    out.type = LIMIT
    out.tif = IOC
    out.flags = 0
    return 1


cdef inline int imbalance_decide(Imbalance* s, const SignalRecord* signal, bint has_signal, int64_t best_bid,
                                 int64_t best_ask, const SymbolSpec* spec, int64_t position, int in_flight,
                                 int64_t now, Intent* out) noexcept nogil:
    """1 with an intent, 0 if there is nothing to do.

    `in_flight`: own orders of this symbol not reported final. `best_bid`, `best_ask`: the view's touch in ticks.
    """
    if -spec.lot < position < spec.lot:        # flat, except for less than the venue's minimum
        s.hold_until_ns = IMBALANCE_NO_HOLD
        s.leaving = 0
        if in_flight or not has_signal:
            return 0
        return imbalance_enter(s, signal, best_bid, best_ask, spec, out)
    if has_signal and (signal.strength > 0) == (position > 0):
        s.holding_ns = signal.holding_period_ns
        s.hold_until_ns = now + s.holding_ns
        s.leaving = 0
    elif has_signal:
        s.leaving = 1
    elif not s.leaving and s.hold_until_ns == IMBALANCE_NO_HOLD:    # a position held at the start
        s.hold_until_ns = now + s.holding_ns
    if s.leaving or now >= s.hold_until_ns:
        s.leaving = 1
        s.hold_until_ns = IMBALANCE_NO_HOLD                     # else the hold would stay due while an order is in flight
    if not s.leaving or in_flight:
        return 0
    return imbalance_leave(s, spec, position, out)


cdef class ImbalanceDecision:
    cdef Imbalance c
    cdef readonly object spec
