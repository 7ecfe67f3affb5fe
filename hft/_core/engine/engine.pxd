# The engine for Python; the work for each input is in `tick`.

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
    cdef Arena arena            # one block with markets, accounts and logs of fills; owned
    cdef readonly object decoder
    cdef readonly object journal, log           # keep the objects behind the pointers of `c`
    cdef readonly object fallback
    cdef readonly StrategyPort strategy         # of the first account
    cdef list setups            # AccountSetup, by account: recomputes limits when rules change
    cdef list _outputs          # (page memory, journal) of each account, kept alive for this engine even if closed
    cdef object _held           # deque of (name of the input, its symbol or frame) with `c.held` entries
    cdef readonly Py_ssize_t held_bytes

    cdef int _assemble(self, dict settings, int64_t run, bint has_writer) except -1
    cdef int _output(self, int64_t k, page, journal, bint overwrites) except -1
    cdef int _other(self, bytes frame, int64_t now_ns) except -1
    cdef int _hold(self, item, Py_ssize_t size) except -1
    cdef int _require_room(self, str what) except -1
    cdef int _apply(self, int kind, int arg, int64_t now_ns, bytes body, uint64_t cycles)
    cdef int _start(self, str kill, bint trading) except -1
    cdef _latched(self, bint elsewhere)
