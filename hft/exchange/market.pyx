"""One simulated symbol as Python sees it: matching engine, order flow and tape, stepped together."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.types cimport ASK, BID, BUYER_IS_MAKER, MSG_AGG_TRADE, MSG_DEPTH, MSG_BOOK_TICKER, MSG_TRADE, Level, Message
from hft.exchange.flow cimport FLOW_TAPE_FULL, Flow, FlowParams, flow_init, flow_step
from hft.exchange.ladder cimport MatchingParams, MatchingState, ladder_init, ladder_size
from hft.exchange.matching cimport matching_top
from hft.exchange.tape cimport Tape, tape_clear, tape_init, tape_levels, tape_messages, tape_size

_KINDS = {MSG_DEPTH: "depth", MSG_BOOK_TICKER: "bookTicker", MSG_TRADE: "trade", MSG_AGG_TRADE: "aggTrade"}


cdef dict _fields():
    cdef FlowParams params
    memset(&params, 0, sizeof(params))
    return params


_FIELDS = frozenset(_fields())


cdef class MarketEvent:
    """One message of the market, in ticks and quanta; `time_ns` is the exchange's time.

    ========== ================================================================================================
    kind       fields
    ========== ================================================================================================
    depth      `first_id` U, `last_id` u, `prev_id` pu; `bids`, `asks`: (price, absolute quantity), ascending
    bookTicker `last_id` u; `price`, `qty` of the best bid, `ask_price`, `ask_qty`
    trade      `last_id` t; `price`, `qty`; `buyer_is_maker`
    aggTrade   `last_id` a; `first_id` f, `prev_id` l, the trades in it; `price`, `qty`; `buyer_is_maker`
    ========== ================================================================================================
    """
    cdef readonly str kind
    cdef readonly int64_t time_ns, first_id, last_id, prev_id, price, qty, ask_price, ask_qty
    cdef readonly bint buyer_is_maker
    cdef readonly list bids, asks

    def __repr__(self):
        return f"MarketEvent({self.kind}, time_ns={self.time_ns}, last_id={self.last_id}, price={self.price}, qty={self.qty})"


cdef class ExchangeBook:
    """The book at one moment: `last_update_id`, `time_ns`, `bids` and `asks` as (price, quantity), best first."""
    cdef readonly int64_t last_update_id, time_ns
    cdef readonly list bids, asks


cdef class Market:
    """A seeded market of one symbol. The same parameters give the same market, whatever the steps.

    Parameters
    ----------
    max_price : int
        Ticks; at least ten times the start price, or the far asks are missing.
    **params
        All fields of `FlowParams` in `flow.pxd`; `hft.exchange.symbols` has sets of them.

    >>> from hft.exchange.symbols import market
    >>> btc = market("BTCUSDT", seed=1, start_ns=0)
    >>> events = btc.advance(1_000_000_000)
    >>> {e.kind for e in events} == {"depth", "bookTicker", "trade", "aggTrade"}
    True
    >>> book = btc.snapshot(5)
    >>> book.bids[0][0] < book.asks[0][0]
    True
    """
    cdef MatchingState* m
    cdef Flow* f
    cdef Tape* t
    cdef Level* out

    def __cinit__(self, *, int64_t max_price, **params):
        cdef MatchingParams mp
        cdef FlowParams fp
        if set(params) != _FIELDS:
            raise TypeError(f"flow parameters missing or unknown: {sorted(_FIELDS ^ set(params))}")
        fp = params
        if not 1000 <= fp.start_price < max_price // 10:
            raise ValueError(f"start_price must be at least 1000 ticks and below a tenth of max_price, not {fp.start_price}")
        memset(&mp, 0, sizeof(mp))
        mp.max_price, mp.orders, mp.levels, mp.fills = max_price, 1 << 16, 1 << 14, 1 << 11
        self.m = <MatchingState*>hft_alloc(ladder_size(&mp))
        self.f = <Flow*>hft_alloc(sizeof(Flow))
        self.t = <Tape*>hft_alloc(tape_size(2 * mp.fills + 8, mp.levels))
        self.out = <Level*>hft_alloc(mp.levels * sizeof(Level))
        ladder_init(self.m, &mp)
        tape_init(self.t, 2 * mp.fills + 8, mp.levels)
        flow_init(self.f, &fp, self.m, self.t)

    def __dealloc__(self):
        hft_free(self.m)
        hft_free(self.f)
        hft_free(self.t)
        hft_free(self.out)

    def advance(self, int64_t until_ns) -> list:
        """All messages up to and including `until_ns`, in publishing order."""
        return self._run(until_ns, False)

    def advance_to_depth(self) -> list:
        """All messages through the next depth update; :meth:`snapshot` then gives the book after it."""
        return self._run(<int64_t>1 << 62, True)

    cdef list _run(self, int64_t until, bint one_cut):
        cdef int status = FLOW_TAPE_FULL
        events = []
        while status == FLOW_TAPE_FULL:
            with nogil:
                status = flow_step(self.f, self.m, self.t, until, one_cut)
            self._drain(events)
        return events

    cdef _drain(self, list events):
        cdef int32_t i, at = 0
        cdef Message* message
        for i in range(self.t.n_messages):
            message = &tape_messages(self.t)[i]
            event = _event(message)
            if message.kind == MSG_DEPTH:
                (<MarketEvent>event).bids = _levels(tape_levels(self.t) + at, message.n_bids)
                (<MarketEvent>event).asks = _levels(tape_levels(self.t) + at + message.n_bids, message.n_asks)
                at += message.n_bids + message.n_asks
            events.append(event)
        tape_clear(self.t)

    def snapshot(self, int32_t limit=1000) -> ExchangeBook:
        """The book now, `limit` levels a side. Its id fits the venue's sync rules: that of the last depth update
        if nothing has changed since, else one inside the next update."""
        cdef ExchangeBook book = ExchangeBook.__new__(ExchangeBook)
        cdef int32_t n
        limit = max(0, min(limit, self.m.params.levels))
        book.last_update_id = self.m.update_id if self.m.n_dirty else self.f.last_cut_id
        book.time_ns = self.f.now
        n = matching_top(self.m, BID, limit, self.out)
        book.bids = [(self.out[i].price, self.out[i].qty) for i in range(n)]
        n = matching_top(self.m, ASK, limit, self.out)
        book.asks = [(self.out[i].price, self.out[i].qty) for i in range(n)]
        return book

    @property
    def now_ns(self) -> int:
        """The exchange's time of the market's last step."""
        return self.f.now

    @property
    def orders(self) -> int:
        """Orders that rest now."""
        return self.m.n_orders

    @property
    def levels(self) -> tuple:
        """Occupied price levels, (bids, asks)."""
        return self.m.n_levels[0], self.m.n_levels[1]


cdef MarketEvent _event(const Message* m):
    cdef MarketEvent e = MarketEvent.__new__(MarketEvent)
    e.kind = _KINDS[m.kind]
    e.time_ns, e.first_id, e.last_id, e.prev_id = m.venue_ns, m.first_id, m.last_id, m.prev_id
    e.price, e.qty, e.ask_price, e.ask_qty = m.price, m.qty, m.ask_price, m.ask_qty
    e.buyer_is_maker = m.flags & BUYER_IS_MAKER
    return e


cdef list _levels(const Level* levels, int32_t n):
    found = [(levels[i].price, levels[i].qty) for i in range(n)]
    found.sort()
    return found
