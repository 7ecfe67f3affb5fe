# The outputs of an account's events: journal, state page, and the log of fills in memory. Borrowed pointers; the engine keeps
# their owners. The records of orders, positions and fills are written by the rooms of their structs (`trade/order_records`,
# `execution/fill_record`). Nothing here influences a decision; the engine checks the journal's room once per input
# (`capacity`).

from hft._core.base.status cimport FAULT_JOURNAL_FULL, OK
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport (
    RECORD_FILL, RECORD_KILL, RECORD_ORDER, RECORD_RULES, JournalRecord, Spec, SymbolSpec, int32_t, int64_t, likely, multiply,
    uint8_t, uint64_t,
)
from hft._core.record.journal cimport FILL_FEE_IN_BASE, JournalState, journal_append
from hft._core.record.page cimport PAGE_RECENT, Page
from libc.string cimport memset

cdef struct FillLog:            # the newest fills, in memory; JournalRecord[capacity] behind `records`
    JournalRecord* records
    int64_t capacity
    int64_t count               # fills since the start

cdef struct Output:
    JournalState* journal
    Page* page
    FillLog fills
    int64_t overwrites          # 1: no writer drains the journal; its oldest records are overwritten


cdef inline void output_count(uint64_t* counter) noexcept nogil:
    """One writer: a plain increment is atomic enough for readers of a machine word."""
    counter[0] += 1


cdef inline void record_begin(JournalRecord* r, int kind, int32_t symbol, int64_t now) noexcept nogil:
    """Sets the fields common to all records; the others are 0."""
    memset(r, 0, sizeof(JournalRecord))
    r.kind = <uint8_t>kind
    r.ts_ns = now
    r.symbol = symbol


cdef inline int output_append(Output* out, const JournalRecord* record) noexcept nogil:
    if likely(journal_append(out.journal, record)):
        return OK
    if not out.overwrites:
        return FAULT_JOURNAL_FULL
    out.journal.tail = out.journal.head
    return OK if journal_append(out.journal, record) else FAULT_JOURNAL_FULL


cdef inline int output_rules(Output* out, int32_t symbol, const SymbolSpec* spec, bint trading, int64_t now) noexcept nogil:
    """Records a symbol's rules; later records are in their units."""
    cdef JournalRecord r
    record_begin(&r, RECORD_RULES, symbol, now)
    r.price = spec.price_mant
    r.leaves = spec.price_exp
    r.qty = spec.qty_mant
    r.fee = spec.qty_exp
    r.cash = spec.tick
    r.cost = spec.lot
    r.sent_ns = spec.min_qty
    r.realised = spec.max_qty
    r.due_ns = spec.min_notional
    r.status = trading
    return output_append(out, &r)


cdef inline bint output_rescale(Output* out, int32_t symbol, int64_t price_factor, int64_t qty_factor) noexcept nogil:
    """Converts the published fills and orders of a symbol to finer units; 0 if a number exceeds 64 bits."""
    cdef int64_t n = min(out.fills.count, out.fills.capacity)
    cdef int64_t i
    cdef JournalRecord* r
    cdef bint fits = True
    for i in range(n + PAGE_RECENT):
        r = &out.fills.records[i] if i < n else &out.page.recent[i - n]
        if r.symbol == symbol and (r.kind == RECORD_FILL or r.kind == RECORD_ORDER):
            fits = (multiply(&r.price, price_factor) and multiply(&r.qty, qty_factor)
                    and multiply(&r.leaves, qty_factor) and fits)
    return fits


cdef inline int output_kill(Output* out, bint on, int reason, int64_t now) noexcept nogil:
    cdef JournalRecord r
    record_begin(&r, RECORD_KILL, -1, now)
    r.status = on
    r.reason = reason
    return output_append(out, &r)


cdef class Fill:
    cdef readonly int64_t order_id, exch_ts_ns, local_ts_ns
    cdef readonly str symbol
    cdef readonly int side
    cdef readonly object price, qty, fee
    cdef readonly bint maker, suspect, fee_in_base


cdef Fill fill_from(const JournalRecord* r, Symbols symbols)
