# Converts an engine's settings, as users give them, to the stages' parameters.

from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport Spec, int32_t, int64_t
from hft._core.execution.capacity cimport Capacity, capacity_of
from hft._core.execution.execution cimport ExecutionParams
from hft._core.market.market_state cimport MarketParams
from hft._core.trade.strategy cimport StrategyOps, StrategyPort
from hft._core.trade.trader cimport TraderParams

cdef int fill_market(MarketParams* p, dict s) except -1


cdef class AccountSetup:
    cdef StrategyPort strategy
    cdef dict settings
    cdef TraderParams trader
    cdef ExecutionParams execution
    cdef Capacity capacity
    cdef int64_t fill_log

    cdef int fill(self, int64_t run, Symbols symbols) except -1
    cdef int64_t most_position(self, Spec spec) except -1
    cdef int64_t most_order(self, Spec spec) except -1
    cdef int bind_strategy(self, const StrategyOps* ops, void* memory, int32_t symbol, Spec spec) except -1
