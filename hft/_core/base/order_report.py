"""Reports of the exchange, and trades of the market, for Python."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from hft._core.base.status import NAMES

if TYPE_CHECKING:
    from hft._core.base.types import Spec

KINDS = ("", "accepted", "fill", "canceled", "rejected", "expired", "cancel_rejected", "amended", "amend_rejected")
"""The names of reports, by `ReportKind`."""
SUSPECT = 1
"""`BookStatus` of a book that was in sync and is not."""
FEE_SCALE = 10**8


@dataclass(frozen=True, slots=True)
class OrderReport:
    """A report of the exchange about an order.

    ``kind`` is ``accepted``, ``fill``, ``canceled``, ``rejected``, ``expired``, ``amended``, ``cancel_rejected`` or
    ``amend_rejected``; ``reason`` is the name of a status code, empty if there is none. ``price`` and ``qty`` are the
    fill's (0 otherwise), ``leaves`` is the open quantity after it. ``fee`` is in ``fee_asset`` (``"quote"`` or ``"base"``),
    negative for a rebate. ``suspect``: the fill happened while the book was not in sync. ``exch_ns`` is the time at the exchange,
    ``reported_ns`` the time at which the trader receives the report.
    """

    kind: str
    order_id: int
    side: Literal["buy", "sell"]
    price: Decimal
    qty: Decimal
    leaves: Decimal
    fee: Decimal
    fee_asset: Literal["quote", "base"]
    maker: bool
    suspect: bool
    reason: str
    exch_ns: int
    reported_ns: int

    @classmethod
    def of(cls, spec: Spec, kind: int, order_id: int, side: int, price: int, qty: int, leaves: int, fee: int, *, in_base: bool,
           maker: bool, book_status: int, reason: int, exch_ns: int, reported_ns: int) -> OrderReport:
        """From the integers of the core: ticks, quanta and 1e-8 of the fee asset."""
        return cls(
            KINDS[kind], order_id, "buy" if side > 0 else "sell", spec.price(price), spec.qty(qty), spec.qty(leaves),
            Decimal(fee) / FEE_SCALE, "base" if in_base else "quote", maker, book_status == SUSPECT,
            NAMES[reason] if reason else "", exch_ns, reported_ns,
        )


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """A trade of the market: somebody took liquidity, to ``"buy"`` or to ``"sell"``. ``id`` and ``venue_ns`` (0 where there is
    none) are the venue's."""

    price: float
    qty: float
    side: Literal["buy", "sell"]
    id: int
    venue_ns: int
