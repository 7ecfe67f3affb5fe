# A trader: a strategy, and the stages between its intents and the exchange: risk, orders, position.
#
#     Market ──▶ strategy ──▶ Intents ──▶ risk ──▶ orders ──▶ Commands ──▶ (execution)
#                    ▲                                              │
#                    └────────── position, orders ◀── Report ◀──────┘
#
# It sends commands and receives reports, and does not know which execution handles its orders. After each verb the caller takes
# the commands. It knows only reported orders and positions.

from libc.stdint cimport INT64_MAX
from libc.string cimport memset

from hft._core.base.hash cimport hash_span, hash_word
from hft._core.base.status cimport OK, RISK_CHANNEL_FULL, RISK_NO_ORDER, RISK_ORDER_PENDING
from hft._core.base.types cimport (
    BOOK_SYNCED, CMD_AMEND, CMD_CANCEL, CMD_NEW, INTENT_AMEND, INTENT_CANCEL, INTENT_CANCEL_ALL, INTENT_NEW, INTENT_TIMER,
    REPORT_AMEND_REJECTED, REPORT_CANCEL_REJECTED, REPORT_EXPIRED, REPORT_FILL, REPORT_REJECTED, Command, Intent, Message, Report,
    int32_t, int64_t, likely, uint64_t, unlikely,
)
from hft._core.market.book cimport book_mid2
from hft._core.market.market_state cimport Market, market_book, market_features, market_ready
from hft._core.record.output cimport Output, output_count
from hft._core.trade.commands cimport Commands, commands_full, commands_hash, commands_init, commands_push
from hft._core.trade.intents cimport Intents, intents_begin, intents_hash, intents_init, intents_take, intents_wait
from hft._core.trade.order_lifecycle cimport orders_on_report
from hft._core.trade.orders cimport (
    Order, OrderParams, Orders, order_can_amend, order_can_cancel, order_command, orders_amend_sent, orders_cancel_sent,
    orders_create, orders_find, orders_first, orders_init, orders_next,
)
from hft._core.trade.position cimport (
    PositionParams, Positions, position_at, position_init, position_mark, position_mark_lost, position_on_fill,
)
from hft._core.trade.order_records cimport output_order, output_position
from hft._core.trade.risk cimport HALT_STOPPING, Risk, RiskInputs, RiskLimits, risk_check, risk_halt, risk_init, risk_sent
from hft._core.trade.strategy cimport Context, StrategyOps

cdef struct TraderParams:
    OrderParams orders
    PositionParams positions
    RiskLimits risk
    int64_t intents             # most intents of a strategy at one instant
    int64_t commands            # most commands sent and not yet acknowledged: order_channel_size

cdef struct TraderState:        # state outside the stages
    int64_t stopping            # 1: no more decisions
    int64_t cancel_again        # 1: some cancels could not be sent yet
    int64_t wake_ns             # the strategy asked for `on_timer` at this time; 0: no timer
    int64_t timer_ns            # of the last `on_timer`: the next one is always later
    int64_t fault               # below 0: the first fault, which halts trading
    int64_t submitted           # new orders that went out: a statistic

cdef struct Trader:             # parts by pointer into the engine's memory
    Context context             # with its orders, positions and intents
    const StrategyOps* ops
    void* strategy
    Risk* risk
    Commands* commands
    TraderState* state
    Output* out


cdef inline void trader_init(Trader* t, const TraderParams* p) noexcept nogil:
    """The parts are zeroed memory of their sizes, the pointers are set. The caller then calls `position_bind`, `risk_bind` and
    sets the strategy's parameters, for each symbol."""
    orders_init(t.context.orders, &p.orders)
    position_init(t.context.positions, &p.positions)
    risk_init(t.risk, &p.risk)
    intents_init(t.context.intents, p.intents)
    commands_init(t.commands, p.commands)
    t.ops.init(t.strategy, p.orders.n_symbols)


cdef inline uint64_t trader_hash(const Trader* t) noexcept nogil:
    """Hash of the state that belongs to no symbol. Strategy, orders, positions and risk have digests of their own."""
    cdef uint64_t h = hash_span(0, t.state, &t.state.submitted)
    return hash_word(hash_word(h, commands_hash(t.commands)), intents_hash(t.context.intents))


cdef inline void trader_fail(Trader* t, int64_t code) noexcept nogil:
    """Keeps the first fault: later ones are mostly its consequences."""
    if unlikely(code < 0) and t.state.fault == 0:
        t.state.fault = code


cdef inline int64_t trader_next_due(const Trader* t) noexcept nogil:
    """Time of the next `trader_on_timer`; INT64_MAX: none."""
    cdef int64_t due = INT64_MAX
    if unlikely(t.state.stopping):
        return due
    if t.ops.next_due != NULL:
        due = t.ops.next_due(t.strategy)
    if t.state.wake_ns:
        due = min(due, t.state.wake_ns)
    return max(due, t.state.timer_ns + 1)


# --- outgoing intents

