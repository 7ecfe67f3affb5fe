"""The receiver of frames."""


cdef int _to_python(void* ctx, const char* p, size_t n, int64_t now_ns, uint64_t cycles) noexcept nogil:
    return FRAME_NEEDS_PYTHON


cdef class FrameSink:
    """Receives the messages of a feed.

    A compiled subclass sets `fn` and `ctx` in its ``__cinit__`` and gets every message as a C call. A Python subclass gets
    them one by one in :meth:`on_other`, which is slower but needs no compiler.

    Bits that ``fn`` and ``on_other`` may return: ``FrameSink.CHECK`` asks for :meth:`on_check` once the read that
    held the frame is done; ``FrameSink.HELD`` means that the frame is held for later, and that reading must stop until then.

    >>> class Seen(FrameSink):
    ...     def __init__(self):
    ...         self.frames = []
    ...     def on_other(self, frame, now_ns):
    ...         self.frames.append(frame)
    ...         return 0
    >>> sink = Seen()
    >>> deliver(sink, b'{"e":"trade"}', now_ns=1), sink.frames
    (0, [b'{"e":"trade"}'])
    """

    NEEDS_PYTHON = FRAME_NEEDS_PYTHON
    CHECK = FRAME_CHECK
    HELD = FRAME_HELD

    def __cinit__(self, *args, **kwargs):
        self.fn = _to_python
        self.ctx = <void*>self

    cpdef int on_other(self, bytes frame, int64_t now_ns) except -1:
        """A message that the compiled path did not handle, copied from the read buffer. Returns FrameResult bits."""
        return FRAME_HANDLED

    cpdef on_check(self):
        """Called when the last read needs work in Python: a snapshot is wanted, or a user's callback raised."""


cdef class FrameCounter(FrameSink):
    """Counts messages in compiled code, to measure a transport alone.

    >>> counter = FrameCounter()
    >>> for frame in (b"abc", b"de"):
    ...     _ = deliver(counter, frame, now_ns=7)
    >>> counter.frames, counter.bytes, counter.last_ns
    (2, 5, 7)
    """

    def __cinit__(self):
        self.fn = _count
        self.ctx = &self.counts

    @property
    def frames(self) -> int:
        return self.counts.frames

    @property
    def bytes(self) -> int:
        return self.counts.bytes

    @property
    def first_ns(self) -> int:
        return self.counts.first_ns

    @property
    def last_ns(self) -> int:
        return self.counts.last_ns


cdef int _count(void* ctx, const char* p, size_t n, int64_t now_ns, uint64_t cycles) noexcept nogil:
    cdef FrameCounts* counts = <FrameCounts*>ctx
    if counts.frames == 0:
        counts.first_ns = now_ns
    counts.frames += 1
    counts.bytes += n
    counts.last_ns = now_ns
    return FRAME_HANDLED


def deliver(FrameSink sink not None, bytes frame not None, int64_t now_ns, uint64_t cycles=0):
    """Hands one message to a sink as the listener would; returns the bits of the result. For tests and replays.

    Raises the exceptions of `on_other`.
    """
    cdef int result = sink_frame(sink, frame, len(frame), now_ns, cycles)
    if result & FRAME_NEEDS_PYTHON:
        result |= sink.on_other(frame, now_ns)
    return result & ~FRAME_NEEDS_PYTHON
