# The journal record of a fill.

from hft._core.base.types cimport RECORD_FILL, JournalRecord, Report, int64_t
from hft._core.record.journal cimport FILL_FEE_IN_BASE
from hft._core.record.output cimport Output, output_append, record_begin
from hft._core.record.page cimport page_recent


cdef inline int output_fill(Output* out, const Report* report, int64_t now) noexcept nogil:
    """Records a fill, before its report reaches the strategy."""
    cdef JournalRecord r
    record_begin(&r, RECORD_FILL, report.symbol, now)
    r.exch_ns = report.exch_ns
    r.due_ns = report.due_ns
    r.order_id = report.order_id
    r.side = report.side
    r.price = report.price
    r.qty = report.qty
    r.leaves = report.leaves
    r.fee = report.fee
    r.maker = report.maker
    r.book_status = report.book_status
    r.flags = FILL_FEE_IN_BASE if report.fee_in_base else 0
    out.fills.records[out.fills.count % out.fills.capacity] = r
    out.fills.count += 1
    out.page.counters.fills += 1
    out.page.counters.maker_fills += report.maker
    out.page.counters.suspect_fills += report.book_status != 0
    page_recent(out.page, &r)
    return output_append(out, &r)
