# An engine's settings, as users give them, to the stages' own parameters.

from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport Spec, int32_t, int64_t
from hft._core.engine.account cimport AccountParams
from hft._core.market.market cimport MarketParams
from hft._core.trade.imbalance cimport ImbalanceParams

cdef int64_t lot_quanta(Spec spec, amount) except? -1
cdef int64_t limit_quanta(Spec spec, amount) except? -1
cdef int fill_market(MarketParams* p, dict s) except -1
cdef int fill_account(AccountParams* p, dict s, int64_t run, Symbols symbols) except -1
cdef int fill_strategy(ImbalanceParams* p, dict s, Spec spec, int32_t symbol) except -1
