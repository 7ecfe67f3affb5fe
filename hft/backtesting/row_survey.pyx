"""What a Tardis CSV file holds, from a look at all of its rows, in compiled code."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from hft.backtesting.fields cimport (
    INCREMENTAL, MAX_FIELDS, QUOTES, SHALLOW, TRADES, Field, field_is, field_number, field_stamp, row_end, row_split)

LAYOUTS = {"incremental_book_L2": INCREMENTAL, "trades": TRADES, "quotes": QUOTES, "book_snapshot": SHALLOW}


class RowError(ValueError):
    """A row that can't be taken. `line` counts from 1, the header's."""

    def __init__(self, int64_t line, str what):
        super().__init__(what)
        self.line = line


cdef class _Symbol:
    cdef bytes name             # as printed
    cdef readonly int price, amount
    cdef readonly bint snapshot, update
    cdef readonly bint again            # snapshots of more than one stamp
    cdef int64_t snapshot_ns
    cdef readonly int64_t first_ns, last_ns

    def __cinit__(self, bytes name):
        self.name = name

    def text(self) -> str:
        return self.name.decode("utf-8", "replace")


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
    cdef int layout, n_fields
    cdef readonly int64_t line
    cdef bytes _exchange
    cdef dict _by_name          # bytes: _Symbol, in the order of their first row
    cdef _Symbol _last
    cdef Field fields[405]

    def __cinit__(self, layout, int fields):
        self.layout, self.n_fields, self.line, self._by_name = LAYOUTS[layout], fields, 1, {}
        if not 8 <= fields <= MAX_FIELDS or fields % 4 or (fields != 8 and self.layout != SHALLOW):
            raise ValueError(f"no row of {layout} has {fields} fields")

    @property
    def exchange(self) -> str:
        """As the first row prints it; empty before one was seen."""
        return self._exchange.decode("ascii", "replace") if self._exchange else ""

    @property
    def symbols(self) -> dict:
        """By name as printed: the most decimals of a price and of an amount, trailing zeros aside."""
        return {each.text(): (each.price, each.amount) for each in self._by_name.values()}

    @property
    def opened(self) -> set:
        """Names of the symbols that there is a snapshot of."""
        return {each.text() for each in self._by_name.values() if each.snapshot}

    @property
    def times(self) -> dict:
        """By name: `local_timestamp` of the first and of the last row that has one, nanoseconds."""
        return {each.text(): (each.first_ns, each.last_ns) for each in self._by_name.values()}

    @property
    def whole(self) -> set:
        """Names of the symbols whose rows are snapshots, every one, and several: each of them is the whole book."""
        return {each.text() for each in self._by_name.values() if each.again and not each.update}

    cdef _Symbol _symbol(self, const Field* f):
        """The symbol of a row; all of them are kept, since a file of a group of symbols holds more than one run has room for."""
        cdef Py_ssize_t n = f.end - f.p
        cdef bytes name
        if self._last is not None and field_is(f, PyBytes_AS_STRING(self._last.name), PyBytes_GET_SIZE(self._last.name)):
            return self._last
        if n == 0:
            raise RowError(self.line, "the symbol is empty")
        name = PyBytes_FromStringAndSize(f.p, n)
        self._last = self._by_name.get(name)
        if self._last is None:
            self._last = _Symbol(name)
            self._last.snapshot = self.layout == SHALLOW
            self._by_name[name] = self._last
        return self._last

    cdef int _see(self, int* most, const Field* f) noexcept nogil:
        """A number that is none is passed over: reading for good says what is wrong with it."""
        cdef uint64_t digits
        cdef int decimals
        if f.p == f.end or not field_number(f, &digits, &decimals):
            return 0
        while decimals > most[0] and digits % 10 == 0:
            digits //= 10
            decimals -= 1
        if decimals > most[0]:
            most[0] = decimals
        return 0

    def feed(self, bytes rows not None) -> None:
        """Whole rows, each with its newline."""
        cdef const char* p = PyBytes_AS_STRING(rows)
        cdef const char* end = p + PyBytes_GET_SIZE(rows)
        cdef const char* newline
        cdef int i
        cdef int64_t now
        cdef _Symbol symbol
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
            now = field_stamp(&f[3])
            if now > 0:
                symbol.first_ns = symbol.first_ns or now
                symbol.last_ns = now
            if self.layout == QUOTES:
                self._see(&symbol.price, &f[5])
                self._see(&symbol.price, &f[6])
                self._see(&symbol.amount, &f[4])
                self._see(&symbol.amount, &f[7])
            elif self.layout == SHALLOW:
                for i in range(4, self.n_fields):
                    self._see(&symbol.amount if i & 1 else &symbol.price, &f[i])
            else:
                if self.layout == INCREMENTAL and not field_is(&f[4], b"true", 4):
                    symbol.update = True
                elif self.layout == INCREMENTAL:
                    symbol.again = symbol.again or (symbol.snapshot and now != symbol.snapshot_ns)
                    symbol.snapshot = True
                    symbol.snapshot_ns = now
                self._see(&symbol.price, &f[6])
                self._see(&symbol.amount, &f[7])
            p = newline + 1
