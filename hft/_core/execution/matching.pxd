# Market events against own resting orders: trades (rules 10, 11, 16), changes of the view (9, 12, 17), sync lost and found (13).

from libc.stdint cimport int32_t, int64_t

from hft._core.base.status cimport DUPLICATE_TRADE, OK, OTHER_TRADE_SOURCE
from hft._core.base.types cimport (
    ASK, BID, BUYER_IS_MAKER, MSG_AGG_TRADE, MSG_BOOK_TICKER, MSG_TRADE, NO_PRICE, NOT_MARKET, Level, Message, SymbolSpec,
    unlikely,
)
from hft._core.execution.broker_state cimport (
    Broker, BrokerSymbol, broker_fill_resting, broker_front, broker_resting, broker_room, broker_sweep, broker_symbol,
)
from hft._core.execution.queue cimport (
    FRONT_UNKNOWN, ledger_add, ledger_clear, ledger_expire, ledger_take, queue_on_decrease, queue_on_increase, queue_on_trade,
)
from hft._core.execution.resting cimport (
    NO_SLOT, OwnLevel, Resting, RestingOrder, better, resting_level, resting_level_at, resting_order, resting_rank,
)
from hft._core.execution.taking cimport TAKE_LEVELS, floor_lot, take_commit, take_plan, take_reaches, used_on_book, used_untouched
from hft._core.market.book cimport Book, book_best, book_known, book_mid2, book_qty, book_complete


cdef inline int broker_source(Broker* b, BrokerSymbol* s, const Message* m) noexcept nogil:
    """Rule 10: one source of volume, `trade` if there is one, each id once. When `trade` starts after aggTrades, volume that
    these reported already is not counted again."""
    if m.kind == MSG_AGG_TRADE:
        if s.trade_source == MSG_TRADE:
            b.other_source_trades += 1
            return OTHER_TRADE_SOURCE
        if m.last_id <= s.last_agg_id:
            b.duplicate_trades += 1
            return DUPLICATE_TRADE
        s.trade_source = MSG_AGG_TRADE
        s.last_agg_id = m.last_id
        s.agg_until_ns = max(s.agg_until_ns, m.venue_ns)
        return OK
    if m.last_id <= s.last_trade_id:
        b.duplicate_trades += 1
        return DUPLICATE_TRADE
    s.trade_source = MSG_TRADE
    s.last_trade_id = m.last_id
    if s.agg_until_ns and m.venue_ns <= s.agg_until_ns:
        b.other_source_trades += 1
        return OTHER_TRADE_SOURCE
    return OK


cdef inline void broker_expire_ledgers(BrokerSymbol* s, OwnLevel* level) noexcept nogil:
    """Rules 15 and 17: old entries expire, and with them the credits of orders."""
    cdef Resting* r = broker_resting(s)
    cdef RestingOrder* order
    cdef int32_t slot = level.first
    ledger_expire(&level.traded, s.clock_ns)
    if ledger_expire(&level.shown, s.clock_ns):
        while slot != NO_SLOT:
            order = resting_order(r, slot)
            order.queue.credited = min(order.queue.credited, level.shown.total)
            slot = order.next


cdef inline int64_t broker_through(Broker* b, BrokerSymbol* s, const SymbolSpec* spec, int own, const Message* m,
                                   int64_t v) noexcept nogil:
    """Rule 11: own orders at better prices than the trade's share its quantity first; returns the remaining quantity."""
    cdef Resting* r = broker_resting(s)
    cdef RestingOrder* order
    cdef int64_t left = m.qty
    cdef int64_t qty
    cdef int32_t at = 0, slot, next, levels
    while at < r.levels[own]:
        slot = resting_level(r, resting_rank(r, own)[at]).first
        if not better(own, resting_order(r, slot).price, m.price):
            break
        levels = r.levels[own]
        while slot != NO_SLOT:
            order = resting_order(r, slot)
            next = order.next
            qty = floor_lot(min(left, broker_room(s, order.side, order.flags, order.leaves)), spec.lot)
            if qty > 0 and v >= order.arrived_ns:
                left -= qty
                broker_fill_resting(b, s, spec, slot, qty, v)
            slot = next
        if r.levels[own] == levels:     # else the level is gone, and the next one has its place
            at += 1
    return left


