from typing import Final, Literal, Self

class Signal:
    def __init__(self, strength: float, confidence: float, holding_period_ns: int) -> None: ...
    strength: Final[float]
    confidence: Final[float]
    holding_period_ns: Final[int]
    side: Final[Literal["buy", "sell"] | None]
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...

class ImbalanceSignal:
    def __new__(
        cls,
        *,
        threshold: float = 0.3,
        min_confidence: float = 0.7,
        window_ms: float = 1000,
        decay_ms: float = 500,
        holding_ms: float | None = None,
        capacity: int = 10000,
    ) -> Self: ...
    def update(self, imbalance: float, now: int) -> None: ...
    def reset(self) -> None: ...
    def at(self, now: int) -> Signal | None: ...
    shortened: Final[int]
