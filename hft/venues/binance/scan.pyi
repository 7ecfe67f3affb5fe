from typing import Final

SPOT_DEPTH: int
CHAINED_DEPTH: int
SPOT_BOOK_TICKER: int
FUTURES_DEPTH: int
FUTURES_BOOK_TICKER: int
SPOT_TRADE: int
FUTURES_BOOK: int
NAMED_SPOT: int
NAMED_USDM: int
NAMED_COINM: int
TRADES: int
AGG_TRADES: int
WHOLE_BOOKS: int

class Seen:
    bits: int
    price: int
    qty: int
    unnamed: int
    levels: int

class Scan:
    symbols: Final[dict[str, Seen]]
    def symbol(self, name: str) -> Seen: ...
    def frame(self, data: bytes) -> bool: ...
