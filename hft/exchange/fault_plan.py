"""The format of a fault file: kinds of faults, the settings of each, and when it happens.

A file holds a seed and any number of `[[fault]]` tables. Each table names its `kind` and, by exactly one of `at_s`, `every_s`
and `probability`, its times; `FAULTS` has the section of each kind.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from hft.config import Section, read_section, read_toml
from hft.errors import ConfigError

StreamKind = Annotated[
    str, Meta(pattern="^(depth|bookTicker|trade|aggTrade)$", title="of depth, bookTicker, trade and aggTrade")
]
Symbol = Annotated[str, Meta(pattern="^[A-Z0-9_]{1,23}$", title="upper-case names such as BTCUSDT")]
Path_ = Annotated[str, Meta(pattern="^(depth|exchangeInfo|time|ping)$", title="of depth, exchangeInfo, time and ping")]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Streams = Annotated[tuple[StreamKind, ...], Meta(min_length=1, max_length=4)]
STREAMS = ("depth", "bookTicker", "trade", "aggTrade")


class Fault(Section, frozen=True, kw_only=True):
    """Settings of every fault. Times are seconds since the first websocket connection; 0 is from the start."""

    kind: ClassVar[str]
    acts_on: ClassVar[Literal["message", "connection", "request", "handshake", "clock"]]

    at_s: Annotated[Annotated[float, Meta(ge=0, le=604_800)] | None, Meta(description="once, at this time")] = None
    every_s: Annotated[
        Annotated[float, Meta(ge=0.01, le=604_800)] | None, Meta(description="repeatedly, this many seconds apart")
    ] = None
    jitter: Annotated[float, Meta(ge=0, le=1, description="share of every_s by which an interval varies either way")] = 0.2
    probability: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None, Meta(description="for each message, request or handshake that it could meet")
    ] = None

    def meets(self, symbol: str) -> bool:
        """Whether what is of a symbol can meet it."""
        return True


class SymbolFault(Fault, frozen=True, kw_only=True):
    """Settings of a fault that can be limited to some symbols."""

    symbols: Annotated[
        tuple[Symbol, ...], Meta(min_length=1, description="symbols whose messages, connections or books it meets")
    ] = ()

    def meets(self, symbol: str) -> bool:
        return not self.symbols or symbol in self.symbols


class MessageFault(SymbolFault, frozen=True, kw_only=True):
    """Settings of a fault that meets messages."""

    acts_on = "message"
    streams: Annotated[Streams, Meta(description="kinds of stream that it meets")] = STREAMS
    count: Annotated[Count, Meta(description="messages in a row that it meets each time")] = 1
    for_s: Annotated[Seconds, Meta(description="instead of a count: every message for this long")] = 0.0


class Drop(MessageFault, frozen=True, kw_only=True):
    """Messages are not sent."""

    kind = "drop"


class Gap(MessageFault, frozen=True, kw_only=True):
    """Several depth messages in a row are not sent."""

    kind = "gap"
    streams: Annotated[Streams, Meta(description="kinds of stream that it meets")] = ("depth",)
    count: Annotated[Count, Meta(description="messages in a row")] = 3


class Duplicate(MessageFault, frozen=True, kw_only=True):
    """Messages are sent more than once."""

    kind = "duplicate"
    copies: Annotated[int, Meta(ge=1, le=1000, description="sent besides")] = 1


class Reorder(MessageFault, frozen=True, kw_only=True):
    """A message is sent after later ones of its stream."""

    kind = "reorder"
    distance: Annotated[int, Meta(ge=1, le=1000, description="later messages that overtake it")] = 1


class Malformed(MessageFault, frozen=True, kw_only=True):
    """Frames are unusable."""

    kind = "malformed"
    shape: Annotated[
        Literal[
            "any", "truncated", "binary", "nan", "infinite", "negative", "long_price", "no_first_id", "unknown_event",
            "wrong_symbol",
        ],
        Meta(description="what is wrong with it; any: chosen by the seed"),
    ] = "any"
    beside: Annotated[bool, Meta(description="the valid message follows; else the frame replaces it")] = False


class Crossed(MessageFault, frozen=True, kw_only=True):
    """A depth update also has a bid at one of its asks."""

    kind = "crossed"
    streams: Annotated[Streams, Meta(description="kinds of stream that it meets")] = ("depth",)


class Oversize(MessageFault, frozen=True, kw_only=True):
    """A frame of many bytes comes before a message."""

    kind = "oversize"
    bytes: Annotated[int, Meta(ge=100, le=64 << 20, description="its size")] = 64_000_000


class Fragments(MessageFault, frozen=True, kw_only=True):
    """Messages are sent in several websocket frames."""

    kind = "fragments"
    parts: Annotated[int, Meta(ge=2, le=100, description="frames a message")] = 3


class OneWrite(MessageFault, frozen=True, kw_only=True):
    """Messages are collected and sent in one TCP write."""

    kind = "one_write"
    count: Annotated[Count, Meta(description="messages in the write")] = 10


class Cut(SymbolFault, frozen=True, kw_only=True):
    """Every connection is reset without notice."""

    kind = "cut"
    acts_on = "connection"


class Stall(SymbolFault, frozen=True, kw_only=True):
    """Connections stay open and fall silent; held messages are sent afterwards."""

    kind = "stall"
    acts_on = "connection"
    for_s: Annotated[float, Meta(gt=0, le=86_400, description="so long")] = 5.0
    deaf: Annotated[bool, Meta(description="pings and requests are not answered either")] = False


class Shutdown(SymbolFault, frozen=True, kw_only=True):
    """serverShutdown is sent, and the connection closed after a while."""

    kind = "shutdown"
    acts_on = "connection"
    form: Annotated[
        Literal["auto", "raw", "combined", "event"], Meta(description="of the notice; auto: the connection's own")
    ] = "auto"
    lead_s: Annotated[Seconds, Meta(description="between notice and close")] = 5.0


class RequestFault(SymbolFault, frozen=True, kw_only=True):
    """Settings of a fault that meets REST requests."""

    acts_on = "request"
    count: Annotated[Count, Meta(description="requests in a row that it meets each time")] = 1
    for_s: Annotated[Seconds, Meta(description="instead of a count: every request for this long")] = 0.0
    paths: Annotated[tuple[Path_, ...], Meta(min_length=1, max_length=4, description="requested paths")] = ("depth",)


class RateLimit(RequestFault, frozen=True, kw_only=True):
    """Requests are answered with 429 and Retry-After."""

    kind = "rate_limit"
    status: ClassVar[int] = 429
    retry_after_s: Annotated[int, Meta(ge=0, le=86_400, description="value of Retry-After")] = 2


class Ban(RequestFault, frozen=True, kw_only=True):
    """Requests are answered with 418 and Retry-After."""

    kind = "ban"
    status: ClassVar[int] = 418
    retry_after_s: Annotated[int, Meta(ge=0, le=300_000, description="value of Retry-After")] = 120


class SnapshotError(RequestFault, frozen=True, kw_only=True):
    """Requests are answered with a server error."""

    kind = "snapshot_error"
    status: Annotated[int, Meta(ge=500, le=504, description="HTTP status")] = 503


class StaleSnapshot(RequestFault, frozen=True, kw_only=True):
    """The book gets an older id, before any event that a client can have buffered."""

    kind = "stale_snapshot"
    behind: Annotated[int, Meta(ge=1, le=2**53, description="ids")] = 1_000_000


class SlowSnapshot(RequestFault, frozen=True, kw_only=True):
    """The answer arrives late, though correct when it was made."""

    kind = "slow_snapshot"
    delay_s: Annotated[float, Meta(gt=0, le=3600, description="so late")] = 2.0


class Refuse(Fault, frozen=True, kw_only=True):
    """New websocket connections are refused."""

    kind = "refuse"
    acts_on = "handshake"
    count: Annotated[Count, Meta(description="connections in a row that it meets each time")] = 1
    for_s: Annotated[Seconds, Meta(description="instead of a count: every connection for this long")] = 0.0
    how: Annotated[
        Literal["reset", "429", "418", "503"], Meta(description="reset, or the status of the handshake's answer")
    ] = "reset"
    retry_after_s: Annotated[int, Meta(ge=0, le=300_000, description="value of Retry-After with 429 and 418")] = 2


class ClockStep(Fault, frozen=True, kw_only=True):
    """The exchange's stamps jump; its market continues unchanged."""

    kind = "clock_step"
    acts_on = "clock"
    step_s: Annotated[
        float, Meta(ge=-1_000_000_000, le=1_000_000_000, description="size of the step, added to earlier steps")
    ] = -3600.0
    unit: Annotated[Literal["ms", "us"], Meta(description="us: stamps are printed in microseconds from then on")] = "ms"


