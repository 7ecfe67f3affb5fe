# The run log: all inputs of the engine, in order, on their way to a file. A ring of
# bytes between the engine's thread, which pushes, and the recorder's, which takes whole lines of text. No locks.
#
#     0            64                  128               192                       192 + capacity
#     +------------+-------------------+-----------------+---------+---------+--   --+
#     | capacity   | head              | tail            | entry   | entry   |  ...  |
#     | names      | tail as last seen |                 |         |         |       |
#     | (constant) | lost, counts      |                 |         |         |       |
#     +------------+-------------------+-----------------+---------+---------+--   --+
#
# `head` and `tail` count bytes ever pushed and ever taken; byte n is at n & (capacity - 1). An entry is a header and its
# payload without a break, a multiple of 16 bytes; if the rest of the ring is too small for an entry, an entry of its own kind
# skips it. An entry that does not fit is lost and counted; nobody waits. The next entry that fits is preceded by
# the number of missing ones.

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy
from hft._core.base.atomic cimport load_acquire, store_relaxed, store_release
from hft._core.base.types cimport unlikely

cdef enum LogKind:              # meaning of `arg` and of the payload
    LOG_SKIP = 0                # empty up to the end of the ring
    LOG_FRAME = 1               # a websocket message as received
    LOG_DEPTH = 2               # arg: symbol; the REST body of its book
    LOG_EXCHANGE_INFO = 3       # the REST body
    LOG_CONNECT = 4             # arg: symbol
    LOG_DISCONNECT = 5          # arg: symbol
    LOG_TIMER = 6
    LOG_KILL = 7                # arg: 1 on, 0 off, 2 on because a file of the run is gone
    LOG_JOURNAL_FULL = 8        # arg: 1 on, 0 off
    LOG_RESYNC = 9              # arg: symbol
    LOG_STOP = 10
    LOG_MARK = 11               # a line of JSON, unchanged: changed rules, and marks that the engine ignores
    LOG_BROKEN = 12             # uint64: number of entries missing here
    LOG_DECISION = 13           # a Decision: an intent of a strategy whose decisions are inputs
    LOG_KINDS = 14

cdef enum:
    LOG_ENTRY = 16              # bytes of a header; entries begin at multiples of this

cdef struct LogEntry:
    uint32_t size               # of the payload
    uint16_t kind
    uint16_t arg
    int64_t now

cdef struct RunLogState:
    uint64_t capacity           # bytes, a power of two
    char* names                 # NAME_BYTES for each symbol
    int64_t n_symbols
    uint64_t reserved0[5]
    uint64_t head               # producer's line
    uint64_t tail_seen
    uint64_t missing            # entries lost since the last LOG_BROKEN
    uint64_t lost               # entries ever lost
    uint64_t entries            # entries ever pushed
    uint64_t reserved1[3]
    uint64_t tail               # consumer's line
    uint64_t reserved2[7]


cdef inline LogEntry* runlog_at(const RunLogState* r, uint64_t n) noexcept nogil:
    return <LogEntry*>(<char*>r + sizeof(RunLogState) + (n & (r.capacity - 1)))


cdef inline uint64_t runlog_size(uint64_t payload) noexcept nogil:
    """Bytes of an entry."""
    return LOG_ENTRY + ((payload + LOG_ENTRY - 1) & ~<uint64_t>(LOG_ENTRY - 1))


cdef inline bint runlog_put(RunLogState* r, int kind, int arg, int64_t now, const void* p, size_t n) noexcept nogil:
    """Writes one entry; False if it does not fit now."""
    cdef uint64_t size = runlog_size(n)
    cdef uint64_t to_end = r.capacity - (r.head & (r.capacity - 1))
    cdef uint64_t skip = to_end if size > to_end else 0
    cdef LogEntry* entry
    if r.head + skip + size - r.tail_seen > r.capacity:
        r.tail_seen = load_acquire(&r.tail)
        if r.head + skip + size - r.tail_seen > r.capacity:
            return False
    if unlikely(skip != 0):
        entry = runlog_at(r, r.head)
        entry.size = <uint32_t>(skip - LOG_ENTRY)
        entry.kind = LOG_SKIP
    entry = runlog_at(r, r.head + skip)
    entry.size = <uint32_t>n
    entry.kind = <uint16_t>kind
    entry.arg = <uint16_t>arg
    entry.now = now
    if n:
        memcpy(<char*>entry + LOG_ENTRY, p, n)
    store_release(&r.head, r.head + skip + size)
    return True


cdef inline bint runlog_push(RunLogState* r, int kind, int arg, int64_t now, const void* p, size_t n) noexcept nogil:
    """Producer: pushes one entry with a copy of its payload. False: it is lost, and counted."""
    if unlikely(r.missing != 0) and runlog_put(r, LOG_BROKEN, 0, now, &r.missing, sizeof(uint64_t)):
        r.missing = 0
    if unlikely(r.missing != 0 or not runlog_put(r, kind, arg, now, p, n)):
        r.missing += 1
        store_relaxed(&r.lost, r.lost + 1)
        return False
    store_relaxed(&r.entries, r.entries + 1)
    return True


cdef class RunLog:
    cdef RunLogState* c         # this object allocates and frees it, and its names
