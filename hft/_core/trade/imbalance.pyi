from decimal import Decimal
from typing import Final

from hft._core.base.intent import OrderIntent, _Number, _Side
from hft._core.base.types import Spec
from hft._core.trade.signal import Signal

def entry_qty(
    spec: Spec, max_position_size: _Number, order_size_fraction: _Number, max_order_size: _Number | None = None
) -> int: ...

class ImbalanceDecision:
    spec: Final[Spec]
    def __init__(
        self,
        spec: Spec,
        *,
        max_position_size: _Number,
        order_size_fraction: _Number = "1",
        max_order_size: _Number | None = None,
        holding_ms: float = 1000,
    ) -> None: ...
    def decide(
        self,
        signal: Signal | None,
        *,
        bid: _Number | None,
        ask: _Number | None,
        position: _Number,
        in_flight: int = 0,
        now: int,
    ) -> OrderIntent | None: ...
    def on_fill(self, side: _Side, *, position: _Number, now: int) -> None: ...
    entry_qty: Final[Decimal]
    next_due: Final[int | None]
    leaving: Final[bool]
    no_shorts: Final[int]
