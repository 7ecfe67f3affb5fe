"""MarketSnapshot: the touch, mid, spread and imbalance in one cache line that readers never block."""

from typing import NamedTuple

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memset

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.market.book cimport OrderBook

assert sizeof(Snapshot) == 64


class SnapshotView(NamedTuple):
    """One consistent copy of a MarketSnapshot. Prices are ticks, `mid2` is half ticks; 0 if a side is empty."""

    sequence: int       # 2 x the number of writes
    timestamp_ns: int
    best_bid: int
    best_ask: int
    mid2: int
    imbalance: float
    spread_bps: float
    update_id: int
    synced: bool


cdef class MarketSnapshot:
    """64 bytes with the main market figures, published by one writer and read without locks, in this process or another.

    Parameters
    ----------
    buffer : writable buffer, optional
        Shared memory, e.g. an `mmap`; default: 64 bytes of its own. The object holds the buffer.
    offset : int
        Place of the snapshot in the buffer, a multiple of 8; the 64 bytes must fit.

    >>> from hft._core.market.book import OrderBook
    >>> from hft._core.base.types import Spec
    >>> book, shared = OrderBook(Spec("BTCUSDT", tick="0.10", step="0.001")), bytearray(64)
    >>> book.snapshot([("61800.20", "3.000")], [("61800.30", "1.000")], 42)
    0
    >>> MarketSnapshot(shared).publish(book, now_ns=1_000)
    >>> view = MarketSnapshot(shared).read()
    >>> view.best_bid, view.best_ask, view.imbalance, view.spread_bps, view.update_id
    (618002, 618003, 0.5, 0.016, 42)
    """

    def __cinit__(self):
        self.snapshot = NULL
        self.own = NULL
        self.held = False

    def __init__(self, buffer=None, Py_ssize_t offset=0):
        if self.snapshot != NULL:
            raise RuntimeError("a MarketSnapshot is initialised once")
        if buffer is None:
            self.own = <Snapshot*>hft_alloc(sizeof(Snapshot))
            self.snapshot = self.own
            return
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE)
        self.held = True
        cdef size_t address = <size_t>self.view.buf + offset
        if not 0 <= offset <= self.view.len - <Py_ssize_t>sizeof(Snapshot):
            raise ValueError(f"a snapshot at {offset} does not fit into {self.view.len} bytes")
        if address % 8:
            raise ValueError(f"offset {offset} is not a multiple of 8")
        self.snapshot = <Snapshot*>address

    def __dealloc__(self):
        hft_free(self.own)
        if self.held:
            PyBuffer_Release(&self.view)

    def publish(self, OrderBook book not None, int64_t now_ns, int levels=5, bint synced=True) -> None:
        """Publish the current touch of the book, and the imbalance over `levels` levels."""
        cdef Snapshot values
        cdef double imbalance = book_imbalance(book.book, levels) if book_mid2(book.book) else NAN
        memset(&values, 0, sizeof(Snapshot))
        snapshot_take(&values, book.book, now_ns, llrint(1e9 * imbalance) if imbalance == imbalance else 0,
                      (SNAPSHOT_SYNCED if synced else 0) | (SNAPSHOT_IMBALANCE if imbalance == imbalance else 0))
        snapshot_write(self.snapshot, &values)

    def read(self) -> SnapshotView:
        """A consistent copy. RuntimeError: the writer died in the middle of a write."""
        cdef Snapshot s
        if snapshot_read(self.snapshot, &s) != 0:
            raise RuntimeError("the snapshot's writer stopped in the middle of a write")
        return SnapshotView(
            s.sequence, s.timestamp_ns, s.best_bid, s.best_ask, s.mid2,
            s.imbalance / 1e9 if s.flags & SNAPSHOT_IMBALANCE else NAN, s.spread_bps / 1e3, s.update_id,
            s.flags & SNAPSHOT_SYNCED != 0)
