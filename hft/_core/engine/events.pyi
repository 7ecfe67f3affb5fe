from array import array
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from hft._core.base.types import Spec
from hft._core.wire.decode import Decoder

BID: int
ASK: int
LAST: int
NOT_A_MARKET_TRADE: int
BUYER_MAKER: int
EMPTY: int
BOOK_STREAM_ONLY: int
ONE_SIDE_ONLY: int
LAST_TIME_NS: int
KINDS: dict[str, int]

class EventEncoder:
    def __init__(self, specs: Iterable[Spec], fallback: Callable[[Decoder, bytes, int], int] | None = None) -> None: ...
    def __len__(self) -> int: ...
    decoder: Final[Decoder]
    fallback: Final[Callable[[Decoder, bytes, int], int] | None]
    def frame(self, frame: bytes, now_ns: int) -> int: ...
    def frames(self, frames: list[bytes], stamps: array[int] | memoryview) -> None: ...
    def snapshot(
        self,
        symbol: str | Spec,
        last_update_id: int,
        bids: Sequence[tuple[str, str]],
        asks: Sequence[tuple[str, str]],
        now_ns: int,
        stamp: int = 0,
    ) -> int: ...
    def book(
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
    ) -> None: ...
    def take(self) -> bytes: ...
    rejects: Final[dict[str, int]]
