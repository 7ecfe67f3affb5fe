from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, Self, Unpack

from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft._core.engine.params import DEFAULTS as DEFAULTS
from hft._core.engine.params import _Settings
from hft._core.engine.view import EngineView
from hft._core.record.journal import Journal
from hft._core.record.page import StatePage
from hft._core.record.runlog import RunLog
from hft._core.trade.strategy import StrategyPort
from hft._core.wire.decode import Decoder

class Engine(EngineView):
    decoder: Final[Decoder]
    journal: Final[Journal]
    log: Final[RunLog | None]
    fallback: Final[Callable[[Decoder, bytes, int], int] | None]
    def __new__(
        cls,
        specs: Spec | Sequence[Spec] | Symbols,
        *,
        strategy: StrategyPort | None = None,
        accounts: Iterable[dict[str, Any]] | None = None,
        run: int = 1,
        page: StatePage | None = None,
        journal: Journal | None = None,
        fallback: Callable[[Decoder, bytes, int], int] | None = None,
        log: RunLog | None = None,
        replayed: bool = False,
        kill: str | None = None,
        trading: bool = True,
        **settings: Unpack[_Settings],
    ) -> Self: ...
    def on_frame(self, frame: bytes, now_ns: int) -> bool: ...
    def set_rules(
        self,
        symbol: str | Spec,
        now_ns: int,
        *,
        tick: str | Decimal,
        step: str | Decimal,
        quantum: str | Decimal | None = None,
        min_qty: str | Decimal | int = 0,
        max_qty: str | Decimal | int = 0,
        min_notional: str | Decimal | int = 0,
        trading: bool = True,
    ) -> bool: ...
    def trading(self, symbol: str | Spec) -> bool: ...
    def on_snapshot(
        self,
        symbol: str | Spec,
        last_update_id: int,
        bids: Sequence[tuple[str, str]],
        asks: Sequence[tuple[str, str]],
        now_ns: int,
        stamp: int = 0,
        body: bytes = b"",
    ) -> int: ...
    def on_book(
        self,
        symbol: str | Spec,
        update_id: int,
        bids: Sequence[tuple[str, str]],
        asks: Sequence[tuple[str, str]],
        now_ns: int,
        stamp: int = 0,
        levels: int = 0,
    ) -> int: ...
    def connect(self, symbol: str | Spec, now_ns: int) -> None: ...
    def disconnect(self, symbol: str | Spec, now_ns: int) -> None: ...
    def resync(self, symbol: str | Spec, now_ns: int) -> None: ...
    def advance(self, now_ns: int) -> None: ...
    def kill(self, on: bool, now_ns: int, reason: str = "kill_requested") -> None: ...
    def journal_full(self, on: bool, now_ns: int) -> None: ...
    def stop(self, now_ns: int) -> int: ...
    memory_bytes: Final[int]
    held_bytes: Final[int]
    def release(self, now_ns: int) -> bool: ...
