from decimal import Decimal
from typing import Final

class Fill:
    order_id: Final[int]
    exch_ts_ns: Final[int]
    local_ts_ns: Final[int]
    symbol: Final[str]
    side: Final[int]
    price: Final[Decimal]
    qty: Final[Decimal]
    fee: Final[Decimal]
    maker: Final[bool]
    suspect: Final[bool]
    fee_in_base: Final[bool]
