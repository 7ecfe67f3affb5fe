from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from hft._core.intent import Number, OrderIntent
from hft._core.orders import OrderManager
from hft._core.position import PositionManager
from hft._core.symbols import Symbols

Sizes: TypeAlias = Number | Mapping[str, Number]

class RiskValidator:
    symbols: Symbols
    orders: OrderManager
    positions: PositionManager
    kill_switch: bool
    stopping: bool
    journal_full: bool
    def __init__(
        self,
        orders: OrderManager,
        positions: PositionManager,
        *,
        max_position_size: Sizes | None = None,
        max_order_size: Sizes | None = None,
        max_notional_exposure: Number | None = None,
        max_orders_per_second: int | None = None,
        max_loss: Number | None = None,
        max_drawdown: Number | None = None,
        price_collar_bps: int | None = None,
        stale_ms: float | None = None,
        capital: Number | None = None,
    ) -> None: ...
    def check(
        self,
        intent: OrderIntent,
        *,
        bid: Number | None,
        ask: Number | None,
        now: int,
        data_ns: int | None = None,
        synced: bool = True,
    ) -> str: ...
    def sent(self, *, now: int) -> None: ...
    @property
    def bankrupt(self) -> bool: ...
    @property
    def exposure(self) -> Decimal: ...
    @property
    def rejects(self) -> dict[str, int]: ...
