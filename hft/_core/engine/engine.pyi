from array import array
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, Self, Unpack

from numpy.typing import NDArray
from typing_extensions import Buffer

from hft._core.base.histogram import Histogram
from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft._core.engine.params import DEFAULTS as DEFAULTS
from hft._core.engine.params import _Settings
from hft._core.market.features import FeatureVector
from hft._core.record.journal import Journal
from hft._core.record.output import Fill
from hft._core.record.page import StatePage
from hft._core.record.runlog import RunLog
from hft._core.trade.position import PnlView
from hft._core.trade.strategy import StrategyPort
from hft._core.wire.decode import Decoder
from hft._core.wire.sink import FrameSink

KINDS: dict[str, int]
CAUSES: dict[int, str]

PARTS: tuple[str, ...]

class EngineView(FrameSink):
    symbols: Final[Symbols]
    page: Final[StatePage]
    def counted(self, reason: str, account: int = 0) -> int: ...
    def wants_snapshot(self) -> list[str]: ...
    def refreshing(self, symbol: str | Spec) -> bool: ...
    def update_id(self, symbol: str | Spec) -> int: ...
    def trade_id(self, symbol: str | Spec) -> int: ...
    def delay_ns(self, symbol: str | Spec) -> int: ...
    def book_status(self, symbol: str | Spec) -> Literal["synced", "suspect", "syncing"]: ...
    def synced(self, symbol: str | Spec) -> bool: ...
    def generation(self, symbol: str | Spec) -> int: ...
    halted: Final[bool]
    fault: Final[str | None]
    killed: Final[bool]
    kill_reason: Final[str | None]
    missing_trades: Final[int]
    now_ns: Final[int]
    journal_room: Final[int]
    def makes_room(self, room: int = 0) -> bool: ...
    held: Final[int]
    journal_waits: Final[int]
    commands_under_way: Final[int]
    trades: Final[list[Fill]]
    def touch(
        self, symbol: str | Spec, *, base: bool = False
    ) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]: ...
    def book_hash(self, symbol: str | Spec) -> int: ...
    def state_hash(self, symbol: str | Spec, account: int = 0) -> int: ...
    def digests(self, symbol: str | Spec, account: int = 0) -> dict[str, int]: ...
    def digest_texts(self, symbol: str | Spec, account: int = 0) -> dict[str, str]: ...
    def features(self, symbol: str | Spec) -> FeatureVector: ...
    def position(self, symbol: str | Spec, account: int = 0) -> Decimal: ...
    def pnl(self, symbol: str | Spec, account: int = 0) -> PnlView: ...
    def latency(self, which: Literal["tick_to_trade", "tick", "features"] = "tick_to_trade") -> Histogram: ...
    def counters(self) -> dict[str, Any]: ...
    n_accounts: Final[int]
    def fills(self, account: int = 0) -> list[Fill]: ...

class Engine(EngineView):
    decoder: Final[Decoder]
    journal: Final[Journal]
    log: Final[RunLog | None]
    fallback: Final[Callable[[Decoder, bytes, int], int] | None]
    strategy: Final[StrategyPort]
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

def replay(
    engine: Engine,
    frames: list[bytes],
    stamps: array[int] | memoryview,
    *,
    start: int = 0,
    stop: int | None = None,
    until_ns: int | None = None,
    room: int = 0,
    histogram: Histogram | None = None,
    by_kind: dict[str, Histogram] | None = None,
) -> int: ...
def replay_events(
    engine: Engine,
    records: Buffer | NDArray[Any],
    *,
    start: int = 0,
    symbols: Sequence[int] | None = None,
    until_ns: int | None = None,
    room: int = 0,
) -> int: ...
def sync_times(engine: Engine, symbol: str | Spec) -> tuple[int, int, dict[str, tuple[int, int, int]]]: ...
def closed_times(engine: Engine, symbol: str | Spec) -> tuple[int, int, int]: ...
def signal_reach(engine: Engine, symbol: str | Spec) -> tuple[float, float, float, float, int, int] | None: ...
