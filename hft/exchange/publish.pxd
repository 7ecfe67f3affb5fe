# Writes a market's messages to its tape: the touch when it changed, a taker's prints, the levels changed since the last update.

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from hft._core.base.types cimport ASK, BID, BUYER_IS_MAKER, MSG_AGG_TRADE, MSG_DEPTH, MSG_BOOK_TICKER, MSG_TRADE, Message
from hft.exchange.flow cimport Flow
from hft.exchange.ladder cimport Fill, MatchingState, ladder_fills, ladder_qty
from hft.exchange.matching cimport matching_cut
from hft.exchange.random cimport random_below, random_chance
from hft.exchange.tape cimport Tape, tape_levels, tape_put

cdef enum:
    LATE_NS = 2000000           # a bookTicker this close before a depth update may be overtaken by it


cdef inline void publish_touch(Flow* f, MatchingState* m, Tape* t) noexcept nogil:
    """Writes a bookTicker if the touch differs from the last one."""
    cdef Message q
    memset(&q, 0, sizeof(Message))
    q.kind, q.venue_ns, q.last_id, q.prev_id = MSG_BOOK_TICKER, f.now, m.update_id, -1
    q.price, q.ask_price = m.best[0], m.best[1]
    q.qty, q.ask_qty = ladder_qty(m, BID, q.price), ladder_qty(m, ASK, q.ask_price)
    if (q.price == f.touch.price and q.qty == f.touch.qty and q.ask_price == f.touch.ask_price
            and q.ask_qty == f.touch.ask_qty):
        return
    f.touch = q
    if f.held or (f.cut_ns - f.now < LATE_NS and random_chance(&f.random, 0.5)):
        f.held = 1
        f.late = q
    else:
        tape_put(t, &q)


cdef inline void publish_trades(Flow* f, MatchingState* m, Tape* t, int book_side) noexcept nogil:
    """Writes the prints of the last taker, and one aggregate per price."""
    cdef Message p
    cdef Message agg
    cdef Fill* fill
    cdef int32_t i
    memset(&p, 0, sizeof(Message))
    memset(&agg, 0, sizeof(Message))
    p.kind, p.venue_ns = MSG_TRADE, f.now
    p.flags = BUYER_IS_MAKER if book_side == BID else 0
    for i in range(m.n_fills):
        fill = &ladder_fills(m)[i]
        p.first_id = p.last_id = fill.trade_id
        p.price, p.qty, p.prev_id = fill.price, fill.qty, -1
        tape_put(t, &p)
    for i in range(m.n_fills):
        fill = &ladder_fills(m)[i]
        if agg.price != fill.price:
            if agg.price:
                tape_put(t, &agg)
            f.agg_id += 1
            agg = p
            agg.kind, agg.price, agg.qty = MSG_AGG_TRADE, fill.price, 0
            agg.last_id, agg.first_id = f.agg_id, fill.trade_id
        agg.qty += fill.qty
        agg.prev_id = fill.trade_id      # `l`, the last trade in it
    if m.n_fills:
        tape_put(t, &agg)


cdef inline void publish_depth(Flow* f, MatchingState* m, Tape* t) noexcept nogil:
    cdef Message d
    cdef int32_t n_bids = 0
    cdef int32_t n
    f.cut_ns += f.params.cut_ns + random_below(&f.random, f.params.cut_ns // 12)
    if m.n_dirty:
        memset(&d, 0, sizeof(Message))
        n = matching_cut(m, tape_levels(t) + t.n_levels, &n_bids)
        d.kind, d.venue_ns = MSG_DEPTH, f.now
        d.first_id, d.last_id, d.prev_id = f.first_id, m.update_id, f.last_cut_id
        d.n_bids, d.n_asks = n_bids, n - n_bids
        t.n_levels += n
        tape_put(t, &d)
        f.last_cut_id = m.update_id
        if f.params.id_gap:
            m.update_id += random_below(&f.random, f.params.id_gap)
        f.first_id = m.update_id + 1
    if f.held:
        f.held = 0
        tape_put(t, &f.late)
