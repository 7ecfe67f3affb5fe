# Position: exact quantities and amounts of purchases and sales (SEMANTICS 24, 25).
#
# Four integers in gross (ticks x quanta x contract), one rule:
#
#       cash      proceeds of sales minus costs of purchases
#       cost      average cost of the open position; negative when short
#       realised  profit of closed positions
#
#       realised = cash + cost          after every fill, exactly
#
# so realised + (qty x mark - cost) - fees = cash + qty x mark - fees whatever the rounding. A reduction takes
# cost x closed / held from cost, rounded half to even; a rounding difference moves between cost and realised, and
# closing the position takes all of the cost.
#
# Sums over symbols are kept in `value`: halves of 10^-scale of the quote asset, 128 bits, with one scale for all symbols that is
# fine enough for each (a mid is in half ticks). Equity is therefore exact, and comparing it with a limit needs no division.

from libc.stdint cimport int32_t, int64_t, uint64_t, INT64_MAX, INT64_MIN

from hft._core.base.hash cimport hash_span, hash_word, hash_words
from hft._core.base.memory cimport align64
from hft._core.base.status cimport FAULT_OVERFLOW, OK
from hft._core.base.types cimport (
    BUY, FEE_SCALE, Report, Spec, SymbolSpec, i128, money, multiply, pow10, round_half_even, unlikely,
)

cdef enum:
    POSITION_MAX_SCALE = 24

cdef struct PositionParams:
    int32_t n_symbols
    int32_t scale               # `position_scale` of all symbols

cdef struct Position:           # one symbol
    int64_t qty                 # quanta, signed
    int64_t cash                # gross
    int64_t cost                # gross
    int64_t realised            # gross
    int64_t fees_quote          # 1e-8 of the quote asset; negative is a rebate
    int64_t fees_base           # 1e-8 of the base asset
    int64_t mid2                # the mark, half ticks; 0: no mark yet, valued at cost
    int64_t bought              # quanta, all fills
    int64_t sold
    int64_t fills
    int64_t mark_stale          # 1: the book lost sync after the mark
    int64_t contract
    int64_t unit                # value of half a gross unit
    int64_t base_unit           # value of 1e-8 base x half a tick
    i128 value                  # cash + qty x mark - fees

cdef struct Positions:          # `Position[n_symbols]` follow
    i128 equity                 # sum of value
    i128 peak                   # the highest equity so far, at least 0
    int64_t money_unit          # value of 1e-8 of the quote asset
    int32_t n_symbols
    int32_t scale
    int64_t reserved[2]


cdef inline int32_t position_scale(const SymbolSpec* specs, int32_t n) noexcept nogil:
    """A scale that is exact for every symbol."""
    cdef int32_t scale = 8, i, needed
    for i in range(n):
        needed = specs[i].price_exp + specs[i].qty_exp
        if specs[i].fee_received and needed < specs[i].price_exp + 8:
            needed = specs[i].price_exp + 8
        if needed > scale:
            scale = needed
    return scale


cdef inline size_t position_size(const PositionParams* params) noexcept nogil:
    return align64(sizeof(Positions)) + <size_t>params.n_symbols * sizeof(Position)


cdef inline void position_init(Positions* s, const PositionParams* params) noexcept nogil:
    """`s` is zeroed memory. The caller then calls `position_bind` for every symbol."""
    s.n_symbols = params.n_symbols
    s.scale = params.scale
    s.money_unit = 2 * pow10(params.scale - 8)


cdef inline Position* position_at(const Positions* s, int32_t symbol) noexcept nogil:
    return <Position*>(<char*>s + align64(sizeof(Positions))) + symbol


