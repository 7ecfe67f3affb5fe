from decimal import Decimal

from hft._core.base.intent import OrderIntent, _Number, _Side
from hft._core.base.types import Spec
from hft._core.trade.signal import Signal

def entry_qty(
    spec: Spec, max_position_size: _Number, order_size_fraction: _Number, max_order_size: _Number | None = None
) -> int: ...

class ImbalanceDecision:
    @property
    def spec(self) -> Spec: ...
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
    @property
    def entry_qty(self) -> Decimal: ...
    @property
    def next_due(self) -> int | None: ...
    @property
    def leaving(self) -> bool: ...
    @property
    def no_shorts(self) -> int: ...
