from collections.abc import Sequence
from typing import Any

from hft._core.trade.strategy import StrategyPort

CALLBACKS: tuple[str, ...]

class PythonStrategy(StrategyPort):
    strategy: Any
    error: BaseException | None
    raised_in: str | None
    raised_ns: int | None
    def __new__(cls, strategy: Any = None, *, seed: Any = 1, max_intents: Any = 32) -> PythonStrategy: ...
    @property
    def max_intents(self) -> int: ...
    def most_intents(self, n_symbols: int) -> int: ...
    def decide(self, fields: Sequence[int]) -> None: ...
