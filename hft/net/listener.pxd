from libc.stdint cimport int64_t, uint64_t
from picows.picows cimport WSFrame, WSListener, WSMsgType, WSTransport

from hft._core.base.runclock cimport RunClock
from hft._core.wire.sink cimport FrameSink


cdef class Listener(WSListener):
    cdef public FrameSink sink          # may be changed between two messages
    cdef readonly RunClock clock
    cdef readonly object owner
    cdef readonly WSTransport transport

    # of the read being handled
    cdef readonly int64_t now_ns        # its stamp; 0 between reads
    cdef uint64_t cycles                # at the same moment: latencies count from the read (SEMANTICS 31)
    cdef int requested                  # FrameResult bits gathered

    # of the connection
    cdef readonly bint stopped          # delivers nothing any more; it is closing
    cdef str why                        # reason of our giving it up
    cdef readonly size_t max_unread
    cdef bint reported_open             # the owner knows that it is open, and not yet that it is closed

    # totals of this connection
    cdef readonly int64_t frames        # data messages, whole
    cdef readonly int64_t reads
    cdef readonly int64_t handed_on     # messages that needed Python
    cdef readonly int64_t last_ns       # stamp of the newest read, frames of any kind

    # a message in fragments
    cdef char* parts
    cdef size_t parts_size
    cdef size_t parts_room
    cdef readonly size_t max_message
    cdef bint in_parts

    cpdef pause_writing(self)
    cpdef resume_writing(self)
    cpdef stop(self)
    cpdef give_up(self, str why)
    cpdef opened(self)
    cpdef closed(self, str why, frame)
    cpdef pong(self)
    cpdef reset_silence(self)
    cpdef feed(self, bytes message)

    cdef bint message(self, const char* p, size_t n) except -1
    cdef fragment(self, WSFrame frame)
    cdef begin(self)
    cdef end(self)
