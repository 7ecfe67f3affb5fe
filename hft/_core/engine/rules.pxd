# A symbol's rules change within a session: tick, lot, the limits of orders, whether it is traded at all (SEMANTICS 28).
#
# Units only ever become finer, by whole factors, so that every number that was counted in the old ones is exact in the new:
#
#       price x price_factor      ticks      open orders, commands and reports under way, resting orders, marks, fills kept
#       qty x qty_factor          quanta     the same, queue positions, C, S, `used`, positions, trade flow
#       gross x both              money      cash, cost, realised; the equity's own scale is widened where need be
#
# The book is not carried over: what made the change known did not fit it, so it is built anew on a snapshot, as after a gap.
# Where the units stay (a coarser tick, another lot), nothing is lost, and only the rules for orders are others.

from hft._core.base.status cimport FAULT_OVERFLOW, OK
from hft._core.base.types cimport SymbolSpec, int32_t, int64_t, multiply
from hft._core.engine.account cimport (
    account_broker, account_collect, account_delivery, account_fail, account_match, account_orders, account_positions,
    account_risk, account_symbol,
)
from hft._core.engine.engine cimport EngineState, engine_act, engine_settle
from hft._core.engine.output cimport Output, output_count, output_rescale, output_rules
from hft._core.execution.broker_state cimport broker_symbol
from hft._core.execution.delivery cimport delivery_rescale
from hft._core.execution.rescale cimport broker_expire_misfits, broker_rescale
from hft._core.market.features cimport features_flow
from hft._core.market.flow cimport flow_rescale
from hft._core.market.market cimport Market, market_features, market_resync
from hft._core.market.sync_times cimport times_close
from hft._core.record.page cimport page_symbol
from hft._core.trade.orders cimport orders_rescale
from hft._core.trade.position cimport position_rescale
from hft._core.trade.risk cimport risk_bind
from hft._core.wire.scales cimport symbols_scale

cdef struct Rules:
    SymbolSpec spec             # as of now
    int64_t price_factor        # new ticks in an old one
    int64_t qty_factor          # new quanta in an old one
    int64_t entry_qty           # what the settings make of the new lot, quanta: an entry, the largest order, the largest position
    int64_t max_order
    int64_t max_position
    int64_t trading             # 0: the venue does not trade it now


cdef inline int _rescale(EngineState* e, int32_t i, const Rules* to) noexcept nogil:
    """Everything of a symbol that is counted in ticks or quanta; FAULT_OVERFLOW where a number leaves its bits."""
    cdef Market* market = e.markets[i]
    cdef int64_t price_factor = to.price_factor
    cdef int64_t qty_factor = to.qty_factor
    if position_rescale(account_positions(e.account), i, &to.spec, price_factor, qty_factor) != OK:
        return FAULT_OVERFLOW
    if (not orders_rescale(account_orders(e.account), i, price_factor, qty_factor)
            or not broker_rescale(account_broker(e.account), i, &to.spec, price_factor, qty_factor)
            or not delivery_rescale(account_delivery(e.account), i, price_factor, qty_factor)
            or not flow_rescale(features_flow(market_features(market)), qty_factor)
            or not output_rescale(&e.out, i, price_factor, qty_factor)
            or not multiply(&market.mid2, price_factor)):
        return FAULT_OVERFLOW
    symbols_scale(&e.decoder.symbols.table[i], &to.spec)
    return OK


cdef inline void rules_apply(EngineState* e, int32_t i, const Rules* to, int64_t now) noexcept nogil:
    """The rules of a symbol are others from `now` on, an input that was entered."""
    cdef Market* market = e.markets[i]
    cdef bint finer = to.price_factor != 1 or to.qty_factor != 1
    cdef int64_t v = market.clock.v_max
    cdef int fx = 0
    if finer:
        fx = market_resync(market, now)
        account_match(e.account, &e.out, market, NULL, i, fx, v, now)
        account_fail(e.account, _rescale(e, i, to))
    market.spec = to.spec
    times_close(&market.times, not to.trading, now)
    broker_symbol(account_broker(e.account), i).closed = not to.trading
    page_symbol(e.out.page, i).spec = to.spec
    account_fail(
        e.account, risk_bind(account_risk(e.account), i, account_positions(e.account), &to.spec, to.max_position, to.max_order)
    )
    account_symbol(e.account, i).imbalance.params.entry_qty = to.entry_qty
    account_symbol(e.account, i).imbalance.params.max_order = to.max_order
    account_fail(e.account, output_rules(&e.out, i, &to.spec, to.trading, now))
    output_count(&e.out.page.counters.rules_changed)
    broker_expire_misfits(account_broker(e.account), i, &to.spec, v)
    account_collect(e.account, &e.out, now)
    engine_settle(e, now)
    engine_act(e, market, i, now)
    e.attention = 1
