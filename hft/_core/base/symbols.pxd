# The symbols of one run, in order: every stage identifies a symbol by its index here.

from hft._core.base.types cimport Spec, SymbolSpec


cdef class Symbols:
    cdef SymbolSpec* specs          # owned: one per symbol
    cdef readonly int count
    cdef readonly tuple all         # the same symbols as Spec objects
    cdef dict _index

    cpdef int index(self, symbol) except -1
    cdef Spec spec(self, symbol)
