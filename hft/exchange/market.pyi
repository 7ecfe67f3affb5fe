from typing import Final, Self

class MarketEvent:
    kind: Final[str]
    time_ns: Final[int]
    first_id: Final[int]
    last_id: Final[int]
    prev_id: Final[int]
    price: Final[int]
    qty: Final[int]
    ask_price: Final[int]
    ask_qty: Final[int]
    buyer_is_maker: Final[bool]
    bids: Final[list[tuple[int, int]]]
    asks: Final[list[tuple[int, int]]]

class ExchangeBook:
    last_update_id: Final[int]
    time_ns: Final[int]
    bids: Final[list[tuple[int, int]]]
    asks: Final[list[tuple[int, int]]]

class Market:
    def __new__(cls, *, max_price: int, **params: float) -> Self: ...
    def advance(self, until_ns: int) -> list[MarketEvent]: ...
    def advance_to_depth(self) -> list[MarketEvent]: ...
    def snapshot(self, limit: int = 1000) -> ExchangeBook: ...
    now_ns: Final[int]
    orders: Final[int]
    levels: Final[tuple[int, int]]
