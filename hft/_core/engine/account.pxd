# One account on the markets: a trader and its execution, and the commands and reports between them.
#
# An account reads markets and never changes one, so many accounts can run over the same markets. Its verbs, in the order of the
# engine's calls for one input:
#
#       account_advance        the earliest internal events: orders that take effect by timer, reports, strategy timers
#       account_arrivals       orders due before this message, on the book before it
#       account_match          the exchange matches own orders against the message
#       account_deliver        reports that are due by now
#       account_act            the strategy decides; its intents go to the exchange
#
# Trader and execution exchange commands and reports only, and only here.

from hft._core.base.status cimport FAULT_REPORTS_FULL, KILL_BANKRUPT, KILL_FAULT, OK
from hft._core.base.types cimport Command, Message, Report, int32_t, int64_t, likely, unlikely
from hft._core.execution.capacity cimport capacity_message
from hft._core.execution.delivery cimport delivery_count
from hft._core.execution.execution cimport (
    Execution, execution_arrivals, execution_collect, execution_match, execution_next_due, execution_pop, execution_report,
    execution_submit, execution_timers, execution_waits,
)
from hft._core.market.market_state cimport FX_LOST, FX_SYNCED, FX_VIEW, Market
from hft._core.record.output cimport Output, output_count, output_kill
from hft._core.record.page cimport PAGE_HALTED, page_flag, page_kill_set
from hft._core.trade.commands cimport commands_pop
from hft._core.trade.orders cimport Orders
from hft._core.trade.risk cimport HALT_KILL, risk_bankrupt, risk_halt
from hft._core.trade.trader cimport (
    Trader, trader_cancel_again, trader_cancel_all, trader_fail, trader_next_due, trader_on_found, trader_on_lost,
    trader_on_market, trader_on_report, trader_on_timer, trader_on_trade, trader_on_view, trader_sent, trader_start,
    trader_stop,
)

cdef struct Account:            # parts by pointer into the engine's memory
    Trader trader
    Execution execution
    Output out
    int64_t next_due            # the earliest internal event; INT64_MAX: none
    int64_t records_needed      # journal records that may follow from orders under way and the next message (`capacity_message`)
    int64_t kill_on
    int64_t faulted             # 1: its fault is on the page


# --- between trader and execution

cdef inline int64_t account_records_needed(const Account* a) noexcept nogil:
    """An amend under way counts as an order, as it may fill as often."""
    cdef const Orders* orders = a.trader.context.orders
    return capacity_message(orders.open + orders.amending, delivery_count(a.execution.delivery))


cdef inline void account_schedule(Account* a) noexcept nogil:
    """Updates the earliest internal event and the records needed: after every change of orders, commands and reports."""
    a.next_due = min(execution_next_due(&a.execution), trader_next_due(&a.trader))
    a.records_needed = account_records_needed(a)


cdef inline void account_forward(Account* a) noexcept nogil:
    """Passes the trader's commands to its execution."""
    cdef Command* command = commands_pop(a.trader.commands)
    cdef int code
    if likely(command == NULL):
        return
    while command != NULL:
        code = execution_submit(&a.execution, command)
        if code == OK:
            code = trader_sent(&a.trader, command)
        trader_fail(&a.trader, code)
        command = commands_pop(a.trader.commands)
    account_schedule(a)


cdef inline void account_report(Account* a, const Report* report) noexcept nogil:
    trader_on_report(&a.trader, report)
    account_forward(a)


cdef inline void account_collect(Account* a, int64_t now) noexcept nogil:
    """Records the exchange's fills and passes its reports to the trader."""
    cdef int code = OK
    if likely(not execution_waits(&a.execution)):
        return
    while not execution_collect(&a.execution, now, &code):
        # A resting order can fill in any number of parts while the first report is under way: trading halts, but none is lost.
        trader_fail(&a.trader, FAULT_REPORTS_FULL)
        account_report(a, execution_pop(&a.execution))
    trader_fail(&a.trader, code)
    account_schedule(a)