cdef inline int _send(Trader* t, Order* order, int kind, int64_t now) noexcept nogil:
    order_command(order, kind, now, commands_push(t.commands))
    return OK


cdef inline int _check(Trader* t, Intent* intent, int64_t open, int64_t added) noexcept nogil:
    cdef Market* market = t.context.markets[intent.symbol]
    cdef RiskInputs at
    cdef int code
    at.now = t.context.now
    at.open = open
    at.added = added
    at.data_ns = market.update_ns
    at.mid2 = book_mid2(market_book(market))
    at.synced = market_ready(market)
    at.closed = <int32_t>market.times.closed
    code = risk_check(t.risk, intent, t.context.orders, t.context.positions, &market.spec, &at)
    return RISK_CHANNEL_FULL if code == OK and unlikely(commands_full(t.commands)) else code


cdef inline int _new(Trader* t, Intent* intent) noexcept nogil:
    """Checks risk, creates an order and sends its command. OK, or the reason to refuse."""
    cdef Order* order
    cdef int code
    output_count(&t.out.page.counters.intents)
    code = _check(t, intent, intent.qty, intent.qty)
    if code == OK:
        code = orders_create(t.context.orders, intent, t.context.now, &order)
    if code != OK:
        return code
    risk_sent(t.risk, t.context.now)
    t.state.submitted += 1
    output_count(&t.out.page.counters.orders)
    return _send(t, order, CMD_NEW, t.context.now)


cdef inline int _amend(Trader* t, Intent* intent) noexcept nogil:
    """The same for an open order: risk checks the larger size."""
    cdef Order* order = orders_find(t.context.orders, intent.order_id)
    cdef int64_t more
    cdef int code
    if order == NULL:
        return RISK_NO_ORDER
    if not order_can_amend(order):
        return RISK_ORDER_PENDING
    more = intent.qty - order.qty
    intent.symbol, intent.side, intent.type = order.symbol, order.side, order.type
    intent.tif, intent.flags = order.tif, order.flags
    code = _check(t, intent, order.leaves + more, more if more > 0 else 0)
    if code == OK:
        code = orders_amend_sent(t.context.orders, order, intent.price, intent.qty)
    if code != OK:
        return code
    risk_sent(t.risk, t.context.now)
    output_count(&t.out.page.counters.amends)
    return _send(t, order, CMD_AMEND, t.context.now)


cdef inline int _cancel(Trader* t, int64_t order_id) noexcept nogil:
    cdef Order* order = orders_find(t.context.orders, order_id)
    if order == NULL:
        return RISK_NO_ORDER
    if not order_can_cancel(order):
        return RISK_ORDER_PENDING
    if commands_full(t.commands):
        return RISK_CHANNEL_FULL
    orders_cancel_sent(t.context.orders, order)
    output_count(&t.out.page.counters.cancels)
    return _send(t, order, CMD_CANCEL, t.context.now)


cdef inline void trader_cancel_again(Trader* t, int64_t now) noexcept nogil:
    """Sends cancels that are still to be sent. If the channel is full, `cancel_again` makes the next input try again."""
    cdef Orders* orders = t.context.orders
    cdef Order* order = orders_first(orders)
    t.context.now = now
    t.state.cancel_again = 0
    while order != NULL:
        if order.cancel_wanted and order_can_cancel(order) and _cancel(t, order.order_id) == RISK_CHANNEL_FULL:
            t.state.cancel_again = 1
            break
        order = orders_next(orders, order)


cdef inline void trader_cancel_all(Trader* t, int32_t symbol, int64_t now) noexcept nogil:
    """Cancels the open orders of one symbol, or (-1) of all."""
    cdef Orders* orders = t.context.orders
    cdef Order* order = orders_first(orders)
    while order != NULL:
        if symbol < 0 or order.symbol == symbol:
            order.cancel_wanted = 1
        order = orders_next(orders, order)
    trader_cancel_again(t, now)


cdef inline void _refuse(Trader* t, const Intent* intent, int code) noexcept nogil:
    """Reports the refusal of an intent, at the same `now`."""
    cdef Report r
    output_count(&t.out.page.counters.status[code])
    if t.ops.on_report == NULL:
        return
    memset(&r, 0, sizeof(Report))
    r.order_id = intent.order_id
    r.due_ns = r.exch_ns = t.context.now
    r.symbol = intent.symbol
    r.side = intent.side
    r.leaves = intent.qty
    r.kind = (REPORT_REJECTED if intent.kind == INTENT_NEW
              else REPORT_AMEND_REJECTED if intent.kind == INTENT_AMEND else REPORT_CANCEL_REJECTED)
    r.reason = code
    r.book_status = BOOK_SYNCED
    t.ops.on_report(t.strategy, &t.context, &r)


