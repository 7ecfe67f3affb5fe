# The table of symbols: finds a symbol by name, with its scales computed for every count of printed decimals.
#
#     ScaledSymbols | ScaledSymbol[capacity] | slots[a power of two, at least twice the capacity]
#
# The capacity is fixed when the memory is allocated; there is always an empty slot.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcmp, memcpy
from hft._core.base.text cimport SCALES, Scale, load8, scale_init
from hft._core.base.types cimport NAME_BYTES, SymbolSpec, likely
from hft._core.wire.number_format cimport NumberFormat, number_format_init

cdef extern from "string.h" nogil:
    size_t strnlen(const char* text, size_t most)

cdef struct NameKey:            # a name for comparison; up to 16 bytes are complete in the two words, which may overlap
    uint64_t head               # its first eight bytes, zero padded
    uint64_t tail               # its last eight; 0 if it has fewer than eight
    uint64_t length

cdef struct ScaledSymbol:
    SymbolSpec spec
    NameKey key                 # of its name
    Scale price[19]             # by digits after the point (SCALES)
    Scale qty[19]
    NumberFormat price_format             # format of the last levels
    NumberFormat qty_format

cdef struct ScaledSymbols:
    int64_t count
    int64_t capacity
    int64_t slots_at            # byte offset from this header: index + 1, by hash of the name; 0 is empty
    int32_t shift               # shift from a hash to its slot
    int32_t last_slot           # number of slots - 1


# ---- memory ----------------------------------------------------------------------------------------------------------

cdef inline int _slot_bits(int64_t capacity) noexcept nogil:
    cdef int bits = 1
    while <int64_t>1 << bits < 2 * capacity:
        bits += 1
    return bits


cdef inline size_t symbols_size(int64_t capacity) noexcept nogil:
    return sizeof(ScaledSymbols) + capacity * sizeof(ScaledSymbol) + (sizeof(int32_t) << _slot_bits(capacity))


cdef inline void symbols_init(ScaledSymbols* t, int64_t capacity) noexcept nogil:
    """`t`: `symbols_size(capacity)` bytes of zeroes."""
    t.capacity = capacity
    t.slots_at = sizeof(ScaledSymbols) + capacity * sizeof(ScaledSymbol)
    t.shift = 64 - _slot_bits(capacity)
    t.last_slot = (1 << _slot_bits(capacity)) - 1


cdef inline ScaledSymbol* symbols_at(const ScaledSymbols* t, int64_t i) noexcept nogil:
    return <ScaledSymbol*>(<char*>t + sizeof(ScaledSymbols)) + i


cdef inline int32_t* symbols_slots(const ScaledSymbols* t) noexcept nogil:
    return <int32_t*>(<char*>t + t.slots_at)


# ---- names -----------------------------------------------------------------------------------------------------------

cdef inline NameKey _key(const char* name, size_t n) noexcept nogil:
    cdef NameKey key
    key.head = key.tail = 0
    key.length = n
    if likely(n >= 8):
        key.head, key.tail = load8(name), load8(name + n - 8)
    else:
        memcpy(&key.head, name, n)
    return key


cdef inline int32_t _slot(const ScaledSymbols* t, const NameKey* key) noexcept nogil:
    cdef uint64_t h = key.head ^ (key.tail * 0x9E3779B97F4A7C15ULL) ^ (key.length << 7)
    return <int32_t>((h * 0xD6E8FEB86659FD93ULL) >> t.shift)


cdef inline bint _is(const ScaledSymbol* s, const NameKey* key, const char* name) noexcept nogil:
    return (s.key.head == key.head and s.key.tail == key.tail and s.key.length == key.length
            and (likely(key.length <= 16) or memcmp(s.spec.name, name, key.length) == 0))


cdef inline int symbols_find(const ScaledSymbols* t, const char* name, size_t n) noexcept nogil:
    """The index of a symbol by its name, or -1."""
    cdef NameKey key = _key(name, n)
    cdef int32_t slot = _slot(t, &key)
    cdef int i
    while True:
        i = symbols_slots(t)[slot] - 1
        if i < 0 or likely(_is(symbols_at(t, i), &key, name)):
            return i
        slot = (slot + 1) & t.last_slot


cdef inline void symbols_scale(ScaledSymbol* s, const SymbolSpec* spec) noexcept nogil:
    """Computes the scales of a symbol's numbers."""
    cdef int decimals
    s.spec = spec[0]
    for decimals in range(SCALES):
        scale_init(&s.price[decimals], spec.price_mant, spec.price_exp, decimals)
        scale_init(&s.qty[decimals], spec.qty_mant, spec.qty_exp, decimals)
    number_format_init(&s.price_format, spec.price_exp)
    number_format_init(&s.qty_format, spec.qty_exp)


cdef inline int symbols_add(ScaledSymbols* t, const SymbolSpec* spec) noexcept nogil:
    """Adds a symbol, if there are fewer than `capacity`; returns its index, or -1 if the name is already present."""
    cdef NameKey key = _key(spec.name, strnlen(spec.name, NAME_BYTES))
    cdef int32_t* slots = symbols_slots(t)
    cdef int32_t slot = _slot(t, &key)
    cdef ScaledSymbol* s = symbols_at(t, t.count)
    while slots[slot]:
        if _is(symbols_at(t, slots[slot] - 1), &key, spec.name):
            return -1
        slot = (slot + 1) & t.last_slot
    symbols_scale(s, spec)
    s.key = key
    t.count += 1
    slots[slot] = <int32_t>t.count
    return slots[slot] - 1
