"""Symbol specifications: exact conversion between decimal text and integer ticks and quanta."""

from decimal import Context, Decimal, Inexact, InvalidOperation
from math import gcd

from libc.string cimport memcpy, memset

INSTRUMENTS = {"spot": SPOT, "linear": LINEAR, "inverse": INVERSE}

assert sizeof(SymbolSpec) == 192 and sizeof(Message) == 96 and sizeof(Intent) == 40
assert sizeof(Command) == 56 and sizeof(Report) == 80 and sizeof(JournalRecord) == 128


# Exact, or an error: the default context would silently round a quotient to 28 digits.
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])


def _number(value, what):
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{what} {value!r} is not a decimal number") from None
    if not number.is_finite():
        raise ValueError(f"{what} {value!r} is not a finite number")
    return number


def _count(value, mant, exp, what, problem):
    """How many times mant x 10^-exp; ValueError with `problem` when that is not a whole number, or too large."""
    number = _number(value, what)
    try:
        count = _EXACT.divide(_EXACT.multiply(number, 10**exp), mant)
    except Inexact:
        count = None
    if count is None or count != count.to_integral_value():
        raise ValueError(f"{what} {value} {problem}")
    if abs(count) >= 2**63:
        raise ValueError(f"{what} {value} is too large")
    return int(count)


def _money(value, what):
    return _count(value, 1, 8, what, "has more than eight decimals")


def _scale(text, what):
    """Decimal text as (mantissa, exponent): value = mantissa x 10^-exponent, mantissa not divisible by ten."""
    value = _number(text, what)
    if value <= 0:
        raise ValueError(f"{what} {text!r} must be above zero")
    _, digits, exponent = value.as_tuple()
    printed = "".join(map(str, digits))
    mantissa = printed.rstrip("0")
    exponent += len(printed) - len(mantissa)
    if exponent < -18 or len(mantissa) + max(exponent, 0) > 18:
        raise ValueError(f"{what} {text!r} has more than 18 digits")
    return int(mantissa) * 10**max(exponent, 0), max(-exponent, 0)


def common_unit(a, b):
    """The largest decimal that both are whole multiples of.

    >>> str(common_unit(Decimal("0.10"), Decimal("0.25"))), str(common_unit(Decimal("0.01"), Decimal("0.1")))
    ('0.05', '0.01')
    """
    exp = min(a.as_tuple().exponent, b.as_tuple().exponent, 0)
    return Decimal(gcd(int(a.scaleb(-exp, _EXACT)), int(b.scaleb(-exp, _EXACT)))).scaleb(exp, _EXACT)


