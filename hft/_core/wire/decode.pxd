# decode: the bytes of a frame -> one Message and its levels, in ticks, quanta and nanoseconds.
#
# The scanner knows the hot shapes of its venues' streams (`shapes`), bare and inside {"stream":…,"data":…}. Any other frame
# is DECODE_FALLBACK and goes to `hft.venues.binance.messages`, which also finds the precise reason of a reject. After
# any code but OK the message is void (`kind` is MSG_NONE).

from libc.stdint cimport int64_t
from hft._core.base.status cimport DECODE_FALLBACK, OK, TOO_LARGE
from hft._core.base.text cimport text_expect, text_string
from hft._core.base.types cimport MSG_DEPTH, MSG_NONE, unlikely
from hft._core.wire.decoder_state cimport (
    DecoderState, decode_next, decode_stamp, decoder_clear, decoder_levels, decoder_message, decoder_size, decoder_symbol,
)
from hft._core.wire.pending cimport pending_clear
from hft._core.wire.shapes cimport shape_read
from hft._core.wire.stream_name cimport stream_kind

cdef enum:
    MAX_FRAME = 4194304         # limit for a frame in bytes: a longer one is TOO_LARGE, and nothing of it is read


cdef class Decoder:
    """Owns the state; compiled callers may use `d` while they hold the object."""
    cdef DecoderState* d


cdef inline int decode_frame(DecoderState* d, const char* p, size_t n, int64_t recv_ns) noexcept nogil:
    """Decode a frame of n bytes into the decoder's message and levels.

    OK; DECODE_FALLBACK: a frame that the scanner does not know; TOO_LARGE: more bytes or levels than the capacity.
    """
    cdef const char* end = p + n
    cdef const char* q
    cdef const char* name = NULL
    cdef const char* name_end = NULL
    decoder_clear(d)
    pending_clear(&d.pending)
    if unlikely(n > MAX_FRAME):
        return TOO_LARGE
    q = text_expect(p, end, b'{"stream":"', 11)
    if q == NULL:
        q = shape_read(d, p, end)
    else:
        name = q
        q = name_end = text_string(q, end)
        if q != NULL:
            q = text_expect(q, end, b'","data":', 9)
        if q != NULL:
            q = shape_read(d, q, end)
        if q != NULL:
            q = text_expect(q, end, b"}", 1)
    if unlikely(q == NULL) or unlikely(q != end):
        d.message.kind = MSG_NONE
        return TOO_LARGE if d.too_large else DECODE_FALLBACK
    d.message.recv_ns = recv_ns
    if name != NULL and d.message.kind == MSG_DEPTH:
        stream_kind(&d.message, name, name_end)
    return OK
