# Where the time of a symbol's book goes: in sync, or not and why (SEMANTICS 32). Nothing here decides anything.
#
# Time is counted under one cause at a time, from the first input of all on; only `ns` of what has ended is complete, the present
# cause stands since `since_ns`. A symbol that is not traded has no updates, so its book is out of sync for that.

from hft._core.base.types cimport int64_t

cdef enum SyncCause:            # why a book is not in sync
    CAUSE_NONE = 0              # it is
    CAUSE_DISCONNECTED = 1      # its stream is gone, or was never there
    CAUSE_CONNECTED = 2         # its stream began, or began anew: no REST book yet
    CAUSE_NO_SNAPSHOT = 3       # no update continued the REST book, or more came before it than the buffer holds
    CAUSE_GAP = 4               # updates are missing
    CAUSE_CROSSED = 5           # bid at or above ask
    CAUSE_MISMATCH = 6          # it differed from a fresh REST book, which took its place at once
    CAUSE_RESYNC = 7            # it was given up from outside
    CAUSE_CLOSED = 8            # whatever it was: the venue does not trade the symbol meanwhile
    SYNC_CAUSES = 9

cdef struct SyncTimes:
    int64_t cause               # SyncCause, as of
    int64_t since_ns            # 0: before the first input
    int64_t closed              # 1: the venue does not trade it now
    int64_t closed_from         # since when; 0: it is traded
    int64_t closed_ns           # not traded, in sync or not, up to the last time that this ended
    int64_t longest_ns          # the longest time in sync without a break, up to `since_ns`
    int64_t ns[<int>SYNC_CAUSES]        # how long each cause stood, up to `since_ns`; CAUSE_NONE: in sync
    int64_t count[<int>SYNC_CAUSES]     # how often it came
    int64_t first_ns[<int>SYNC_CAUSES]  # when it came first


cdef inline int64_t times_stood(const SyncTimes* t, int64_t now) noexcept nogil:
    """How long the present cause stands, or the book is in sync."""
    return now - t.since_ns if t.since_ns != 0 and now > t.since_ns else 0


cdef inline int64_t times_cause(const SyncTimes* t, int64_t cause) noexcept nogil:
    """What the time is counted under while `cause` stands."""
    if t.closed and cause != CAUSE_NONE and cause != CAUSE_DISCONNECTED:
        return CAUSE_CLOSED
    return cause


cdef inline void _count(SyncTimes* t, int64_t cause, int64_t now) noexcept nogil:
    if t.count[cause] == 0:
        t.first_ns[cause] = now
    t.count[cause] += 1


cdef inline void times_turn(SyncTimes* t, int64_t cause, int64_t now) noexcept nogil:
    """Another cause from now on, or the same anew; CAUSE_NONE: in sync."""
    cdef int64_t stood = times_stood(t, now)
    t.ns[times_cause(t, t.cause)] += stood
    if t.cause == CAUSE_NONE and stood > t.longest_ns:
        t.longest_ns = stood
    if times_cause(t, cause) == cause:
        _count(t, cause, now)
    t.cause = cause
    t.since_ns = now


cdef inline void times_close(SyncTimes* t, bint closed, int64_t now) noexcept nogil:
    """The venue does not trade it from now on, or trades it again."""
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
