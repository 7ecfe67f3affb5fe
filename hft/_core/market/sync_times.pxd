# How long a symbol's book was in sync, and out of sync by cause (SEMANTICS 32). Statistics only.
#
# Time counts under one cause at a time, from the first input of the run on. `ns` contains ended periods only; the present cause
# began at `since_ns`. While a symbol is not traded there are no updates, so that is the cause of being out of sync.

from hft._core.base.types cimport int64_t

cdef enum SyncCause:            # why a book is not in sync
    CAUSE_NONE = 0              # the book is in sync
    CAUSE_DISCONNECTED = 1      # its stream is lost, or was never there
    CAUSE_CONNECTED = 2         # its stream began, or began again: no REST book yet
    CAUSE_NO_SNAPSHOT = 3       # no update continued the REST book, or the buffer was full before it came
    CAUSE_GAP = 4               # updates are missing
    CAUSE_CROSSED = 5           # bid at or above ask
    CAUSE_MISMATCH = 6          # it differed from a fresh REST book, which replaced it at once
    CAUSE_RESYNC = 7            # it was discarded on request from outside
    CAUSE_CLOSED = 8            # the venue does not trade the symbol; takes precedence over other causes
    SYNC_CAUSES = 9

cdef struct SyncTimes:
    int64_t cause               # SyncCause at present
    int64_t since_ns            # 0: before the first input
    int64_t closed              # 1: the venue does not trade the symbol now
    int64_t closed_from         # start of that state; 0: the symbol is traded
    int64_t closed_ns           # total time not traded, in sync or not, without the present period
    int64_t longest_ns          # the longest uninterrupted time in sync, up to `since_ns`
    int64_t ns[<int>SYNC_CAUSES]        # total time of each cause, up to `since_ns`; CAUSE_NONE: in sync
    int64_t count[<int>SYNC_CAUSES]     # how often each cause began
    int64_t first_ns[<int>SYNC_CAUSES]  # when each cause began first


cdef inline int64_t times_stood(const SyncTimes* t, int64_t now) noexcept nogil:
    """Duration of the present cause, or of being in sync."""
    return now - t.since_ns if t.since_ns != 0 and now > t.since_ns else 0


cdef inline int64_t times_cause(const SyncTimes* t, int64_t cause) noexcept nogil:
    """The cause under which time counts while `cause` holds."""
    if t.closed and cause != CAUSE_NONE and cause != CAUSE_DISCONNECTED:
        return CAUSE_CLOSED
    return cause


cdef inline void _count(SyncTimes* t, int64_t cause, int64_t now) noexcept nogil:
    if t.count[cause] == 0:
        t.first_ns[cause] = now
    t.count[cause] += 1


cdef inline void times_turn(SyncTimes* t, int64_t cause, int64_t now) noexcept nogil:
    """Begins a cause, or the same one again; CAUSE_NONE: in sync."""
    cdef int64_t stood = times_stood(t, now)
    t.ns[times_cause(t, t.cause)] += stood
    if t.cause == CAUSE_NONE and stood > t.longest_ns:
        t.longest_ns = stood
    if times_cause(t, cause) == cause:
        _count(t, cause, now)
    t.cause = cause
    t.since_ns = now


cdef inline void times_close(SyncTimes* t, bint closed, int64_t now) noexcept nogil:
    """The venue stops trading the symbol, or resumes."""
    if closed == (t.closed != 0):
        return
    if t.cause != CAUSE_NONE:
        t.ns[times_cause(t, t.cause)] += times_stood(t, now)
        t.since_ns = now
    if closed:
        _count(t, CAUSE_CLOSED, now)
        t.closed_from = now
    else:
        t.closed_ns += now - t.closed_from
        t.closed_from = 0
        if times_cause(t, t.cause) != t.cause:
            _count(t, t.cause, now)
    t.closed = closed
