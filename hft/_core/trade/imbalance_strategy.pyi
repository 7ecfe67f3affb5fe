from decimal import Decimal
from typing import Self

from hft._core.trade.strategy import StrategyPort

class ImbalanceStrategy(StrategyPort):
    @property
    def threshold(self) -> Decimal: ...
    @property
    def min_confidence(self) -> Decimal: ...
    @property
    def decay_ms(self) -> Decimal: ...
    @property
    def holding_ms(self) -> Decimal: ...
    @property
    def entry_qty(self) -> Decimal: ...
    def __new__(
        cls,
        *,
        threshold: float | Decimal = 0.3,
        min_confidence: float | Decimal = 0.7,
        decay_ms: float | Decimal = 500,
        holding_ms: float | Decimal = 1000,
        entry_qty: str | Decimal = "0.5",
    ) -> Self: ...
