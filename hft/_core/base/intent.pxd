# An order before it is one, as a Python object: what strategies return, risk checks and orders are made from.

from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport Intent, Spec


cdef class OrderIntent:
    cdef Intent c
    cdef readonly Spec spec

    cdef Intent* of(self, Symbols symbols) except NULL      # with the symbol's index there


cdef OrderIntent intent_from(const Intent* c, Spec spec)
cdef int side_from(side) except 0
