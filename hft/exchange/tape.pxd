# A market's unread messages, in the engine's form (`types.pxd`), with depth levels in a separate array.
# The tape is emptied before each step of the market, so there is always room for one more action.

from libc.stdint cimport int32_t, int64_t

from hft._core.base.memory cimport align64
from hft._core.base.types cimport Level, Message

cdef struct Tape:
    int32_t messages            # capacity
    int32_t levels
    int32_t n_messages
    int32_t n_levels
    int32_t burst               # messages that one action may add
    int32_t cut                 # levels that one depth update may add


cdef inline size_t tape_size(int32_t burst, int32_t cut) noexcept nogil:
    return align64(sizeof(Tape)) + align64(4 * burst * sizeof(Message)) + 4 * cut * sizeof(Level)


cdef inline void tape_init(Tape* t, int32_t burst, int32_t cut) noexcept nogil:
    t.burst, t.cut = burst, cut
    t.messages, t.levels = 4 * burst, 4 * cut


cdef inline Message* tape_messages(const Tape* t) noexcept nogil:
    return <Message*>(<char*>t + align64(sizeof(Tape)))


cdef inline Level* tape_levels(const Tape* t) noexcept nogil:
    return <Level*>(<char*>t + align64(sizeof(Tape)) + align64(t.messages * sizeof(Message)))


cdef inline bint tape_has_room(const Tape* t) noexcept nogil:
    return t.n_messages + t.burst <= t.messages and t.n_levels + t.cut <= t.levels


cdef inline void tape_put(Tape* t, const Message* message) noexcept nogil:
    tape_messages(t)[t.n_messages] = message[0]
    t.n_messages += 1


cdef inline void tape_clear(Tape* t) noexcept nogil:
    t.n_messages = t.n_levels = 0
