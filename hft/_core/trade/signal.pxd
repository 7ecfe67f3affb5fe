# Signal: from order-book imbalance to strength, confidence and a holding period (SEMANTICS 19).
#
# Confidence is a share of time, so the state is a ring of segments in which the imbalance stayed in one class:
#
#       class   +1: I >= threshold     -1: I <= -threshold     0: between
#
#       edge               oldest                    newest (open)
#         |---- +1 ----|-- 0 --|------ +1 ------|---- -1 ----> now
#         |<------------- the window, W ------------------->|
#
# `held[class + 1]` is the time of the closed segments right of the edge: an integer running sum, so nothing drifts, and
# one update costs one addition whatever W is. Adjacent segments differ in class and none is empty.

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from hft._core.base.elementary cimport exp
from hft._core.base.memory cimport align64
from hft._core.base.types cimport unlikely


cdef struct SignalRecord:       # what any signal model says
    double strength             # -1 .. 1, its sign is the side
    double confidence           # 0 .. 1
    int64_t holding_period_ns

cdef struct SignalParams:
    double threshold            # above 0, at most 1
    double min_confidence       # 0 .. 1
    int64_t window_ns           # W
    int64_t decay_ns
    int64_t holding_ns
    int32_t capacity            # segments; at least 2
    int32_t reserved

cdef struct SignalSegment:
    int64_t start_ns
    int64_t cls                 # -1, 0, 1

cdef struct SignalState:        # the segments follow
    SignalParams params
    double imbalance            # as last refreshed
    int64_t refreshed_ns
    int64_t since_ns            # first update since the reset
    int64_t edge_ns             # the segments are accounted for from here
    int64_t held[3]             # by class + 1
    int64_t shortened           # segments dropped inside the window, for want of room
    int32_t oldest              # slot
    int32_t count
    double largest              # of all |imbalance| so far, and of all confidences at or above the threshold: what a run
    double surest               # without a signal says for itself (SEMANTICS 32); never read by a decision


cdef inline size_t signal_size(const SignalParams* params) noexcept nogil:
    return align64(sizeof(SignalState)) + <size_t>params.capacity * sizeof(SignalSegment)


cdef inline void signal_init(SignalState* s, const SignalParams* params) noexcept nogil:
    """`s` is zeroed memory of `signal_size(params)` bytes."""
    s.params = params[0]


cdef inline SignalSegment* signal_segment(SignalState* s, int32_t i) noexcept nogil:
    """The i-th oldest segment."""
    cdef int32_t slot = s.oldest + i
    if slot >= s.params.capacity:
        slot -= s.params.capacity
    return <SignalSegment*>(<char*>s + align64(sizeof(SignalState))) + slot


cdef inline int64_t signal_held(const SignalState* s, const SignalSegment* segment, int64_t end_ns) noexcept nogil:
    """How long a segment that ends at `end_ns` lies right of the edge."""
    return end_ns - (segment.start_ns if segment.start_ns > s.edge_ns else s.edge_ns)


cdef inline void signal_drop_oldest(SignalState* s) noexcept nogil:
    cdef SignalSegment* segment = signal_segment(s, 0)
    s.held[segment.cls + 1] -= signal_held(s, segment, signal_segment(s, 1).start_ns)
    s.oldest += 1
    if s.oldest == s.params.capacity:
        s.oldest = 0
    s.count -= 1


cdef inline void signal_evict(SignalState* s, int64_t now) noexcept nogil:
    """Move the edge to now - W; it never moves back."""
    cdef int64_t edge = now - s.params.window_ns
    cdef SignalSegment* segment
    if edge <= s.edge_ns:
        return
    while s.count > 1 and signal_segment(s, 1).start_ns <= edge:
        signal_drop_oldest(s)
    segment = signal_segment(s, 0)
    if s.count > 1 and segment.start_ns < edge:
        s.held[segment.cls + 1] -= signal_held(s, segment, edge)
    s.edge_ns = edge


cdef inline void signal_append(SignalState* s, int64_t cls, int64_t now) noexcept nogil:
    """Close the newest segment at `now` and open one of class `cls`."""
    cdef SignalSegment* newest
    signal_evict(s, now)
    newest = signal_segment(s, s.count - 1)
    if newest.start_ns == now:          # several updates in one read: the last one counts, none leaves a trace
        newest.cls = cls
        if s.count == 1 or signal_segment(s, s.count - 2).cls != cls:
            return
        s.count -= 1                    # as the segment before: that one is open again
        newest = signal_segment(s, s.count - 1)
        s.held[cls + 1] -= signal_held(s, newest, now)
        return
    s.held[newest.cls + 1] += signal_held(s, newest, now)
    s.count += 1
    if s.count > s.params.capacity:
        s.count -= 1
        signal_drop_oldest(s)
        s.count += 1
        s.edge_ns = signal_segment(s, 0).start_ns
        s.shortened += 1
    newest = signal_segment(s, s.count - 1)
    newest.start_ns = now
    newest.cls = cls


cdef inline void signal_reset(SignalState* s) noexcept nogil:
    """Forget everything: the book is not in sync."""
    s.oldest = s.count = 0
    s.held[0] = s.held[1] = s.held[2] = 0


cdef inline void signal_on_imbalance(SignalState* s, double imbalance, int64_t now) noexcept nogil:
    """The view changed (or was restated): refresh. NaN, "not in sync", resets."""
    cdef int64_t cls
    cdef SignalSegment* first
    if imbalance != imbalance:
        signal_reset(s)
        return
    s.imbalance = imbalance
    s.refreshed_ns = now
    if unlikely(fabs(imbalance) > s.largest):
        s.largest = fabs(imbalance)
    cls = <int64_t>(imbalance >= s.params.threshold) - <int64_t>(imbalance <= -s.params.threshold)
    if s.count == 0:
        s.count = 1
        s.since_ns = s.edge_ns = now
        first = signal_segment(s, 0)
        first.start_ns = now
        first.cls = cls
    elif signal_segment(s, s.count - 1).cls != cls:
        signal_append(s, cls, now)


cdef inline int signal_eval(SignalState* s, int64_t now, SignalRecord* out) noexcept nogil:
    """1 and the signal if one stands at `now`, else 0 (`out` is then untouched)."""
    cdef double strength = s.imbalance
    cdef SignalSegment* newest
    cdef int64_t held
    if s.count == 0 or fabs(strength) < s.params.threshold or now - s.since_ns < s.params.window_ns:
        return 0
    if now > s.refreshed_ns:
        strength *= exp(-<double>(now - s.refreshed_ns) / <double>s.params.decay_ns)
        if fabs(strength) < s.params.threshold:
            return 0
    signal_evict(s, now)
    newest = signal_segment(s, s.count - 1)
    held = s.held[newest.cls + 1] + signal_held(s, newest, now)
    # now - edge is W, or less where the ring was too small for W.
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
    cdef SignalState* c