FAULTS: dict[str, type[Fault]] = {
    each.kind: each
    for each in (
        Drop, Gap, Duplicate, Reorder, Malformed, Crossed, Oversize, Fragments, OneWrite, Cut, Stall, Shutdown, RateLimit, Ban,
        SnapshotError, StaleSnapshot, SlowSnapshot, Refuse, ClockStep,
    )
}


class FaultPlan(msgspec.Struct, frozen=True):
    """A fault file: the same seed and faults do the same to the same messages."""

    seed: int
    faults: tuple[Fault, ...]


class _File(Section, frozen=True):
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1


def read_plan(path: Path, served: Collection[str] = ()) -> FaultPlan:
    """The plan in a file; ConfigError, one line, for anything in it that can't be done, faults of symbols that are not
    `served` (where any are named) among them.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
    ...     _ = file.write('seed = 7\\n[[fault]]\\nkind = "cut"\\nevery_s = 20\\n')
    ...     file.flush()
    ...     read_plan(Path(file.name)).faults[0].every_s
    20.0
    """
    tables = read_toml(path, missing="docs/faults.md describes its format")
    faults = tables.pop("fault", [])
    seed = read_section(_File, tables, str(path)).seed
    if not isinstance(faults, list) or not all(isinstance(each, dict) for each in faults):
        raise ConfigError("fault is not a list of tables", where=str(path), do="begin each fault with [[fault]]")
    return FaultPlan(seed, tuple(_fault(table, str(path), f"fault {n}", served) for n, table in enumerate(faults, 1)))


def _fault(table: dict[str, Any], source: str, place: str, served: Collection[str]) -> Fault:
    where = f"{source}: [{place}]"
    kind = table.pop("kind", None)
    if kind is None:
        raise ConfigError("kind is missing", where=where, do=f"give one of {', '.join(FAULTS)}")
    if kind not in FAULTS:
        near = difflib.get_close_matches(str(kind), FAULTS, 1)
        do = f"did you mean {near[0]}?" if near else f"take one of {', '.join(FAULTS)}"
        raise ConfigError(f"unknown kind {kind}", where=where, do=do)
    fault = read_section(FAULTS[kind], table, source, f"{place}: {kind}")
    given = [name for name in ("at_s", "every_s", "probability") if getattr(fault, name) is not None]
    if len(given) != 1:
        problem = f"has {' and '.join(given)}" if given else "has no time"
        raise ConfigError(problem, where=where, do="give exactly one of at_s, every_s, probability")
    absent = [name for name in getattr(fault, "symbols", ()) if served and name not in served]
    if absent:
        raise ConfigError(f"{absent[0]} is not served", where=where, do=f"take of {', '.join(served)}")
    return fault
