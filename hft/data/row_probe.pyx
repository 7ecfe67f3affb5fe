"""Finds the contents of a Tardis CSV file from all its rows, in compiled code."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from hft.data.fields cimport (
    INCREMENTAL, MAX_FIELDS, QUOTES, SHALLOW, TRADES, Field, field_is, field_number, field_stamp, row_end, row_split)

LAYOUTS = {"incremental_book_L2": INCREMENTAL, "trades": TRADES, "quotes": QUOTES, "book_snapshot": SHALLOW}


class RowError(ValueError):
    """A row that can't be taken. `line` counts from 1, the header's."""

    def __init__(self, int64_t line, str what not None):
        super().__init__(what)
        self.line = line


class OffGridError(RowError):
    """A row whose price or amount is no number, or is off the tick or quantum in use."""


cdef class _Symbol:
    cdef bytes name             # as printed
    cdef readonly int price, amount
    cdef readonly bint snapshot, update
    cdef readonly bint again            # a snapshot repeats an earlier one's level: it is a separate book
    cdef readonly bint both             # a snapshot has both sides
    cdef bint sides[2]                  # of the newest rows' snapshot: whether it has bids, asks
    cdef bint before[2]                 # of the snapshot before
    cdef double best[2]                 # best price of a side, of the newest
    cdef double best_before[2]
    cdef set earlier                    # prices of earlier snapshots; asks are negative
    cdef set newest
    cdef int64_t snapshot_ns, snapshot_venue_ns
    cdef readonly int64_t first_ns, last_ns

    def __cinit__(self, bytes name not None):
        self.name = name
        self.earlier, self.newest = set(), set()

    cdef int update_row(self) except -1:
        """Whether there are updates; then no snapshot is a separate book."""
        self.update = True
        self.earlier, self.newest = set(), set()
        return 0

    cdef bint _is_better(self) noexcept:
        """Whether the newest snapshot has a better touch than the one before, both having both sides. Then it is a new book,
        since later parts of one book lie farther from its touch."""
        return (self.before[0] and self.before[1] and self.sides[0] and self.sides[1]
                and (self.best[0] > self.best_before[0] or self.best[1] < self.best_before[1]))

    cdef int _next_snapshot(self) except -1:
        """Starts rows of another stamp."""
        cdef int side
        self.again = self.again or self._is_better()
        for side in range(2):
            self.before[side], self.best_before[side], self.sides[side] = self.sides[side], self.best[side], False
        self.earlier |= self.newest
        self.newest = set()
        return 0

    cdef int snapshot_row(self, int64_t now, int64_t venue_ns, int side, double price) except -1:
        """A row of a snapshot; `side` is 0 for a bid and 1 for an ask."""
        if now != self.snapshot_ns or venue_ns != self.snapshot_venue_ns:
            self._next_snapshot()
            self.snapshot_ns, self.snapshot_venue_ns = now, venue_ns
        if not self.sides[side] or (price > self.best[0] if side == 0 else price < self.best[1]):
            self.best[side] = price
        self.snapshot = self.sides[side] = True
        self.both = self.both or self.sides[1 - side]
        if not self.again and not self.update:
            key = -price if side else price
            self.again = key in self.earlier
            self.newest.add(key)
        return 0

    cdef bint whole(self) noexcept:
        return (self.again or self._is_better()) and not self.update

    def text(self) -> str:
        return self.name.decode("utf-8", "replace")


cdef class RowProbe:
    """Reads all rows of a file for its exchange, its symbols, and the decimals of their numbers.

    Parameters
    ----------
    layout : str
        A key of `LAYOUTS`.
    fields : int
        Number of fields of a row, from the header.

    >>> probe = RowProbe("trades", 8)
    >>> probe.feed(b"bitmex,XBTUSD,1583020803145000,1583020803307160,ccc3c1fa,sell,8531.5,2152\\n")
    >>> probe.exchange, probe.symbols
    ('bitmex', {'XBTUSD': (1, 0)})
    """
    cdef int layout, n_fields
    cdef readonly int64_t line
    cdef bytes _exchange
    cdef dict _by_name          # bytes: _Symbol, in the order of their first row
    cdef _Symbol _last
    cdef Field fields[405]
    cdef double powers[20]      # of ten

    def __cinit__(self, layout, int fields):
        cdef int i
        self.layout, self.n_fields, self.line, self._by_name = LAYOUTS[layout], fields, 1, {}
        self.powers[0] = 1
        for i in range(1, 20):
            self.powers[i] = 10 * self.powers[i - 1]    # exact; libm's power may not be
        if not 8 <= fields <= MAX_FIELDS or fields % 4 or (fields != 8 and self.layout != SHALLOW):
            raise ValueError(f"no row of {layout} has {fields} fields")

    @property
    def exchange(self) -> str:
        """As printed in the first row; empty before that."""
        return self._exchange.decode("ascii", "replace") if self._exchange else ""

    @property
    def symbols(self) -> dict:
        """By name as printed: the most decimals of a price and of an amount, without trailing zeros."""
        return {each.text(): (each.price, each.amount) for each in self._by_name.values()}

    @property
    def opened(self) -> set:
        """Names of the symbols with a snapshot."""
        return {each.text() for each in self._by_name.values() if each.snapshot}

    @property
    def times(self) -> dict:
        """By name: `local_timestamp` of the first and of the last row that has one, nanoseconds."""
        return {each.text(): (each.first_ns, each.last_ns) for each in self._by_name.values()}

    @property
    def whole(self) -> set:
        """Names of the symbols whose rows are several snapshots and nothing else, each of which is the whole book.

        A snapshot may be spread over several stamps. A repeated level or a later, better touch shows that there are several
        snapshots.
        """
        return self._of_books(False)

    @property
    def apart(self) -> set:
        """The symbols of `whole` whose snapshots all have one side only: bids and asks of a book have separate stamps."""
        return self._of_books(True)

    cdef set _of_books(self, bint apart):
        cdef _Symbol each
        found = set()
        for each in self._by_name.values():
            if each.whole() and not (apart and each.both):
                found.add(each.text())
        return found

    cdef _Symbol _symbol(self, const Field* f):
        """The symbol of a row. All are kept, since a file of a group of symbols may hold more than fit into one run."""
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
        """An invalid number is skipped here; the actual reading reports it."""
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
        cdef int i, decimals
        cdef int64_t now
        cdef uint64_t digits
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
                    if not symbol.update:
                        symbol.update_row()
                elif self.layout == INCREMENTAL and f[6].p != f[6].end and field_number(&f[6], &digits, &decimals):
                    symbol.snapshot_row(
                        now, field_stamp(&f[2]), not field_is(&f[5], b"bid", 3), <double>digits / self.powers[decimals])
                self._see(&symbol.price, &f[6])
                self._see(&symbol.amount, &f[7])
            p = newline + 1
