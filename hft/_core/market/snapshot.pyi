from typing import NamedTuple

from typing_extensions import Buffer

from hft._core.market.book import OrderBook

class SnapshotView(NamedTuple):
    sequence: int
    timestamp_ns: int
    best_bid: int
    best_ask: int
    mid2: int
    imbalance: float
    spread_bps: float
    update_id: int
    synced: bool

class MarketSnapshot:
    def __init__(self, buffer: Buffer | None = None, offset: int = 0) -> None: ...
    def publish(self, book: OrderBook, now_ns: int, levels: int = 5, synced: bool = True) -> None: ...
    def read(self) -> SnapshotView: ...
