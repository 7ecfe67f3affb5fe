from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Self, TypeAlias

from hft._core.base.intent import OrderIntent, _Number
from hft._core.base.symbols import Symbols
from hft._core.trade.orders import OrderManager
from hft._core.trade.position import PositionManager

_Sizes: TypeAlias = _Number | Mapping[str, _Number]

class RiskValidator:
    symbols: Final[Symbols]
    orders: Final[OrderManager]
    positions: Final[PositionManager]
    kill_switch: bool
    stopping: bool
    journal_full: bool
    def __new__(
        cls,
        orders: OrderManager,
        positions: PositionManager,
        *,
        max_position_size: _Sizes | None = None,
        max_order_size: _Sizes | None = None,
        max_notional_exposure: _Number | None = None,
        max_orders_per_second: int | None = None,
        max_loss: _Number | None = None,
        max_drawdown: _Number | None = None,
        price_collar_bps: int | None = None,
        stale_ms: float | None = None,
        capital: _Number | None = None,
    ) -> Self: ...
    def check(
        self,
        intent: OrderIntent,
        *,
        bid: _Number | None,
        ask: _Number | None,
        now: int,
        data_ns: int | None = None,
        synced: bool = True,
    ) -> str: ...
    def sent(self, *, now: int) -> None: ...
    bankrupt: Final[bool]
    exposure: Final[Decimal]
    rejects: Final[dict[str, int]]
