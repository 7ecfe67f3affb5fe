# Changes a symbol's rules within a session: tick, lot, the limits of orders, whether it is traded at all (SEMANTICS 28).
#
# Units only become finer, by whole factors, so that every number in old units is exact in new ones:
#
#       price x price_factor      ticks      open orders, commands and reports under way, resting orders, marks, fills kept
#       qty x qty_factor          quanta     the same, queue positions, C, S, `used`, positions, trade flow
#       gross x both              money      cash, cost, realised; the equity's own scale becomes finer if necessary
#
# The book is not converted: a value that did not fit it revealed the change, so it is built again from a snapshot, as after a
# gap. If the units stay (a coarser tick, another lot), nothing is lost, and only the rules for orders change.

from hft._core.base.status cimport FAULT_OVERFLOW, OK
from hft._core.base.types cimport SymbolSpec, int32_t, int64_t, multiply
from hft._core.engine.account cimport Account, account_collect
from hft._core.engine.tick cimport EngineState, engine_act, engine_match, engine_settle
from hft._core.execution.execution cimport execution_close, execution_rescale
from hft._core.execution.rescale cimport broker_expire_misfits
from hft._core.market.features cimport features_flow
from hft._core.market.flow cimport flow_rescale
from hft._core.market.market cimport market_resync
from hft._core.market.market_state cimport Market, market_features
from hft._core.market.sync_times cimport times_close
from hft._core.record.output cimport output_count, output_rescale, output_rules
from hft._core.record.page cimport page_symbol
from hft._core.trade.orders cimport orders_rescale
from hft._core.trade.position cimport position_rescale
from hft._core.trade.trader cimport trader_fail
from hft._core.wire.scales cimport symbols_at, symbols_scale

cdef struct Rules:
    SymbolSpec spec             # the new specification
    int64_t price_factor        # new ticks in one old tick
    int64_t qty_factor          # new quanta in one old quantum
    int64_t trading             # 0: the venue does not trade the symbol now


cdef inline bint _finer(const Rules* to) noexcept nogil:
    return to.price_factor != 1 or to.qty_factor != 1


cdef inline int _rescale(Account* a, int32_t i, const Rules* to) noexcept nogil:
    """Converts an account's ticks and quanta of a symbol; FAULT_OVERFLOW if a number exceeds 64 bits."""
    if (position_rescale(a.trader.context.positions, i, &to.spec, to.price_factor, to.qty_factor) != OK
            or not orders_rescale(a.trader.context.orders, i, to.price_factor, to.qty_factor)
            or not execution_rescale(&a.execution, i, &to.spec, to.price_factor, to.qty_factor)
            or not output_rescale(&a.out, i, to.price_factor, to.qty_factor)):
        return FAULT_OVERFLOW
    return OK


cdef inline void rules_begin(EngineState* e, int32_t i, const Rules* to, int64_t now) noexcept nogil:
    """Sets a symbol's new rules from `now` on, the time of an entered input. Then every account must bind it again, and
    `rules_end` must be called."""
    cdef Market* market = e.markets[i]
    cdef bint fits = True
    cdef int64_t k
    if _finer(to):
        engine_match(e, market, NULL, i, market_resync(market, now), market.clock.v_max, now)
        fits = flow_rescale(features_flow(market_features(market)), to.qty_factor) and multiply(&market.mid2, to.price_factor)
        for k in range(e.n_accounts):
            trader_fail(&e.accounts[k].trader, _rescale(&e.accounts[k], i, to) if fits else FAULT_OVERFLOW)
        symbols_scale(symbols_at(&e.decoder.symbols, i), &to.spec)
    market.spec = to.spec
    times_close(&market.times, not to.trading, now)


cdef inline void rules_end(EngineState* e, int32_t i, const Rules* to, int64_t now) noexcept nogil:
    """Applies the new rules in every account: orders that don't fit expire, and the strategy decides again."""
    cdef Market* market = e.markets[i]
    cdef Account* a
    cdef int64_t k
    output_count(&e.page.counters.rules_changed)
    for k in range(e.n_accounts):
        a = &e.accounts[k]
        execution_close(&a.execution, i, not to.trading)
        page_symbol(a.out.page, i).spec = to.spec
        trader_fail(&a.trader, output_rules(&a.out, i, &to.spec, to.trading, now))
        broker_expire_misfits(a.execution.broker, i, &to.spec, market.clock.v_max)
        account_collect(a, now)
        engine_settle(e, a, now)
    engine_act(e, market, NULL, i, now)
    e.needs_check = 1
