"""An order before it is sent: this module checks its form, `risk` its risk; `orders` makes it an order."""

from libc.string cimport memset

from hft._core.base.types cimport BUY, FOK, GTC, GTX, IOC, LIMIT, MARKET, REDUCE_ONLY, SELL

SIDES = {"buy": BUY, "sell": SELL, 1: BUY, -1: SELL}
TIFS = {"GTC": GTC, "IOC": IOC, "FOK": FOK, "GTX": GTX}
TYPES = {"limit": LIMIT, "market": MARKET}


cdef int side_from(side) except 0:
    """Side of "buy", "sell", 1 or -1."""
    found = SIDES.get(side.lower() if isinstance(side, str) else side)
    if found is None:
        raise ValueError(f"side {side!r} must be 'buy' or 'sell'")
    return found


cdef str _named(dict names, int value):
    return next(name for name, code in names.items() if code == value)


cdef class OrderTerms:
    """The terms of an order, except its price."""

    cdef int terms(self, Spec spec, int side, int64_t qty, int type, int tif, int flags) except -1:
        self.spec, self.symbol, self.qty = spec, spec.name, spec.qty(qty)
        self.side, self.type, self.tif = "buy" if side == BUY else "sell", _named(TYPES, type), _named(TIFS, tif)
        self.reduce_only = flags & REDUCE_ONLY != 0
        return 0


cdef class OrderIntent(OrderTerms):
    """An order that a strategy wants to send.

    Parameters
    ----------
    spec : Spec
        The symbol.
    side : ``"buy"`` or ``"sell"`` (or +1, -1)
    qty : str or Decimal
        In base units (contracts on COIN-M), on the symbol's quantum.
    price : str or Decimal, optional
        Limit price, on the tick. None makes it a market order, bounded by the price collar, if one is set.
    type : ``"limit"`` or ``"market"``, optional
        Default: follows from `price`; ``"market"`` with a price is a market order that trades no worse than the price.
    tif : ``"GTC"``, ``"IOC"``, ``"FOK"`` or ``"GTX"`` (post-only)
        Default: GTC; IOC for market orders, which allow no other.
    reduce_only : bool
        If true, the order can only reduce the position.

    Raises ValueError for values off the tick or quantum, and for unknown names.

    >>> from hft._core.base.types import Spec
    >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001")
    >>> intent = OrderIntent(spec, "buy", "0.5", "61800.2", tif="IOC")
    >>> intent
    OrderIntent(BTCUSDT buy 0.500 @ 61800.2 limit IOC)
    >>> intent.price, intent.type, OrderIntent(spec, "sell", "0.5", reduce_only=True)
    (Decimal('61800.2'), 'limit', OrderIntent(BTCUSDT sell 0.500 market IOC reduce-only))
    """

    def __init__(self, Spec spec not None, side, qty, price=None, *, type=None, tif=None, reduce_only=False):
        memset(&self.c, 0, sizeof(Intent))
        type = type or ("market" if price is None else "limit")
        tif = tif or ("IOC" if type == "market" else "GTC")
        if type not in TYPES:
            raise ValueError(f"order type {type!r} must be one of {', '.join(TYPES)}")
        if tif not in TIFS:
            raise ValueError(f"time in force {tif!r} must be one of {', '.join(TIFS)}")
        if type == "limit" and price is None:
            raise ValueError("a limit order needs a price")
        if type == "market" and tif != "IOC":
            raise ValueError(f"a market order can't be {tif}")
        self.c.side = side_from(side)
        self.c.qty = spec.quanta(qty)
        self.c.price = 0 if price is None else spec.ticks(price)
        self.c.type = TYPES[type]
        self.c.tif = TIFS[tif]
        self.c.flags = REDUCE_ONLY if reduce_only else 0
        self.terms(spec, self.c.side, self.c.qty, self.c.type, self.c.tif, self.c.flags)

    @property
    def price(self):
        """Decimal; None for a market order without a price bound."""
        return self.spec.price(self.c.price) if self.c.price else None

    cdef Intent* of(self, Symbols symbols) except NULL:
        self.c.symbol = symbols.index(self.spec)
        return &self.c

    def __repr__(self):
        price = "" if self.c.price == 0 else f" @ {self.price}"
        return (f"OrderIntent({self.symbol} {self.side} {self.qty:f}{price} {self.type} {self.tif}"
                f"{' reduce-only' if self.reduce_only else ''})")


cdef OrderIntent intent_from(const Intent* c, Spec spec):
    cdef OrderIntent intent = OrderIntent.__new__(OrderIntent)
    intent.c = c[0]
    intent.terms(spec, c.side, c.qty, c.type, c.tif, c.flags)
    return intent
