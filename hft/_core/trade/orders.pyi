import enum
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final, Literal, Self

from hft._core.base.intent import OrderIntent, OrderTerms, _Number, _Side
from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec

MAX_CAPACITY: int

class OrderStatus(enum.IntEnum):
    PENDING_NEW = 1
    OPEN = 2
    PARTIALLY_FILLED = 3
    PENDING_CANCEL = 4
    FILLED = 5
    CANCELED = 6
    REJECTED = 7
    EXPIRED = 8

def allowed_moves() -> dict[OrderStatus, frozenset[OrderStatus]]: ...

class IllegalReport(RuntimeError): ...

class OrderView(OrderTerms):
    id: Final[int]
    price: Final[Decimal | None]
    leaves: Final[Decimal]
    filled: Final[Decimal]
    status: Final[OrderStatus]
    reason: Final[str]
    final: Final[bool]
    sent_ns: Final[int]
    can_cancel: Final[bool]
    can_amend: Final[bool]

class OrderManager:
    symbols: Final[Symbols]
    def __new__(cls, specs: Symbols | Spec | Iterable[Spec], *, run: int = 1, capacity: int = 1000) -> Self: ...
    def create(self, intent: OrderIntent, *, now: int) -> OrderView: ...
    def cancel(self, order_id: int) -> OrderView: ...
    def amend(self, order_id: int, qty: str | Decimal, price: str | Decimal) -> OrderView: ...
    def accepted(self, order_id: int, *, now: int = 0) -> OrderView: ...
    def fill(
        self,
        order_id: int,
        qty: _Number,
        *,
        fee: _Number = 0,
        fee_asset: Literal["quote", "base"] = "quote",
        now: int = 0,
    ) -> OrderView: ...
    def canceled(self, order_id: int, *, reason: int = 0, now: int = 0) -> OrderView: ...
    def rejected(self, order_id: int, *, reason: int = 0, now: int = 0) -> OrderView: ...
    def expired(self, order_id: int, *, reason: int = 0, now: int = 0) -> OrderView: ...
    def cancel_rejected(self, order_id: int, *, now: int = 0) -> OrderView | None: ...
    def amended(self, order_id: int, *, now: int = 0) -> OrderView: ...
    def amend_rejected(self, order_id: int, *, now: int = 0) -> OrderView | None: ...
    def __getitem__(self, order_id: int, /) -> OrderView: ...
    def __contains__(self, order_id: int, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[OrderView]: ...
    def leaves(self, symbol: str | Spec, side: _Side) -> Decimal: ...
    def in_flight(self, symbol: str | Spec) -> int: ...
    run: Final[int]
    capacity: Final[int]
