# What an engine knows, as Python sees it: nothing here changes anything.

from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport int64_t
from hft._core.engine.account cimport Account
from hft._core.engine.tick cimport EngineState
from hft._core.market.market_state cimport Market
from hft._core.record.page cimport StatePage
from hft._core.wire.sink cimport FrameSink


cdef class EngineView(FrameSink):
    cdef EngineState* c
    cdef readonly Symbols symbols
    cdef readonly StatePage page

    cdef Market* _market(self, symbol) except NULL
    cdef Account* _account(self, int64_t account) except NULL
