# Converts the simulated exchange's state of a symbol whose rules change to finer units, and expires orders that no longer fit
# (SEMANTICS 28). The caller has drained its reports.

from hft._core.base.status cimport VENUE_RULES
from hft._core.base.types cimport LIMIT, SymbolSpec, int32_t, int64_t, multiply
from hft._core.execution.broker_state cimport (
    Broker, BrokerSymbol, QueuedCommand, broker_add, broker_command, broker_expire, broker_fits, broker_resting, broker_symbol,
)
from hft._core.execution.queue cimport FRONT_UNKNOWN, Ledger, ledger_entry
from hft._core.execution.resting cimport NO_SLOT, OwnLevel, Resting, RestingOrder, resting_level, resting_order, resting_rank


cdef inline bint _ledger_rescale(Ledger* l, int64_t factor) noexcept nogil:
    cdef bint fits = multiply(&l.total, factor)
    cdef int32_t i
    for i in range(l.count):
        fits = multiply(&ledger_entry(l, i).qty, factor) and fits
    return fits


cdef inline bint _level_rescale(Resting* r, OwnLevel* level, int64_t price_factor, int64_t qty_factor) noexcept nogil:
    """Converts a level of own orders, with their queue positions."""
    cdef bint fits = (multiply(&level.price, price_factor) and multiply(&level.displayed, qty_factor)
                      and _ledger_rescale(&level.traded, qty_factor) and _ledger_rescale(&level.shown, qty_factor))
    cdef int32_t slot = level.first
    cdef RestingOrder* order
    while slot != NO_SLOT:
        order = resting_order(r, slot)
        fits = multiply(&order.price, price_factor) and multiply(&order.leaves, qty_factor) and fits
        fits = multiply(&order.filled, qty_factor) and fits
        fits = multiply(&order.queue.credited, qty_factor) and fits
        if order.queue.front != FRONT_UNKNOWN:
            fits = multiply(&order.queue.front, qty_factor) and fits
        slot = order.next
    return fits


cdef inline bint broker_rescale(Broker* b, int32_t symbol, const SymbolSpec* spec, int64_t price_factor,
                                int64_t qty_factor) noexcept nogil:
    """Converts the exchange's state of a symbol to finer units; 0 if a number exceeds 64 bits. Its reports must be drained."""
    cdef BrokerSymbol* s = broker_symbol(b, symbol)
    cdef Resting* r = broker_resting(s)
    cdef bint fits = multiply(&s.position, qty_factor)
    cdef QueuedCommand* queued
    cdef int32_t i, slot = s.first_command
    cdef int own
    broker_add(b, symbol, spec)         # the unit of the queue model
    for _ in range(s.n_commands):
        queued = broker_command(b, slot)
        fits = multiply(&queued.command.price, price_factor) and multiply(&queued.command.qty, qty_factor) and fits
        slot = queued.next
    for i in range(s.used.count):
        fits = multiply(&s.used.level[i].price, price_factor) and multiply(&s.used.level[i].used, qty_factor) and fits
    for own in range(2):
        for i in range(r.levels[own]):
            fits = _level_rescale(r, resting_level(r, resting_rank(r, own)[i]), price_factor, qty_factor) and fits
    return fits


cdef inline bint _does_not_fit(const BrokerSymbol* s, const RestingOrder* order, const SymbolSpec* spec) noexcept nogil:
    return not broker_fits(spec, LIMIT, order.price, order.leaves)


cdef inline void broker_expire_misfits(Broker* b, int32_t symbol, const SymbolSpec* spec, int64_t v) noexcept nogil:
    """Expires resting orders that the present rules would refuse."""
    broker_expire(b, broker_symbol(b, symbol), _does_not_fit, spec, VENUE_RULES, v)
