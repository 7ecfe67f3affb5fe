"""The compiled decoders as the fuzzer drives them: built with sanitizers, on memory that ends where the input ends."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from hft._core.base.types cimport Level, Message
from hft._core.engine.events cimport EVENT_CONNECT, EventRecord, event_count, event_encode, event_message
from hft._core.wire.decode cimport Decoder, DecoderState, decode_frame
from hft._core.wire.number_format cimport number_format_init
from hft._core.wire.scales cimport ScaledSymbol, symbols_at


cdef class BoundedDecoder(Decoder):
    """A Decoder whose scanner ends the process when it reads a byte outside of a frame, or does what C leaves undefined."""

    def clear(self):
        """Hold no message, and forget how levels were printed: what an input does hangs on that input alone."""
        cdef DecoderState* d = self.d
        cdef ScaledSymbol* s
        cdef int i
        Decoder.clear(self)
        for i in range(d.symbols.count):
            s = symbols_at(&d.symbols, i)
            number_format_init(&s.price_format, s.spec.price_exp)
            number_format_init(&s.qty_format, s.spec.qty_exp)

    def decode_frame(self, bytes frame not None, int64_t recv_ns=0):
        cdef size_t n = PyBytes_GET_SIZE(frame)
        cdef char* p = <char*>malloc(n)
        cdef int code
        if p == NULL:
            raise MemoryError
        memcpy(p, PyBytes_AS_STRING(frame), n)
        code = decode_frame(self.d, p, n, recv_ns)
        free(p)
        return code


cdef Level LEVELS[16384]
cdef Level AGAIN[16384]
cdef EventRecord WRITTEN[16384]


def walk(bytes data not None):
    """Event records, message by message up to the first that is none: how many there were.

    Each is written again and read again: AssertionError where that is another message.
    """
    cdef int64_t n = PyBytes_GET_SIZE(data) // <Py_ssize_t>sizeof(EventRecord), at = 0, taken, count = 0
    cdef EventRecord* records = <EventRecord*>malloc(n * sizeof(EventRecord))
    cdef Message message, again
    if records == NULL:
        raise MemoryError
    memcpy(records, PyBytes_AS_STRING(data), n * sizeof(EventRecord))
    try:
        while at < n:
            taken = event_message(&records[at], n - at, &message, LEVELS)
            if taken == 0:
                break
            at += taken
            count += 1
            if message.kind >= EVENT_CONNECT:
                continue
            assert event_count(&message) == taken
            event_encode(&message, LEVELS, WRITTEN)
            assert event_message(WRITTEN, taken, &again, AGAIN) == taken
            assert memcmp(&message, &again, sizeof(Message)) == 0
            assert memcmp(LEVELS, AGAIN, (message.n_bids + message.n_asks) * sizeof(Level)) == 0
    finally:
        free(records)
    return count
