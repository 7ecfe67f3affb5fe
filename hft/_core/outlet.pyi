from decimal import Decimal

class Fill:
    order_id: int
    exch_ts_ns: int
    local_ts_ns: int
    symbol: str
    side: int
    price: Decimal
    qty: Decimal
    fee: Decimal
    maker: bool
    suspect: bool
    fee_in_base: bool
