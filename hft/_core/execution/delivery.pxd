# Reports on their way from the exchange to the strategy (SEMANTICS 5): a fixed ring, sorted by (due, sequence).
#
# Due times almost never decrease, so a report is inserted by walking back from the newest: constant work in
# practice, without allocation.

from hft._core.base.hash cimport hash_word, hash_words
from hft._core.base.memory cimport align64
from hft._core.base.status cimport FAULT_REPORTS_FULL, OK
from hft._core.base.types cimport Report, int32_t, int64_t, multiply, uint64_t

cdef extern from "<stdint.h>" nogil:
    int64_t INT64_MAX

cdef struct Delivery:
    int64_t capacity            # a power of two
    int64_t head                # the next to be delivered
    int64_t tail                # one past the newest
    int64_t next_seq
    # Report[capacity] follows


cdef inline int64_t delivery_capacity(int64_t wanted) noexcept nogil:
    """The power of two at or above `wanted`."""
    cdef int64_t n = 16
    while n < wanted:
        n *= 2
    return n


cdef inline size_t delivery_size(int64_t capacity) noexcept nogil:
    return align64(sizeof(Delivery) + <size_t>delivery_capacity(capacity) * sizeof(Report))


cdef inline void delivery_init(Delivery* d, int64_t capacity) noexcept nogil:
    d.capacity = delivery_capacity(capacity)
    d.head = d.tail = 0
    d.next_seq = 1


cdef inline Report* delivery_slot(Delivery* d, int64_t i) noexcept nogil:
    return <Report*>(<char*>d + sizeof(Delivery)) + (i & (d.capacity - 1))


cdef inline uint64_t delivery_hash(const Delivery* d, int32_t symbol) noexcept nogil:
    """Hash of a symbol's reports under way."""
    cdef uint64_t h = hash_word(0, d.next_seq)
    cdef const Report* report
    cdef int64_t i
    for i in range(d.head, d.tail):
        report = delivery_slot(<Delivery*>d, i)
        if report.symbol == symbol:
            h = hash_words(h, report, sizeof(Report) // 8)
    return h


cdef inline int delivery_push(Delivery* d, const Report* report, int64_t due_ns) noexcept nogil:
    """Schedules a report; FAULT_REPORTS_FULL when there is no slot."""
    cdef int64_t i = d.tail
    if d.tail - d.head == d.capacity:
        return FAULT_REPORTS_FULL
    while i > d.head and delivery_slot(d, i - 1).due_ns > due_ns:
        delivery_slot(d, i)[0] = delivery_slot(d, i - 1)[0]
        i -= 1
    delivery_slot(d, i)[0] = report[0]
    delivery_slot(d, i).due_ns = due_ns
    delivery_slot(d, i).seq = d.next_seq
    d.next_seq += 1
    d.tail += 1
    return OK


cdef inline bint delivery_rescale(Delivery* d, int32_t symbol, int64_t price_factor, int64_t qty_factor) noexcept nogil:
    """Converts a symbol's reports to finer units; 0 if a number exceeds 64 bits."""
    cdef Report* report
    cdef int64_t i
    cdef bint fits = True
    for i in range(d.head, d.tail):
        report = delivery_slot(d, i)
        if report.symbol == symbol:
            fits = (multiply(&report.price, price_factor) and multiply(&report.qty, qty_factor)
                    and multiply(&report.leaves, qty_factor) and fits)
    return fits


cdef inline int64_t delivery_count(const Delivery* d) noexcept nogil:
    """Reports under way."""
    return d.tail - d.head


cdef inline bint delivery_full(const Delivery* d) noexcept nogil:
    return d.tail - d.head == d.capacity


cdef inline int64_t delivery_next_due(Delivery* d) noexcept nogil:
    """Due time of the next report; INT64_MAX: none is under way."""
    return INT64_MAX if d.head == d.tail else delivery_slot(d, d.head).due_ns


cdef inline Report* delivery_pop(Delivery* d) noexcept nogil:
    """Takes the next report; the pointer is valid until the next push."""
    cdef Report* report = delivery_slot(d, d.head)
    d.head += 1
    return report
