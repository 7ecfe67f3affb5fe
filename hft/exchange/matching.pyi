from typing import Final, Self

class Match:
    trade_id: Final[int]
    price: Final[int]
    qty: Final[int]
    maker_id: Final[int]
    maker_leaves: Final[int]

class Outcome:
    order_id: Final[int]
    filled: Final[int]
    leaves: Final[int]
    status: Final[str]
    trades: Final[list[Match]]

class Matching:
    def __new__(cls, *, max_price: int = 8388608, orders: int = 65536, levels: int = 16384, fills: int = 4096) -> Self: ...
    def submit(
        self,
        side: str,
        price: int,
        qty: int,
        *,
        type: str = "limit",
        tif: str = "gtc",
    ) -> Outcome: ...
    def cancel(self, order_id: int) -> int: ...
    def top(self, side: str, n: int = 10) -> list[tuple[int, int]]: ...
    def queue(self, side: str, price: int) -> list[tuple[int, int]]: ...
    def cut(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    update_id: Final[int]
    orders: Final[int]
    def check(self) -> None: ...

def throughput(events: int = 1_000_000, seed: int = 1) -> int: ...
