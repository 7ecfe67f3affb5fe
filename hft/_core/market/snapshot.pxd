# The main figures of the market, in one cache line with one writer. Any number of readers, in other threads or through a mapped
# page in other processes, read it without delaying the writer: a seqlock.
#
#    0        8             16        24        32     40         48         56          60
#    | sequence | timestamp_ns | best_bid | best_ask | mid2 | imbalance | update_id | spread_bps | flags |
#
# `sequence` is odd while a write is under way. Payload words are relaxed atomics between fences (H.-J. Boehm, "Can seqlocks
# get along with programming language memory models?", 2012), so a torn read is possible and detected, and there is no data race.

from libc.math cimport NAN, llrint
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hft._core.base.types cimport ASK, BID, NO_PRICE
from hft._core.market.book cimport Book, book_best, book_imbalance, book_mid2

cdef extern from *:
    """
    #include <stdint.h>
    #define HFT_SNAPSHOT_WORDS 8

    static inline void hft_snapshot_write(void *to, const void *from) {
        uint64_t *t = (uint64_t *)to;
        const uint64_t *f = (const uint64_t *)from;
        uint64_t sequence = __atomic_load_n(t, __ATOMIC_RELAXED);
        __atomic_store_n(t, sequence + 1, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_RELEASE);
        for (int i = 1; i < HFT_SNAPSHOT_WORDS; i++)
            __atomic_store_n(t + i, f[i], __ATOMIC_RELAXED);
        __atomic_store_n(t, sequence + 2, __ATOMIC_RELEASE);
    }

    static inline int hft_snapshot_read(const void *from, void *to) {
        const uint64_t *f = (const uint64_t *)from;
        uint64_t *t = (uint64_t *)to;
        uint64_t sequence = __atomic_load_n(f, __ATOMIC_ACQUIRE);
        if (sequence & 1) return 0;
        for (int i = 1; i < HFT_SNAPSHOT_WORDS; i++)
            t[i] = __atomic_load_n(f + i, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        t[0] = sequence;
        return __atomic_load_n(f, __ATOMIC_RELAXED) == sequence;
    }
    """
    void _write "hft_snapshot_write"(void* to, const void* source) noexcept nogil
    bint _read "hft_snapshot_read"(const void* source, void* to) noexcept nogil

cdef enum:
    SNAPSHOT_TRIES = 64         # tries of one read; a write takes about 3 ns, so if all fail the writer is dead

cdef enum SnapshotFlag:
    SNAPSHOT_SYNCED = 1         # the book is in sync
    SNAPSHOT_IMBALANCE = 2      # `imbalance` has a value

cdef struct Snapshot:
    uint64_t sequence           # 2 x the number of writes
    int64_t timestamp_ns        # `now` of the newest message included
    int64_t best_bid            # ticks; NO_PRICE when the side is empty
    int64_t best_ask
    int64_t mid2                # bid + ask: half ticks; 0 when a side is empty
    int64_t imbalance           # 1e-9
    int64_t update_id           # of the newest message included, depth or bookTicker
    uint32_t spread_bps         # thousandths of a basis point, rounded to the nearest, at most 2^32 - 1
    uint32_t flags              # SnapshotFlag


cdef inline void snapshot_take(Snapshot* out, const Book* b, int64_t now, int64_t imbalance_e9,
                               uint32_t flags) noexcept nogil:
    """Fills `out` from the book's view, as values for snapshot_write."""
    cdef double spread
    out.timestamp_ns = now
    out.best_bid = book_best(b, BID)
    out.best_ask = book_best(b, ASK)
    out.mid2 = 0
    out.spread_bps = 0
    if out.best_bid != NO_PRICE and out.best_ask != NO_PRICE:
        out.mid2 = out.best_bid + out.best_ask
        spread = 2e7 * <double>(out.best_ask - out.best_bid) / <double>out.mid2 + 0.5
        out.spread_bps = <uint32_t>spread if spread < 4294967295.0 else <uint32_t>4294967295
    out.imbalance = imbalance_e9
    out.update_id = b.overlay_id if b.overlay_id > b.base_id else b.base_id
    out.flags = flags


cdef inline void snapshot_write(Snapshot* s, const Snapshot* values) noexcept nogil:
    """Publishes `values` (except their sequence). One writer."""
    _write(s, values)


cdef inline int snapshot_read(const Snapshot* s, Snapshot* out) noexcept nogil:
    """Copies a consistent state: OK, or SNAPSHOT_TRIES if a write was under way each time; `out` is then invalid."""
    cdef int _try
    for _try in range(SNAPSHOT_TRIES):
        if _read(s, out):
            return 0
    return SNAPSHOT_TRIES


cdef class MarketSnapshot:
    """A `Snapshot` for Python: in its own 64 bytes, or in a buffer that it holds."""
    cdef Snapshot* snapshot
    cdef Snapshot* own          # allocated and freed by this object
    cdef Py_buffer view
    cdef bint held
