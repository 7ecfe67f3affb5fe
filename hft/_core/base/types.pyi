from decimal import Decimal
from typing import Final

INSTRUMENTS: dict[str, int]

def common_unit(a: Decimal, b: Decimal) -> Decimal: ...

class Spec:
    def __init__(
        self,
        name: str,
        *,
        tick: str | Decimal,
        step: str | Decimal,
        instrument: str = "linear",
        quantum: str | Decimal | None = None,
        quote: str = "USDT",
        min_qty: str | Decimal | int = 0,
        max_qty: str | Decimal | int = 0,
        min_notional: str | Decimal | int = 0,
        contract: int = 1,
        maker_fee: str | Decimal = "0.0002",
        taker_fee: str | Decimal = "0.0005",
        fee_asset: str = "quote",
        price_unit: str | Decimal | None = None,
    ) -> None: ...
    name: Final[str]
    quote: Final[str]
    instrument: Final[str]
    fee_asset: Final[str]
    contract: Final[int]
    tick: Final[Decimal]
    price_unit: Final[Decimal]
    step: Final[Decimal]
    quantum: Final[Decimal]
    lot: Final[int]
    min_notional: Final[Decimal]
    min_qty: Final[Decimal]
    max_qty: Final[Decimal]
    maker_fee: Final[Decimal]
    taker_fee: Final[Decimal]
    def ticks(self, price: str | Decimal | int) -> int: ...
    def quanta(self, qty: str | Decimal | int) -> int: ...
    def price(self, ticks: int) -> Decimal: ...
    def qty(self, quanta: int) -> Decimal: ...
    def value(self, gross: int) -> Decimal: ...
    def ruled(
        self,
        *,
        tick: str | Decimal,
        step: str | Decimal,
        quantum: str | Decimal | None = None,
        min_qty: str | Decimal | int = 0,
        max_qty: str | Decimal | int = 0,
        min_notional: str | Decimal | int = 0,
    ) -> Spec: ...
