# The receiver of frames: the border between the feed's listener and the code that handles messages (engine, recorder, test).
#
# The listener calls `fn(ctx, ...)` for every text message, with the bytes where they lie in the socket's read buffer. They
# valid during the call only. `fn` returns a set of FrameResult bits; 0, the hot case, needs no Python at all.

from libc.stdint cimport int64_t, uint64_t

ctypedef int (*frame_fn)(void* ctx, const char* p, size_t n, int64_t now_ns, uint64_t cycles) noexcept nogil

cdef enum FrameResult:
    FRAME_HANDLED = 0
    FRAME_NEEDS_PYTHON = 1      # not recognised by `fn`, nothing applied: call `on_other` with the bytes
    FRAME_CHECK = 2             # call `on_check` when this read is done
    FRAME_HELD = 4              # held until there is room for its effects: stop reading until the sink has handled it


cdef class FrameSink:
    cdef frame_fn fn
    cdef void* ctx              # borrowed: lives at least as long as this object

    cpdef int on_other(self, bytes frame, int64_t now_ns) except -1
    cpdef on_check(self)


cdef struct FrameCounts:
    int64_t frames
    int64_t bytes
    int64_t first_ns
    int64_t last_ns


cdef class FrameCounter(FrameSink):
    cdef FrameCounts counts


cdef inline int sink_frame(FrameSink sink, const char* p, size_t n, int64_t now_ns, uint64_t cycles) noexcept nogil:
    """Hands one message to `sink`; FrameResult bits. The caller keeps `sink` alive."""
    return sink.fn(sink.ctx, p, n, now_ns, cycles)
