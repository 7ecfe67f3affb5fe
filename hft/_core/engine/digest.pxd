# A digest of most of a symbol's state (docs/semantics.md, rule 34, lists what is in it): two runs that differ there differ
# here. It walks every level of the book, so it is read between inputs and at snapshot intervals, never on the path.

from libc.stdint cimport int32_t, uint64_t

from hft._core.engine.account cimport Account, account_broker, account_orders, account_positions, account_symbol
from hft._core.execution.broker_state cimport broker_resting, broker_symbol
from hft._core.execution.resting cimport NO_SLOT, Resting, RestingOrder, resting_level, resting_order, resting_rank
from hft._core.market.book cimport Book, book_hash
from hft._core.trade.imbalance cimport Imbalance
from hft._core.trade.orders cimport SymbolOrders, orders_of
from hft._core.trade.position cimport Position, position_at


cdef inline uint64_t hash_words(uint64_t h, const void* words, size_t n) noexcept nogil:
    """Murmur3's finaliser over a struct's words, in order."""
    cdef size_t i
    for i in range(n):
        h ^= (<const uint64_t*>words)[i]
        h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDULL
        h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53ULL
    return h ^ (h >> 33)


cdef inline uint64_t hash_resting(uint64_t h, Resting* r) noexcept nogil:
    """Own orders at the exchange, best first; all of an order but its id, which other symbols' orders shift."""
    cdef int32_t at, slot
    cdef int side
    for side in range(2):
        for at in range(r.levels[side]):
            slot = resting_level(r, resting_rank(r, side)[at]).first
            while slot != NO_SLOT:
                h = hash_words(h, &resting_order(r, slot).price, sizeof(RestingOrder) // 8 - 1)
                slot = resting_order(r, slot).next
    return h


cdef inline uint64_t state_hash(Account* account, int32_t i, const Book* book) noexcept nogil:
    """Book, position, orders, those that rest at the exchange, strategy."""
    cdef uint64_t h = book_hash(book)
    h = hash_words(h, position_at(account_positions(account), i), sizeof(Position) // 8)
    h = hash_words(h, orders_of(account_orders(account), i), sizeof(SymbolOrders) // 8)
    h = hash_resting(h, broker_resting(broker_symbol(account_broker(account), i)))
    return hash_words(h, &account_symbol(account, i).imbalance, sizeof(Imbalance) // 8)
