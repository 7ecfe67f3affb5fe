# Commands on their way from the trader to its execution: a ring that the trader fills and execution empties.
#
# It has a slot for each command that may be sent and not yet acknowledged (order_channel_size), so it is never full: the
# trader counts these and refuses a command beyond that number.

from hft._core.base.hash cimport hash_span
from hft._core.base.memory cimport align64
from hft._core.base.types cimport Command, int64_t, uint64_t

cdef struct Commands:
    int64_t capacity
    int64_t unacknowledged      # sent, and not yet acknowledged by a report
    int64_t head                # the next to take
    int64_t tail                # one past the newest
    # Command[capacity] follows


cdef inline size_t commands_size(int64_t capacity) noexcept nogil:
    return align64(sizeof(Commands)) + <size_t>capacity * sizeof(Command)


cdef inline void commands_init(Commands* c, int64_t capacity) noexcept nogil:
    """`c`: `commands_size(capacity)` bytes of zeroes."""
    c.capacity = capacity


cdef inline uint64_t commands_hash(const Commands* c) noexcept nogil:
    """Between inputs the ring is empty, as execution holds the commands under way, so its indices are not hashed."""
    return hash_span(0, c, &c.head)


cdef inline bint commands_full(const Commands* c) noexcept nogil:
    """Whether no more commands may be sent until one is acknowledged."""
    return c.unacknowledged == c.capacity


cdef inline Command* commands_push(Commands* c) noexcept nogil:
    """The slot of one more command, which the caller fills. The ring must not be full."""
    cdef Command* command = <Command*>(<char*>c + align64(sizeof(Commands))) + c.tail % c.capacity
    c.tail += 1
    c.unacknowledged += 1
    return command


cdef inline Command* commands_pop(Commands* c) noexcept nogil:
    """The next command, or NULL. It is valid until `capacity` more were sent."""
    cdef int64_t i = c.head
    if i == c.tail:
        return NULL
    c.head += 1
    return <Command*>(<char*>c + align64(sizeof(Commands))) + i % c.capacity
