# Converts sizes and limits of a strategy or of risk from base units to quanta, at start and when the venue's rules change.

from hft._core.base.types cimport Spec, int64_t

cdef int64_t lot_quanta(Spec spec, amount) except? -1
cdef int64_t limit_quanta(Spec spec, amount) except? -1
