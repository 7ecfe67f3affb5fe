"""The symbols of one run: maps names to indices, and checks that the symbols are compatible."""

from libc.string cimport memcpy

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport MAX_SYMBOLS


MOST_SYMBOLS = MAX_SYMBOLS
"""Symbols of one run: the largest number that the file formats can index."""


cdef class Symbols:
    """Specifications in the order of their indices.

    Parameters
    ----------
    specs : Symbols, Spec or iterable of Spec
        From 1 to `MOST_SYMBOLS`, names unique, one quote asset: profits in different currencies are never added.

    Raises ValueError if they are incompatible.

    >>> from hft._core.base.types import Spec
    >>> symbols = Symbols([Spec("BTCUSDT", tick="0.1", step="0.001"), Spec("ETHUSDT", tick="0.01", step="0.001")])
    >>> symbols.index("ETHUSDT"), symbols["BTCUSDT"].tick, len(symbols)
    (1, Decimal('0.1'), 2)
    """

    def __cinit__(self, specs):
        if isinstance(specs, Symbols):
            specs = (<Symbols>specs).all
        self.all = (specs,) if isinstance(specs, Spec) else tuple(specs)
        if not 1 <= len(self.all) <= MAX_SYMBOLS:
            raise ValueError(f"{len(self.all)} symbols; from 1 to {MAX_SYMBOLS} can be traded in one run")
        self._index = {spec.name: i for i, spec in enumerate(self.all)}
        if len(self._index) < len(self.all):
            raise ValueError(f"a symbol is named twice: {', '.join(spec.name for spec in self.all)}")
        quotes = sorted({spec.quote for spec in self.all})
        if len(quotes) > 1:
            raise ValueError(f"symbols quoted in {' and '.join(quotes)}: amounts of different currencies are never added; "
                             "trade them in separate runs")
        self.count = len(self.all)
        self.specs = <SymbolSpec*>hft_alloc(self.count * sizeof(SymbolSpec))
        for i in range(self.count):
            memcpy(&self.specs[i], &(<Spec?>self.all[i]).c, sizeof(SymbolSpec))

    def __dealloc__(self):
        hft_free(self.specs)

    cpdef int index(self, symbol) except -1:
        """The index of a symbol, by name or Spec; KeyError if it is unknown."""
        name = symbol.name if isinstance(symbol, Spec) else symbol
        found = self._index.get(name)
        if found is None:
            raise KeyError(f"{name!r} is not one of {', '.join(self._index)}")
        return found

    cdef Spec spec(self, symbol):
        return self.all[self.index(symbol)]

    def __getitem__(self, symbol) -> Spec:
        return self.spec(symbol)

    def __len__(self):
        return self.count

    def __iter__(self):
        return iter(self.all)

    def __contains__(self, symbol):
        return getattr(symbol, "name", symbol) in self._index

    def __repr__(self):
        return f"Symbols({', '.join(self._index)})"
