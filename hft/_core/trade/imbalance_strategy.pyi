from decimal import Decimal
from typing import Final, Self

from hft._core.trade.strategy import StrategyPort

class ImbalanceStrategy(StrategyPort):
    threshold: Final[Decimal]
    min_confidence: Final[Decimal]
    decay_ms: Final[Decimal]
    holding_ms: Final[Decimal]
    entry_qty: Final[Decimal]
    def __new__(
        cls,
        *,
        threshold: float | Decimal = 0.3,
        min_confidence: float | Decimal = 0.7,
        decay_ms: float | Decimal = 500,
        holding_ms: float | Decimal = 1000,
        entry_qty: str | Decimal = "0.5",
    ) -> Self: ...