cdef inline void account_deliver(Account* a, int64_t now) noexcept nogil:
    """Delivers every report that is due by now."""
    cdef const Report* report = execution_report(&a.execution, now)
    if likely(report == NULL):
        return
    while report != NULL:
        account_report(a, report)
        report = execution_report(&a.execution, now)
    account_schedule(a)


# --- one input

cdef inline void account_start(Account* a, int64_t now) noexcept nogil:
    trader_start(&a.trader, now)
    account_forward(a)
    account_schedule(a)


cdef inline void account_advance(Account* a) noexcept nogil:
    """Runs the internal events at the instant `next_due`, with that as their `now`."""
    cdef int64_t due = a.next_due
    while execution_timers(&a.execution, a.trader.context.markets, due):
        account_collect(a, due)
    account_collect(a, due)
    account_deliver(a, due)
    if trader_next_due(&a.trader) <= due:
        trader_on_timer(&a.trader, due)
        account_forward(a)
    account_schedule(a)


cdef inline void account_arrivals(Account* a, Market* market, int32_t i, int64_t v, int64_t now) noexcept nogil:
    while execution_arrivals(&a.execution, market, i, v):
        account_collect(a, now)
    account_collect(a, now)


cdef inline void account_match(Account* a, Market* market, const Message* msg, int32_t i, int fx, int64_t v,
                               int64_t now) noexcept nogil:
    """Passes the effects of a message on the market to the exchange and the trader."""
    if unlikely(fx & FX_LOST):
        trader_on_lost(&a.trader, i, now)
    execution_match(&a.execution, market, msg, i, fx, v)
    account_collect(a, now)
    if fx & FX_VIEW:
        trader_on_view(&a.trader, market, i)
    if unlikely(fx & FX_SYNCED):
        trader_on_found(&a.trader, i, now)
    if unlikely(fx & (FX_LOST | FX_SYNCED)):
        account_forward(a)
        account_schedule(a)


cdef inline void account_act(Account* a, const Message* trade, int32_t i, int64_t now) noexcept nogil:
    """The market of a symbol changed, by this trade or (NULL) otherwise: the strategy decides."""
    if trade != NULL:
        trader_on_trade(&a.trader, trade, now)
    trader_on_market(&a.trader, i, now)
    account_forward(a)
    a.next_due = min(a.next_due, trader_next_due(&a.trader))


# --- kill switch

cdef inline bint account_kill(Account* a, bint on, int reason, int64_t now) noexcept nogil:
    """Trips or releases the switch: latched in the page, journalled, open orders cancelled. False: no change."""
    if on == (a.kill_on != 0):
        return False
    a.kill_on = on
    risk_halt(a.trader.risk, HALT_KILL, on)
    page_kill_set(a.out.page, on, reason, now)
    trader_fail(&a.trader, output_kill(&a.out, on, reason, now))
    if on:
        trader_cancel_all(&a.trader, -1, now)
        account_forward(a)
    return True


cdef inline bint account_settle(Account* a, int64_t now) noexcept nogil:
    """Immediate consequences of a state change: a fault or the loss of all equity trips the kill switch, and cancels that the
    full channel delayed are sent once it has room. True: the switch was tripped."""
    cdef bint tripped = False
    if unlikely(a.trader.state.fault < 0):
        if not a.faulted:
            a.faulted = 1
            output_count(&a.out.page.counters.faults[-a.trader.state.fault & 15])
            page_flag(a.out.page, PAGE_HALTED, True)
        tripped = account_kill(a, True, KILL_FAULT, now)
    if unlikely(risk_bankrupt(a.trader.risk, a.trader.context.positions)):
        tripped = account_kill(a, True, KILL_BANKRUPT, now) or tripped
    if unlikely(a.trader.state.cancel_again):
        trader_cancel_again(&a.trader, now)
        account_forward(a)
    return tripped


cdef inline void account_stop(Account* a, int64_t now) noexcept nogil:
    """No decision and no new order from here on; open orders are cancelled."""
    trader_stop(&a.trader, now)
    trader_cancel_all(&a.trader, -1, now)
    account_forward(a)
    account_schedule(a)
