"""SEMANTICS 18 over plain lists and fractions: every open order is looked at, every send ever made is kept."""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Limits:
    max_position: dict = field(default_factory=dict)        # by symbol; absent: no limit
    max_order: dict = field(default_factory=dict)
    max_notional: Fraction | None = None
    per_second: int | None = None
    max_loss: Fraction | None = None
    max_drawdown: Fraction | None = None
    collar_bps: int | None = None
    stale_ns: int | None = None


@dataclass
class Account:
    """What the trader was told, and what is open."""

    qty: dict                       # by symbol
    marks: dict                     # by symbol; absent before the first one
    open: list                      # (symbol, side +1/-1, leaves)
    equity: Fraction = Fraction(0)
    peak: Fraction = Fraction(0)


@dataclass
class Wanted:
    spec: object
    side: int
    qty: Fraction
    price: Fraction | None          # None: market
    reduce_only: bool = False


class NaiveRisk:
    def __init__(self, limits):
        self.limits = limits
        self.sends = []
        self.halts = set()

    def reach(self, account, symbol, extra=(0, 0)):
        """The farthest long and short that the symbol can get to."""
        buys = sum(leaves for name, side, leaves in account.open if name == symbol and side > 0) + extra[0]
        sells = sum(leaves for name, side, leaves in account.open if name == symbol and side < 0) + extra[1]
        return account.qty[symbol] + buys, account.qty[symbol] - sells

    def exposure(self, account, wanted, mid):
        total = Fraction(0)
        for symbol in account.qty:
            extra, price = (0, 0), account.marks.get(symbol, 0)
            if symbol == wanted.spec.name:
                extra = (wanted.qty, 0) if wanted.side > 0 else (0, wanted.qty)
                price = mid
            total += max(map(abs, self.reach(account, symbol, extra))) * price
        return total

    def check(self, wanted, account, *, bid, ask, now, data_ns, synced):
        limits, spec, symbol = self.limits, wanted.spec, wanted.spec.name
        for halt in ("kill_switch", "stopping", "journal_full"):
            if halt in self.halts:
                return halt
        if not synced:
            return "not_synced"
        if limits.stale_ns is not None and now - data_ns > limits.stale_ns:
            return "stale_data"
        if bid is None or ask is None:
            return "no_price"
        mid = (bid + ask) / 2
        return (self.form(wanted, spec, mid) or self.alone(wanted, account, symbol, mid)
                or (not wanted.reduce_only and self.together(wanted, account, symbol, mid, now)) or "ok")

    def form(self, wanted, spec, mid):
        if wanted.price is not None and wanted.price <= 0:
            return "bad_price"
        if wanted.qty < 0 or wanted.qty % Fraction(spec.step) or 0 < spec.max_qty < wanted.qty:
            return "bad_qty"
        if wanted.qty == 0 or wanted.qty < spec.min_qty:
            return "below_min"
        if not wanted.reduce_only and wanted.qty * (wanted.price or mid) * spec.contract < Fraction(spec.min_notional):
            return "below_min"

    def alone(self, wanted, account, symbol, mid):
        limits, reported = self.limits, account.qty[symbol]
        if wanted.reduce_only and (reported * wanted.side >= 0 or wanted.qty > abs(reported)):
            return "reduce_only"
        if symbol in limits.max_order and wanted.qty > limits.max_order[symbol]:
            return "order_size"
        collar = None if wanted.price is None or limits.collar_bps is None else mid * limits.collar_bps / 10000
        if collar is not None and abs(wanted.price - mid) > collar:
            return "price_collar"
        if wanted.spec.instrument == "spot" and wanted.side < 0 and self.reach(account, symbol, (0, wanted.qty))[1] < 0:
            return "no_short"

    def together(self, wanted, account, symbol, mid, now):
        limits = self.limits
        longest, shortest = self.reach(account, symbol, (wanted.qty, wanted.qty))
        if symbol in limits.max_position and (longest if wanted.side > 0 else -shortest) > limits.max_position[symbol]:
            return "position_limit"
        if limits.max_notional is not None and self.exposure(account, wanted, mid) > limits.max_notional:
            return "notional_limit"
        if limits.max_loss is not None and -account.equity >= limits.max_loss:
            return "loss_limit"
        if limits.max_drawdown is not None and account.peak - account.equity >= limits.max_drawdown:
            return "drawdown_limit"
        last_second = sum(now - 1_000_000_000 < sent <= now for sent in self.sends)
        if limits.per_second is not None and last_second >= limits.per_second:
            return "rate_limit"
