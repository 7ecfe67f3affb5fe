"""Positions, cash and profit of one trader, exact (SEMANTICS 24, 25)."""

from decimal import Context, Decimal

from libc.stdint cimport uint64_t
from libc.string cimport memset

from hft._core.base.intent cimport side_from
from hft._core.base.memory cimport hft_alloc, hft_free
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport Spec

assert sizeof(Position) == 128 and sizeof(Positions) == 64

_EXACT = Context(prec=80)       # the default of 28 digits would round sums of 128 bits


cdef object wide(i128 x):
    """A 128-bit integer as a Python int; Cython's own conversion is limited to 64 bits."""
    return (<object>(<int64_t>(x >> 64)) << 64) | <object>(<uint64_t>x)


cdef object _half(Spec spec, i128 x):
    """A value in half gross units as an exact decimal."""
    return _EXACT.divide(spec.value(wide(x)), Decimal(2))


cdef class PositionView:
    """One symbol's position at one time, as exact decimals; later fills do not change it.

    ``realised + unrealised - fees == total == cash + qty * mark - fees``, to the last digit.

    Attributes
    ----------
    contract : int
        Contract size; values are qty x price x contract.
    qty : Decimal
        Signed: negative is short.
    cash : Decimal
        Proceeds of sales minus costs of purchases, before fees.
    cost : Decimal
        Average cost basis of the open position; negative when short.
    average_price : Decimal or None
        cost / qty; None when flat.
    mark : Decimal or None
        The mid used for valuation; None before the first one.
    mark_stale : bool
        Whether the book lost sync after that mid.
    realised, unrealised : Decimal
        Profit of closed positions, before fees; and qty x mark - cost, 0 before the first mark.
    fees_quote, fees_base, fees : Decimal
        Fees paid in the quote asset (negative is a rebate), fees paid in the base asset, and their sum at the mark.
    total : Decimal
        Profit and loss after fees.
    bought, sold : Decimal
        Quantity of all purchases, and of all sales.
    """

    def __repr__(self):
        held = f"{self.qty:f} @ {self.average_price}" if self.qty else "flat"
        return (f"PositionView({self.symbol} {held}, realised={self.realised}, unrealised={self.unrealised}, "
                f"fees={self.fees})")


cdef class PnlView:
    """Profit and loss, exact, in the quote asset.

    ``total = realised + unrealised - fees``; `cash` is before fees, `mark` is the mid used for valuation (None
    before the first).
    """

    def __repr__(self):
        return f"PnlView(realised={self.realised}, unrealised={self.unrealised}, fees={self.fees}, total={self.total})"


cdef PnlView pnl_of(const Positions* s, int32_t symbol, Spec spec):
    """The present profit and loss of one symbol."""
    cdef const Position* p = position_at(s, symbol)
    cdef PnlView out = PnlView.__new__(PnlView)
    out.cash = spec.value(p.cash)
    out.mark = spec.price(p.mid2) / 2 if p.mid2 else None
    out.realised = Decimal(position_realised(s, p)) / FEE_SCALE
    out.unrealised = Decimal(position_unrealised(s, p)) / FEE_SCALE
    out.fees = Decimal(position_fees(s, p)) / FEE_SCALE
    out.total = out.realised + out.unrealised - out.fees
    return out


