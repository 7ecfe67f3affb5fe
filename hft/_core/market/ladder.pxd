# One side of a book: every level by price, the best first.
#
# Prices become keys (key = price ^ flip, flip 0 for asks and -1 for bids), so that on both sides the smallest key is the
# best price, and the same code serves both.
#
#   base                                  base + window               keys, worse ->
#    |  dense window: one slot a tick        |  far store: sorted pairs (see `far`)
#    |  qty[key & mask], a bit a slot        |
#
# The window is a ring: when the touch drifts, `base` moves, and only the levels that leave or enter are handled. No level
# is better than the window.
#
# The best levels are also kept as a list with running sums (`top_*`), so that sums over the first N cost a subtraction.
# `ladder_set` only notes the best changed key; `ladder_settle`, once per message, rebuilds the list from that key on.
# Between the two, only `ladder_qty` and `ladder_after` are valid.
#
# The digest of the levels is updated with each change: a sum of `hash_pair(key, qty) - hash_pair(key, 0)`, in which the second
# term cancels out while a level changes. The window and the far store have one sum each.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from hft._core.base.hash cimport hash_pair, hash_word
from hft._core.base.memory cimport align64
from hft._core.base.types cimport unlikely
from hft._core.market.far cimport (
    KEY_NONE, FarStore, Rung, far_drop, far_fill, far_first, far_from, far_init, far_open, far_qty, far_set, far_size, far_take,
)

cdef extern from *:
    """
    #define HFT_KEY_FIRST INT64_MIN     /* before every key */
    #define HFT_CTZ(x) __builtin_ctzll(x)
    #define HFT_POPCOUNT(x) __builtin_popcountll(x)
    """
    const int64_t KEY_FIRST "HFT_KEY_FIRST"
    int ctz "HFT_CTZ"(uint64_t) noexcept nogil
    int popcount "HFT_POPCOUNT"(uint64_t) noexcept nogil

cdef enum:
    MIN_WINDOW = 256
    MAX_WINDOW = 262144         # 64 x 64 x 64: the span of two summary levels of 64-bit words
    TOP_LEVELS = 128            # the list of best levels holds at most this many
    TOP_READY = 24              # and at least this many beyond the veil, if there are so many

cdef struct Ladder:
    int64_t flip
    int64_t base                # first key of the window, a multiple of 64
    uint64_t mask               # window - 1
    uint64_t root               # bit i: middle[i] != 0
    int64_t dirty               # best key changed since ladder_settle
    int64_t veil                # the view: keys before it are hidden,
    int64_t veil_qty            # the quantity shown at it (SEMANTICS 7); KEY_FIRST and 0: no overlay
    int64_t hidden              # levels of the list that the veil hides
    int64_t top_n
    uint64_t digest             # of the levels in the window
    FarStore far
    int64_t qty_at              # byte offsets from this struct
    int64_t words_at            # bit i of word w: slot 64 w + i is occupied
    int64_t middle_at           # bit i of middle m: word 64 m + i != 0
    int64_t bytes
    int64_t top_key[TOP_LEVELS]
    int64_t top_qty[TOP_LEVELS]
    int64_t top_sum[TOP_LEVELS + 1]     # top_sum[i] = sum of the first i; INT64_MAX instead of an overflow


cdef inline int64_t* ladder_slots(const Ladder* l) noexcept nogil:
    return <int64_t*>(<char*>l + l.qty_at)


cdef inline uint64_t* ladder_words(const Ladder* l) noexcept nogil:
    return <uint64_t*>(<char*>l + l.words_at)


cdef inline uint64_t* ladder_middle(const Ladder* l) noexcept nogil:
    return <uint64_t*>(<char*>l + l.middle_at)


# ---- memory ----------------------------------------------------------------------------------------------------------

cdef inline size_t ladder_size(int64_t window, int64_t far_levels) noexcept nogil:
    return (align64(sizeof(Ladder)) + align64(window * 8) + align64(window >> 3) + align64(64 * 8)
            + far_size(far_levels))


cdef inline void ladder_init(Ladder* l, int64_t flip, int64_t window, int64_t far_levels) noexcept nogil:
    """`l` is zeroed memory of ladder_size() bytes; window a power of two from MIN_WINDOW to MAX_WINDOW, far_levels from 2."""
    l.flip = flip
    l.mask = window - 1
    l.qty_at = align64(sizeof(Ladder))
    l.words_at = l.qty_at + align64(window * 8)
    l.middle_at = l.words_at + align64(window >> 3)
    far_init(&l.far, far_levels, <char*>l + l.middle_at + align64(64 * 8))
    l.bytes = ladder_size(window, far_levels)
    l.dirty = KEY_NONE
    l.veil = KEY_FIRST


cdef inline uint64_t ladder_hash(const Ladder* l) noexcept nogil:
    """Hash of the levels and the veil. The window's place and the list of best levels are only indexes to them."""
    return hash_word(hash_word(hash_word(0, l.digest + l.far.digest), l.veil), l.veil_qty)


