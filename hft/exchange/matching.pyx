"""Python access to the matching engine of `matching.pxd`."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.status import NAMES
from hft._core.base.types cimport ASK, BID, BUY, FOK, GTC, GTX, IOC, LIMIT, MARKET, SELL, Level
from hft.exchange.ladder cimport Fill, MatchingParams, MatchingState, PriceLevel, ladder_fills, ladder_find, ladder_init
from hft.exchange.ladder cimport ladder_levels, ladder_next, ladder_orders, ladder_size
from hft.exchange.random cimport Random, random_below, random_bits, random_init

_TYPES = {"limit": LIMIT, "market": MARKET}
_TIFS = {"gtc": GTC, "ioc": IOC, "fok": FOK, "post_only": GTX}


cdef class Match:
    """One fill: a taker against one resting order. Quantities are quanta, the price is the resting order's, in ticks."""
    cdef readonly int64_t trade_id, price, qty, maker_id, maker_leaves

    def __repr__(self):
        return f"Trade(trade_id={self.trade_id}, price={self.price}, qty={self.qty}, maker_leaves={self.maker_leaves})"


cdef class Outcome:
    """The result of an order: `order_id` if a part rests (else 0), quantity `filled`, remaining quantity `leaves` (resting, or
    expired with `status`), `status` (a name of `hft._core.base.status`), and the `trades` it made, in order."""
    cdef readonly int64_t order_id, filled, leaves
    cdef readonly str status
    cdef readonly list trades

    def __repr__(self):
        return f"Outcome(status={self.status!r}, filled={self.filled}, leaves={self.leaves}, order_id={self.order_id})"