cdef class PositionManager:
    """Applies fills to quantity, cash, cost basis, profit and fees, for one or more symbols.

    Parameters
    ----------
    specs : Symbols, Spec or iterable of Spec
        Symbols of one quote asset.

    >>> from hft._core.base.types import Spec
    >>> positions = PositionManager(Spec("BTCUSDT", tick="0.10", step="0.001"))
    >>> positions.fill("BTCUSDT", "buy", "0.5", "61800.2", fee="15.45005")
    >>> positions.fill("BTCUSDT", "sell", "0.2", "61810.2", fee="6.18102")
    >>> positions.mark("BTCUSDT", bid="61805.0", ask="61805.1")
    >>> btc = positions["BTCUSDT"]
    >>> btc
    PositionView(BTCUSDT 0.300 @ 61800.2, realised=2.0000, unrealised=1.4550, fees=21.63107)
    >>> btc.total == btc.cash + btc.qty * btc.mark - btc.fees == positions.equity
    True
    """

    def __cinit__(self, specs):
        cdef PositionParams params
        cdef Symbols symbols = Symbols(specs)
        cdef int32_t i
        self.symbols = symbols
        params.n_symbols = symbols.count
        params.scale = position_scale(symbols.specs, symbols.count)
        if params.scale > POSITION_MAX_SCALE:
            raise ValueError(f"prices and quantities with {params.scale} decimals in total exceed 128-bit money")
        self.c = <Positions*>hft_alloc(position_size(&params))
        position_init(self.c, &params)
        for i in range(symbols.count):
            if position_bind(self.c, i, &symbols.specs[i]) != OK:
                raise ValueError(f"{symbols.all[i].name}: its tick and quantum are too far from those of the other symbols")

    def __dealloc__(self):
        hft_free(self.c)

    def fill(self, symbol, side, qty, price, *, fee=0, fee_asset="quote"):
        """Book a fill.

        `fee` is an amount of at most eight decimals, paid in ``"quote"`` or ``"base"``; negative is a rebate.
        OverflowError if a sum would exceed 64 bits; nothing is booked then.
        """
        cdef Report report
        cdef Spec spec = (<Symbols>self.symbols).spec(symbol)
        memset(&report, 0, sizeof(Report))
        if fee_asset not in ("quote", "base"):
            raise ValueError(f"fee_asset {fee_asset!r} must be 'quote' or 'base'")
        report.symbol = self.symbols.index(symbol)
        report.side = side_from(side)
        report.qty = spec.quanta(qty)
        report.price = spec.ticks(price)
        if report.qty <= 0 or report.price <= 0:
            raise ValueError(f"a fill of {qty} at {price}: both must be above zero")
        report.fee = _money("fee", fee)
        report.fee_in_base = fee_asset == "base"
        if position_on_fill(self.c, &report) != OK:
            raise OverflowError(f"{symbol}: the fill makes a sum exceed 64 bits")

    def mark(self, symbol, bid, ask):
        """Value a symbol at the mid of its touch."""
        cdef Spec spec = (<Symbols>self.symbols).spec(symbol)
        cdef int64_t mid2 = spec.ticks(bid) + spec.ticks(ask)
        if mid2 <= 0:
            raise ValueError(f"a touch of {bid} and {ask} has no mid")
        if position_mark(self.c, self.symbols.index(symbol), mid2) != OK:
            raise OverflowError(f"{symbol}: its value at {bid} exceeds 64 bits")

    def mark_lost(self, symbol):
        """The symbol's book is out of sync: the last mark is kept and flagged."""
        position_mark_lost(self.c, self.symbols.index(symbol))

    def __getitem__(self, symbol) -> PositionView:
        cdef PositionView view = PositionView.__new__(PositionView)
        cdef Spec spec = (<Symbols>self.symbols).spec(symbol)
        cdef const Position* p = position_at(self.c, self.symbols.index(symbol))
        view.symbol, view.contract, view.fills = spec.name, spec.contract, p.fills
        view.qty, view.bought, view.sold = spec.qty(p.qty), spec.qty(p.bought), spec.qty(p.sold)
        view.cash, view.cost, view.realised = spec.value(p.cash), spec.value(p.cost), spec.value(p.realised)
        view.average_price = view.cost / (view.qty * spec.contract) if p.qty else None
        view.mark, view.mark_stale = spec.price(p.mid2) / 2 if p.mid2 else None, p.mark_stale != 0
        view.unrealised = _half(spec, position_half_gross(p) - 2 * <i128>p.realised)
        view.fees_quote, view.fees_base = Decimal(p.fees_quote) / FEE_SCALE, Decimal(p.fees_base) / FEE_SCALE
        view.fees = view.fees_quote + (view.fees_base * view.mark if p.mid2 else 0)
        view.total = _half(spec, position_half_gross(p)) - view.fees
        return view

    def __iter__(self):
        return (self[spec] for spec in self.symbols)

    def __len__(self):
        return self.c.n_symbols

    cdef object _amount(self, i128 value):
        return _EXACT.scaleb(_EXACT.divide(Decimal(wide(value)), Decimal(2)), -self.c.scale)

    @property
    def equity(self):
        """Profit and loss after fees, over all symbols, exact."""
        return self._amount(self.c.equity)

    @property
    def peak(self):
        """The highest equity so far, at least 0."""
        return self._amount(self.c.peak)

    @property
    def drawdown(self):
        """peak - equity."""
        return self._amount(self.c.peak - self.c.equity)

    def money(self, symbol) -> dict:
        """Realised, unrealised, fees and total in 1e-8 of the quote asset, as the engine reports and stores them.

        Rounded half to even so that realised + unrealised - fees = total still holds.
        """
        cdef Position* p = position_at(self.c, self.symbols.index(symbol))
        return {"realised": position_realised(self.c, p), "unrealised": position_unrealised(self.c, p),
                "fees": position_fees(self.c, p), "total": position_total(self.c, p)}


def _money(what, amount) -> int:
    scaled = Decimal(str(amount)) * FEE_SCALE
    if scaled != int(scaled):
        raise ValueError(f"{what} {amount} has more than eight decimals")
    return int(scaled)
