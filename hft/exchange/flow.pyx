"""The bodies of `flow.pxd`."""

from libc.math cimport sqrt
from libc.stdlib cimport labs

from hft._core.base.elementary cimport exp, power
from hft._core.base.types cimport ASK, BID, BUY, GTC, IOC, LIMIT, SELL
from hft.exchange.ladder cimport PriceLevel, ladder_find, ladder_levels, ladder_next, ladder_orders
from hft.exchange.ladder cimport ladder_qty
from hft.exchange.matching cimport matching_cancel, matching_submit
from hft.exchange.publish cimport publish_depth, publish_touch, publish_trades
from hft.exchange.random cimport random_chance, random_exponential, random_init, random_lognormal
from hft.exchange.random cimport random_normal, random_unit
from hft.exchange.tape cimport tape_has_room

cdef enum:
    MILLISECOND = 1000000
    GRID_NS = 10000000          # x, y and activity move on this grid

cdef int64_t NEVER = (<int64_t>1 << 62)


cdef inline double _logistic(double z) noexcept nogil:
    return 1.0 / (1.0 + exp(-z))


cdef inline int _opposite(int side) noexcept nogil:
    return 1 - side


cdef inline int _taker_side(int book_side) noexcept nogil:
    """The taker's side for a side of the book."""
    return SELL if book_side == BID else BUY


cdef inline int64_t _size(Flow* f, double median, double sigma) noexcept nogil:
    cdef double q = random_lognormal(&f.random, median, sigma)
    return max(1, min(f.params.max_qty, <int64_t>q))


cdef inline int64_t _touch_price(const Flow* f, int side) noexcept nogil:
    return f.bid if side == BID else f.bid + 1


# --- actions ------------------------------------------------------------------------------------------------------------

cdef inline void _rest(Flow* f, MatchingState* m, int side, int64_t price, int64_t qty) noexcept nogil:
    matching_submit(m, BUY if side == BID else SELL, price, qty, LIMIT, GTC)


cdef inline void _withdraw(Flow* f, MatchingState* m, int side, int64_t price, double share) noexcept nogil:
    """Removes each order of a level with that probability."""
    cdef int32_t slot = ladder_levels(m)[ladder_find(m, side, price)].head
    cdef int32_t next
    while slot:
        next = ladder_orders(m)[slot].next
        if share >= 1.0 or random_chance(&f.random, share):
            matching_cancel(m, ladder_orders(m)[slot].id)
        slot = next


cdef inline double _touch_target(Flow* f, int side) noexcept nogil:
    return f.params.touch_qty * exp(f.params.touch_lean * (f.x if side == BID else -f.x))


cdef void _fill_touch(Flow* f, MatchingState* m, int side, double target) noexcept nogil:
    """Adds orders at the touch until it holds `target`."""
    cdef int64_t price = _touch_price(f, side)
    cdef int64_t have = ladder_qty(m, side, price)
    cdef int64_t qty
    while have < target:
        qty = _size(f, f.params.order_qty, 1.0)
        _rest(f, m, side, price, qty)
        have += qty


