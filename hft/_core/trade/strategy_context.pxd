# What a strategy in Python sees of a run, and by which it acts: an object for each symbol, good while a callback runs.

from hft._core.base.types cimport Intent, Message, Report, Spec, int8_t, int32_t, int64_t
from hft._core.market.book cimport Book
from hft._core.market.features cimport FeatureUnits
from hft._core.market.market_state cimport Market
from hft._core.trade.strategy cimport Context


cdef class CallbackState:       # what the contexts and books of one strategy share
    cdef Context* c             # NULL between callbacks
    cdef list contexts          # by symbol
    cdef object seed, random


cdef class BookView:
    cdef CallbackState state
    cdef int32_t index
    cdef FeatureUnits units

    cdef Book* _book(self) except NULL
    cdef double _best(self, int side) except? -1
    cdef double _best_qty(self, int side) except? -1
    cdef list _levels(self, int side, int n)


cdef class StrategyContext:
    cdef CallbackState state
    cdef int32_t index
    cdef FeatureUnits units
    cdef readonly Spec spec
    cdef readonly BookView book

    cdef Context* _now(self) except NULL
    cdef Market* _market(self) except NULL
    cdef int64_t _quanta(self, qty) except -1
    cdef int64_t _ticks(self, price, int side) except -1
    cdef object _order(self, int side, qty, price, str tif, bint post_only, bint reduce_only)


cdef StrategyContext context_of(CallbackState state, int32_t index, Spec spec)
cdef object trade_of(const Message* m, const FeatureUnits* units)
cdef object report_of(const Report* r, Spec spec)
