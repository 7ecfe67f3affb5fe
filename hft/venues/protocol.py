"""The venue port: how a package of `hft.venues` describes each protocol of its venue.

A protocol has three parts, and code outside `hft.venues` uses none of them by a venue's name:

wire
    How a frame becomes messages, one or several: `load`, behind the compiled scanner of `hft._core.wire.decode`.
sync procedure
    Where the snapshot comes from and how ids continue: `sync`, a row of rules for the core (`hft._core.market.sync`).
instrument
    What may be sold, and the value of a contract: `instrument`, as in `hft._core.base.types.Spec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol, Required, TypedDict

import msgspec

from hft._core.market.sync import SyncRules
from hft._core.wire.decode import Decoder

Text = str | Decimal

Load = Callable[[Decoder, bytes, int], int]
"""``load(decoder, frame, recv_ns)``: puts the messages of a frame that the scanner did not recognise into the decoder, all or
none, and returns a status code. A single message is left there; each of several is loaded and kept (`Decoder.keep`)."""


class FrameFacts(NamedTuple):
    """The facts of a recorded message that are known before its symbol's scales."""

    symbol: str
    kind: str
    """``depth`` for an update, or for a snapshot in such a stream, ``trade`` or ``aggTrade``."""
    prices: list[str]
    quantities: list[str]


Facts = Callable[[bytes], Iterable[FrameFacts]]
"""``facts(frame)``: one for each message of a frame of this protocol; none, or one of `hft.errors.NOT_JSON`, for other frames."""


class SymbolRow(msgspec.Struct, frozen=True):
    """A symbol's rules at a venue on one day."""

    as_of: str
    """ISO date."""
    tick: str
    step: str
    quote: str
    min_qty: str
    max_qty: str
    min_notional: str = "0"
    contract: int = 1


class SpecRules(TypedDict, total=False):
    """Keyword arguments of `Spec`, from one source."""

    tick: Required[Text]
    step: Required[Text]
    quantum: Text
    price_unit: Text
    quote: Required[str]
    min_qty: Text
    max_qty: Text
    min_notional: Text
    contract: int


Listed = Callable[[bytes], dict[str, SpecRules]]
"""``listed(body)``: the rules of symbols in an answer of the venue; one of `hft.errors.NOT_JSON` if it has none."""


class VenuePlace(Protocol):
    """A place that speaks a protocol; its package may know more about it."""

    @property
    def name(self) -> str: ...
    @property
    def protocol(self) -> VenueProtocol: ...


class VenueProtocol(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol of a venue."""

    name: str
    """Venue and market, as settings, files and the database name it."""
    formerly: str = ""
    """Its name in older files."""
    instrument: str
    """``spot``, ``linear`` or ``inverse``."""
    sync: SyncRules
    load: Load
    facts: Facts | None = None
    """None if `hft.venues.recorded` recognises its frames."""
    listed: Listed | None = None
    """None if recordings never hold the rules of its symbols."""
    fees: tuple[Decimal, Decimal]
    """Maker and taker rate of the ordinary tier (SEMANTICS 22)."""
    exchanges: tuple[str, ...] = ()
    """Tardis' names for the exchanges that speak it; the first is used for captures."""
    symbols: Mapping[str, SymbolRow] = {}
    """Rules of a few symbols, for recordings without any (SEMANTICS 28)."""
    served: bool = False
    """Whether the embedded exchange speaks it."""
