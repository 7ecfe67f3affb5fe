"""Converts sizes and limits of a strategy or of risk from base units to quanta."""

from hft._core.trade.orders cimport MAX_LEAVES


cdef int64_t _quanta(Spec spec, amount) except? -1:
    """Rounded down to the quantum; limited to the largest possible open quantity."""
    return min(int(amount / spec.quantum), MAX_LEAVES - 1)


cdef int64_t lot_quanta(Spec spec, amount) except? -1:
    """A size in base units as quanta, rounded down to the lot."""
    cdef int64_t quanta = _quanta(spec, amount)
    return quanta - quanta % spec.c.lot


cdef int64_t limit_quanta(Spec spec, amount) except? -1:
    """A limit in base units as quanta; 0 for none. Not rounded to the lot, which may grow: below one lot no order passes."""
    return 0 if amount == 0 else max(1, _quanta(spec, amount))
