"""From the socket to the core: passes websocket frames on from picows' read buffer without a copy.

One listener serves one connection. For a hot message it allocates nothing, runs no Python and looks nothing up: one stamp
per read, one C call per message.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from hft._core.base.cycles cimport cycles_now
from hft._core.base.runclock cimport clock_now
from hft._core.wire.sink cimport FRAME_CHECK, FRAME_HELD, FRAME_NEEDS_PYTHON, sink_frame

from picows import WSCloseCode, WSProtocolError

from hft.venues.embedded import CloseFrame

MAX_MESSAGE = 8 << 20
"""Bytes of the largest message taken. The largest seen on a stream has 27 KB; a 5,000-level book about 300 KB."""

MAX_UNREAD = 64 << 10
"""Most bytes that may wait for a venue to read them. Nearly all of them are pongs."""
UNREAD = f"the venue does not read: more than {MAX_UNREAD >> 10} KiB wait to be sent"

_CONTROL = (b'{"result"', b'{"id"', b'{"error"', b'{"code"')
"""First bytes of an answer to a request; market data never begins like this."""


cdef class Listener(WSListener):
    """Hands the messages of one connection to a sink.

    Parameters
    ----------
    sink : FrameSink
        Gets every data message; see `hft._core.wire.sink`.
    clock : RunClock
        Stamps each read of the socket, once: all frames of one read share one `now` (SEMANTICS 1).
    owner : object
        Gets the rare events: ``on_open(listener)``, ``on_closed(why, frame)`` (the venue's `CloseFrame`, or None),
        ``on_check()`` (the sink requested it during a read), ``on_held()`` (the sink holds messages and has no room for more,
        so reading must stop), ``on_control(frame)`` (a message that looks like one about the connection; the sink gets it too),
        ``on_pong()`` and ``on_error(exception)`` (the sink or the owner raised; the connection is being closed).
    max_message : int
        Bytes. A longer message, whole or in fragments, closes the connection with code 1009.

    Pings are answered here and not by picows (connect with ``enable_auto_pong=False``): picows would hide a ping that ends a
    read, and with it the mark that separates this read from the next.
    """

    def __init__(self, FrameSink sink not None, RunClock clock not None, owner, size_t max_message=MAX_MESSAGE):
        self.sink = sink
        self.clock = clock
        self.owner = owner
        self.max_message = max_message
        self.max_unread = MAX_UNREAD

    def __dealloc__(self):
        free(self.parts)

    cpdef on_ws_connected(self, WSTransport transport):
        self.transport = transport
        self.opened()

    cpdef on_ws_disconnected(self, WSTransport transport):
        self.closed(_why(transport), _close_frame(transport))

    cpdef pause_writing(self):      # picows warns of each; the bound is checked where pings are answered
        pass

    cpdef resume_writing(self):
        pass

    cpdef stop(self):
        """Delivers nothing more to sink and owner, except `on_closed` for a connection that was open."""
        self.stopped = True

    cpdef give_up(self, str why):
        """As `stop`; the owner gets `why` as the reason."""
        self.stop()
        self.why = why

    cpdef opened(self):
        """The connection is open: called by the transport."""
        self.last_ns = clock_now(self.clock)
        if self.stopped:
            return
        self.reported_open = True
        try:
            self.owner.on_open(self)
        except BaseException as error:      # picows would only log it
            self.stopped = True
            self.owner.on_error(error)

    cpdef closed(self, str why, frame):
        """The connection is gone: called by the transport."""
        self.stopped = True
        if not self.reported_open:
            return
        self.reported_open = False
        try:
            self.owner.on_closed(self.why or why, frame)
        except BaseException as error:
            self.owner.on_error(error)

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        if self.stopped:        # picows goes on to the end of the read; a close frame must be answered
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        if self.now_ns == 0:
            self.begin()
        try:
            if frame.msg_type == WSMsgType.TEXT or frame.msg_type == WSMsgType.BINARY:
                if frame.fin and not self.in_parts:
                    self.message(frame.payload_ptr, frame.payload_size)
                else:
                    self.fragment(frame)
            elif frame.msg_type == WSMsgType.CONTINUATION:
                self.fragment(frame)
            elif frame.msg_type == WSMsgType.PING:
                if transport.underlying_transport.get_write_buffer_size() > self.max_unread:
                    self.give_up(UNREAD)
                    transport.disconnect(False)
                else:
                    transport.send_pong(frame.get_payload_as_bytes())
            elif frame.msg_type == WSMsgType.PONG:
                self.owner.on_pong()
            elif frame.msg_type == WSMsgType.CLOSE:
                transport.send_close(frame.get_close_code())
                transport.disconnect()
            if frame.last_in_buffer:
                self.end()
        except WSProtocolError:
            self.stopped = True
            raise               # picows closes with its code
        except BaseException as error:
            self.stopped = True
            self.owner.on_error(error)
            transport.disconnect(False)

    cpdef pong(self):
        """A pong from a transport that does not pass pongs on; it shows that the venue lives."""
        if self.stopped:
            return
        self.last_ns = clock_now(self.clock)
        self.owner.on_pong()

    cpdef reset_silence(self):
        """Restarts the measurement of silence: nothing arrived because nothing was read."""
        self.last_ns = clock_now(self.clock)

    cpdef feed(self, bytes message):
        """One whole message from another transport, as a read of its own."""
        if self.stopped:
            return
        self.begin()
        try:
            self.message(message, len(message))
            self.end()
        except BaseException as error:
            self.stopped = True
            self.owner.on_error(error)
            raise

    cdef begin(self):
        self.now_ns = self.last_ns = clock_now(self.clock)
        self.cycles = cycles_now()
        self.requested = 0
        self.reads += 1

    cdef end(self):
        cdef int requested = self.requested
        self.now_ns = 0
        self.requested = 0
        if requested & FRAME_HELD:
            self.owner.on_held()
        if requested & FRAME_CHECK:
            self.owner.on_check()

    cdef bint message(self, const char* p, size_t n) except -1:
        cdef int result = sink_frame(self.sink, p, n, self.now_ns, self.cycles)
        cdef bytes frame
        self.frames += 1
        if result & FRAME_NEEDS_PYTHON:
            self.handed_on += 1
            frame = p[:n]
            if frame.startswith(_CONTROL) or b'"serverShutdown"' in frame[:256]:
                self.owner.on_control(frame)
            result |= self.sink.on_other(frame, self.now_ns)
        self.requested |= result
        return True

    cdef fragment(self, WSFrame frame):
        """Joins fragments (RFC 6455, 5.4), which picows does not do. The buffer is kept for the next message."""
        if (frame.msg_type == WSMsgType.CONTINUATION) != self.in_parts:
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "a continuation without a start, or a start within one")
        cdef size_t size = self.parts_size + frame.payload_size
        cdef char* grown
        if size > self.max_message:
            raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, f"{size} bytes in fragments, at most {self.max_message} are taken")
        if size > self.parts_room:
            grown = <char*>realloc(self.parts, 2 * size)
            if grown == NULL:
                raise MemoryError
            self.parts, self.parts_room = grown, 2 * size
        memcpy(self.parts + self.parts_size, frame.payload_ptr, frame.payload_size)
        self.parts_size = size
        self.in_parts = not frame.fin
        if frame.fin:
            self.parts_size = 0
            self.message(self.parts, size)


cdef str _why(WSTransport transport):
    """Why a connection ended, in a few words."""
    if transport.close_handshake is None:
        return "connection lost"
    received, sent = transport.close_handshake.recv, transport.close_handshake.sent
    if received is not None and transport.close_handshake.recv_then_sent:
        return f"closed by the venue ({int(received.code)}{' ' + received.reason if received.reason else ''})"
    return f"closed here ({int(sent.code)}{' ' + sent.reason if sent.reason else ''})"


cdef object _close_frame(WSTransport transport):
    """The venue's close frame; None if it sent none."""
    if transport.close_handshake is None or transport.close_handshake.recv is None:
        return None
    return CloseFrame(int(transport.close_handshake.recv.code), transport.close_handshake.recv.reason or "")
