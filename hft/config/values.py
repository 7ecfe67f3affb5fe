"""The types of settings' values, and helpers for their descriptions and bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Meta, Struct

from hft.venues.catalogue import ENTRIES, PLACES, SERVED


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the settings file; immutable once loaded."""

    variants: ClassVar[Mapping[str, tuple[str, Callable[[str], type[Section]]]]] = {}
    """Tables below it with several possible sections: key -> (the choosing key, the section for each of its values)."""
    rest: ClassVar[str] = ""
    """The field that holds all other keys of the table; empty: other keys are errors."""


def bounds(**allowed: int) -> Meta:
    """Bounds of a decimal (`gt`, `ge`, `lt`, `le`); msgspec checks only those of ints and floats."""
    return Meta(extra=allowed)


def meaning(text: str, **allowed: Any) -> Meta:
    """The meaning of a setting; `title` describes the allowed values if a pattern is not clear enough."""
    return Meta(description=text, **allowed)


Quantity = Annotated[Decimal, bounds(gt=0)]
Limit = Annotated[Decimal, bounds(ge=0)]
Millis = Annotated[Decimal, bounds(ge=0, le=60_000)]
FeeRate = Annotated[Decimal, bounds(gt=-1, lt=1)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Level = Literal["debug", "info", "warning", "error"]
MAX_NAME = 63
"""Most bytes of a symbol's name in UTF-8."""
SymbolName = Annotated[
    str,
    Meta(
        pattern=r"""^[^\sa-z"'\\,\x00-\x1f\x7f]{1,63}$""",
        title="upper-case names such as BTCUSDT, at most 63 bytes of UTF-8",
    ),
]

if TYPE_CHECKING:               # the names in `hft.venues`
    Venue: TypeAlias = str
    AnyProtocol: TypeAlias = str
    ServedProtocol: TypeAlias = str
else:
    Venue = Literal["embedded", *PLACES]
    AnyProtocol = Literal["", *ENTRIES]
    ServedProtocol = Literal[SERVED]
