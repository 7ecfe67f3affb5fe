"""The newest orders, assembled from the order changes and fills on a state page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from hft.monitoring.page import Event


class OrderRow(NamedTuple):
    """One order."""

    order_id: int
    ts_ns: int
    """Time of its newest change."""
    symbol: str
    side: str
    price: Decimal | None
    """Its limit price; None: a market order, or unknown."""
    market: bool
    qty: Decimal | None
    filled: Decimal
    """Sum of the fills seen."""
    paid: Decimal
    """Sum of quantity times price of these fills."""
    maker: bool
    """Whether its newest fill added liquidity."""
    status: str
    reason: str

    @property
    def average(self) -> Decimal | None:
        """The mean price of its fills."""
        return self.paid / self.filled if self.filled else None


_NONE = OrderRow(0, 0, "", "", None, False, None, Decimal(0), Decimal(0), False, "", "")


class Orders:
    """The newest orders, at most `keep`; `add` is called with each reading of a page.

    A page holds the newest 32 changes and fills. If it is read often enough, nothing is missed; of an order whose beginning was
    missed only the known part is shown.
    """

    def __init__(self, keep: int = 500) -> None:
        self._keep = keep
        self._rows: dict[int, OrderRow] = {}
        self._seen: list[Event] = []

    def add(self, recent: Iterable[Event]) -> None:
        """Takes a page's changes and fills, newest first."""
        newest = list(recent)
        for event in reversed(newest[: _new(newest, self._seen)]):
            row = self._rows.pop(event.order_id, _NONE)
            self._rows[event.order_id] = _after(row, event)
        self._seen = newest
        while len(self._rows) > self._keep:
            del self._rows[next(iter(self._rows))]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[OrderRow]:
        """The orders, the last changed first."""
        return reversed(self._rows.values())


def _new(newest: list[Event], seen: list[Event]) -> int:
    """How many of the newest events are new: those before the first from which on both lists agree."""
    for n in range(len(newest)):
        rest = newest[n:]
        if rest == seen[: len(rest)]:
            return n
    return len(newest)


def _after(row: OrderRow, event: Event) -> OrderRow:
    row = row._replace(order_id=event.order_id, ts_ns=event.ts_ns, symbol=event.symbol, side=event.side)
    if event.kind == "fill":
        filled, paid = row.filled + event.qty, row.paid + event.qty * event.price
        done = "filled" if not event.leaves else "partially_filled"
        return row._replace(filled=filled, paid=paid, maker=event.maker, status=row.status or done)
    market = event.type == "market"
    return row._replace(
        price=None if market else event.price, market=market, qty=event.qty, status=event.status, reason=event.reason
    )
