# What fixed memory must hold: every worst case of one trader, derived from the settings in this one place.
#
# An order that is sent can cause, until it is reported final:
#
#     reports    accepted, a fill at each level that it takes from, one more as a maker, the end
#     records    sent · a RECORD_FILL a fill · accepted · RECORD_POSITION and RECORD_ORDER a fill reported · the end ·
#                a cancel sent · that cancel refused
#
# An amend under way counts as another order: it may fill as often. Nothing else is written but the kill switch and a change of a
# symbol's rules. So what is under way says at any moment how much may still come of it without another message, and the
# journal always has room for that much: what is journalled is reported, and what is reported is journalled.

from libc.stdint cimport int32_t, int64_t

from hft._core.execution.taking cimport TAKE_LEVELS

cdef enum:
    ORDER_FILLS = TAKE_LEVELS + 1               # of one order by one message: as a taker when it takes effect, then as a maker
    ORDER_REPORTS = ORDER_FILLS + 2
    HEARD_RECORDS = 2                           # of a report that is heard: position and order
    FILL_RECORDS = 1 + HEARD_RECORDS
    ORDER_RECORDS = ORDER_FILLS * FILL_RECORDS + 5
    RULES_RECORDS = 1                           # the venue's rules of a symbol, where they change
    KILL_RECORDS = 4                            # the switch, turned off by request, then on again by what tripped it; twice

cdef struct Capacity:
    int64_t event_reports       # that one input can make before they are taken out of the broker
    int64_t delivery_reports    # under way to the trader
    int64_t new_orders          # and amends, that one input can send: as many as the strategy may put intents
    int64_t journal_least       # records: below it no order could ever be sent
    int64_t journal_orders      # records: with it orders are sent while all that may be open are, and the writer keeps up
    int64_t journal_most        # records: one input finds room, whatever is under way


cdef inline int64_t capacity_due(int64_t open_orders, int64_t reports) noexcept nogil:
    """Records that may come of what is under way, without another message: of open orders, reports and the kill switch."""
    return open_orders * ORDER_RECORDS + reports * HEARD_RECORDS + KILL_RECORDS


cdef inline int64_t capacity_message(int64_t open_orders, int64_t reports) noexcept nogil:
    """The same, and of the next message: it may fill every resting order, or change the rules, which ends them."""
    return capacity_due(open_orders, reports) + open_orders * FILL_RECORDS + RULES_RECORDS


cdef inline int64_t capacity_orders(int64_t open_orders, int64_t reports, int64_t new_orders) noexcept nogil:
    """The same, and of the new orders that it may bring."""
    return capacity_message(open_orders, reports) + new_orders * ORDER_RECORDS


cdef inline Capacity capacity_of(int64_t intents, int32_t max_open_orders, int32_t order_channel_size) noexcept nogil:
    """The worst cases of these settings, with a strategy that puts at most so many intents at one instant."""
    cdef Capacity c
    c.event_reports = 2 * <int64_t>max_open_orders + TAKE_LEVELS + 2    # an arrival, then every resting order fills and expires
    c.delivery_reports = <int64_t>max_open_orders * ORDER_REPORTS + order_channel_size      # a cancel, an amend is answered once
    c.new_orders = intents
    c.journal_least = capacity_orders(0, 0, c.new_orders)
    c.journal_orders = capacity_orders(max_open_orders, 0, c.new_orders)
    c.journal_most = capacity_orders(max_open_orders, c.delivery_reports, c.new_orders)
    return c