cdef bytes _name(value, what, int most):
    """A name as upper-case bytes. Quotes and backslashes are refused, since every writer would have to escape them."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} {value!r} must be text of 1 to {most} bytes")
    if not value.isprintable() or any(c.isspace() or c in "\"'\\" for c in value):
        raise ValueError(f"{what} {value!r} must have no white space, quotes, backslashes or control characters")
    try:
        raw = value.upper().encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} {value!r} is not text") from None
    if len(raw) > most:
        raise ValueError(f"{what} {value!r} has {len(raw)} bytes of UTF-8; {most} is the most")
    return raw


cdef class Spec:
    """A venue's rules for one symbol, in exact integers.

    Parameters
    ----------
    name : str
        The venue's name, e.g. ``"BTCUSDT"``; at most 63 bytes of UTF-8, no white space, quotes or backslashes.
    tick, step : str or Decimal
        Price tick and order step (``PRICE_FILTER.tickSize``, ``LOT_SIZE.stepSize``).
    instrument : ``"spot"``, ``"linear"`` or ``"inverse"``
        Whether it can be sold short, and the value of a contract.
    quantum : str or Decimal, optional
        The unit of book quantities. Default: the step, and a thousandth of it on spot, where books contain
        quantities off the step (SEMANTICS 29). The step must be a multiple of it.
    price_unit : str or Decimal, optional
        The unit of prices. Default: the tick, which must be a multiple of it. It is finer if the tick changes within
        a session (SEMANTICS 28).
    quote : str
        The quote asset.
    min_qty, max_qty, min_notional : str or Decimal, optional
        The venue's limits for orders; 0 disables a limit.
    contract : int
        Contract size, whole units.
    maker_fee, taker_fee : str or Decimal
        Fee rates as fractions of the notional; negative is a rebate; at most eight decimals.
    fee_asset : ``"quote"`` or ``"received"``

    >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001", instrument="linear")
    >>> spec.ticks("61800.20"), spec.quanta("2.507")
    (618002, 2507)
    >>> str(spec.price(618002)), str(spec.qty(2507))
    ('61800.2', '2.507')
    >>> str(spec.value(618002 * 2507))
    '154933.1014'
    """

    def __init__(self, name, *, tick, step, instrument="linear", quantum=None, quote="USDT", min_qty=0, max_qty=0,
                 min_notional=0, contract=1, maker_fee="0.0002", taker_fee="0.0005", fee_asset="quote", price_unit=None):
        memset(&self.c, 0, sizeof(SymbolSpec))
        cdef bytes raw = _name(name, "symbol", NAME_BYTES - 1)
        memcpy(self.c.name, <const char*>raw, len(raw))
        raw = _name(quote, "quote asset", QUOTE_BYTES - 1)
        memcpy(self.c.quote, <const char*>raw, len(raw))
        if instrument not in INSTRUMENTS:
            raise ValueError(f"instrument {instrument!r} must be one of {', '.join(INSTRUMENTS)}")
        if fee_asset not in ("quote", "received"):
            raise ValueError(f"fee_asset {fee_asset!r} must be 'quote' or 'received'")
        self.c.instrument = INSTRUMENTS[instrument]
        self.c.fee_received = fee_asset == "received"
        _scale(tick, "tick")
        price_unit = tick if price_unit is None else price_unit
        self.c.price_mant, self.c.price_exp = _scale(price_unit, "price unit")
        self.c.tick = _count(tick, self.c.price_mant, self.c.price_exp, "tick", f"is not a multiple of the unit {price_unit}")
        _scale(step, "step")
        if quantum is None:
            quantum = _number(step, "step") / 1000 if instrument == "spot" else step
        self.c.qty_mant, self.c.qty_exp = _scale(quantum, "quantum")
        if not 1 <= int(contract) < 2**31:
            raise ValueError(f"contract {contract!r} must be a whole number from 1")
        self.c.contract = int(contract)
        self.c.lot = _count(step, self.c.qty_mant, self.c.qty_exp, "step", f"is not a multiple of the quantum {quantum}")
        self.c.min_qty = self.quanta(min_qty)
        self.c.max_qty = self.quanta(max_qty)
        self.c.min_notional = _money(min_notional, "min_notional")
        self.c.maker_fee = _money(maker_fee, "maker_fee")
        self.c.taker_fee = _money(taker_fee, "taker_fee")
        self._show()

    def _show(self):
        """Set the Python attributes from the memory."""
        self.name, self.quote = (<bytes>self.c.name).decode(), (<bytes>self.c.quote).decode()
        self.instrument = next(k for k, v in INSTRUMENTS.items() if v == self.c.instrument)
        self.fee_asset = "received" if self.c.fee_received else "quote"
        self.contract, self.lot = self.c.contract, self.c.lot
        self.tick, self.price_unit = self.price(self.c.tick), self.price(1)
        self.step, self.quantum = self.qty(self.c.lot), self.qty(1)
        self.min_qty, self.max_qty = self.qty(self.c.min_qty), self.qty(self.c.max_qty)
        self.min_notional = Decimal(self.c.min_notional) / FEE_SCALE
        self.maker_fee, self.taker_fee = Decimal(self.c.maker_fee) / FEE_SCALE, Decimal(self.c.taker_fee) / FEE_SCALE

    def ticks(self, price) -> int:
        """Decimal text (or Decimal) as ticks; ValueError if not a multiple of the tick."""
        return _count(price, self.c.price_mant, self.c.price_exp, "price", "is not a multiple of the tick")

    def quanta(self, qty) -> int:
        """Decimal text (or Decimal) as quanta; ValueError if not a multiple of the quantum."""
        return _count(qty, self.c.qty_mant, self.c.qty_exp, "quantity", "is not a multiple of the quantum")

    def price(self, ticks) -> Decimal:
        """Ticks as an exact decimal."""
        return (Decimal(int(ticks)) * self.c.price_mant).scaleb(-self.c.price_exp)

    def qty(self, quanta) -> Decimal:
        """Quanta as an exact decimal."""
        return (Decimal(int(quanta)) * self.c.qty_mant).scaleb(-self.c.qty_exp)

    def value(self, gross) -> Decimal:
        """Gross (ticks x quanta x contract) as an exact decimal of the quote asset."""
        return (Decimal(int(gross)) * self.c.price_mant * self.c.qty_mant).scaleb(-self.c.price_exp - self.c.qty_exp)

    def ruled(self, *, tick, step, quantum=None, min_qty=0, max_qty=0, min_notional=0) -> Spec:
        """The same symbol under other rules, in units that can express both its old and new values (SEMANTICS 28).

        >>> spec = Spec("BTCUSDT", tick="0.10", step="0.001").ruled(tick="0.25", step="0.01")
        >>> str(spec.tick), str(spec.price_unit), str(spec.step), str(spec.quantum)
        ('0.25', '0.05', '0.010', '0.001')
        """
        new = Spec(self.name, tick=tick, step=step, instrument=self.instrument, quantum=quantum, quote=self.quote,
                   min_qty=min_qty, max_qty=max_qty, min_notional=min_notional, contract=self.contract, fee_asset=self.fee_asset)
        return Spec(
            self.name, tick=tick, step=step, instrument=self.instrument, quantum=common_unit(self.quantum, new.quantum),
            price_unit=common_unit(self.price_unit, new.tick), quote=self.quote, min_qty=min_qty, max_qty=max_qty,
            min_notional=min_notional, contract=self.contract, maker_fee=self.maker_fee, taker_fee=self.taker_fee,
            fee_asset=self.fee_asset)

    def __repr__(self):
        return f"Spec({self.name!r}, tick={self.tick}, step={self.step}, instrument={self.instrument!r})"

    def __reduce__(self):
        return _rebuild, (dict(
            name=self.name, tick=str(self.tick), price_unit=str(self.price_unit), step=str(self.step),
            instrument=self.instrument, quantum=str(self.quantum),
            quote=self.quote, min_qty=str(self.min_qty), max_qty=str(self.max_qty), contract=self.contract,
            min_notional=str(self.min_notional), maker_fee=str(self.maker_fee), taker_fee=str(self.taker_fee),
            fee_asset=self.fee_asset),)


def _rebuild(fields):
    return Spec(fields.pop("name"), **fields)
