# Sizes of fixed memory: the worst cases of one trader, all derived from the settings here.
#
# Until an order is reported final, it can cause:
#
#     reports    accepted, a fill at each level that it takes from, one more as a maker, the end
#     records    sent · a RECORD_FILL for each fill · accepted · RECORD_POSITION and RECORD_ORDER for each reported fill ·
#                the end · a cancel sent · that cancel refused
#
# An amend under way counts as another order: it may fill as often. Other records are only those of the kill switch and of a
# symbol's changed rules. So the orders and reports under way give, at any time, the number of records that can follow without
# another message. The journal always has room for these, so fills in the journal and fills reported are the same.

from libc.stdint cimport int32_t, int64_t

from hft._core.execution.taking cimport TAKE_LEVELS

cdef enum:
    ORDER_FILLS = TAKE_LEVELS + 1               # of one order by one message: as a taker when it takes effect, then as a maker
    ORDER_REPORTS = ORDER_FILLS + 2
    REPORT_RECORDS = 2                          # when a report is delivered: position and order
    FILL_RECORDS = 1 + REPORT_RECORDS
    ORDER_RECORDS = ORDER_FILLS * FILL_RECORDS + 5
    RULES_RECORDS = 1                           # when the venue's rules of a symbol change
    KILL_RECORDS = 4                            # the switch, released by request, then tripped again by its cause; twice

cdef struct Capacity:
    int64_t event_reports       # reports of one input before they are taken from the broker
    int64_t delivery_reports    # under way to the trader
    int64_t new_orders          # new orders and amends of one input: as many as the strategy's intents
    int64_t journal_least       # records: with fewer, no order could ever be sent
    int64_t journal_orders      # records: with these, orders are sent until the maximum is open, if the writer keeps up
    int64_t journal_most        # records: enough for one input, whatever is under way


cdef inline int64_t capacity_due(int64_t open_orders, int64_t reports) noexcept nogil:
    """Records that can follow from open orders, reports and the kill switch, without another message."""
    return open_orders * ORDER_RECORDS + reports * REPORT_RECORDS + KILL_RECORDS


cdef inline int64_t capacity_message(int64_t open_orders, int64_t reports) noexcept nogil:
    """As `capacity_due`, plus the next message: it may fill every resting order, or change the rules, which ends them."""
    return capacity_due(open_orders, reports) + open_orders * FILL_RECORDS + RULES_RECORDS


cdef inline int64_t capacity_orders(int64_t open_orders, int64_t reports, int64_t new_orders) noexcept nogil:
    """As `capacity_message`, plus the new orders of that message."""
    return capacity_message(open_orders, reports) + new_orders * ORDER_RECORDS


cdef inline Capacity capacity_of(int64_t intents, int32_t max_open_orders, int32_t order_channel_size) noexcept nogil:
    """The worst cases of these settings, with a strategy that puts at most `intents` at one instant."""
    cdef Capacity c
    c.event_reports = 2 * <int64_t>max_open_orders + TAKE_LEVELS + 2    # an arrival, then every resting order fills and expires
    c.delivery_reports = <int64_t>max_open_orders * ORDER_REPORTS + order_channel_size      # a cancel or an amend has one report
    c.new_orders = intents
    c.journal_least = capacity_orders(0, 0, c.new_orders)
    c.journal_orders = capacity_orders(max_open_orders, 0, c.new_orders)
    c.journal_most = capacity_orders(max_open_orders, c.delivery_reports, c.new_orders)
    return c
