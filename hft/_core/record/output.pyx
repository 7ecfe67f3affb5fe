"""Fills as Python objects."""

from decimal import Decimal


cdef class Fill:
    """One fill, exact.

    Attributes
    ----------
    order_id, exch_ts_ns, local_ts_ns : int
        `exch_ts_ns` is the time of the fill on the venue's clock, `local_ts_ns` that of its report to the strategy.
    symbol : str
    side : int
        +1 bought, -1 sold.
    price, qty, fee : Decimal
        `fee` is in the quote asset, or in base if `fee_in_base`.
    maker, suspect, fee_in_base : bool
        `suspect`: the fill happened while the book was out of sync.
    """

    def __repr__(self):
        return (f"Fill({self.symbol} {'buy' if self.side > 0 else 'sell'} {self.qty} @ {self.price}, fee {self.fee}, "
                f"{'maker' if self.maker else 'taker'}, order {self.order_id})")


cdef Fill fill_from(const JournalRecord* r, Symbols symbols):
    cdef Fill fill = Fill.__new__(Fill)
    cdef Spec spec = symbols.all[r.symbol]
    fill.order_id = r.order_id
    fill.exch_ts_ns = r.exch_ns
    fill.local_ts_ns = r.due_ns
    fill.symbol = spec.name
    fill.side = r.side
    fill.price = spec.price(r.price)
    fill.qty = spec.qty(r.qty)
    fill.fee = Decimal(r.fee).scaleb(-8)
    fill.fee_in_base = (r.flags & FILL_FEE_IN_BASE) != 0
    fill.maker = r.maker != 0
    fill.suspect = r.book_status != 0
    return fill
