from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from typing_extensions import Buffer

from hft._core.base.types import Spec

KINDS: dict[int, str]
LARGEST_FRAME: int
LARGEST_ID: int

@dataclass(frozen=True, slots=True)
class MarketMessage:
    kind: str
    symbol: str
    recv_ns: int = 0
    venue_ns: int = 0
    first_id: int = 0
    last_id: int = 0
    prev_id: int = -1
    price: int = 0
    qty: int = 0
    ask_price: int = 0
    ask_qty: int = 0
    bids: tuple[tuple[int, int], ...] = ()
    asks: tuple[tuple[int, int], ...] = ()
    buyer_is_maker: bool = False
    not_market: bool = False

class Decoder:
    def __new__(cls, specs: Iterable[Spec] = ()) -> Self: ...
    def clear(self) -> None: ...
    def keep(self) -> None: ...
    def next(self) -> bool: ...
    symbols: Final[tuple[str, ...]]
    message: Final[MarketMessage | None]
    def decode_frame(self, frame: Buffer, recv_ns: int = 0) -> int: ...
    def decode_many(self, frames: list[bytes], recv_ns: int = 0) -> int: ...
    def load_depth(
        self,
        symbol: str,
        first_id: int,
        last_id: int,
        prev_id: int | None,
        stamp: int,
        bids: Sequence[tuple[str, str]],
        asks: Sequence[tuple[str, str]],
        recv_ns: int = 0,
    ) -> int: ...
    def load_snapshot(
        self,
        symbol: str,
        last_update_id: int,
        bids: Sequence[tuple[str, str]],
        asks: Sequence[tuple[str, str]],
        stamp: int = 0,
        recv_ns: int = 0,
    ) -> int: ...
    def load_book(
        self,
        symbol: str,
        update_id: int,
        bids: Sequence[tuple[str, str]],
        asks: Sequence[tuple[str, str]],
        levels: int = 0,
        stamp: int = 0,
        recv_ns: int = 0,
        alone: bool = True,
    ) -> int: ...
    def load_book_ticker(
        self,
        symbol: str,
        update_id: int,
        bid: str,
        bid_qty: str,
        ask: str,
        ask_qty: str,
        stamp: int = 0,
        recv_ns: int = 0,
    ) -> int: ...
    def load_trade(
        self,
        symbol: str,
        trade_id: int,
        price: str,
        qty: str,
        stamp: int,
        buyer_is_maker: bool,
        aggregate: bool = False,
        not_market: bool = False,
        recv_ns: int = 0,
    ) -> int: ...