cdef inline void _take(Trader* t) noexcept nogil:
    """Takes every intent, including those that the strategy puts when a refusal is reported."""
    cdef Intent* intent
    cdef int code
    while intents_wait(t.context.intents):
        intent = intents_take(t.context.intents)
        code = OK
        if intent.kind == INTENT_NEW:
            code = _new(t, intent)
        elif intent.kind == INTENT_AMEND:
            code = _amend(t, intent)
        elif intent.kind == INTENT_CANCEL:
            code = _cancel(t, intent.order_id)
        elif intent.kind == INTENT_CANCEL_ALL:
            trader_cancel_all(t, intent.symbol, t.context.now)
        elif intent.kind == INTENT_TIMER:
            t.state.wake_ns = intent.price
        else:
            t.state.stopping = 1
            risk_halt(t.risk, HALT_STOPPING, True)
            trader_cancel_all(t, -1, t.context.now)
        if code > 0:
            _refuse(t, intent, code)
        trader_fail(t, code)


cdef inline void trader_take(Trader* t) noexcept nogil:
    """After a callback: sends or refuses the strategy's intents."""
    if unlikely(intents_wait(t.context.intents)):
        _take(t)


# --- incoming events

cdef inline void trader_begin(Trader* t) noexcept nogil:
    """Begins a new instant or input."""
    intents_begin(t.context.intents)


cdef inline void trader_start(Trader* t, int64_t now) noexcept nogil:
    """The run begins, with its first input."""
    if t.ops.start != NULL and not t.state.stopping:
        t.context.now = now
        t.ops.start(t.strategy, &t.context)
        trader_take(t)


cdef inline void trader_on_lost(Trader* t, int32_t i, int64_t now) noexcept nogil:
    """The book of a symbol lost sync."""
    position_mark_lost(t.context.positions, i)
    if t.ops.on_status != NULL and not t.state.stopping:
        t.context.now = now
        t.ops.on_status(t.strategy, &t.context, i, False)
        trader_take(t)


cdef inline void trader_on_found(Trader* t, int32_t i, int64_t now) noexcept nogil:
    """The book of a symbol is in sync."""
    if t.ops.on_status != NULL and not t.state.stopping:
        t.context.now = now
        t.ops.on_status(t.strategy, &t.context, i, True)
        trader_take(t)


cdef inline void trader_on_view(Trader* t, Market* market, int32_t i) noexcept nogil:
    """The view changed: its mid is the mark. If a side is empty, the last mark is kept."""
    if likely(market_ready(market)):
        trader_fail(t, position_mark(t.context.positions, i, market.mid2))
    elif market_features(market).synced:
        position_mark_lost(t.context.positions, i)


cdef inline void trader_on_trade(Trader* t, const Message* trade, int64_t now) noexcept nogil:
    if t.ops.on_trade != NULL and not t.state.stopping:
        t.context.now = now
        t.ops.on_trade(t.strategy, &t.context, trade)
        trader_take(t)


cdef inline void trader_on_market(Trader* t, int32_t i, int64_t now) noexcept nogil:
    """The market of a symbol changed, and was published: the strategy decides."""
    if likely(not t.state.stopping):
        t.context.now = now
        t.ops.on_market(t.strategy, &t.context, i)
        trader_take(t)


cdef inline void trader_on_timer(Trader* t, int64_t now) noexcept nogil:
    t.context.now = t.state.timer_ns = now
    if t.state.wake_ns <= now:
        t.state.wake_ns = 0
    t.ops.on_timer(t.strategy, &t.context)
    trader_take(t)


cdef inline bint _acknowledges(const Report* report) noexcept nogil:
    """Whether it acknowledges a command. Each command gets one such report."""
    return report.kind != REPORT_FILL and report.kind != REPORT_EXPIRED


cdef inline void trader_on_report(Trader* t, const Report* report) noexcept nogil:
    """Handles a report: first the order and the position, then the strategy."""
    cdef Order* order
    cdef Positions* positions = t.context.positions
    cdef int code = orders_on_report(t.context.orders, report, &order)
    t.commands.unacknowledged -= _acknowledges(report)
    if code == OK and report.kind == REPORT_FILL:
        code = position_on_fill(positions, report)
        if code == OK:
            code = output_position(t.out, report.symbol, position_at(positions, report.symbol), report.due_ns)
    if report.reason > 0:
        output_count(&t.out.page.counters.status[report.reason])
    if code == OK and order != NULL:
        code = output_order(t.out, order, report.due_ns, report.exch_ns)
    trader_fail(t, code)
    if code == OK and t.ops.on_report != NULL:
        t.context.now = report.due_ns
        t.ops.on_report(t.strategy, &t.context, report)
        trader_take(t)


cdef inline int trader_sent(Trader* t, const Command* command) noexcept nogil:
    """Execution took a command and set its due time: records the order."""
    cdef Order* order = orders_find(t.context.orders, command.order_id)
    order.due_ns = command.due_ns
    return output_order(t.out, order, command.sent_ns, 0)


cdef inline void trader_stop(Trader* t, int64_t now) noexcept nogil:
    """No more decisions and new orders from here on."""
    if t.ops.stop != NULL and not t.state.stopping:
        t.context.now = now
        t.ops.stop(t.strategy, &t.context)
    t.state.stopping = 1
    risk_halt(t.risk, HALT_STOPPING, True)
    trader_take(t)
