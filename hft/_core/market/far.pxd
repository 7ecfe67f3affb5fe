# The far store of a ladder: levels beyond its dense window, sorted by key, the nearest first.
#
#    |  free  | nearest  ...  worst |  free  |        room for 2 x capacity, so that it can grow at either end
#           head                head + n
#
# When the store is full, the worst level is dropped and counted; `horizon` is the nearest key ever dropped: before it no level
# is missing.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memmove

from hft._core.base.hash cimport hash_pair
from hft._core.base.memory cimport align64

cdef extern from *:
    """
    #define HFT_KEY_NONE INT64_MAX      /* after every key: no level */
    """
    const int64_t KEY_NONE "HFT_KEY_NONE"

cdef struct Rung:
    int64_t key
    int64_t qty

cdef struct FarStore:
    int64_t head
    int64_t n
    int64_t capacity
    int64_t at                  # byte offset of the levels' memory from this struct
    int64_t horizon             # KEY_NONE: nothing was dropped
    int64_t dropped
    uint64_t digest             # the sum of `level_hash` over the levels


cdef inline uint64_t level_hash(int64_t key, int64_t qty) noexcept nogil:
    """The contribution of a level to the digest of a side; 0 without a quantity."""
    return hash_pair(key, qty) - hash_pair(key, 0)


cdef inline size_t far_size(int64_t capacity) noexcept nogil:
    """Bytes of memory for the levels."""
    return align64(2 * capacity * sizeof(Rung))


cdef inline void far_init(FarStore* f, int64_t capacity, char* room) noexcept nogil:
    """An empty store of at least 2 levels; `room` is behind it in the same memory."""
    f.head = capacity >> 1
    f.n = 0
    f.capacity = capacity
    f.at = room - <char*>f
    f.horizon = KEY_NONE
    f.digest = 0


cdef inline Rung* _room(const FarStore* f) noexcept nogil:
    return <Rung*>(<char*>f + f.at)


cdef inline Rung* far_first(const FarStore* f) noexcept nogil:
    """The nearest level; the other n - 1 follow."""
    return _room(f) + f.head


# ---- reads -----------------------------------------------------------------------------------------------------------

cdef inline int64_t _search(const FarStore* f, int64_t key) noexcept nogil:
    """Index of the first level at or after key. Without branches, since they would be unpredictable."""
    cdef const Rung* first = far_first(f)
    cdef int64_t n = f.n, half
    while n > 0:
        half = (n + 1) >> 1
        first += half & -<int64_t>(first[half - 1].key < key)
        n -= half
    return first - far_first(f)


cdef inline int64_t far_from(const FarStore* f, int64_t key) noexcept nogil:
    """The first key at or after `key`, or KEY_NONE."""
    cdef int64_t i = _search(f, key)
    return far_first(f)[i].key if i < f.n else KEY_NONE


cdef inline int64_t far_qty(const FarStore* f, int64_t key) noexcept nogil:
    """The quantity at a key, 0 if there is no level."""
    cdef int64_t i = _search(f, key)
    return far_first(f)[i].qty if i < f.n and far_first(f)[i].key == key else 0


# ---- writes ----------------------------------------------------------------------------------------------------------

cdef inline void far_drop(FarStore* f, int64_t key) noexcept nogil:
    """Counts a level that is dropped for lack of room."""
    f.dropped += 1
    f.horizon = min(f.horizon, key)


cdef inline void _drop_worst(FarStore* f) noexcept nogil:
    cdef const Rung* worst = far_first(f) + f.n - 1
    f.n -= 1
    f.digest -= level_hash(worst.key, worst.qty)
    far_drop(f, worst.key)


cdef inline void _slide(FarStore* f, int64_t head) noexcept nogil:
    """Moves the levels within the memory, to begin at `head`."""
    memmove(_room(f) + head, far_first(f), f.n * sizeof(Rung))
    f.head = head


cdef inline void _insert(FarStore* f, int64_t i, int64_t key, int64_t qty) noexcept nogil:
    """Inserts a level at index i. If the store is full, the worst level is dropped, which may be the new one."""
    cdef bint forward
    cdef Rung* first
    if f.n == f.capacity:
        if i == f.n:
            far_drop(f, key)
            return
        _drop_worst(f)
    forward = i < f.n - i               # the shorter part moves
    if f.head == 0 if forward else f.head + f.n == 2 * f.capacity:
        _slide(f, (2 * f.capacity - f.n) >> 1)
    first = far_first(f)
    if forward:
        memmove(first - 1, first, i * sizeof(Rung))
        f.head -= 1
        first -= 1
    else:
        memmove(first + i + 1, first + i, (f.n - i) * sizeof(Rung))
    f.n += 1
    f.digest += level_hash(key, qty)
    first[i].key = key
    first[i].qty = qty


cdef inline bint far_set(FarStore* f, int64_t key, int64_t qty) noexcept nogil:
    """Sets the quantity at a key, 0 deletes; returns whether that changed anything."""
    cdef int64_t i = _search(f, key)
    cdef Rung* first = far_first(f)
    if i < f.n and first[i].key == key:
        if first[i].qty == qty:
            return False
        f.digest += level_hash(key, qty) - level_hash(key, first[i].qty)
        if qty:
            first[i].qty = qty
        else:
            f.n -= 1
            memmove(first + i, first + i + 1, (f.n - i) * sizeof(Rung))
        return True
    if qty:
        _insert(f, i, key, qty)
    return qty != 0


cdef inline Rung far_take(FarStore* f) noexcept nogil:
    """Removes the nearest level; the store must not be empty."""
    cdef Rung nearest = far_first(f)[0]
    f.head += 1
    f.n -= 1
    f.digest -= level_hash(nearest.key, nearest.qty)
    return nearest


cdef inline int64_t far_open(FarStore* f, int64_t count) noexcept nogil:
    """Makes room for `count` levels before the nearest, which the caller then writes with `far_fill`; drops the worst levels if
    necessary. Returns the number that fit."""
    cdef int64_t kept = min(count, f.capacity)
    while f.n > f.capacity - kept:
        _drop_worst(f)
    if f.head < kept:
        _slide(f, kept + ((2 * f.capacity - f.n - kept) >> 1))
    f.head -= kept
    f.n += kept
    return kept


cdef inline void far_fill(FarStore* f, int64_t i, int64_t key, int64_t qty) noexcept nogil:
    """Writes the i-th level of the room that `far_open` made."""
    far_first(f)[i].key = key
    far_first(f)[i].qty = qty
    f.digest += level_hash(key, qty)
