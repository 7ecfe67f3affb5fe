# Risk: checks every new order in integers, including its worst case in flight (SEMANTICS 18).
#
#   Risk | RiskSymbol[n_symbols] | int64 sent[max_orders_per_second]
#
# Checks run in this order and the first that fails is the reason:
#
#   the engine    kill switch, stopping, journal low on room
#   the market    traded at the venue, book in sync, data fresh, a mid for comparison
#   the order     price, quantity, venue minimums, reduce-only, order size, collar, no short on spot
#   the account   position, exposure, loss, drawdown, orders in the last second     (reduce-only orders pass these)
#
# Cancels are never checked. Money is compared in `value` (see `position`): exact, whatever the symbols' scales.

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from hft._core.base.hash cimport hash_pair, hash_span, hash_word, hash_words
from hft._core.base.memory cimport align64
from hft._core.base.status cimport (
    FAULT_OVERFLOW, OK, RISK_BAD_PRICE, RISK_BAD_QTY, RISK_BELOW_MIN, RISK_DRAWDOWN, RISK_JOURNAL_FULL, RISK_KILL_SWITCH,
    RISK_LOSS, RISK_NO_PRICE, RISK_NO_SHORT, RISK_NOT_SYNCED, RISK_NOT_TRADING, RISK_NOTIONAL, RISK_ORDER_SIZE, RISK_POSITION,
    RISK_PRICE_COLLAR, RISK_RATE, RISK_REDUCE_ONLY, RISK_STALE_DATA, RISK_STOPPING, STATUS_CODES,
)
from hft._core.base.types cimport BUY, MARKET, REDUCE_ONLY, SPOT, Intent, SymbolSpec, divide, i128, unlikely
from hft._core.trade.orders cimport MAX_LEAVES, Orders, orders_leaves
from hft._core.trade.position cimport Position, Positions, position_at, position_bound, position_fits

cdef enum RiskHalt:             # bits of `halted`
    HALT_KILL = 1
    HALT_STOPPING = 2
    HALT_JOURNAL = 4

cdef enum:
    BPS = 10000

cdef extern from *:
    """
    #define HFT_SECOND_NS 1000000000LL
    """
    const int64_t SECOND_NS "HFT_SECOND_NS"

cdef struct RiskLimits:         # 0 disables a limit
    int64_t max_notional        # money, over all symbols
    int64_t max_loss            # money
    int64_t max_drawdown        # money, from the highest equity
    int64_t capital             # money at the start of the run; when it is lost, `risk_bankrupt`
    int64_t stale_ns
    int32_t max_orders_per_second
    int32_t collar_bps          # from the mid, on both sides
    int32_t n_symbols
    int32_t reserved

cdef struct RiskSymbol:
    int64_t max_position        # quanta; 0 disables the limit
    int64_t max_order
    int64_t min_half_gross      # the venue's minimum notional, in half gross units; set by `risk_bind`
    int64_t reserved

cdef struct Risk:
    RiskLimits limits
    uint64_t digest             # the sum of `hash_pair(time, 0)` over the last max_orders_per_second sends
    uint32_t halted             # RiskHalt
    int32_t oldest              # slot of the oldest of these sends
    int64_t sent                # orders sent since the start
    uint64_t rejects[96]        # by status code: statistics

cdef struct RiskInputs:         # the trader's present knowledge of the order's symbol
    int64_t now
    int64_t open                # open quantity after it: a new order's quantity, an amended one's total less the filled part
    int64_t added               # increase of the worst case: for an amend, the quantity beyond the present order
    int64_t data_ns             # `now` of the symbol's newest market data
    int64_t mid2                # half ticks; 0: a side is empty
    int32_t synced              # 1: the book is in sync
    int32_t closed              # 1: the venue does not trade it now


cdef inline size_t risk_size(const RiskLimits* limits) noexcept nogil:
    return (align64(sizeof(Risk)) + <size_t>limits.n_symbols * sizeof(RiskSymbol)
            + <size_t>limits.max_orders_per_second * sizeof(int64_t))


