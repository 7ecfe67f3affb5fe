"""What a Tardis CSV file holds, from a look at all of its rows, in compiled code."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from hft._core.types cimport MAX_SYMBOLS
from hft.backtesting.fields cimport (
    INCREMENTAL, QUOTES, SHALLOW, TRADES, Field, field_is, field_number, row_end, row_split)

LAYOUTS = {"incremental_book_L2": INCREMENTAL, "trades": TRADES, "quotes": QUOTES, "book_snapshot": SHALLOW}


class RowError(ValueError):
    """A row that can't be taken. `line` counts from 1, the header's."""

    def __init__(self, int64_t line, str what):
        super().__init__(what)
        self.line = line


cdef class RowSurvey:
    """Looks at all rows of a file: its exchange, its symbols, and the decimals their numbers are printed with.

    Parameters
    ----------
    layout : str
        A key of `LAYOUTS`.
    fields : int
        Fields of a row, as the header has them.

    >>> survey = RowSurvey("trades", 8)
    >>> survey.feed(b"bitmex,XBTUSD,1583020803145000,1583020803307160,ccc3c1fa,sell,8531.5,2152\\n")
    >>> survey.exchange, survey.symbols
    ('bitmex', {'XBTUSD': (1, 0)})
    """
    cdef int layout, n_fields, n_symbols
    cdef readonly int64_t line
    cdef bytes _exchange
    cdef list names
    cdef Field fields[405]
    cdef char name[64][64]
    cdef int64_t length[64]
    cdef int decimals[64][2]
    cdef bint snapshot[64]

    def __cinit__(self, layout, int fields):
        self.layout, self.n_fields, self.line, self.names = LAYOUTS[layout], fields, 1, []

    @property
    def exchange(self) -> str:
        """As the first row prints it; empty before one was seen."""
        return self._exchange.decode("ascii", "replace") if self._exchange else ""

    @property
    def symbols(self) -> dict:
        """By name as printed: the most decimals of a price and of an amount, trailing zeros aside."""
        return {name: (self.decimals[i][0], self.decimals[i][1]) for i, name in enumerate(self.names)}

    @property
    def opened(self) -> set:
        """Names of the symbols that there is a snapshot of."""
        return {name for i, name in enumerate(self.names) if self.snapshot[i]}

    cdef int _symbol(self, const Field* f) except -1:
        cdef int i
        cdef int64_t n = f.end - f.p
        for i in range(self.n_symbols):
            if self.length[i] == n and memcmp(self.name[i], f.p, n) == 0:
                return i
        i = self.n_symbols
        if not 0 < n < 64:
            raise RowError(self.line, "the symbol is empty or longer than 63 characters")
        if self.n_symbols == MAX_SYMBOLS:
            raise RowError(self.line, f"a symbol beyond the {MAX_SYMBOLS} that one run has room for")
        memcpy(self.name[i], f.p, n)
        self.length[i] = n
        self.decimals[i][0] = self.decimals[i][1] = 0
        self.snapshot[i] = self.layout == SHALLOW
        self.names.append(f.p[:n].decode("ascii", "replace"))
        self.n_symbols += 1
        return i

    cdef int _see(self, int symbol, int which, const Field* f) noexcept nogil:
        """A number that is none is passed over: reading for good says what is wrong with it."""
        cdef uint64_t digits
        cdef int decimals
        if f.p == f.end or not field_number(f, &digits, &decimals):
            return 0
        while decimals > self.decimals[symbol][which] and digits % 10 == 0:
            digits //= 10
            decimals -= 1
        if decimals > self.decimals[symbol][which]:
            self.decimals[symbol][which] = decimals
        return 0

    def feed(self, bytes rows not None) -> None:
        """Whole rows, each with its newline."""
        cdef const char* p = PyBytes_AS_STRING(rows)
        cdef const char* end = p + PyBytes_GET_SIZE(rows)
        cdef const char* newline
        cdef int i, symbol
        cdef Field* f = self.fields
        while p < end:
            self.line += 1
            newline = <const char*>memchr(p, c'\n', end - p)
            if newline == NULL:
                newline = end
            if row_split(p, row_end(p, newline), f, self.n_fields) != self.n_fields:
                raise RowError(self.line, f"a row that is not of {self.n_fields} fields")
            if self._exchange is None:
                self._exchange = f[0].p[:f[0].end - f[0].p]
            elif not field_is(&f[0], PyBytes_AS_STRING(self._exchange), PyBytes_GET_SIZE(self._exchange)):
                raise RowError(self.line, f"a row of another exchange than {self.exchange}")
            symbol = self._symbol(&f[1])
            if self.layout == QUOTES:
                self._see(symbol, 0, &f[5])
                self._see(symbol, 0, &f[6])
                self._see(symbol, 1, &f[4])
                self._see(symbol, 1, &f[7])
            elif self.layout == SHALLOW:
                for i in range(4, self.n_fields):
                    self._see(symbol, i & 1, &f[i])
            else:
                if self.layout == INCREMENTAL and not self.snapshot[symbol]:
                    self.snapshot[symbol] = field_is(&f[4], b"true", 4)
                self._see(symbol, 0, &f[6])
                self._see(symbol, 1, &f[7])
            p = newline + 1