cdef inline void broker_queue(Broker* b, BrokerSymbol* s, const SymbolSpec* spec, OwnLevel* level, int64_t left, const Message* m,
                              int64_t v) noexcept nogil:
    """Rule 16: a trade serves the queue at its price."""
    cdef Resting* r = broker_resting(s)
    cdef RestingOrder* order
    cdef int64_t absorbed, fresh, qty
    cdef int64_t ahead = 0
    cdef int32_t slot = level.first, next
    broker_expire_ledgers(s, level)
    absorbed = ledger_take(&level.shown, left, m.venue_ns)
    fresh = left - absorbed
    if fresh > 0:
        b.ledger_merged += ledger_add(&level.traded, fresh, 0, s.clock_ns)
    while slot != NO_SLOT:
        order = resting_order(r, slot)
        next = order.next
        qty = 0
        if v >= order.arrived_ns and order.queue.front != FRONT_UNKNOWN:
            qty = queue_on_trade(&order.queue, fresh, absorbed, ahead)
            qty = floor_lot(min(qty, broker_room(s, order.side, order.flags, order.leaves)), spec.lot)
        order.queue.credited = max(0, order.queue.credited - absorbed)
        if qty > 0:
            ahead += qty
            broker_fill_resting(b, s, spec, slot, qty, v)
        slot = next


cdef inline int broker_on_trade(Broker* b, const SymbolSpec* spec, const Message* m, int64_t v) noexcept nogil:
    """Handles a print: OK, the reason to ignore it (DUPLICATE_TRADE, OTHER_TRADE_SOURCE), or a fault."""
    cdef BrokerSymbol* s = broker_symbol(b, m.symbol)
    cdef int own = BID if m.flags & BUYER_IS_MAKER else ASK
    cdef int64_t left
    cdef int32_t at
    cdef int code = broker_source(b, s, m)
    s.clock_ns = max(s.clock_ns, v)
    if code != OK or m.flags & NOT_MARKET or broker_resting(s).levels[own] == 0:
        return code
    left = broker_through(b, s, spec, own, m, v)
    if s.synced and left > 0:
        at = resting_level_at(broker_resting(s), own, m.price)
        if at != NO_SLOT:
            broker_queue(b, s, spec, resting_level(broker_resting(s), at), left, m, v)
    broker_sweep(b, s, v)
    return b.fault


cdef inline void broker_cross(Broker* b, BrokerSymbol* s, const SymbolSpec* spec, const Book* book, int own,
                              int64_t v) noexcept nogil:
    """Rule 12: the opposite touch at or through an own price fills the order with the available quantity, and uses that up."""
    cdef Resting* r = broker_resting(s)
    cdef RestingOrder* order
    cdef Level plan[TAKE_LEVELS]
    cdef int opposite = 1 - own
    cdef int64_t touch = book_best(book, opposite)
    cdef int64_t qty
    cdef int32_t at = 0, n = 0, slot, next, levels
    while at < r.levels[own] and touch != NO_PRICE:
        slot = resting_level(r, resting_rank(r, own)[at]).first
        if not take_reaches(opposite, touch, resting_order(r, slot).price):
            break
        levels = r.levels[own]
        while slot != NO_SLOT:
            order = resting_order(r, slot)
            next = order.next
            qty = take_plan(&s.used, book, opposite, order.price, spec.lot,
                            broker_room(s, order.side, order.flags, order.leaves), plan, &n)
            if qty > 0:
                take_commit(&s.used, opposite, plan, n)
                broker_fill_resting(b, s, spec, slot, qty, v)
            slot = next
        if r.levels[own] == levels:
            at += 1


cdef inline void broker_reveal(BrokerSymbol* s, OwnLevel* level, const Book* book, int64_t shown) noexcept nogil:
    """Rule 14: an unknown front becomes the first quantity shown, or 0 once the touch has passed the price."""
    cdef Resting* r = broker_resting(s)
    cdef RestingOrder* order
    cdef int64_t best = book_best(book, level.side)
    cdef int32_t slot = level.first
    if shown == 0 and not book_known(book, level.side, level.price):
        return
    if shown == 0 and not book_complete(book, level.side) and (
            best == NO_PRICE or not better(level.side, level.price, best)):
        return
    level.unknown = 0
    while slot != NO_SLOT:
        order = resting_order(r, slot)
        if order.queue.front == FRONT_UNKNOWN:
            order.queue.front = shown
        slot = order.next


cdef inline void broker_level(Broker* b, BrokerSymbol* s, OwnLevel* level, int64_t shown, int64_t venue_ns) noexcept nogil:
    """Rule 17: the view at an own level changed."""
    cdef Resting* r = broker_resting(s)
    cdef RestingOrder* order
    cdef int64_t prev = level.displayed
    cdef int64_t explained = 0
    cdef int32_t slot = level.first
    broker_expire_ledgers(s, level)
    if shown > prev:
        ledger_clear(&level.traded)
    else:
        explained = ledger_take(&level.traded, prev - shown, 0)
        if prev - shown > explained:
            b.ledger_merged += ledger_add(&level.shown, prev - shown - explained, venue_ns, s.clock_ns)
    while slot != NO_SLOT:
        order = resting_order(r, slot)
        if order.queue.front != FRONT_UNKNOWN:
            if shown > prev:
                queue_on_increase(&order.queue, shown)
            else:
                queue_on_decrease(&order.queue, &s.model, prev, shown, explained)
        slot = order.next
    level.displayed = shown


