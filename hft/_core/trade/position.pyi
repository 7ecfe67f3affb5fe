from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final, Literal, Self

from hft._core.base.intent import _Number, _Side
from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec

class PositionView:
    symbol: Final[str]
    contract: Final[int]
    qty: Final[Decimal]
    cash: Final[Decimal]
    cost: Final[Decimal]
    average_price: Final[Decimal | None]
    mark: Final[Decimal | None]
    mark_stale: Final[bool]
    realised: Final[Decimal]
    unrealised: Final[Decimal]
    fees_quote: Final[Decimal]
    fees_base: Final[Decimal]
    fees: Final[Decimal]
    total: Final[Decimal]
    bought: Final[Decimal]
    sold: Final[Decimal]
    fills: Final[int]

class PnlView:
    cash: Final[Decimal]
    mark: Final[Decimal | None]
    realised: Final[Decimal]
    unrealised: Final[Decimal]
    fees: Final[Decimal]
    total: Final[Decimal]

class PositionManager:
    symbols: Final[Symbols]
    def __new__(cls, specs: Symbols | Spec | Iterable[Spec]) -> Self: ...
    def fill(
        self,
        symbol: str | Spec,
        side: _Side,
        qty: _Number,
        price: _Number,
        *,
        fee: _Number = 0,
        fee_asset: Literal["quote", "base"] = "quote",
    ) -> None: ...
    def mark(self, symbol: str | Spec, bid: _Number, ask: _Number) -> None: ...
    def mark_lost(self, symbol: str | Spec) -> None: ...
    def __getitem__(self, symbol: str | Spec, /) -> PositionView: ...
    def __iter__(self) -> Iterator[PositionView]: ...
    def __len__(self) -> int: ...
    equity: Final[Decimal]
    peak: Final[Decimal]
    drawdown: Final[Decimal]
    def money(self, symbol: str | Spec) -> dict[str, int]: ...
