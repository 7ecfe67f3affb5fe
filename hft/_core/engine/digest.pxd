# The digests of a symbol's state by part: if two runs differ in state that can affect the future (docs/semantics.md, rule
# 34), the digests show the part. Digests of large parts are updated with each change, so all of them cost well under a
# microsecond; each open order, report or command under way adds some nanoseconds.
#
# Their names, in this order: `view.PARTS`.

from libc.stdint cimport int32_t, uint64_t

from hft._core.base.hash cimport hash_word, hash_words
from hft._core.engine.account cimport Account
from hft._core.engine.tick cimport EngineState
from hft._core.execution.broker_state cimport broker_hash, broker_resting, broker_symbol
from hft._core.execution.delivery cimport delivery_hash
from hft._core.execution.resting cimport resting_hash
from hft._core.execution.taking cimport used_hash
from hft._core.market.book cimport book_hash
from hft._core.market.clock cimport clock_hash
from hft._core.market.features cimport features_flow, features_hash
from hft._core.market.flow cimport flow_hash
from hft._core.market.market_state cimport (
    Market, market_book, market_features, market_hash, market_series, market_sync,
)
from hft._core.market.series cimport series_hash
from hft._core.market.sync cimport sync_hash
from hft._core.trade.orders cimport orders_hash
from hft._core.trade.position cimport position_hash
from hft._core.trade.risk cimport risk_hash
from hft._core.trade.trader cimport trader_hash

cdef enum:
    DIGEST_PARTS = 17

cdef struct Digests:
    uint64_t part[<int>DIGEST_PARTS]


cdef inline void digests_take(const EngineState* e, Account* a, int32_t i, Digests* out) noexcept nogil:
    cdef Market* m = e.markets[i]
    cdef uint64_t* h = out.part
    h[0] = hash_word(hash_word(0, e.now), e.journal_full)
    h[1] = market_hash(m)
    h[2] = clock_hash(&m.clock)
    h[3] = sync_hash(market_sync(m))
    h[4] = book_hash(market_book(m))
    h[5] = features_hash(market_features(m))
    h[6] = flow_hash(features_flow(market_features(m)))
    h[7] = series_hash(market_series(m))
    h[8] = broker_hash(a.execution.broker, i)
    h[9] = used_hash(&broker_symbol(a.execution.broker, i).used)
    h[10] = resting_hash(broker_resting(broker_symbol(a.execution.broker, i)))
    h[11] = delivery_hash(a.execution.delivery, i)
    h[12] = hash_word(hash_word(trader_hash(&a.trader), a.kill_on), a.faulted)
    h[13] = a.trader.ops.hash(a.trader.strategy, i, 0)
    h[14] = risk_hash(a.trader.risk, i)
    h[15] = orders_hash(a.trader.context.orders, i)
    h[16] = position_hash(a.trader.context.positions, i)


cdef inline uint64_t state_hash(const EngineState* e, Account* a, int32_t i) noexcept nogil:
    """One hash of all digests."""
    cdef Digests all
    digests_take(e, a, i, &all)
    return hash_words(0, &all, DIGEST_PARTS)