cdef inline void broker_shown(BrokerSymbol* s, OwnLevel* level, int64_t shown) noexcept nogil:
    """Rule 7c: an unknown quantity is shown again. It includes the effect of trades in between."""
    cdef Resting* r = broker_resting(s)
    cdef int32_t slot = level.first
    level.waits = 0
    level.displayed = shown
    ledger_clear(&level.traded)
    while slot != NO_SLOT:
        if resting_order(r, slot).queue.front != FRONT_UNKNOWN:
            queue_on_increase(&resting_order(r, slot).queue, shown)
        slot = resting_order(r, slot).next


cdef inline int broker_on_book(Broker* b, const SymbolSpec* spec, const Book* book, const Message* m, int64_t v,
                               bint crossed=False) noexcept nogil:
    """The view after a whole depth message or bookTicker: rules 9, 12, 17. OK or a fault. `crossed`: the message crossed the
    book, so rule 12 does not apply (rule 7b)."""
    cdef BrokerSymbol* s = broker_symbol(b, m.symbol)
    cdef Resting* r = broker_resting(s)
    cdef OwnLevel* level
    cdef int64_t shown
    cdef int32_t i
    cdef int own
    s.clock_ns = max(s.clock_ns, v)
    if not s.synced:
        return OK
    s.quoted = book_mid2(book) != 0
    if s.used.count and not (m.kind == MSG_BOOK_TICKER and used_untouched(&s.used, book)):
        used_on_book(&s.used, book, m.kind == MSG_BOOK_TICKER)
    if r.count == 0:
        return OK
    for own in range(0 if crossed else 2):
        broker_cross(b, s, spec, book, own, v)
    for own in range(2):
        for i in range(r.levels[own]):
            level = resting_level(r, resting_rank(r, own)[i])
            shown = book_qty(book, own, level.price)
            if level.unknown:
                broker_reveal(s, level, book, shown)
            if unlikely(shown == 0) and not book_known(book, own, level.price):
                level.waits = 1
            elif unlikely(level.waits):
                broker_shown(s, level, shown)
            elif shown != level.displayed:
                broker_level(b, s, level, shown, m.venue_ns)
    broker_sweep(b, s, v)
    return b.fault


cdef inline void broker_suspect(Broker* b, int32_t symbol, int64_t until_ns) noexcept nogil:
    """The book crossed: fills until `until_ns` are marked suspect (rule 7b)."""
    broker_symbol(b, symbol).suspect_until = until_ns


cdef inline void broker_on_desync(Broker* b, int32_t symbol) noexcept nogil:
    """Rule 13: no queue fills and nothing to take until the resync."""
    broker_symbol(b, symbol).synced = 0


cdef inline void broker_restate(BrokerSymbol* s, OwnLevel* level, const Book* book) noexcept nogil:
    """Rule 13: sets a level from the new book, which already includes trades and changes in between."""
    cdef Resting* r = broker_resting(s)
    cdef RestingOrder* order
    cdef int64_t front = broker_front(book, level.side, level.price)
    cdef int32_t slot = level.first
    ledger_clear(&level.traded)
    ledger_clear(&level.shown)
    level.waits = 0
    level.displayed = max(0, front)
    level.unknown = front == FRONT_UNKNOWN
    while slot != NO_SLOT:
        order = resting_order(r, slot)
        order.queue.credited = 0
        if front != FRONT_UNKNOWN:
            order.queue.front = front if order.queue.front == FRONT_UNKNOWN else min(order.queue.front, front)
        slot = order.next


cdef inline int broker_on_resync(Broker* b, int32_t symbol, const SymbolSpec* spec, const Book* book, int64_t v,
                                 bint crossed) noexcept nogil:
    """The book is in sync, for the first time or again: rules 9, 12, 13. `crossed`: after a message that crossed it, which fills
    no order (rule 7b). OK or a fault."""
    cdef BrokerSymbol* s = broker_symbol(b, symbol)
    cdef Resting* r = broker_resting(s)
    cdef int32_t i
    cdef int own
    s.clock_ns = max(s.clock_ns, v)
    s.synced = 1
    s.quoted = book_mid2(book) != 0
    used_on_book(&s.used, book, False)
    for own in range(2):
        if not crossed:
            broker_cross(b, s, spec, book, own, v)
        for i in range(r.levels[own]):
            broker_restate(s, resting_level(r, resting_rank(r, own)[i]), book)
    broker_sweep(b, s, v)
    return b.fault
