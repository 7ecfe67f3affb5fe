"""Sizes and limits of a strategy or of risk, from base units to quanta."""

from hft._core.trade.orders cimport MAX_LEAVES


cdef int64_t _quanta(Spec spec, amount) except? -1:
    """Down to the quantum; more than can ever be open as the most that can."""
    return min(int(amount / spec.quantum), MAX_LEAVES - 1)


cdef int64_t lot_quanta(Spec spec, amount) except? -1:
    """A size in base units as quanta, down to the lot."""
    cdef int64_t quanta = _quanta(spec, amount)
    return quanta - quanta % spec.c.lot


cdef int64_t limit_quanta(Spec spec, amount) except? -1:
    """A limit in base units as quanta; 0 for none. Not down to the lot, which may grow: below one lot it lets no order pass."""
    return 0 if amount == 0 else max(1, _quanta(spec, amount))