cdef inline void risk_init(Risk* s, const RiskLimits* limits) noexcept nogil:
    """`s` is zeroed memory of `risk_size(limits)` bytes. The caller then calls `risk_bind` for every symbol."""
    s.limits = limits[0]


cdef inline RiskSymbol* risk_symbol(const Risk* s, int32_t symbol) noexcept nogil:
    return <RiskSymbol*>(<char*>s + align64(sizeof(Risk))) + symbol


cdef inline int risk_bind(Risk* s, int32_t symbol, const Positions* positions, const SymbolSpec* spec,
                          int64_t max_position, int64_t max_order) noexcept nogil:
    """Sets a symbol's limits, in quanta; FAULT_OVERFLOW if the venue's minimum notional is too large."""
    cdef RiskSymbol* limits = risk_symbol(s, symbol)
    cdef int64_t unit = position_at(positions, symbol).unit
    cdef i128 least = divide(<i128>spec.min_notional * positions.money_unit + unit - 1, unit)
    if not position_fits(least):
        return FAULT_OVERFLOW
    limits.max_position = max_position
    limits.max_order = max_order
    limits.min_half_gross = <int64_t>least
    return OK


cdef inline int64_t* risk_sends(const Risk* s) noexcept nogil:
    return <int64_t*>risk_symbol(s, s.limits.n_symbols)


