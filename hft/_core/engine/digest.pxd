# A digest of most of a symbol's state (docs/semantics.md, rule 34, lists what is in it): two runs that differ there differ
# here. It walks every level of the book, so it is read between inputs and at snapshot intervals, never on the path.

from libc.stdint cimport int32_t, uint64_t

from hft._core.base.hash cimport hash_words
from hft._core.engine.account cimport Account
from hft._core.execution.broker_state cimport broker_resting, broker_symbol
from hft._core.execution.resting cimport NO_SLOT, Resting, RestingOrder, resting_level, resting_order, resting_rank
from hft._core.market.book cimport Book, book_hash
from hft._core.trade.orders cimport SymbolOrders, orders_of
from hft._core.trade.position cimport Position, position_at
from hft._core.trade.strategy cimport Context


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


cdef inline uint64_t state_hash(Account* a, int32_t i, const Book* book) noexcept nogil:
    """Book, position, orders, those that rest at the exchange, strategy."""
    cdef Context* c = &a.trader.context
    cdef uint64_t h = book_hash(book)
    h = hash_words(h, position_at(c.positions, i), sizeof(Position) // 8)
    h = hash_words(h, orders_of(c.orders, i), sizeof(SymbolOrders) // 8)
    h = hash_resting(h, broker_resting(broker_symbol(a.execution.broker, i)))
    return a.trader.ops.hash(a.trader.strategy, i, h)