cdef inline void ladder_clear(Ladder* l) noexcept nogil:
    """Removes all levels and the veil; keeps the count `far.dropped`."""
    cdef int64_t dropped = l.far.dropped, flip = l.flip, window = l.mask + 1, far_levels = l.far.capacity
    memset(l, 0, l.middle_at + 64 * 8)  # the far store's levels beyond its count are never read
    ladder_init(l, flip, window, far_levels)
    l.far.dropped = dropped


# ---- the window's bitmap ---------------------------------------------------------------------------------------------

cdef inline void _put(Ladder* l, int64_t key, int64_t qty) noexcept nogil:
    """Sets the quantity at a key inside the window.

    Whether a level is new, changed or removed is unpredictable, so the code has no branch for that. A word of the bitmap
    rarely becomes full or empty where the book is dense.
    """
    cdef uint64_t slot = <uint64_t>key & l.mask
    cdef uint64_t w = slot >> 6, m = slot >> 12
    cdef int64_t* at = ladder_slots(l) + slot
    cdef uint64_t* word = ladder_words(l) + w
    cdef uint64_t* middle = ladder_middle(l) + m
    cdef uint64_t old = word[0]
    cdef uint64_t new = (old & ~(<uint64_t>1 << (slot & 63))) | (<uint64_t>(qty != 0) << (slot & 63))
    cdef int64_t touched = key if at[0] != qty else KEY_NONE
    l.dirty = min(l.dirty, touched)
    l.digest += hash_pair(key, qty) - hash_pair(key, at[0])
    at[0] = qty
    word[0] = new
    if (old == 0) != (new == 0):
        middle[0] ^= <uint64_t>1 << (w & 63)
        l.root = (l.root & ~(<uint64_t>1 << m)) | (<uint64_t>(middle[0] != 0) << m)


cdef inline int64_t _scan(const Ladder* l, uint64_t slot) noexcept nogil:
    """The first occupied slot from `slot` to the ring's end, or -1."""
    cdef const uint64_t* words = ladder_words(l)
    cdef const uint64_t* middle = ladder_middle(l)
    cdef uint64_t w = slot >> 6, m
    cdef uint64_t bits = words[w] & (~<uint64_t>0 << (slot & 63))
    if bits:
        return (w << 6) + ctz(bits)
    w += 1
    m = w >> 6
    if w & 63:
        bits = middle[m] & (~<uint64_t>0 << (w & 63))
        if bits:
            w = (m << 6) + ctz(bits)
            return (w << 6) + ctz(words[w])
        m += 1
    if m > 63:
        return -1
    bits = l.root & (~<uint64_t>0 << m)
    if bits == 0:
        return -1
    m = ctz(bits)
    w = (m << 6) + ctz(middle[m])
    return (w << 6) + ctz(words[w])


cdef inline int64_t _window_from(const Ladder* l, int64_t key) noexcept nogil:
    """The first occupied key from `key`, which is inside the window, to its end; or KEY_NONE."""
    cdef int64_t slot = _scan(l, <uint64_t>key & l.mask)
    if slot < 0:
        slot = _scan(l, 0)              # wrap around the ring; this may find keys before `key`, which are excluded below
        if slot < 0:
            return KEY_NONE
    cdef int64_t found = l.base + <int64_t>((<uint64_t>slot - <uint64_t>l.base) & l.mask)
    return found if found >= key else KEY_NONE


# ---- moving the window -----------------------------------------------------------------------------------------------

cdef inline void _spill(Ladder* l, int64_t first, int64_t end) noexcept nogil:
    """Moves the window's levels of [first, end) — whole words at its worse end — to the front of the far store."""
    cdef const uint64_t* words = ladder_words(l)
    cdef int64_t key, kept, count = 0
    for key in range(first, end, 64):
        count += popcount(words[(<uint64_t>key & l.mask) >> 6])
    kept = far_open(&l.far, count)
    count = 0
    key = _window_from(l, first)
    while key < end:
        if count < kept:
            far_fill(&l.far, count, key, ladder_slots(l)[<uint64_t>key & l.mask])
            count += 1
        else:
            far_drop(&l.far, key)
        _put(l, key, 0)
        key = _window_from(l, key)


cdef inline void ladder_move(Ladder* l, int64_t best) noexcept nogil:
    """Places the window so that `best` is at a quarter of it. No level may be better than `best`."""
    cdef int64_t window = l.mask + 1
    cdef int64_t base = (best - (window >> 2)) & ~<int64_t>63
    cdef int64_t dirty = l.dirty        # levels change their store, the book does not change
    cdef Rung nearest
    if base < l.base:
        _spill(l, max(base + window, l.base), l.base + window)
        l.base = base
    else:
        l.base = base
        while l.far.n and far_first(&l.far).key < base + window:
            nearest = far_take(&l.far)
            _put(l, nearest.key, nearest.qty)
    l.dirty = dirty


