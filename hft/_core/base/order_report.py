"""A report of the exchange, for Python."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


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
