from decimal import Decimal
from typing import ClassVar, Final

from hft._core.base.types import Spec
from hft._core.market.book import OrderBook

MAX_CAPACITY: int

class FeatureVector:
    FIELDS: ClassVar[tuple[str, ...]]
    timestamp_ns: Final[int]
    mid: Final[float]
    microprice: Final[float]
    spread_bps: Final[float]
    volatility: Final[float]
    momentum: Final[float]
    imbalance: Final[float]
    depth_ratio: Final[float]
    ofi: Final[float]
    signed_volume: Final[float]
    intensity: Final[float]
    book_valid: Final[bool]
    flow_valid: Final[bool]
    def as_dict(self) -> dict[str, float]: ...

class FeatureBuffer:
    spec: Final[Spec]
    def __init__(
        self,
        spec: Spec,
        *,
        window_ms: int = 1000,
        capacity: int = 10000,
        imbalance_levels: int = 5,
        depth_levels: int = 20,
    ) -> None: ...
    def on_sync(self, book: OrderBook, now_ns: int) -> None: ...
    def on_desync(self) -> None: ...
    def on_book(self, book: OrderBook, now_ns: int) -> None: ...
    def on_trade(
        self,
        qty: str | Decimal | int,
        *,
        buyer_is_maker: bool,
        trade_id: int,
        venue_ns: int,
        now_ns: int,
        market: bool = True,
        aggregate: bool = False,
    ) -> int: ...
    def vector(self, book: OrderBook, now_ns: int) -> FeatureVector: ...
    def __len__(self) -> int: ...
    window_ns: Final[int]
    capacity: Final[int]
    shortened: Final[int]
    trade_gaps: Final[int]
