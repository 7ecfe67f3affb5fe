# The engine as Python drives it; what it does at each input is in `tick`.

from hft._core.base.arena cimport Arena
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport int64_t, uint64_t
from hft._core.engine.account cimport Account
from hft._core.engine.tick cimport EngineState
from hft._core.market.market_state cimport Market
from hft._core.record.page cimport StatePage
from hft._core.trade.strategy cimport StrategyPort
from hft._core.wire.sink cimport FrameSink


cdef class EngineView(FrameSink):
    cdef EngineState* c
    cdef readonly Symbols symbols
    cdef readonly StatePage page

    cdef Market* _market(self, symbol) except NULL
    cdef Account* _account(self, int64_t account) except NULL


cdef class Engine(EngineView):
    cdef Arena arena            # markets, accounts and logs of fills, one block; owned
    cdef readonly object decoder
    cdef readonly object journal, log           # keep what `c` points to
    cdef readonly object fallback
    cdef readonly StrategyPort strategy         # of the first account
    cdef list setups            # AccountSetup, by account: what a change of rules makes limits of anew
    cdef list _outputs          # (page memory, journal) of each account, which may be closed before this engine is gone
    cdef object _held           # deque of (name of the input, its symbol or frame); `c.held` of them
    cdef readonly Py_ssize_t held_bytes

    cdef int _assemble(self, dict settings, int64_t run, bint has_writer) except -1
    cdef int _output(self, int64_t k, page, journal, bint overwrites) except -1
    cdef int _other(self, bytes frame, int64_t now_ns) except -1
    cdef int _hold(self, item, Py_ssize_t size) except -1
    cdef int _require_room(self, str what) except -1
    cdef int _apply(self, int kind, int arg, int64_t now_ns, bytes body, uint64_t cycles)
    cdef int _start(self, str kill, bint trading) except -1
    cdef _latched(self, bint elsewhere)
