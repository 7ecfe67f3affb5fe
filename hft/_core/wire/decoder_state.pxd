# The state of a decoder: the message of the last frame with its levels, and the table of symbols.

from libc.stdint cimport int64_t
from libc.string cimport memset
from hft._core.base.types cimport Level, Message
from hft._core.wire.pending cimport Pending, pending_pop
from hft._core.wire.scales cimport ScaledSymbols, symbols_find, symbols_size

cdef struct DecoderState:
    Message message             # the last frame's
    Pending pending             # the later messages of a frame with several
    int64_t too_large           # why the scanner stopped: 1 = more levels than the capacity
    Level levels[16384]         # of `message`: bids, then asks (MAX_LEVELS)
    ScaledSymbols symbols       # the table follows it in memory


cdef inline size_t decoder_size(int64_t n_symbols) noexcept nogil:
    return sizeof(DecoderState) - sizeof(ScaledSymbols) + symbols_size(n_symbols)


cdef inline Message* decoder_message(DecoderState* d) noexcept nogil:
    """The message of the last frame; void unless the verb that filled it returned OK."""
    return &d.message


cdef inline bint decode_next(DecoderState* d) noexcept nogil:
    """Makes the next message of the frame the decoder's message; false, with no change, when there is none."""
    return pending_pop(&d.pending, &d.message, d.levels)


cdef inline Level* decoder_levels(DecoderState* d) noexcept nogil:
    """The levels of the message: `n_bids`, then `n_asks`, as printed."""
    return d.levels


cdef inline void decoder_clear(DecoderState* d) noexcept nogil:
    """Clears the message: unused fields are zero, so that equal messages have equal bytes."""
    memset(&d.message, 0, sizeof(Message))
    d.message.prev_id = -1
    d.too_large = 0


cdef inline int decoder_symbol(DecoderState* d, const char* name, size_t n) noexcept nogil:
    """The index of a symbol by its name, or -1."""
    return symbols_find(&d.symbols, name, n)


cdef inline int64_t decode_stamp(int64_t stamp) noexcept nogil:
    """A venue's stamp, in milliseconds or (from 1e15 on) microseconds, as nanoseconds; -1 beyond the year 2262."""
    if stamp <= 9223372036854LL:
        return stamp * 1000000
    if 1000000000000000LL <= stamp <= 9223372036854775LL:
        return stamp * 1000
    return -1