cdef inline void _set_outside(Ladder* l, int64_t key, int64_t qty) noexcept nogil:
    if key >= l.base and (l.root or l.far.n):
        if far_set(&l.far, key, qty):
            l.dirty = min(l.dirty, key)
    elif qty:                           # better than the window, or the first level
        ladder_move(l, key)
        _put(l, key, qty)


# ---- verbs -----------------------------------------------------------------------------------------------------------

cdef inline void ladder_set(Ladder* l, int64_t key, int64_t qty) noexcept nogil:
    """Sets the quantity at a key; 0 deletes; deleting a missing level does nothing."""
    if unlikely(<uint64_t>(key - l.base) > l.mask):
        _set_outside(l, key, qty)
    else:
        _put(l, key, qty)


cdef inline int64_t ladder_qty(const Ladder* l, int64_t key) noexcept nogil:
    """The quantity at a key, 0 if there is no level."""
    if <uint64_t>(key - l.base) <= l.mask:
        return ladder_slots(l)[<uint64_t>key & l.mask]
    return far_qty(&l.far, key)


cdef inline int64_t ladder_after(const Ladder* l, int64_t key) noexcept nogil:
    """The next occupied key strictly after `key` (KEY_FIRST: the best), or KEY_NONE."""
    cdef int64_t found
    if key == KEY_NONE:
        return KEY_NONE
    key += 1
    if key < l.base:
        key = l.base
    if <uint64_t>(key - l.base) <= l.mask:
        found = _window_from(l, key)
        if found != KEY_NONE:
            return found
    return far_from(&l.far, key)


cdef inline void _append(Ladder* l, int64_t key, int64_t qty) noexcept nogil:
    cdef int64_t n = l.top_n, total = l.top_sum[n]
    l.top_key[n] = key
    l.top_qty[n] = qty
    l.top_sum[n + 1] = total + qty if total <= KEY_NONE - qty else KEY_NONE
    l.top_n = n + 1


cdef inline void _list(Ladder* l, int64_t want) noexcept nogil:
    """Extends the list of best levels to `want`, limited by the levels and the room."""
    cdef int64_t key = l.top_key[l.top_n - 1] if l.top_n else KEY_FIRST
    cdef int64_t end = l.base + <int64_t>l.mask
    cdef uint64_t slot, bits
    want = min(want, <int64_t>TOP_LEVELS)
    while l.top_n < want:
        key = ladder_after(l, key)
        if key == KEY_NONE:
            return
        if key > end:
            _append(l, key, ladder_qty(l, key))
            continue
        slot = <uint64_t>key & l.mask           # in the window, continue with the word's other levels
        bits = ladder_words(l)[slot >> 6] >> (slot & 63) >> 1
        _append(l, key, ladder_slots(l)[slot])
        while bits and l.top_n < want:
            slot += ctz(bits) + 1
            key += ctz(bits) + 1
            bits = bits >> ctz(bits) >> 1
            _append(l, key, ladder_slots(l)[slot])


cdef inline void ladder_veil(Ladder* l, int64_t key, int64_t qty) noexcept nogil:
    """Hides the levels before `key` and shows `qty` at it; (KEY_FIRST, 0) removes the veil."""
    cdef int64_t j = min(l.hidden, l.top_n)
    l.veil = key
    l.veil_qty = qty
    while j > 0 and l.top_key[j - 1] > key:
        j -= 1
    while True:
        while j < l.top_n and l.top_key[j] <= key:
            j += 1
        if l.top_n >= j + TOP_READY or l.top_n == TOP_LEVELS:
            break
        qty = l.top_n
        _list(l, j + TOP_READY)
        if l.top_n == qty:
            break
    l.hidden = j


cdef inline void ladder_settle(Ladder* l) noexcept nogil:
    """Called after a message's levels: updates the list of best levels and the window's place."""
    cdef int64_t n = l.top_n
    if l.dirty == KEY_NONE:
        return
    while n > 0 and l.top_key[n - 1] >= l.dirty:
        n -= 1
    l.top_n = n
    l.dirty = KEY_NONE
    ladder_veil(l, l.veil, l.veil_qty)
    if l.top_n and l.top_key[0] - l.base > <int64_t>(l.mask >> 1):
        ladder_move(l, l.top_key[0])


cdef inline int64_t ladder_best(const Ladder* l) noexcept nogil:
    """The best key without the veil, or KEY_NONE."""
    return l.top_key[0] if l.top_n else KEY_NONE


cdef inline int64_t ladder_view_best(const Ladder* l) noexcept nogil:
    """The best key of the view, or KEY_NONE."""
    if l.veil_qty:
        return l.veil
    return l.top_key[l.hidden] if l.hidden < l.top_n else ladder_after(l, l.veil)


cdef inline int64_t ladder_view_after(const Ladder* l, int64_t key) noexcept nogil:
    """The next occupied key of the view strictly after `key`, or KEY_NONE."""
    return ladder_after(l, key) if key >= l.veil else ladder_view_best(l)


cdef inline int64_t ladder_view_qty(const Ladder* l, int64_t key) noexcept nogil:
    if key > l.veil:
        return ladder_qty(l, key)
    return l.veil_qty if key == l.veil else 0