cdef class Matching:
    """A matching engine with price-time priority: one symbol, integers, no clock.

    Parameters
    ----------
    max_price : int
        Ticks; an order at or above it is refused (`bad_price`). A quarter of a byte of memory per tick.
    orders, levels : int
        Capacity: resting orders; price levels that hold quantity or changed since the last :meth:`cut`. Without
        room for it, the rest of an order expires as `resting_full`.
    fills : int
        Most trades of one order; the rest of it expires.

    >>> book = Matching(max_price=1000)
    >>> first = book.submit("sell", 101, 5)
    >>> second = book.submit("sell", 101, 5)
    >>> taker = book.submit("buy", 102, 7)
    >>> [(t.price, t.qty, t.maker_id == first.order_id) for t in taker.trades]
    [(101, 5, True), (101, 2, False)]
    >>> book.top("ask", 5), book.top("bid", 5)
    ([(101, 3)], [])
    >>> book.submit("buy", 101, 1, tif="post_only").status
    'post_only_would_cross'
    >>> book.cancel(second.order_id)
    3
    """
    cdef MatchingState* m
    cdef Level* out

    def __cinit__(self, *, int64_t max_price=1 << 23, int32_t orders=65536, int32_t levels=16384, int32_t fills=4096):
        cdef MatchingParams params
        if not (1 < max_price <= 1 << 34) or min(orders, levels, fills) < 1:
            raise ValueError("max_price must be 2 to 2**34; orders, levels and fills at least 1")
        params.max_price, params.orders, params.levels, params.fills = max_price, orders, levels, fills
        params.reserved = 0
        self.m = <MatchingState*>hft_alloc(ladder_size(&params))
        self.out = <Level*>hft_alloc(levels * sizeof(Level))
        ladder_init(self.m, &params)

    def __dealloc__(self):
        hft_free(self.m)
        hft_free(self.out)

    def submit(self, str side not None, int64_t price, int64_t qty, *, str type not None="limit", str tif not None="gtc"):
        """Executes one order and returns its :class:`Outcome`.

        `side` is "buy" or "sell"; `type` "limit" or "market" (its price is a bound, 0 = none); `tif` "gtc", "ioc", "fok" or
        "post_only". ValueError for any other word; a bad price or quantity is an outcome, as on a venue.
        """
        if side not in ("buy", "sell") or type not in _TYPES or tif not in _TIFS:
            raise ValueError(f"no such order: side {side!r}, type {type!r}, tif {tif!r}")
        cdef Execution e = matching_submit(self.m, BUY if side == "buy" else SELL, price, qty, _TYPES[type], _TIFS[tif])
        cdef Outcome outcome = Outcome.__new__(Outcome)
        outcome.order_id, outcome.filled, outcome.leaves = e.order_id, e.filled, e.leaves
        outcome.status = NAMES[e.status]
        outcome.trades = [self._trade(i) for i in range(self.m.n_fills)]
        return outcome

    cdef Match _trade(self, int32_t i):
        cdef Fill* fill = &ladder_fills(self.m)[i]
        cdef Match trade = Match.__new__(Match)
        trade.trade_id, trade.price, trade.qty = fill.trade_id, fill.price, fill.qty
        trade.maker_id, trade.maker_leaves = fill.maker_id, fill.maker_leaves
        return trade

    def cancel(self, int64_t order_id) -> int:
        """Cancels a resting order; returns its remaining quantity, 0 if no such order rests."""
        return matching_cancel(self.m, order_id)

    def top(self, str side not None, int32_t n=10) -> list:
        """The best `n` levels of "bid" or "ask" as (price, quantity), best first."""
        cdef int32_t count = matching_top(self.m, _side(side), min(n, self.m.params.levels), self.out)
        return [(self.out[i].price, self.out[i].qty) for i in range(count)]

    def queue(self, str side not None, int64_t price) -> list:
        """Resting orders of one level as (order id, quantity), oldest first."""
        cdef int32_t slot = ladder_levels(self.m)[ladder_find(self.m, _side(side), price)].head
        found = []
        while slot:
            found.append((ladder_orders(self.m)[slot].id, ladder_orders(self.m)[slot].qty))
            slot = ladder_orders(self.m)[slot].next
        return found

    def cut(self) -> tuple:
        """Levels that changed since the last cut, as (bids, asks) of (price, absolute quantity); 0 is an emptied level."""
        cdef int32_t n_bids = 0
        cdef int32_t n = matching_cut(self.m, self.out, &n_bids)
        levels = sorted((i >= n_bids, self.out[i].price, self.out[i].qty) for i in range(n))
        return [(p, q) for ask, p, q in levels if not ask], [(p, q) for ask, p, q in levels if ask]

    @property
    def update_id(self) -> int:
        """Increases by one with every change of a level."""
        return self.m.update_id

    @property
    def orders(self) -> int:
        """Orders that rest now."""
        return self.m.n_orders

    def check(self):
        """Compares all orders and levels with the running sums; AssertionError names the first error."""
        cdef int side
        cdef int64_t price, seen, total, bid, ask
        cdef int32_t slot, prev, orders = 0
        cdef PriceLevel* level
        for side in range(2):
            price, seen = self.m.best[side], 0
            while price:
                level = &ladder_levels(self.m)[ladder_find(self.m, side, price)]
                assert level.price == price and level.side == side and level.qty > 0, f"level {price}"
                slot, prev, total = level.head, 0, 0
                while slot:
                    assert ladder_orders(self.m)[slot].prev == prev, f"queue of level {price}"
                    assert ladder_orders(self.m)[slot].qty > 0, f"empty order at level {price}"
                    total += ladder_orders(self.m)[slot].qty
                    orders += 1
                    prev, slot = slot, ladder_orders(self.m)[slot].next
                assert total == level.qty and level.tail == prev, f"quantity of level {price}"
                seen += 1
                price = ladder_next(self.m, side, price)
            assert seen == self.m.n_levels[side], "levels counted"
        assert orders == self.m.n_orders, "orders counted"
        bid, ask = self.m.best[0], self.m.best[1]
        assert not (bid and ask) or bid < ask, "crossed"


cdef int _side(str side) except -1:
    if side not in ("bid", "ask"):
        raise ValueError(f"side {side!r} must be 'bid' or 'ask'")
    return BID if side == "bid" else ASK


def throughput(int64_t events=1_000_000, uint64_t seed=1) -> int:
    """Runs `events` orders and cancels around a random walk in one call, and returns the number of trades.

    This is the loop of `hft bench`, without Python's call overhead. The caller can check the result: the same seed makes the same
    trades.
    """
    cdef Matching book = Matching(max_price=1 << 16, orders=8192, levels=4096)
    cdef Random random
    cdef int64_t ring[4096]
    cdef int64_t i, price, mid = 1 << 15
    cdef int side
    cdef Execution e
    memset(ring, 0, sizeof(ring))
    random_init(&random, seed)
    with nogil:
        for i in range(events):
            if i & 1 and ring[i & 4095]:
                matching_cancel(book.m, ring[i & 4095])
                ring[i & 4095] = 0
                continue
            side = BUY if random_bits(&random) & 1 else SELL       # separate, as C may evaluate arguments in any order
            price = mid - 20 + random_below(&random, 41)
            e = matching_submit(book.m, side, price, 1 + random_below(&random, 50), LIMIT, GTC)
            matching_cancel(book.m, ring[(i * 7) & 4095])
            ring[(i * 7) & 4095] = e.order_id
            if book.m.n_dirty > 2048:
                matching_cut(book.m, book.out, &e.reserved)
    return book.m.trade_id
