from decimal import Decimal
from typing import Final, Literal, TypeAlias

from hft._core.base.types import Spec

_Number: TypeAlias = str | int | Decimal
_Side: TypeAlias = Literal["buy", "sell", 1, -1]
_Tif: TypeAlias = Literal["GTC", "IOC", "FOK", "GTX"]

SIDES: dict[str | int, int]
TIFS: dict[str, int]
TYPES: dict[str, int]

class OrderTerms:
    spec: Final[Spec]
    symbol: Final[str]
    side: Final[Literal["buy", "sell"]]
    qty: Final[Decimal]
    type: Final[Literal["limit", "market"]]
    tif: Final[_Tif]
    reduce_only: Final[bool]

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
    price: Final[Decimal | None]
