# The journal records of an order and of a position.

from hft._core.base.types cimport RECORD_ORDER, RECORD_POSITION, JournalRecord, int32_t, int64_t
from hft._core.record.output cimport Output, output_append, record_begin
from hft._core.record.page cimport page_recent
from hft._core.trade.orders cimport Order
from hft._core.trade.position cimport Position


cdef inline int output_order(Output* out, const Order* order, int64_t now, int64_t exch_ns) noexcept nogil:
    """Records the state of an order after a change."""
    cdef JournalRecord r
    record_begin(&r, RECORD_ORDER, order.symbol, now)
    r.exch_ns = exch_ns
    r.sent_ns = order.sent_ns
    r.due_ns = order.due_ns
    r.order_id = order.order_id
    r.side = order.side
    r.type = order.type
    r.tif = order.tif
    r.flags = order.flags
    r.status = order.status
    r.reason = order.reason
    r.price = order.price
    r.qty = order.qty
    r.leaves = order.leaves
    page_recent(out.page, &r)
    return output_append(out, &r)


cdef inline int output_position(Output* out, int32_t symbol, const Position* p, int64_t now) noexcept nogil:
    """Records a symbol's position after a fill was reported."""
    cdef JournalRecord r
    record_begin(&r, RECORD_POSITION, symbol, now)
    r.qty = p.qty
    r.cash = p.cash
    r.cost = p.cost
    r.realised = p.realised
    r.fee = p.fees_quote
    r.leaves = p.fees_base
    return output_append(out, &r)
