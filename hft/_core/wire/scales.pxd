# The table of symbols: found by name, each with its scales worked out for every count of printed decimals.

from libc.stdint cimport int8_t, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy
from hft._core.base.text cimport SCALES, Scale, load8, scale_init
from hft._core.base.types cimport MAX_SYMBOLS, NAME_BYTES, SymbolSpec, likely
from hft._core.wire.number_format cimport NumberFormat, number_format_init

cdef extern from "string.h" nogil:
    size_t strnlen(const char* text, size_t most)

cdef enum:
    SYMBOL_SLOTS = 256          # of the hash table: well above MAX_SYMBOLS, so that there is always an empty one

cdef struct NameKey:            # a name as it is compared; one of up to 16 bytes is all in the two words, which may overlap
    uint64_t head               # its first eight bytes, zero padded
    uint64_t tail               # its last eight; 0 where it has fewer
    uint64_t length

cdef struct ScaledSymbol:
    SymbolSpec spec
    NameKey key                 # of its name
    Scale price[19]             # by digits after the point (SCALES)
    Scale qty[19]
    NumberFormat price_format             # how levels were printed last
    NumberFormat qty_format

cdef struct ScaledSymbols:
    int64_t count
    int8_t slots[256]           # index into `table` + 1, by hash of the name; 0 is empty
    ScaledSymbol table[64]      # MAX_SYMBOLS


cdef inline NameKey _key(const char* name, size_t n) noexcept nogil:
    cdef NameKey key
    key.head = key.tail = 0
    key.length = n
    if likely(n >= 8):
        key.head, key.tail = load8(name), load8(name + n - 8)
    else:
        memcpy(&key.head, name, n)
    return key


cdef inline uint32_t _slot(const NameKey* key) noexcept nogil:
    cdef uint64_t h = key.head ^ (key.tail * 0x9E3779B97F4A7C15ULL) ^ (key.length << 7)
    return <uint32_t>((h * 0xD6E8FEB86659FD93ULL) >> 56)


cdef inline bint _is(const ScaledSymbol* s, const NameKey* key, const char* name) noexcept nogil:
    return (s.key.head == key.head and s.key.tail == key.tail and s.key.length == key.length
            and (likely(key.length <= 16) or memcmp(s.spec.name, name, key.length) == 0))


cdef inline int symbols_find(const ScaledSymbols* t, const char* name, size_t n) noexcept nogil:
    """The index of a symbol by its name, or -1."""
    cdef NameKey key = _key(name, n)
    cdef uint32_t slot = _slot(&key)
    cdef int i
    while True:
        i = t.slots[slot] - 1
        if i < 0 or likely(_is(&t.table[i], &key, name)):
            return i
        slot = (slot + 1) & (SYMBOL_SLOTS - 1)


cdef inline void symbols_scale(ScaledSymbol* s, const SymbolSpec* spec) noexcept nogil:
    """Work out how a symbol's numbers are read."""
    cdef int decimals
    s.spec = spec[0]
    for decimals in range(SCALES):
        scale_init(&s.price[decimals], spec.price_mant, spec.price_exp, decimals)
        scale_init(&s.qty[decimals], spec.qty_mant, spec.qty_exp, decimals)
    number_format_init(&s.price_format, spec.price_exp)
    number_format_init(&s.qty_format, spec.qty_exp)


cdef inline int symbols_add(ScaledSymbols* t, const SymbolSpec* spec) noexcept nogil:
    """Add a symbol; its index, or -1 when the table is full or the name is there already."""
    cdef NameKey key = _key(spec.name, strnlen(spec.name, NAME_BYTES))
    cdef int i = <int>t.count
    cdef uint32_t slot = _slot(&key)
    while t.slots[slot]:
        if _is(&t.table[t.slots[slot] - 1], &key, spec.name):
            return -1
        slot = (slot + 1) & (SYMBOL_SLOTS - 1)
    if i >= MAX_SYMBOLS:
        return -1
    symbols_scale(&t.table[i], spec)
    t.table[i].key = key
    t.slots[slot] = <int8_t>(i + 1)
    t.count = i + 1
    return i
