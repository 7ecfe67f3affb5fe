# The journal: a ring of 128-byte records between the engine, which appends, and the writer thread, which moves them to
# the database and only then releases their slots. One producer, one consumer, no locks.
#
#     0        64          128         192                                           192 + capacity x 128
#     +--------+-----------+-----------+----------+----------+--   --+----------+
#     | magic  | head      | tail      | record 0 | record 1 |  ...  | capacity-1 |
#     | layout | producer  | consumer  |          |          |       |            |
#     +--------+-----------+-----------+----------+----------+--   --+----------+
#
# `head` and `tail` count records ever appended and ever committed; record n is in slot n % capacity. A record counts
# once `head` is past it. The memory has no pointers, so that it can also be a mapped file.
#
# Only `head` defines what was appended: its store is the single moment at which a record comes into existence. The other header
# fields are either set when a run begins (`base`, `run`) or computed again on opening. So memory that was copied, or left by a
# killed process, in the middle of an append is opened in the state before the append or after it. If the
# machine died and pages reached the disk in another order, the checksums show up to where the records are whole.
#
# Fields of the records (prices in ticks, quantities in quanta, see `types`); fields not named are 0:
#
#   RECORD_ORDER     the state of an order after a change: order_id, symbol, side, type, tif, flags (OrderFlag), price (limit, or
#                    the collar of a market order), qty (as sent), leaves, status (OrderStatus), reason (of a refusal
#                    or end), sent_ns and due_ns (of its newest command), exch_ns (of the report behind the change; 0: none)
#   RECORD_FILL      order_id, symbol, side, price, qty, leaves (after it), fee (1e-8 of the fee asset), maker, book_status,
#                    exch_ns (v, or a, of its cause), due_ns (of the report to the strategy), flags (FILL_FEE_IN_BASE)
#   RECORD_POSITION  a symbol after a fill: qty (signed position), cash, cost, realised (gross), fee (fees in quote, 1e-8),
#                    leaves (fees in base, 1e-8)
#   RECORD_KILL      status (1 on, 0 off), reason (status code of the cause); symbol is -1
#   RECORD_RULES     symbol, price and leaves (price_mant, price_exp), qty and fee (qty_mant, qty_exp), cash (tick), cost (lot),
#                    sent_ns (min_qty), realised (max_qty), due_ns (min_notional), status (1: traded): fields of SymbolSpec

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from hft._core.base.atomic cimport load_acquire, load_relaxed, store_release
from hft._core.base.crc32c cimport crc32c
from hft._core.base.types cimport JournalRecord

cdef extern from *:
    """
    #define HFT_JOURNAL_MAGIC 0x004C4E524A544648ull   /* "HFTJRNL" */
    """
    const uint64_t JOURNAL_MAGIC "HFT_JOURNAL_MAGIC"

cdef enum:
    JOURNAL_VERSION = 2
    JOURNAL_RECORD = 128
    FILL_FEE_IN_BASE = 1        # in `flags` of a RECORD_FILL

cdef struct JournalParams:
    int64_t capacity            # records, from 1

cdef struct JournalState:
    uint64_t magic              # constant after init
    uint32_t version
    uint32_t record_size
    uint64_t capacity
    uint64_t reserved0[5]
    uint64_t head               # producer's line
    uint64_t base               # head when this run began
    int64_t run
    uint64_t slot               # head % capacity, kept to avoid a division on the path; computed again on opening
    uint64_t reserved1[4]
    uint64_t tail               # consumer's line
    uint64_t reserved2[7]


cdef inline JournalRecord* journal_slots(const JournalState* j) noexcept nogil:
    return <JournalRecord*>(<char*>j + sizeof(JournalState))


cdef inline int64_t journal_used(const JournalState* j) noexcept nogil:
    """Records appended and not yet committed to the database. Called by the producer."""
    return <int64_t>(load_relaxed(&j.head) - load_acquire(&j.tail))


cdef inline int64_t journal_room(const JournalState* j) noexcept nogil:
    """Free records. When they are fewer than open orders may still need, new orders must be refused, since a fill can't be."""
    return <int64_t>j.capacity - journal_used(j)


cdef inline JournalRecord* journal_claim(JournalState* j) noexcept nogil:
    """The next slot, to be filled in place (completely: it holds an old record) and published; NULL when there is no room."""
    if journal_room(j) <= 0:
        return NULL
    return &journal_slots(j)[j.slot]


cdef inline void journal_publish(JournalState* j) noexcept nogil:
    """Numbers, seals and hands over the record from `journal_claim`."""
    cdef uint64_t head = j.head
    cdef JournalRecord* r = &journal_slots(j)[j.slot]
    r.seq = head + 1 - j.base
    r.run = <int32_t>j.run
    r.crc = crc32c(r, JOURNAL_RECORD - sizeof(uint32_t))
    store_release(&j.head, head + 1)
    j.slot += 1
    if j.slot == j.capacity:
        j.slot = 0


cdef inline bint journal_append(JournalState* j, const JournalRecord* record) noexcept nogil:
    """Appends a copy of a record and sets its `seq`, `run` and `crc`. False when there is no room: nothing was appended."""
    cdef JournalRecord* r = journal_claim(j)
    if r == NULL:
        return False
    r[0] = record[0]
    journal_publish(j)
    return True


cdef inline int64_t journal_lag_ns(const JournalState* j, int64_t now) noexcept nogil:
    """Age of the oldest record not yet in the database; 0 if there is none. Called by the producer."""
    cdef uint64_t tail = load_acquire(&j.tail)
    if tail == j.head:
        return 0
    return now - journal_slots(j)[tail % j.capacity].ts_ns


cdef size_t journal_size(const JournalParams* params) noexcept nogil
cdef void journal_init(JournalState* j, const JournalParams* params) noexcept nogil
cdef int64_t journal_open(JournalState* j) noexcept nogil              # memory that holds one: records left out, -1: damaged
cdef void journal_begin(JournalState* j, int64_t run) noexcept nogil          # a new run: seq starts at 1


cdef class Journal:
    cdef JournalState* c
    cdef bint owned             # this object allocates and frees it (`memory` may already be cleared by the garbage collector)
    cdef object memory          # otherwise: the buffer that holds it
    cdef readonly int64_t left_out
