# Checks the ladder's invariants by slow recomputation: after every message in debug builds, and in tests.

from libc.stdint cimport int64_t, uint64_t

from hft._core.market.far cimport KEY_NONE, Rung, far_first, level_hash
from hft._core.market.ladder cimport (
    KEY_FIRST, TOP_LEVELS, TOP_READY, Ladder, ladder_after, ladder_middle, ladder_qty, ladder_slots, ladder_words,
)

cdef extern from *:
    """
    #ifdef HFT_DEBUG
    #define HFT_DEBUGGING 1
    #else
    #define HFT_DEBUGGING 0
    #endif
    """
    const bint DEBUGGING "HFT_DEBUGGING"

cdef enum LadderFault:          # texts: `book.FAULTS`
    LADDER_SOUND = 0
    LADDER_UNSETTLED = 1
    LADDER_SLOT = 2
    LADDER_SUMMARY = 3
    LADDER_FAR_ORDER = 4
    LADDER_FAR_ROOM = 5
    LADDER_WINDOW = 6
    LADDER_LIST = 7
    LADDER_LIST_SHORT = 8
    LADDER_HIDDEN = 9
    LADDER_DIGEST = 10


cdef inline int _check_window(const Ladder* l) noexcept nogil:
    cdef const int64_t* slots = ladder_slots(l)
    cdef const uint64_t* words = ladder_words(l)
    cdef const uint64_t* middle = ladder_middle(l)
    cdef uint64_t i, bit
    for i in range(l.mask + 1):
        bit = words[i >> 6] >> (i & 63) & 1
        if slots[i] < 0 or bit != <uint64_t>(slots[i] != 0):
            return LADDER_SLOT
    for i in range((l.mask + 1) >> 6):
        if (middle[i >> 6] >> (i & 63) & 1) != <uint64_t>(words[i] != 0):
            return LADDER_SUMMARY
    for i in range(64):
        if (l.root >> i & 1) != <uint64_t>(middle[i] != 0):
            return LADDER_SUMMARY
    return LADDER_SOUND


cdef inline int _check_far(const Ladder* l) noexcept nogil:
    cdef const Rung* far = far_first(&l.far)
    cdef int64_t i, before = l.base + <int64_t>l.mask
    if l.far.head < 0 or l.far.n > l.far.capacity or l.far.head + l.far.n > 2 * l.far.capacity:
        return LADDER_FAR_ROOM
    for i in range(l.far.n):
        if far[i].key <= before or far[i].qty <= 0:
            return LADDER_FAR_ORDER
        before = far[i].key
    return LADDER_SOUND


cdef inline int _check_list(const Ladder* l) noexcept nogil:
    cdef int64_t key = KEY_FIRST, total = 0, hidden = 0, i, qty
    for i in range(l.top_n):
        key = ladder_after(l, key)
        qty = ladder_qty(l, key)
        total = total + qty if total <= KEY_NONE - qty else KEY_NONE
        if key == KEY_NONE or l.top_key[i] != key or l.top_qty[i] != qty or l.top_sum[i + 1] != total:
            return LADDER_LIST
        hidden += key <= l.veil
    if l.hidden != hidden:
        return LADDER_HIDDEN
    if l.top_n < min(<int64_t>TOP_LEVELS, hidden + TOP_READY) and ladder_after(l, key) != KEY_NONE:
        return LADDER_LIST_SHORT
    return LADDER_SOUND


cdef inline int _check_digest(const Ladder* l) noexcept nogil:
    cdef uint64_t window = 0, far = 0
    cdef int64_t key = ladder_after(l, KEY_FIRST), i
    while key <= l.base + <int64_t>l.mask:
        window += level_hash(key, ladder_qty(l, key))
        key = ladder_after(l, key)
    for i in range(l.far.n):
        far += level_hash(far_first(&l.far)[i].key, far_first(&l.far)[i].qty)
    return LADDER_DIGEST if window != l.digest or far != l.far.digest else LADDER_SOUND


cdef inline int ladder_check(const Ladder* l) noexcept nogil:
    """LADDER_SOUND, or the broken invariant of a settled ladder."""
    cdef int fault
    if l.dirty != KEY_NONE:
        return LADDER_UNSETTLED
    if l.base & 63 or (l.top_n and (l.top_key[0] < l.base or l.top_key[0] - l.base > <int64_t>(l.mask >> 1))):
        return LADDER_WINDOW
    fault = _check_window(l)
    if fault == 0:
        fault = _check_far(l)
    if fault == 0:
        fault = _check_list(l)
    if fault == 0:
        fault = _check_digest(l)
    return fault
