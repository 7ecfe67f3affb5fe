# The next due time: at most one time for each of a fixed number of keys, the earliest at the top.
#
#     DueHeap | DueEntry[capacity] in heap order | int64 place[capacity], by key
#
# Setting the time of one key costs log2(capacity) steps. Among keys with the same due time the smallest comes first, so that the
# order does not depend on the history of the heap.

from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from hft._core.base.hash cimport hash_word
from hft._core.base.types cimport unlikely

cdef struct DueEntry:
    int64_t due_ns
    int64_t key

cdef struct DueHeap:
    int64_t capacity            # keys
    int64_t count               # keys with a time


cdef inline size_t heap_size(int64_t capacity) noexcept nogil:
    return sizeof(DueHeap) + <size_t>capacity * (sizeof(DueEntry) + sizeof(int64_t))


cdef inline DueEntry* heap_entry(const DueHeap* h, int64_t i) noexcept nogil:
    return <DueEntry*>(<char*>h + sizeof(DueHeap)) + i


cdef inline int64_t* heap_place(const DueHeap* h, int64_t key) noexcept nogil:
    """Position of the key's entry; `capacity` if the key has no time."""
    return <int64_t*>heap_entry(h, h.capacity) + key


cdef inline void heap_init(DueHeap* h, int64_t capacity) noexcept nogil:
    """`h`: `heap_size(capacity)` bytes of zeroes. The heap starts empty."""
    cdef int64_t key
    h.capacity = capacity
    for key in range(capacity):
        heap_place(h, key)[0] = capacity


cdef inline int64_t heap_next(const DueHeap* h) noexcept nogil:
    """The earliest time; INT64_MAX if no key has a time."""
    return INT64_MAX if h.count == 0 else heap_entry(h, 0).due_ns


cdef inline int64_t heap_first(const DueHeap* h) noexcept nogil:
    """The key that is due first. The heap must not be empty."""
    return heap_entry(h, 0).key


cdef inline int64_t heap_due(const DueHeap* h, int64_t key) noexcept nogil:
    """The due time of a key; INT64_MAX if it has none."""
    cdef int64_t at = heap_place(h, key)[0]
    return INT64_MAX if at == h.capacity else heap_entry(h, at).due_ns


cdef inline uint64_t heap_hash(const DueHeap* h, int64_t key) noexcept nogil:
    """Hash of a key's due time. The position of its entry follows from the times of all keys."""
    return hash_word(0, heap_due(h, key))


cdef inline bint _before(const DueEntry* a, const DueEntry* b) noexcept nogil:
    return a.due_ns < b.due_ns or (a.due_ns == b.due_ns and a.key < b.key)


cdef inline void _put(DueHeap* h, int64_t at, DueEntry entry) noexcept nogil:
    heap_entry(h, at)[0] = entry
    heap_place(h, entry.key)[0] = at


cdef inline void _settle(DueHeap* h, int64_t at, DueEntry entry) noexcept nogil:
    """Puts the entry into its place, starting at the free place `at`: moves it up, or else down."""
    cdef int64_t child
    while at > 0 and _before(&entry, heap_entry(h, (at - 1) // 2)):
        _put(h, at, heap_entry(h, (at - 1) // 2)[0])
        at = (at - 1) // 2
    while 2 * at + 1 < h.count:
        child = 2 * at + 1
        if child + 1 < h.count and _before(heap_entry(h, child + 1), heap_entry(h, child)):
            child += 1
        if not _before(heap_entry(h, child), &entry):
            break
        _put(h, at, heap_entry(h, child)[0])
        at = child
    _put(h, at, entry)


cdef inline void heap_set(DueHeap* h, int64_t key, int64_t due_ns) noexcept nogil:
    """Sets the due time of a key; INT64_MAX removes it."""
    cdef int64_t at = heap_place(h, key)[0]
    cdef DueEntry entry
    if due_ns != INT64_MAX:
        entry.due_ns = due_ns
        entry.key = key
        if at == h.capacity:
            at = h.count
            h.count += 1
        _settle(h, at, entry)
    elif at != h.capacity:
        heap_place(h, key)[0] = h.capacity
        h.count -= 1
        if unlikely(at != h.count):         # the last entry fills the free place
            _settle(h, at, heap_entry(h, h.count)[0])