cdef inline uint64_t risk_hash(const Risk* s, int32_t symbol) noexcept nogil:
    """Hash with the times of the sends, independent of their place in the ring; a count above its size equals a full ring."""
    cdef uint64_t h = hash_word(hash_span(0, s, &s.halted), s.halted)
    h = hash_word(h, min(s.sent, <int64_t>s.limits.max_orders_per_second))
    return hash_words(h, risk_symbol(s, symbol), sizeof(RiskSymbol) // 8)


cdef inline void risk_halt(Risk* s, uint32_t bit, bint on) noexcept nogil:
    """Sets or clears a RiskHalt bit: while any is set, no new order passes."""
    s.halted = s.halted | bit if on else s.halted & ~bit


cdef inline int risk_halted(const Risk* s) noexcept nogil:
    if s.halted & HALT_KILL:
        return RISK_KILL_SWITCH
    return RISK_STOPPING if s.halted & HALT_STOPPING else RISK_JOURNAL_FULL


# --- orders per second: a ring of the last N sends; the limit is reached if the oldest of them is less than a second old

cdef inline bint risk_rate_reached(const Risk* s, int64_t now) noexcept nogil:
    return s.sent >= s.limits.max_orders_per_second and now - risk_sends(s)[s.oldest] < SECOND_NS


cdef inline void risk_sent(Risk* s, int64_t now) noexcept nogil:
    """Counts a new order (or an amend, but not a cancel). Reduce-only orders count, though they are never refused."""
    cdef int64_t* place = &risk_sends(s)[s.oldest]
    if s.limits.max_orders_per_second > 0:
        s.digest += hash_pair(now, 0) - (hash_pair(place[0], 0) if s.sent >= s.limits.max_orders_per_second else 0)
        place[0] = now
        s.oldest += 1
        if s.oldest == s.limits.max_orders_per_second:
            s.oldest = 0
    s.sent += 1


# --- the order alone

cdef inline int64_t risk_collar(const Risk* s, int side, int64_t mid2) noexcept nogil:
    """The worst price, in ticks, at which the collar lets an order on `side` trade; 0 if there is no collar."""
    cdef i128 worst
    if s.limits.collar_bps == 0:
        return 0
    worst = <i128>mid2 * (BPS + side * s.limits.collar_bps)
    if side == BUY:
        return <int64_t>divide(worst, 2 * BPS)
    return <int64_t>divide(worst + 2 * BPS - 1, 2 * BPS) if worst > 0 else 1


cdef inline bint risk_outside_collar(const Risk* s, int64_t price, int64_t mid2) noexcept nogil:
    cdef i128 away = 2 * <i128>price - mid2
    if away < 0:
        away = -away
    return s.limits.collar_bps > 0 and away * BPS > <i128>mid2 * s.limits.collar_bps


cdef inline bint risk_below_notional(const Risk* s, const Intent* intent, const SymbolSpec* spec,
                                     int64_t mid2) noexcept nogil:
    """Whether it is below the venue's minimum notional. Market orders are valued at the mid."""
    cdef int64_t least = risk_symbol(s, intent.symbol).min_half_gross
    cdef i128 per_contract = <i128>intent.qty * mid2
    if intent.type != MARKET:
        per_contract = 2 * <i128>intent.qty * intent.price
    return per_contract < least and per_contract * spec.contract < least


cdef inline int risk_form(const Risk* s, const Intent* intent, const Orders* orders, const SymbolSpec* spec,
                          const RiskInputs* at) noexcept nogil:
    """Checks the order's form against the venue's rules."""
    if intent.price < 0 or (intent.price == 0 and intent.type != MARKET):
        return RISK_BAD_PRICE
    if unlikely(spec.tick != 1) and intent.type != MARKET and intent.price % spec.tick != 0:
        return RISK_BAD_PRICE
    if (intent.qty < 0 or (spec.lot != 1 and intent.qty % spec.lot != 0) or (0 < spec.max_qty < intent.qty)
            or at.added > MAX_LEAVES - orders_leaves(orders, intent.symbol, intent.side)):
        return RISK_BAD_QTY
    if intent.qty == 0 or intent.qty < spec.min_qty:
        return RISK_BELOW_MIN
    # No minimum notional for orders that only reduce: the venue's own rule on USD-M; on spot, dust would otherwise stay for ever.
    if not intent.flags & REDUCE_ONLY and risk_below_notional(s, intent, spec, at.mid2):
        return RISK_BELOW_MIN
    return OK


# --- the account

cdef inline int64_t risk_worst(int64_t position, int64_t buys, int64_t sells) noexcept nogil:
    """The larger of |long| and |short| that a symbol could reach, each side separately; quanta.

    64 bits suffice: `position` keeps below 2^61, the open quantity of one side below MAX_LEAVES.
    """
    cdef int64_t longest = position + buys
    cdef int64_t shortest = position - sells
    longest = -longest if longest < 0 else longest
    shortest = -shortest if shortest < 0 else shortest
    return longest if longest > shortest else shortest


cdef inline bint risk_add_exposure(i128* total, int64_t worst, int64_t mid2, const Position* p, i128 most) noexcept nogil:
    """total += worst x mid, in value; 0 if that is at least `most`, which exceeds any possible limit."""
    cdef i128 half_gross = <i128>worst * mid2
    if unlikely(half_gross >= position_bound()):
        return 0
    if p.contract != 1:
        half_gross *= p.contract
        if unlikely(half_gross >= position_bound()):
            return 0
    total[0] += half_gross * p.unit
    return total[0] < most


cdef inline bint risk_exposure(const Orders* orders, const Positions* positions, const Intent* intent, const RiskInputs* at,
                               i128* out) noexcept nogil:
    """Sum over symbols of max(|long|, |short|) x mid, in value, including `intent` (or NULL) at the mid of `at`; 0 on overflow.

    Other symbols count at their mark, and as nothing before they have one, since they have not traded yet.
    """
    cdef int32_t i
    cdef int64_t buys, sells
    cdef Position* p
    cdef i128 most = <i128>positions.money_unit << 63       # a sum below this fits 128 bits, also after adding one more symbol
    out[0] = 0
    for i in range(positions.n_symbols):
        p = position_at(positions, i)
        buys = orders_leaves(orders, i, 1)
        sells = orders_leaves(orders, i, -1)
        if intent != NULL and i == intent.symbol:
            if intent.side == BUY:
                buys += at.added
            else:
                sells += at.added
            if not risk_add_exposure(out, risk_worst(p.qty, buys, sells), at.mid2, p, most):
                return 0
        elif p.qty != 0 or buys != 0 or sells != 0:
            if not risk_add_exposure(out, risk_worst(p.qty, buys, sells), p.mid2, p, most):
                return 0
    return 1


cdef inline bint risk_lost(const Positions* positions, i128 fall, int64_t limit) noexcept nogil:
    return limit > 0 and fall >= <i128>limit * positions.money_unit


cdef inline bint risk_bankrupt(const Risk* s, const Positions* positions) noexcept nogil:
    """Whether capital plus equity is at or below zero, which trips the kill switch (SEMANTICS 26)."""
    return risk_lost(positions, -positions.equity, s.limits.capital)


cdef inline int risk_account(const Risk* s, const Intent* intent, const Orders* orders, const Positions* positions,
                             const RiskInputs* at) noexcept nogil:
    cdef int64_t max_position = risk_symbol(s, intent.symbol).max_position
    cdef int64_t reported = position_at(positions, intent.symbol).qty
    cdef int64_t worst = intent.side * reported + orders_leaves(orders, intent.symbol, intent.side) + at.added
    cdef i128 exposure
    if max_position > 0 and worst > max_position:
        return RISK_POSITION
    if s.limits.max_notional > 0:
        if (not risk_exposure(orders, positions, intent, at, &exposure)
                or exposure > <i128>s.limits.max_notional * positions.money_unit):
            return RISK_NOTIONAL
    if risk_lost(positions, -positions.equity, s.limits.max_loss):
        return RISK_LOSS
    if risk_lost(positions, positions.peak - positions.equity, s.limits.max_drawdown):
        return RISK_DRAWDOWN
    if s.limits.max_orders_per_second > 0 and risk_rate_reached(s, at.now):
        return RISK_RATE
    return OK


# --- the check

cdef inline int risk_judge(const Risk* s, Intent* intent, const Orders* orders, const Positions* positions,
                           const SymbolSpec* spec, const RiskInputs* at) noexcept nogil:
    cdef int64_t reported = position_at(positions, intent.symbol).qty
    cdef int64_t max_order = risk_symbol(s, intent.symbol).max_order
    cdef int status
    if unlikely(s.halted != 0):
        return risk_halted(s)
    if unlikely(at.closed != 0):
        return RISK_NOT_TRADING
    if unlikely(not at.synced):
        return RISK_NOT_SYNCED
    if unlikely(s.limits.stale_ns > 0 and at.now - at.data_ns > s.limits.stale_ns):
        return RISK_STALE_DATA
    if unlikely(at.mid2 <= 0):
        return RISK_NO_PRICE
    status = risk_form(s, intent, orders, spec, at)
    if unlikely(status != OK):
        return status
    if intent.flags & REDUCE_ONLY and intent.side * reported + at.open > 0:
        return RISK_REDUCE_ONLY
    if max_order > 0 and intent.qty > max_order:
        return RISK_ORDER_SIZE
    if intent.price == 0:
        intent.price = risk_collar(s, intent.side, at.mid2)
    elif risk_outside_collar(s, intent.price, at.mid2):
        return RISK_PRICE_COLLAR
    if spec.instrument == SPOT and intent.side != BUY and (
            reported - orders_leaves(orders, intent.symbol, intent.side) < at.added):
        return RISK_NO_SHORT
    if intent.flags & REDUCE_ONLY:
        return OK
    return risk_account(s, intent, orders, positions, at)


cdef inline int risk_check(Risk* s, Intent* intent, const Orders* orders, const Positions* positions,
                           const SymbolSpec* spec, const RiskInputs* at) noexcept nogil:
    """OK, or the reason not to send this order, new or amended; counts the reason in `rejects`.

    A market order without a price gets the collar as its bound.
    """
    cdef int status = risk_judge(s, intent, orders, positions, spec, at)
    if unlikely(status != OK):
        s.rejects[status] += 1
    return status


cdef class RiskValidator:
    cdef Risk* c
    cdef readonly object symbols, orders, positions

    cdef _bind(self, int i, max_position_size, max_order_size)
    cdef bint _halted(self, uint32_t bit)
