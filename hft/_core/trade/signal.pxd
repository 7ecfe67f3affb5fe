# Signal: from order-book imbalance to strength, confidence and a holding period (SEMANTICS 19).
#
# Confidence is a share of time, so the state holds sums of time by class of the market's imbalance series:
#
#       class   +1: I >= threshold     -1: I <= -threshold     0: between
#
#       edge        oldest                       seen (open)
#         |---- +1 ----|-- 0 --|------ +1 ------|---- -1 ----> now
#         |<------------- the window, W ------------------->|
#
# `held[class + 1]` is the time of the closed entries right of the edge: an integer running sum, so there is no drift, and
# an update costs one addition, whatever W is. The series belongs to the market; the sums to this account, as its threshold does.

from libc.math cimport fabs
from libc.stdint cimport int64_t, uint64_t

from hft._core.base.elementary cimport exp
from hft._core.base.hash cimport hash_span
from hft._core.base.types cimport unlikely
from hft._core.market.series cimport Series, SeriesEntry, series_empty, series_entry, series_value


cdef struct SignalRecord:       # the output of any signal model
    double strength             # -1 .. 1, the sign is the side
    double confidence           # 0 .. 1
    int64_t holding_period_ns

cdef struct SignalParams:
    double threshold            # above 0, at most 1
    double min_confidence       # 0 .. 1
    int64_t window_ns           # W
    int64_t decay_ns
    int64_t holding_ns

cdef struct SignalState:
    SignalParams params
    int64_t edge_ns             # entries are included from this time on
    int64_t held[3]             # by class + 1
    uint64_t oldest             # number of the entry at the edge
    uint64_t seen               # entries with a lower number are closed and included in `held`
    double surest               # largest confidence at or above the threshold, reported by a run without signals (SEMANTICS 32)


cdef inline void signal_init(SignalState* s, const SignalParams* params) noexcept nogil:
    """`s` is zeroed memory."""
    s.params = params[0]


cdef inline uint64_t signal_hash(const SignalState* s, uint64_t h) noexcept nogil:
    """Hash of all fields but `surest`, a statistic."""
    return hash_span(h, s, &s.surest)


cdef inline int64_t* signal_held(SignalState* s, const SeriesEntry* entry) noexcept nogil:
    """The sum for an entry's class."""
    return &s.held[1 + <int>(entry.value >= s.params.threshold) - <int>(entry.value <= -s.params.threshold)]


cdef inline int64_t signal_time(const SignalState* s, const SeriesEntry* entry, int64_t end_ns) noexcept nogil:
    """Time of an entry that ends at `end_ns`, right of the edge."""
    return end_ns - (entry.start_ns if entry.start_ns > s.edge_ns else s.edge_ns)


cdef inline void signal_drop_oldest(SignalState* s, const Series* series) noexcept nogil:
    cdef int64_t end_ns = series_entry(series, s.oldest + 1).start_ns
    signal_held(s, series_entry(series, s.oldest))[0] -= signal_time(s, series_entry(series, s.oldest), end_ns)
    s.oldest += 1
    s.edge_ns = end_ns if end_ns > s.edge_ns else s.edge_ns


cdef inline void signal_follow(SignalState* s, const Series* series) noexcept nogil:
    """Includes entries closed since the last call. Must be called after each change of the series, before its ring moves on."""
    if unlikely(s.seen < series.first):                         # the book was lost, or never in sync
        if series_empty(series):
            return
        s.oldest = s.seen = series.first
        s.held[0] = s.held[1] = s.held[2] = 0
        s.edge_ns = series.since_ns
    while s.seen + 1 < series.head:
        signal_held(s, series_entry(series, s.seen))[0] += signal_time(
            s, series_entry(series, s.seen), series_entry(series, s.seen + 1).start_ns)
        s.seen += 1
    while unlikely(s.oldest < series.tail):                     # the ring had no room for the entry: the window is shortened
        signal_drop_oldest(s, series)


cdef inline void signal_evict(SignalState* s, const Series* series, int64_t now) noexcept nogil:
    """Moves the edge to now - W; it never moves back."""
    cdef int64_t edge = now - s.params.window_ns
    if edge <= s.edge_ns:
        return
    while s.oldest < s.seen and series_entry(series, s.oldest + 1).start_ns <= edge:
        signal_drop_oldest(s, series)
    if s.oldest < s.seen and series_entry(series, s.oldest).start_ns < edge:
        signal_held(s, series_entry(series, s.oldest))[0] -= signal_time(s, series_entry(series, s.oldest), edge)
    s.edge_ns = edge


cdef inline int signal_eval(SignalState* s, const Series* series, int64_t now, SignalRecord* out) noexcept nogil:
    """1 and the signal if one is active at `now`, else 0 with `out` unchanged. `signal_follow` must be called first."""
    cdef double strength
    cdef SeriesEntry* newest
    cdef int64_t held
    if series_empty(series):
        return 0
    strength = series_value(series)
    if fabs(strength) < s.params.threshold or now - series.since_ns < s.params.window_ns:
        return 0
    if now > series.refreshed_ns:
        strength *= exp(-<double>(now - series.refreshed_ns) / <double>s.params.decay_ns)
        if fabs(strength) < s.params.threshold:
            return 0
    signal_evict(s, series, now)
    newest = series_entry(series, s.seen)
    held = signal_held(s, newest)[0] + signal_time(s, newest, now)
    # now - edge is W, or less if the ring was too small for W.
    out.confidence = <double>held / <double>(now - s.edge_ns)
    if unlikely(out.confidence > s.surest):
        s.surest = out.confidence
    if out.confidence < s.params.min_confidence:
        return 0
    out.strength = strength
    out.holding_period_ns = s.params.holding_ns
    return 1


cdef class Signal:
    cdef SignalRecord c


cdef class ImbalanceSignal:
    cdef SignalState c
    cdef Series* series
