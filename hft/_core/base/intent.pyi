from decimal import Decimal
from typing import Literal, TypeAlias

from hft._core.base.types import Spec

_Number: TypeAlias = str | int | Decimal
_Side: TypeAlias = Literal["buy", "sell", 1, -1]
_Tif: TypeAlias = Literal["GTC", "IOC", "FOK", "GTX"]

SIDES: dict[str | int, int]
TIFS: dict[str, int]
TYPES: dict[str, int]

class OrderTerms:
    @property
    def spec(self) -> Spec: ...
    @property
    def symbol(self) -> str: ...
    @property
    def side(self) -> Literal["buy", "sell"]: ...
    @property
    def qty(self) -> Decimal: ...
    @property
    def type(self) -> Literal["limit", "market"]: ...
    @property
    def tif(self) -> _Tif: ...
    @property
    def reduce_only(self) -> bool: ...

class OrderIntent(OrderTerms):
    def __init__(
        self,
        spec: Spec,
        side: _Side,
        qty: _Number,
        price: _Number | None = None,
        *,
        type: Literal["limit", "market"] | None = None,
        tif: _Tif | None = None,
        reduce_only: bool = False,
    ) -> None: ...
    @property
    def price(self) -> Decimal | None: ...
