from decimal import Decimal
from typing import Final, Literal

from hft._core.base.order_report import OrderReport as OrderReport
from hft._core.base.types import Spec
from hft._core.market.book import OrderBook

_Number = str | int | Decimal
_Side = Literal["buy", "sell"]

QUEUE_MODELS: dict[str, int]
SIDES: dict[str, int]
TIMES_IN_FORCE: dict[str, int]

class PaperBroker:
    book: Final[OrderBook]
    spec: Final[Spec]
    def __init__(
        self,
        spec: Spec,
        book: OrderBook,
        *,
        entry_latency_ms: float = 20,
        response_latency_ms: float = 5,
        max_feed_delay_ms: float = 50,
        queue_model: str = "risk_averse",
        queue_exponent: float = 3.0,
        max_orders: int = 64,
        max_commands: int = 1000,
    ) -> None: ...
    def submit(
        self,
        side: _Side,
        qty: _Number,
        price: _Number | None = None,
        *,
        tif: Literal["gtc", "ioc", "fok", "post_only"] = "gtc",
        market: bool = False,
        reduce_only: bool = False,
        sent_ns: int,
    ) -> int: ...
    def cancel(self, order_id: int, *, sent_ns: int) -> None: ...
    def amend(
        self,
        order_id: int,
        side: Literal["buy", "sell"],
        qty: str | Decimal,
        price: str | Decimal,
        *,
        tif: Literal["gtc", "post_only"] = "gtc",
        reduce_only: bool = False,
        sent_ns: int,
    ) -> None: ...
    def arrivals(self, v_ns: int) -> list[OrderReport]: ...
    def timers(self, now_ns: int) -> list[OrderReport]: ...
    def trade(
        self,
        price: _Number,
        qty: _Number,
        *,
        buyer_is_maker: bool,
        v_ns: int,
        trade_id: int | None = None,
        venue_ns: int = 0,
        market: bool = True,
        aggregate: bool = False,
    ) -> list[OrderReport]: ...
    def book_changed(
        self, v_ns: int, *, venue_ns: int = 0, crossed: bool = False, book_ticker: bool = False
    ) -> list[OrderReport]: ...
    def desync(self) -> None: ...
    def resync(self, v_ns: int, *, crossed: bool = False) -> list[OrderReport]: ...
    def set_rules(
        self,
        book: OrderBook,
        *,
        tick: _Number,
        step: _Number,
        quantum: _Number | None = None,
        min_qty: _Number = 0,
        max_qty: _Number = 0,
        min_notional: _Number = 0,
        v_ns: int,
    ) -> list[OrderReport]: ...
    def drive_trades(self, price: _Number, qty: _Number, n: int, *, buyer_is_maker: bool, v_ns: int) -> int: ...
    def drive_book_tickers(
        self, bid: _Number, ask: _Number, qty: _Number, n: int, *, v_ns: int, match: bool = True
    ) -> int: ...
    position: Final[Decimal]
    synced: Final[bool]
    next_due_ns: Final[int | None]
    nbytes: Final[int]
    open_orders: Final[list[int]]
    counters: Final[dict[str, int]]
    def leaves(self, order_id: int) -> Decimal: ...
    def queue_ahead(self, order_id: int) -> Decimal | None: ...
    def used(self, side: Literal["bid", "ask"], price: _Number) -> Decimal: ...
