"""Symbol specifications: exact conversion between decimal text and integer ticks and quanta."""

from decimal import Decimal, InvalidOperation
from libc.string cimport memcpy, memset

DIALECTS = {"spot": SPOT, "usdm": USDM, "coinm": COINM}

assert sizeof(SymbolSpec) == 120 and sizeof(Message) == 96 and sizeof(Intent) == 24
assert sizeof(Command) == 56 and sizeof(Report) == 80 and sizeof(JournalRecord) == 128


def _scale(text, what):
    """Decimal text as (mantissa, exponent): value = mantissa x 10^-exponent, mantissa not divisible by ten."""
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        raise ValueError(f"{what} {text!r} is not a decimal number") from None
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{what} {text!r} must be above zero")
    _, digits, exponent = value.normalize().as_tuple()
    mantissa = int("".join(map(str, digits)))
    if exponent > 0:
        mantissa, exponent = mantissa * 10**exponent, 0
    if -exponent > 18 or mantissa >= 10**18:
        raise ValueError(f"{what} {text!r} has more than 18 digits")
    return mantissa, -exponent


cdef class Spec:
    """What a venue says about one symbol, in exact integers.

    Parameters
    ----------
    name : str
        The venue's name, e.g. ``"BTCUSDT"``; at most 23 ASCII characters.
    tick, step : str or Decimal
        Price tick and order step (``PRICE_FILTER.tickSize``, ``LOT_SIZE.stepSize``).
    dialect : ``"spot"``, ``"usdm"`` or ``"coinm"``
    quantum : str or Decimal, optional
        The unit that book quantities are kept in. Default: the step, and a thousandth of it on spot, where books hold
        quantities off the step (SEMANTICS 29). The step must be a multiple of it.
    quote : str
        The quote asset.
    min_qty, max_qty, min_notional : str or Decimal, optional
        The venue's rules for orders; 0 disables one.
    contract : int
        Contract size, whole units.
    maker_fee, taker_fee : str or Decimal
        Fee rates as fractions of the notional; negative is a rebate; at most eight decimals.
    fee_asset : ``"quote"`` or ``"received"``

    >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001", dialect="usdm")
    >>> spec.ticks("61800.20"), spec.quanta("2.507")
    (618002, 2507)
    >>> str(spec.price(618002)), str(spec.qty(2507))
    ('61800.2', '2.507')
    >>> str(spec.value(618002 * 2507))
    '154933.1014'
    """

    def __init__(self, name, *, tick, step, dialect="usdm", quantum=None, quote="USDT", min_qty=0, max_qty=0,
                 min_notional=0, contract=1, maker_fee="0.0002", taker_fee="0.0005", fee_asset="quote"):
        memset(&self.c, 0, sizeof(SymbolSpec))
        for label, value, room in (("symbol", name, NAME_BYTES - 1), ("quote asset", quote, 7)):
            if not value or not value.isascii() or len(value) > room:
                raise ValueError(f"{label} {value!r} must be 1 to {room} ASCII characters")
        cdef bytes raw = name.upper().encode()
        memcpy(self.c.name, <const char*>raw, len(raw))
        raw = quote.upper().encode()
        memcpy(self.c.quote, <const char*>raw, len(raw))
        if dialect not in DIALECTS:
            raise ValueError(f"dialect {dialect!r} must be one of {', '.join(DIALECTS)}")
        if fee_asset not in ("quote", "received"):
            raise ValueError(f"fee_asset {fee_asset!r} must be 'quote' or 'received'")
        self.c.dialect = DIALECTS[dialect]
        self.c.fee_received = fee_asset == "received"
        self.c.price_mant, self.c.price_exp = _scale(tick, "tick")
        step = Decimal(str(step))
        if quantum is None:
            quantum = step / 1000 if dialect == "spot" else step
        self.c.qty_mant, self.c.qty_exp = _scale(quantum, "quantum")
        if step % Decimal(str(quantum)) != 0:
            raise ValueError(f"step {step} is not a multiple of the quantum {quantum}")
        if int(contract) < 1:
            raise ValueError(f"contract {contract!r} must be a whole number from 1")
        self.c.contract = int(contract)
        self.c.lot = self.quanta(step)
        self.c.min_qty = self.quanta(min_qty)
        self.c.max_qty = self.quanta(max_qty)
        self.c.min_notional = self._rate(min_notional, "min_notional")
        self.c.maker_fee = self._rate(maker_fee, "maker_fee")
        self.c.taker_fee = self._rate(taker_fee, "taker_fee")

    def _rate(self, value, what):
        scaled = Decimal(str(value)) * FEE_SCALE
        if scaled != int(scaled):
            raise ValueError(f"{what} {value} has more than eight decimals")
        return int(scaled)

    @property
    def name(self) -> str:
        return (<bytes>self.c.name).decode()

    @property
    def quote(self) -> str:
        return (<bytes>self.c.quote).decode()

    @property
    def dialect(self) -> str:
        return next(k for k, v in DIALECTS.items() if v == self.c.dialect)

    @property
    def fee_asset(self) -> str:
        return "received" if self.c.fee_received else "quote"

    @property
    def contract(self) -> int:
        return self.c.contract

    @property
    def tick(self) -> Decimal:
        return self.price(1)

    @property
    def step(self) -> Decimal:
        return self.qty(self.c.lot)

    @property
    def quantum(self) -> Decimal:
        return self.qty(1)

    @property
    def lot(self) -> int:
        """The order step in quanta."""
        return self.c.lot

    @property
    def min_notional(self) -> Decimal:
        return Decimal(self.c.min_notional) / FEE_SCALE

    @property
    def min_qty(self) -> Decimal:
        return self.qty(self.c.min_qty)

    @property
    def max_qty(self) -> Decimal:
        return self.qty(self.c.max_qty)

    @property
    def maker_fee(self) -> Decimal:
        return Decimal(self.c.maker_fee) / FEE_SCALE

    @property
    def taker_fee(self) -> Decimal:
        return Decimal(self.c.taker_fee) / FEE_SCALE

    @staticmethod
    def _units(value, mant, exp, what, unit):
        try:
            scaled = Decimal(str(value)) * (10 ** exp) / mant
        except InvalidOperation:
            raise ValueError(f"{what} {value!r} is not a decimal number") from None
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError(f"{what} {value} is not a multiple of the {unit}")
        return int(scaled)

    def ticks(self, price) -> int:
        """Decimal text (or Decimal) as ticks; ValueError off the tick."""
        return self._units(price, self.c.price_mant, self.c.price_exp, "price", "tick")

    def quanta(self, qty) -> int:
        """Decimal text (or Decimal) as quanta; ValueError off the quantum."""
        return self._units(qty, self.c.qty_mant, self.c.qty_exp, "quantity", "quantum")

    def price(self, ticks) -> Decimal:
        """Ticks as an exact decimal."""
        return (Decimal(int(ticks)) * self.c.price_mant).scaleb(-self.c.price_exp)

    def qty(self, quanta) -> Decimal:
        """Quanta as an exact decimal."""
        return (Decimal(int(quanta)) * self.c.qty_mant).scaleb(-self.c.qty_exp)

    def value(self, gross) -> Decimal:
        """Gross (ticks x quanta x contract) as an exact decimal of the quote asset."""
        return (Decimal(int(gross)) * self.c.price_mant * self.c.qty_mant).scaleb(-self.c.price_exp - self.c.qty_exp)

    def __repr__(self):
        return f"Spec({self.name!r}, tick={self.tick}, step={self.step}, dialect={self.dialect!r})"

    def __reduce__(self):
        return _rebuild, (dict(
            name=self.name, tick=str(self.tick), step=str(self.step), dialect=self.dialect, quantum=str(self.quantum),
            quote=self.quote, min_qty=str(self.min_qty), max_qty=str(self.max_qty), contract=self.contract,
            min_notional=str(self.min_notional), maker_fee=str(self.maker_fee), taker_fee=str(self.taker_fee),
            fee_asset=self.fee_asset),)


def _rebuild(fields):
    return Spec(fields.pop("name"), **fields)
