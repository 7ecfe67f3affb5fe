# Latency of one trader to one symbol's exchange: when a command takes effect, and when its result is heard (SEMANTICS 3–6).
#
#     s --- entry ---> a                        a command sent while handling the input at s is due at a
#                      |  first event with v > a: it takes effect just before that event
#                      |  no such event: it takes effect at a + max_feed_delay, by timer
#                      max(v, a) --- response ---> the strategy hears of it: of one report after the other

from libc.stdint cimport int64_t


cdef struct Latency:
    int64_t entry_ns            # strategy -> exchange
    int64_t response_ns         # exchange -> strategy
    int64_t max_feed_delay_ns   # after this long without market data a due command takes effect all the same
    int64_t last_due_ns         # due times never decrease: a cancel can't overtake its order
    int64_t last_report_ns      # nor do those of reports: `v` may go back, what a trader hears of does not


cdef inline int64_t latency_due(const Latency* l, int64_t sent_ns) noexcept nogil:
    """When a command sent at `sent_ns` is due at the exchange."""
    return max(sent_ns + l.entry_ns, l.last_due_ns)


cdef inline int64_t latency_timer(const Latency* l, int64_t due_ns) noexcept nogil:
    """When a command due at `due_ns` takes effect if no market data comes."""
    return due_ns + l.max_feed_delay_ns


cdef inline int64_t latency_heard(Latency* l, int64_t exch_ns, int64_t now) noexcept nogil:
    """When the strategy hears of what happened at `exch_ns`: never in the past, and never before the report asked for last."""
    l.last_report_ns = max(max(now, exch_ns + l.response_ns), l.last_report_ns)
    return l.last_report_ns
