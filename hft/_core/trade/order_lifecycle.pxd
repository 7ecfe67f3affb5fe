# The lifecycle of an order: the state that each report leads to, from the order's present state.

from hft._core.base.status cimport FAULT_ILLEGAL_MOVE, FAULT_UNKNOWN_ORDER, OK
from hft._core.base.types cimport (
    CANCELED, EXPIRED, FILLED, OPEN, PARTIALLY_FILLED, PENDING_AMEND, PENDING_CANCEL, PENDING_NEW, REJECTED, REPORT_ACCEPTED,
    REPORT_AMENDED, REPORT_AMEND_REJECTED, REPORT_CANCELED, REPORT_CANCEL_REJECTED, REPORT_EXPIRED, REPORT_FILL, REPORT_REJECTED,
    Report, int64_t, uint8_t, unlikely,
)
from hft._core.trade.orders cimport (
    Order, Orders, order_is_final, order_may_move, orders_amend_end, orders_close, orders_find, orders_issued, orders_of,
)


cdef inline int order_standing(const Order* order) noexcept nogil:
    """The order's state without commands under way."""
    if order.leaves < order.qty:
        return PARTIALLY_FILLED
    return OPEN if order.accepted else PENDING_NEW


cdef inline int orders_next_status(const Order* order, const Report* report) noexcept nogil:
    """The state after a report, or FAULT_ILLEGAL_MOVE if the report contradicts an earlier one."""
    cdef bint waits = order.status == PENDING_CANCEL or order.status == PENDING_AMEND
    if report.kind == REPORT_FILL:
        if report.qty <= 0 or report.qty > order.leaves or report.leaves != order.leaves - report.qty:
            return FAULT_ILLEGAL_MOVE                   # overfilled, or reported twice
        if report.leaves == 0:
            return FILLED
        return order.status if waits else PARTIALLY_FILLED
    if report.kind == REPORT_ACCEPTED:
        if order.accepted or order.leaves < order.qty:
            return FAULT_ILLEGAL_MOVE
        return order.status if waits else OPEN
    if report.kind == REPORT_CANCELED:
        return CANCELED
    if report.kind == REPORT_REJECTED:
        if order.accepted or order.leaves < order.qty:
            return FAULT_ILLEGAL_MOVE
        return REJECTED
    if report.kind == REPORT_EXPIRED:
        return EXPIRED
    if report.kind == REPORT_CANCEL_REJECTED and order.status == PENDING_CANCEL:
        return PENDING_AMEND if order.amend_qty else order_standing(order)
    if report.kind == REPORT_AMEND_REJECTED and order.amend_qty:
        return PENDING_CANCEL if order.status == PENDING_CANCEL else order_standing(order)
    if report.kind == REPORT_AMENDED and order.amend_qty and report.leaves == order.leaves + order.amend_qty - order.qty:
        if order.status == PENDING_CANCEL:
            return PENDING_CANCEL
        return PARTIALLY_FILLED if report.leaves < order.amend_qty else OPEN
    return FAULT_ILLEGAL_MOVE


cdef inline void orders_amended(Orders* s, Order* order) noexcept nogil:
    """Applies the amend under way, which took effect."""
    cdef int64_t more = order.amend_qty - order.qty
    order.accepted = 1
    order.price = order.amend_price
    order.leaves += more
    orders_of(s, order.symbol).leaves[order.side < 0] += more
    orders_amend_end(s, order)
    order.qty += more


cdef inline int orders_on_report(Orders* s, const Report* report, Order** out) noexcept nogil:
    """Moves the order of `report`. OK, or a fault and nothing has changed.

    `out` is the updated order; a final one is valid until the next `orders_create`. NULL for the reports that may come
    after an order was final: its cancel or amend crossed the last fill and is refused.
    """
    cdef Order* order = orders_find(s, report.order_id)
    cdef int status
    out[0] = order
    if unlikely(order == NULL):
        if ((report.kind == REPORT_CANCEL_REJECTED or report.kind == REPORT_AMEND_REJECTED)
                and orders_issued(s, report.order_id)):
            return OK
        return FAULT_UNKNOWN_ORDER
    status = orders_next_status(order, report)
    if unlikely(status < 0 or not order_may_move(order, status)):
        return FAULT_ILLEGAL_MOVE
    order.status = <uint8_t>status
    order.reported_ns = report.due_ns
    if report.kind == REPORT_FILL:
        order.leaves -= report.qty
        orders_of(s, order.symbol).leaves[order.side < 0] -= report.qty
        if report.fee_in_base:
            order.fee_base += report.fee
        else:
            order.fee_quote += report.fee
    elif report.kind == REPORT_ACCEPTED:
        order.accepted = 1
    elif report.kind == REPORT_AMENDED:
        orders_amended(s, order)
    elif report.kind == REPORT_AMEND_REJECTED:
        orders_amend_end(s, order)
    elif report.kind != REPORT_CANCEL_REJECTED:
        order.reason = report.reason
    if order_is_final(order):
        orders_close(s, order)
    return OK