cdef inline uint64_t position_hash(const Positions* s, int32_t symbol) noexcept nogil:
    """Hash of a symbol's position, and of the equity of all symbols."""
    cdef uint64_t h = hash_word(hash_span(0, s, &s.n_symbols), s.scale)
    return hash_words(h, position_at(s, symbol), sizeof(Position) // 8)


cdef inline int position_bind(Positions* s, int32_t symbol, const SymbolSpec* spec) noexcept nogil:
    """Sets a symbol's units. FAULT_OVERFLOW: its tick and quantum are too coarse for the scale of the others."""
    cdef Position* p = position_at(s, symbol)
    cdef i128 limit = <i128>1 << 55         # see `position_bound`
    cdef i128 unit = <i128>spec.price_mant * spec.qty_mant
    cdef i128 base_unit = spec.price_mant
    cdef int32_t digits = s.scale - spec.price_exp - spec.qty_exp
    if digits < 0 or digits > 18 or s.scale > POSITION_MAX_SCALE or unit >= limit or spec.contract >> 31:
        return FAULT_OVERFLOW
    unit *= pow10(digits)
    if spec.fee_received:
        base_unit *= pow10(s.scale - 8 - spec.price_exp)
    if unit >= limit or base_unit >= limit or s.money_unit >= limit:
        return FAULT_OVERFLOW
    p.contract = spec.contract
    p.unit = <int64_t>unit
    p.base_unit = <int64_t>base_unit
    return OK


cdef inline int position_widen(Positions* s, int32_t scale) noexcept nogil:
    """Converts all values to a finer scale, if a symbol needs it. FAULT_OVERFLOW: they don't fit; nothing changes."""
    cdef i128 limit = <i128>1 << 55
    cdef i128 factor
    cdef Position* p
    cdef int32_t i
    if scale <= s.scale:
        return OK
    if scale > POSITION_MAX_SCALE:
        return FAULT_OVERFLOW
    factor = pow10(scale - s.scale)
    if s.money_unit * factor >= limit:
        return FAULT_OVERFLOW
    for i in range(s.n_symbols):
        if position_at(s, i).unit * factor >= limit or position_at(s, i).base_unit * factor >= limit:
            return FAULT_OVERFLOW
    for i in range(s.n_symbols):
        p = position_at(s, i)
        p.unit *= <int64_t>factor
        p.base_unit *= <int64_t>factor
        p.value *= factor
    s.money_unit *= <int64_t>factor
    s.equity *= factor
    s.peak *= factor
    s.scale = scale
    return OK


cdef inline int position_rescale(Positions* s, int32_t symbol, const SymbolSpec* spec, int64_t price_factor,
                                 int64_t qty_factor) noexcept nogil:
    """Converts a position to the finer units of `spec`, with equal amounts. FAULT_OVERFLOW: it does not fit."""
    cdef Position* p = position_at(s, symbol)
    cdef Position after = p[0]
    cdef int64_t gross_factor = price_factor
    if (not multiply(&gross_factor, qty_factor) or not multiply(&after.qty, qty_factor)
            or not multiply(&after.bought, qty_factor) or not multiply(&after.sold, qty_factor)
            or not multiply(&after.cash, gross_factor) or not multiply(&after.cost, gross_factor)
            or not multiply(&after.realised, gross_factor) or not multiply(&after.mid2, price_factor)
            or not -(<int64_t>1 << 61) < after.qty < <int64_t>1 << 61
            or position_widen(s, position_scale(spec, 1)) != OK):
        return FAULT_OVERFLOW
    after.value = p.value
    p[0] = after
    return position_bind(s, symbol, spec)


cdef inline bint position_fits(i128 x) noexcept nogil:
    return <i128>INT64_MIN <= x <= <i128>INT64_MAX


cdef inline i128 position_bound() noexcept nogil:
    """Limit of half-gross amounts; with units below 2^55 and contracts below 2^31, a symbol's products then fit 128 bits."""
    return <i128>1 << 66


cdef inline i128 position_half_gross(const Position* p) noexcept nogil:
    """cash + qty x mark in half a gross unit; at cost until there is a mark."""
    if p.mid2 == 0:
        return 2 * <i128>p.realised
    return 2 * <i128>p.cash + <i128>p.qty * p.mid2 * p.contract


cdef inline bint position_bounded(i128 x) noexcept nogil:
    return -position_bound() < x < position_bound()


cdef inline int position_revalue(Positions* s, Position* p) noexcept nogil:
    """Updates value, equity and peak from the rest of `p`; FAULT_OVERFLOW leaves them unchanged."""
    cdef i128 base = <i128>p.fees_base * p.mid2
    cdef i128 value = <i128>p.qty * p.mid2
    cdef i128 equity
    cdef i128 limit = <i128>s.money_unit << 62          # readers return value as 64-bit money
    if unlikely(not position_bounded(base) or not position_bounded(value) or not position_bounded(value * p.contract)):
        return FAULT_OVERFLOW
    value = position_half_gross(p) * p.unit - <i128>p.fees_quote * s.money_unit - base * p.base_unit
    equity = s.equity + value - p.value                 # the same limit holds for each symbol's value and for their sum
    if unlikely(value >= limit or value <= -limit or equity >= limit or equity <= -limit):
        return FAULT_OVERFLOW
    s.equity = equity
    p.value = value
    if s.equity > s.peak:
        s.peak = s.equity
    return OK


cdef inline int position_mark(Positions* s, int32_t symbol, int64_t mid2) noexcept nogil:
    """Sets the mark: the mid of a synced book, in half ticks. 0, if a side is empty, keeps and flags the last mark."""
    cdef Position* p = position_at(s, symbol)
    cdef int64_t before = p.mid2
    cdef int status
    p.mark_stale = mid2 == 0
    if mid2 == before or mid2 == 0:
        return OK
    p.mid2 = mid2
    if p.qty == 0 and p.fees_base == 0:
        return OK
    status = position_revalue(s, p)
    if status != OK:
        p.mid2 = before
    return status


cdef inline void position_mark_lost(Positions* s, int32_t symbol) noexcept nogil:
    """The book lost sync: keeps its last mid as the mark, flagged."""
    position_at(s, symbol).mark_stale = 1


cdef inline bint position_add(int64_t* total, i128 amount) noexcept nogil:
    """total += amount; returns 0 and leaves total unchanged if the sum exceeds 64 bits."""
    cdef i128 total_after = <i128>total[0] + amount
    if unlikely(not position_fits(amount) or not position_fits(total_after)):
        return 0
    total[0] = <int64_t>total_after
    return 1


cdef inline bint position_trade(Position* p, int side, int64_t price, int64_t qty) noexcept nogil:
    """Adds a fill to quantity, cash, cost and realised; 0 on overflow (`p` is then partly changed)."""
    cdef int64_t held = p.qty if p.qty >= 0 else -p.qty
    cdef int64_t closed = 0
    cdef int64_t removed
    cdef i128 paid                                      # cost of the whole fill; negative for its proceeds
    # The product of price and quantity fits 128 bits; multiplied by the contract it may not.
    if unlikely(not position_fits(<i128>price * qty)):
        return 0
    paid = <i128>side * price * qty * p.contract
    if not position_add(&p.cash, -paid) or not position_add(&p.bought if side == BUY else &p.sold, qty):
        return 0
    if p.qty != 0 and (p.qty > 0) != (side == BUY):
        closed = qty if qty < held else held
        removed = p.cost if closed == held else round_half_even(<i128>p.cost * closed, held)
        p.cost -= removed
        if not position_add(&p.realised, -(<i128>side * price * closed * p.contract) - removed):
            return 0
    if not position_add(&p.cost, <i128>side * price * (qty - closed) * p.contract):
        return 0
    p.fills += 1
    # The limit is below 64 bits, so that open quantities can be added (`risk_worst`).
    return position_add(&p.qty, <i128>side * qty) and -(<int64_t>1 << 61) < p.qty < <int64_t>1 << 61


cdef inline int position_on_fill(Positions* s, const Report* fill) noexcept nogil:
    """Books a fill, including its fee. FAULT_OVERFLOW: a sum would exceed 64 bits; nothing is booked, and trading halts."""
    cdef Position* p = position_at(s, fill.symbol)
    cdef Position after = p[0]
    if unlikely(not position_trade(&after, fill.side, fill.price, fill.qty)
                or not position_add(&after.fees_base if fill.fee_in_base else &after.fees_quote, fill.fee)
                or position_revalue(s, &after) != OK):
        return FAULT_OVERFLOW
    p[0] = after
    return OK


# Readers, in money. Each symbol's figures are rounded so that realised + unrealised - fees = total, always.

cdef inline int64_t position_money(const Positions* s, i128 value) noexcept nogil:
    return round_half_even(value, s.money_unit)


cdef inline int64_t position_realised(const Positions* s, const Position* p) noexcept nogil:
    return position_money(s, 2 * <i128>p.realised * p.unit)


cdef inline int64_t position_fees(const Positions* s, const Position* p) noexcept nogil:
    """Fees of both ledgers, base fees valued at the mark."""
    return p.fees_quote + position_money(s, <i128>p.fees_base * p.mid2 * p.base_unit)


cdef inline int64_t position_unrealised(const Positions* s, const Position* p) noexcept nogil:
    """qty x mark - cost; 0 before the first mark."""
    return position_money(s, position_half_gross(p) * p.unit) - position_realised(s, p)


cdef inline int64_t position_total(const Positions* s, const Position* p) noexcept nogil:
    return position_money(s, position_half_gross(p) * p.unit) - position_fees(s, p)


cdef class PositionView:
    cdef readonly str symbol
    cdef readonly int64_t contract, fills
    cdef readonly bint mark_stale
    cdef readonly object qty, cash, cost, average_price, mark, realised, unrealised, fees_quote, fees_base, fees, total
    cdef readonly object bought, sold


cdef class PnlView:
    cdef readonly object cash, mark, realised, unrealised, fees, total


cdef PnlView pnl_of(const Positions* s, int32_t symbol, Spec spec)


cdef class PositionManager:
    cdef Positions* c
    cdef readonly object symbols

    cdef object _amount(self, i128 value)
