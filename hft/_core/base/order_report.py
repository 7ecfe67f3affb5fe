"""A report of the exchange as Python sees it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the exchange says about an order.

    ``kind`` is ``accepted``, ``fill``, ``canceled``, ``rejected``, ``expired``, ``amended``, ``cancel_rejected`` or
    ``amend_rejected``; ``reason`` the name of a status code, empty where there is none. ``price`` and ``qty`` are the
    fill's (0 otherwise), ``leaves`` what is open after it. ``fee`` is in ``fee_asset`` (``"quote"`` or ``"base"``),
    negative for a rebate. ``suspect``: made while the book was not in sync. ``exch_ns`` is when it happened,
    ``reported_ns`` when the trader hears of it.
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
