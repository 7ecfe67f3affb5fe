"""The port of a venue: what a package of `hft.venues` says of each protocol that its venue speaks.

A protocol is three things, and code outside `hft.venues` asks for none of them by a venue's name:

wire
    How a frame becomes messages, one or several: `load`, behind the compiled scanner of `hft._core.wire.decode`.
sync procedure
    Where the snapshot comes from and how ids continue: `sync`, a row that the core goes by (`hft._core.market.sync`).
instrument
    What may be sold, and what a contract is worth: `instrument`, as of `hft._core.base.types.Spec`.
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
"""``load(decoder, frame, recv_ns)``: puts the messages of a frame that the scanner left into the decoder, all or none of them,
and returns a status code. A frame of one message leaves it there; of several each is loaded and kept (`Decoder.keep`)."""


class FrameFacts(NamedTuple):
    """What a recorded message tells before its symbol's scales are known."""

    symbol: str
    kind: str
    """``depth`` for an update or the snapshot that such a stream sends, ``trade`` or ``aggTrade``."""
    prices: list[str]
    quantities: list[str]


Facts = Callable[[bytes], Iterable[FrameFacts]]
"""``facts(frame)``: of each message of a frame of this protocol; nothing for any other frame, or one of `hft.errors.NOT_JSON`."""


class SymbolRow(msgspec.Struct, frozen=True):
    """What a venue said of a symbol on a day."""

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
    """Keyword arguments of `Spec`, as a source gives them."""

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
"""``listed(body)``: the rules of symbols in an answer of the venue; one of `hft.errors.NOT_JSON` where it has none."""


class VenuePlace(Protocol):
    """A place that speaks a protocol; what else there is to know of it is its package's own."""

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
    """None where `hft.venues.recorded` recognises its frames."""
    listed: Listed | None = None
    """None where no recording holds the rules of its symbols."""
    fees: tuple[Decimal, Decimal]
    """Maker and taker rate of the ordinary tier (SEMANTICS 22)."""
    exchanges: tuple[str, ...] = ()
    """What Tardis calls the exchange that speaks it; the first one is that of captures."""
    symbols: Mapping[str, SymbolRow] = {}
    """Rules of a few symbols, for recordings that hold none (SEMANTICS 28)."""
    served: bool = False
    """The embedded exchange speaks it."""
