from decimal import Decimal

from hft._core.intent import Number, OrderIntent, Side
from hft._core.signal import Signal
from hft._core.types import Spec

def entry_qty(
    spec: Spec, max_position_size: Number, order_size_fraction: Number, max_order_size: Number | None = None
) -> int: ...

class ImbalanceStrategy:
    spec: Spec
    def __init__(
        self,
        spec: Spec,
        *,
        max_position_size: Number,
        order_size_fraction: Number = "1",
        max_order_size: Number | None = None,
        holding_ms: float = 1000,
    ) -> None: ...
    def decide(
        self,
        signal: Signal | None,
        *,
        bid: Number | None,
        ask: Number | None,
        position: Number,
        in_flight: int = 0,
        now: int,
    ) -> OrderIntent | None: ...
    def on_fill(self, side: Side, *, position: Number, now: int) -> None: ...
    @property
    def entry_qty(self) -> Decimal: ...
    @property
    def next_due(self) -> int | None: ...
    @property
    def leaving(self) -> bool: ...
    @property
    def no_shorts(self) -> int: ...
