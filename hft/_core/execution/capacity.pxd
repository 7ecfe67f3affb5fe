# What fixed memory must hold: every worst case of one trader, derived from the settings in this one place.
#
# An order that is sent can cause, until it is told to be final:
#
#     reports    accepted, a fill at each level that it takes from, one more as a maker, the end
#     records    sent · a RECORD_FILL a fill · accepted told · RECORD_POSITION and RECORD_ORDER a fill told · the end told ·
#                a cancel sent · that cancel refused
#
# Nothing else is written but the kill switch and a change of a symbol's rules. So what is under way says at any moment how
# much may still come of it without another message, and the journal always has room for that much: what is journalled is
# told, and what is told is journalled.

from libc.stdint cimport int32_t, int64_t

from hft._core.execution.taking cimport TAKE_LEVELS

cdef enum:
    ORDER_FILLS = TAKE_LEVELS + 1               # of one order by one message: as a taker when it takes effect, then as a maker
    ORDER_REPORTS = ORDER_FILLS + 2
    TOLD_RECORDS = 2                            # of a report that is told: position and order
    FILL_RECORDS = 1 + TOLD_RECORDS
    ORDER_RECORDS = ORDER_FILLS * FILL_RECORDS + 5
    RULES_RECORDS = 1                           # the venue's rules of a symbol, where they change
    KILL_RECORDS = 4                            # the switch, turned off by request, then on again by what tripped it; twice

cdef struct Capacity:
    int64_t event_reports       # that one input can make before they are taken out of the broker
    int64_t delivery_reports    # under way to the strategy
    int64_t new_orders          # that one input can send: an exit a symbol whose hold ends, and one entry
    int64_t journal_least       # records: below it no order could ever be sent
    int64_t journal_orders      # records: with it orders are sent while all that may be open are, and the writer keeps up
    int64_t journal_most        # records: one input finds room, whatever is under way


cdef inline int64_t capacity_due(int64_t open_orders, int64_t reports) noexcept nogil:
    """Records that may come of what is under way, without another message: of open orders, reports and the kill switch."""
    return open_orders * ORDER_RECORDS + reports * TOLD_RECORDS + KILL_RECORDS


cdef inline int64_t capacity_message(int64_t open_orders, int64_t reports) noexcept nogil:
    """The same, and of the next message: it may fill every resting order, or change the rules, which ends them."""
    return capacity_due(open_orders, reports) + open_orders * FILL_RECORDS + RULES_RECORDS


cdef inline int64_t capacity_orders(int64_t open_orders, int64_t reports, int64_t new_orders) noexcept nogil:
    """The same, and of the new orders that it may bring."""
    return capacity_message(open_orders, reports) + new_orders * ORDER_RECORDS


cdef inline Capacity capacity_of(int32_t n_symbols, int32_t max_open_orders, int32_t order_channel_size) noexcept nogil:
    """The worst cases of these settings."""
    cdef Capacity c
    c.event_reports = 2 * <int64_t>max_open_orders + TAKE_LEVELS + 2    # an arrival, then every resting order fills and expires
    c.delivery_reports = <int64_t>max_open_orders * ORDER_REPORTS + order_channel_size      # a cancel is answered once
    c.new_orders = n_symbols + 1
    c.journal_least = capacity_orders(0, 0, c.new_orders)
    c.journal_orders = capacity_orders(max_open_orders, 0, c.new_orders)
    c.journal_most = capacity_orders(max_open_orders, c.delivery_reports, c.new_orders)
    return c
