# Latency between one trader and one symbol's exchange: when a command takes effect, and when its report arrives (SEMANTICS 3–6).
#
#     s --- entry ---> a                        a command sent while handling the input at s is due at a
#                      |  first event with v > a: it takes effect just before that event
#                      |  no such event: it takes effect at a + max_feed_delay, by timer
#                      max(v, a) --- response ---> the strategy receives the report; reports keep their order

from libc.stdint cimport int64_t


cdef struct Latency:
    int64_t entry_ns            # strategy -> exchange
    int64_t response_ns         # exchange -> strategy
    int64_t max_feed_delay_ns   # after this long without market data a due command still takes effect
    int64_t last_due_ns         # due times never decrease: a cancel can't overtake its order
    int64_t last_report_ns      # due times of reports never decrease either, although `v` may


cdef inline int64_t latency_due(const Latency* l, int64_t sent_ns) noexcept nogil:
    """Time at which a command sent at `sent_ns` is due at the exchange."""
    return max(sent_ns + l.entry_ns, l.last_due_ns)


cdef inline int64_t latency_timer(const Latency* l, int64_t due_ns) noexcept nogil:
    """Time at which a command due at `due_ns` takes effect without market data."""
    return due_ns + l.max_feed_delay_ns


cdef inline int64_t latency_report_due(Latency* l, int64_t exch_ns, int64_t now) noexcept nogil:
    """Time at which the strategy receives the report of an event at `exch_ns`: neither in the past nor before earlier reports."""
    l.last_report_ns = max(max(now, exch_ns + l.response_ns), l.last_report_ns)
    return l.last_report_ns