cdef void _follow(Flow* f, MatchingState* m, int side) noexcept nogil:
    """The touch of `side` is gone: the maker moves next to the remaining levels, and the other side's old touch is withdrawn."""
    cdef int other = _opposite(side)
    cdef int64_t old = _touch_price(f, other)
    if m.best[side] == 0:
        return
    f.bid = m.best[side] if side == BID else m.best[side] - 1
    _withdraw(f, m, other, old, 0.85)
    f.heal_ns = min(f.heal_ns, f.now + MILLISECOND // 4 + <int64_t>random_exponential(&f.random, 1.5 * MILLISECOND))


cdef void _heal(Flow* f, MatchingState* m, Tape* t) noexcept nogil:
    """The maker closes the spread: first the side that must move, then the other is refilled."""
    cdef int i, side
    cdef int first = ASK if m.best[1] > f.bid + 1 else BID
    f.heal_ns = NEVER
    for i in range(2):
        side = first if i == 0 else _opposite(first)
        _fill_touch(f, m, side, _touch_target(f, side) * (0.5 + 0.6 * random_unit(&f.random)))
        publish_touch(f, m, t)


cdef void _execute(Flow* f, MatchingState* m, Tape* t, int side, int64_t limit, int64_t qty) noexcept nogil:
    """A taker takes from `side` of the book; its bookTicker comes before or after its prints."""
    cdef int64_t best = m.best[side]
    cdef bint book_ticker_first = random_chance(&f.random, f.params.book_ticker_first)
    matching_submit(m, _taker_side(side), limit, qty, LIMIT, IOC)
    if m.best[side] != best and random_chance(&f.random, 0.75):
        _follow(f, m, side)
    elif m.best[side] != best:
        f.heal_ns = min(f.heal_ns, f.now + <int64_t>random_exponential(&f.random, MILLISECOND))
    if book_ticker_first:
        publish_touch(f, m, t)
    publish_trades(f, m, t, side)
    if not book_ticker_first:
        publish_touch(f, m, t)


cdef void _taker(Flow* f, MatchingState* m, Tape* t) noexcept nogil:
    cdef double up = _logistic(f.params.taker_lean * f.y + f.params.taker_chase * f.x)
    cdef int side
    cdef int64_t reach = 0
    cdef int64_t qty = _size(f, f.params.taker_qty, f.params.taker_sigma)
    if random_chance(&f.random, f.params.taker_repeat):
        up = 1.0 if f.last_taker > 0 else 0.0
    side = ASK if random_chance(&f.random, up) else BID
    f.last_taker = 1.0 if side == ASK else -1.0
    if m.best[side] == 0:
        return
    if random_chance(&f.random, 0.1):
        reach = <int64_t>random_lognormal(&f.random, f.params.move_ticks, f.params.move_sigma)
    _execute(f, m, t, side, max(1, m.best[side] - reach if side == BID else m.best[side] + reach), qty)


cdef void _touch(Flow* f, MatchingState* m, Tape* t) noexcept nogil:
    cdef int side = BID if random_chance(&f.random, 0.5) else ASK
    cdef int64_t price = _touch_price(f, side)
    cdef PriceLevel* level = &ladder_levels(m)[ladder_find(m, side, price)]
    cdef double ratio
    if level.qty == 0:
        return                  # the maker will heal it
    ratio = level.qty / _touch_target(f, side)
    if random_chance(&f.random, 1.0 / (1.0 + ratio * ratio)):
        _rest(f, m, side, price, _size(f, f.params.order_qty, 1.0))
    elif level.orders > 1:
        matching_cancel(m, ladder_orders(m)[level.tail if random_chance(&f.random, 0.7) else level.head].id)
    publish_touch(f, m, t)


cdef int64_t _deep_distance(Flow* f) noexcept nogil:
    """A random distance from the touch: mostly lognormal; one in seven far away, log-uniform up to the ends of the book."""
    cdef double u = random_unit(&f.random)
    cdef double near = 5.0 * f.params.deep_ticks
    cdef double far = 75.0 * f.params.deep_ticks
    cdef double ends = max(2.0 * far, 9.0 * f.bid)
    if u < 0.86:
        return 1 + <int64_t>random_lognormal(&f.random, f.params.deep_ticks, 1.3)
    if u < 0.97:
        return <int64_t>(near * power(far / near, random_unit(&f.random)))
    return <int64_t>(far * power(ends / far, random_unit(&f.random)))


cdef int64_t _deep_price(Flow* f, int side, int64_t d) noexcept nogil:
    """A price at that distance, rounded beyond the dense part, as people choose round prices there. 0: below every price."""
    cdef int64_t price = f.bid - d if side == BID else f.bid + 1 + d
    cdef int64_t grid
    if d > 5 * f.params.deep_ticks:
        grid = 1
        while grid <= d // 100:                     # two digits of the distance
            grid *= 10
        price = price // grid * grid
    if side == BID and price < f.bid // 110:
        return 0                # the venue's lowest: about 0.9 % of the mid
    return price


cdef int64_t _crowded(Flow* f, MatchingState* m, int side, int64_t price, double gap) noexcept nogil:
    """`price`, or the next level behind it if that is closer than the usual gap; this keeps a sparse book sparse."""
    cdef int64_t behind = ladder_next(m, side, price)
    if behind and labs(behind - price) < random_exponential(&f.random, gap):
        return behind
    return price


cdef void _deep(Flow* f, MatchingState* m, Tape* t) noexcept nogil:
    cdef int side = BID if random_chance(&f.random, 0.5) else ASK
    cdef int64_t d = _deep_distance(f)
    cdef int64_t price = _deep_price(f, side, d)
    cdef bint near = d < f.params.near_ticks
    cdef bint far = d > 5 * f.params.deep_ticks
    cdef PriceLevel* level
    cdef double median = f.params.level_qty * (0.4 if near else 1.0)
    cdef double gone = 0.75 if near else 0.36
    if far and m.n_levels[side] > f.params.max_levels:
        price = ladder_next(m, side, price)
        gone = 1.0
    elif f.params.level_gap > 1.0 and not far:
        price = _crowded(f, m, side, price, f.params.level_gap * (3.0 if near else 1.0))
    if price <= 0 or (side == BID and price >= f.bid) or (side == ASK and price <= f.bid + 1):
        return
    level = &ladder_levels(m)[ladder_find(m, side, price)]
    if level.qty == 0:
        if not near or random_chance(&f.random, 0.3):
            _rest(f, m, side, price, _size(f, median, 2.0 if near else 1.5))
    elif random_chance(&f.random, gone):
        _withdraw(f, m, side, price, 1.0)
    else:
        if level.orders > 2 or random_chance(&f.random, 0.6):
            matching_cancel(m, ladder_orders(m)[level.head].id)
        _rest(f, m, side, price, _size(f, median, 2.0 if near else 1.5))
    publish_touch(f, m, t)


cdef void _move(Flow* f, MatchingState* m, Tape* t) noexcept nogil:
    """A taker sweeps everything up to a new price, or it is withdrawn."""
    cdef double up = _logistic(2.0 * f.params.move_lean * f.x - f.params.move_revert * f.moved)
    cdef int side = ASK if random_chance(&f.random, up) else BID
    cdef double ticks = random_lognormal(&f.random, f.params.move_ticks, f.params.move_sigma) * power(1.0 + f.activity, 0.4)
    cdef int64_t reach = min(<int64_t>ticks, f.bid // 500)
    cdef int64_t limit, price
    cdef int64_t qty = 0
    if f.bid < f.params.start_price // 2:
        side = ASK              # keeps the book within the venue's price limits in a long run
    elif f.bid > f.params.start_price * 2:
        side = BID
    f.moved += 1.0 if side == ASK else -1.0
    limit = max(1, _touch_price(f, side) + (reach if side == ASK else -reach))
    price = m.best[side]
    if random_chance(&f.random, f.params.sweep):
        while price and (price <= limit if side == ASK else price >= limit):
            qty += ladder_qty(m, side, price)
            price = ladder_next(m, side, price)
        if qty:
            _execute(f, m, t, side, limit, qty)
        return
    while price and (price <= limit if side == ASK else price >= limit):
        _withdraw(f, m, side, price, 1.0)
        price = ladder_next(m, side, price)
    _follow(f, m, side)
    publish_touch(f, m, t)


cdef void _burst(Flow* f) noexcept nogil:
    f.burst_side = 1.0 if random_chance(&f.random, _logistic(2.0 * f.params.move_lean * f.x)) else -1.0
    f.activity += random_exponential(&f.random, f.params.burst_size)
    f.x += f.burst_side * f.params.pressure_kick


cdef void _relax(Flow* f) noexcept nogil:
    """x, y and activity over one grid step, exactly."""
    cdef double dt = GRID_NS * 1e-9
    cdef double keep = exp(-dt / f.params.pressure_seconds)
    f.x = keep * f.x + sqrt(1.0 - keep * keep) * random_normal(&f.random)
    keep = exp(-dt / f.params.lean_seconds)
    f.y = keep * f.y + sqrt(1.0 - keep * keep) * random_normal(&f.random)
    f.activity *= exp(-dt / f.params.burst_seconds)
    f.moved *= exp(-dt / f.params.move_memory)


# --- the machine --------------------------------------------------------------------------------------------------------

cdef void _act(Flow* f, MatchingState* m, Tape* t) noexcept nogil:
    """One action, chosen by the shares of the rates."""
    cdef double busy = 1.0 + f.activity
    cdef double u = random_unit(&f.random) * f.rate
    u -= f.params.deeps * busy
    if u < 0:
        _deep(f, m, t)
        return
    u -= f.params.touches * sqrt(busy)
    if u < 0:
        _touch(f, m, t)
        return
    u -= f.params.takers * busy
    if u < 0:
        _taker(f, m, t)
        return
    u -= f.params.moves * busy
    if u < 0:
        _move(f, m, t)
        return
    _burst(f)


cdef void flow_init(Flow* f, const FlowParams* p, MatchingState* m, Tape* t) noexcept nogil:
    """Memory zeroed by the caller. Fills the book: dense to a few times `deep_ticks`, round prices to the ends."""
    cdef int side
    cdef int64_t d, price
    cdef int32_t _
    f.params = p[0]
    random_init(&f.random, p.seed)
    f.now = p.start_ns
    f.bid = p.start_price
    f.grid_ns, f.cut_ns, f.heal_ns = f.now + GRID_NS, f.now + p.cut_ns, NEVER
    f.x, f.y = random_normal(&f.random), random_normal(&f.random)
    for side in range(2):
        _fill_touch(f, m, side, _touch_target(f, side))
        for d in range(1, <int64_t>(5 * p.deep_ticks)):
            price = _deep_price(f, side, d)
            if price > 0 and random_chance(&f.random, (0.28 if d < p.near_ticks else 0.7) / p.level_gap):
                _rest(f, m, side, price, _size(f, p.level_qty * (0.4 if d < p.near_ticks else 1.0), 1.5))
        for _ in range(2000):
            d = _deep_distance(f)
            price = _deep_price(f, side, d)
            if price > 0 and d > 5 * p.deep_ticks and ladder_qty(m, side, price) == 0:
                _rest(f, m, side, price, _size(f, p.level_qty, 1.5))
    publish_depth(f, m, t)
    t.n_messages = t.n_levels = 0           # the first book is only for the snapshot; streams start after it
    f.cut_ns = f.now + p.cut_ns
    publish_touch(f, m, t)
    _draw(f)


cdef inline void _draw(Flow* f) noexcept nogil:
    """Draws the time of the next action. Exponential waits have no memory, so drawing again after any event changes nothing."""
    cdef double busy = 1.0 + f.activity
    f.rate = ((f.params.deeps + f.params.takers + f.params.moves) * busy + f.params.touches * sqrt(busy) + f.params.bursts)
    f.next_ns = f.now + <int64_t>random_exponential(&f.random, 1e9 / f.rate)


cdef int flow_step(Flow* f, MatchingState* m, Tape* t, int64_t until, bint one_cut) noexcept nogil:
    """Runs what is due by `until`, or with `one_cut` at most through the next depth update."""
    cdef int64_t due
    cdef bint cut
    while tape_has_room(t):
        due = min(min(f.grid_ns, f.cut_ns), min(f.heal_ns, f.next_ns))
        if due > until:
            f.now = max(f.now, until)
            return FLOW_DONE
        f.now = due
        cut = False
        if due == f.cut_ns:
            publish_depth(f, m, t)
            cut = one_cut
        elif due == f.grid_ns:
            f.grid_ns += GRID_NS
            _relax(f)
        elif due == f.heal_ns:
            _heal(f, m, t)
        else:
            _act(f, m, t)
        _draw(f)
        if cut:
            return FLOW_DONE
    return FLOW_TAPE_FULL
