from decimal import Decimal
from typing import Final, Self

from hft._core.trade.strategy import StrategyPort

class QuoterStrategy(StrategyPort):
    qty: Final[Decimal]
    distance_ticks: Final[int]
    tolerance_ticks: Final[int]
    max_position: Final[Decimal]
    retry_ms: Final[Decimal]
    def __new__(
        cls,
        *,
        qty: str | Decimal = "0.01",
        distance_ticks: int = 1,
        tolerance_ticks: int = 0,
        max_position: str | Decimal | int = 0,
        retry_ms: float | Decimal = 100,
    ) -> Self: ...
