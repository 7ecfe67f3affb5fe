from decimal import Decimal
from typing import Self

from hft._core.trade.strategy import StrategyPort

class QuoterStrategy(StrategyPort):
    @property
    def qty(self) -> Decimal: ...
    @property
    def distance_ticks(self) -> int: ...
    @property
    def tolerance_ticks(self) -> int: ...
    @property
    def max_position(self) -> Decimal: ...
    @property
    def retry_ms(self) -> Decimal: ...
    def __new__(
        cls,
        *,
        qty: str | Decimal = "0.01",
        distance_ticks: int = 1,
        tolerance_ticks: int = 0,
        max_position: str | Decimal | int = 0,
        retry_ms: float | Decimal = 100,
    ) -> Self: ...
