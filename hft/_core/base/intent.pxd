# An order before it is sent, as a Python object: strategies return it, and risk checks and orders take it.

from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport Intent, Spec, int64_t


cdef class OrderTerms:
    cdef readonly Spec spec
    cdef readonly str symbol, side, type, tif
    cdef readonly object qty        # Decimal
    cdef readonly bint reduce_only

    cdef int terms(self, Spec spec, int side, int64_t qty, int type, int tif, int flags) except -1


cdef class OrderIntent(OrderTerms):
    cdef Intent c

    cdef Intent* of(self, Symbols symbols) except NULL      # with the symbol's index in `symbols`


cdef OrderIntent intent_from(const Intent* c, Spec spec)
cdef int side_from(side) except 0
