"""The recorded exchange: serves a captured session to its subscribers.

The session starts when a client has subscribed. A request for a symbol's book is answered with its recorded REST
snapshot: at once before the session has started, else as soon as the stream has reached it. After that and a first depth update
the stream waits until the snapshot was requested. So a client that connects, buffers and requests can join stream and snapshot
without a gap, at any speed. A later request, by a client that lost its book, gets the recorded book with all updates served.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from hft.data.files import require_no_pipe
from hft.data.probe import Probe
from hft.data.record import Kind, Record
from hft.data.sessions import RecordedSession
from hft.errors import DamagedData, UsageError
from hft.exchange.hub import Hub
from hft.exchange.recorded_book import RecordedBook
from hft.exchange.rest import RequestRefused
from hft.exchange.streams import channel_of
from hft.exchange.symbols import SymbolSettings
from hft.run.specs import resolve
from hft.venues.binance.venues import PROTOCOLS
from hft.venues.catalogue import SERVED

SETTLE_S = 0.1
"""The session starts after this many seconds without a subscription, so that a client can open several connections."""
HOLD_S = 2.0
"""Longest wait of the stream for a snapshot request."""
BATCH = 256
"""Messages between two checks of the queues, at full speed."""


class _Frame(msgspec.Struct):
    """The fields of a message, with or without envelope, that decide its channel."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    e: str = ""
    s: str = ""
    u: int | None = None


_decode = msgspec.json.Decoder(_Frame).decode
_KINDS = {"depthUpdate": "depth", "bookTicker": "bookTicker", "trade": "trade", "aggTrade": "aggTrade"}


def route(data: bytes) -> tuple[str, str] | None:
    """Channel and body of a recorded frame; None if it is not served.

    >>> route(b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","s":"BTCUSDT"}}')
    ('btcusdt@depth', '{"e":"depthUpdate","s":"BTCUSDT"}')
    >>> route(b'{"result":null,"id":1}') is None
    True
    """
    frame = _decode(data)
    if frame.stream:
        stem, _, kind = frame.stream.partition("@")
        kind = kind.partition("@")[0]
        return (f"{stem}@{kind}", bytes(frame.data).decode()) if kind in _KINDS.values() else None
    kind = _KINDS.get(frame.e, "bookTicker" if not frame.e and frame.u is not None else "")
    return (f"{frame.s.lower()}@{kind}", data.decode()) if kind and frame.s else None


def _as_recorded(body: str, _unit: int) -> str:
    return body


def _require_frames(path: Path) -> None:
    """Raises `UsageError` for recorded data without frames: event files, hftbacktest's events."""
    try:
        require_no_pipe(path)
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return              # its reader reports the error
    if head == b"HFTEVNT1" or head.startswith(b"\x93NUMPY") or (head.startswith(b"PK") and path.suffix == ".npz"):
        do = "run it with `hft backtest`, or serve the capture from which it was made"
        raise UsageError("holds events; only a venue's own messages can be served", where=str(path), do=do)


class Contents:
    """The contents of a capture, known before the first client comes.

    The whole file is read once, so that damage is found before the session starts.
    """

    def __init__(self, path: Path, only: Sequence[str] = ()) -> None:
        _require_frames(path)
        self.session = RecordedSession([path])
        self.where = str(path)
        self._books: dict[str, Record] = {}     # the first of each symbol, as its record names it: of a session of days there may
        self.first_ns = 0                       # be any number
        self._watch()
        found = self.session.probe.require(self.where)
        if self.session.torn:
            raise DamagedData(self.session.torn[0], do="cut the file before its torn end")
        if found.protocol not in SERVED:
            raise UsageError(f"{found.protocol} sessions can't be served", where=self.where, do="use a spot or USD-M capture")
        self.protocol = PROTOCOLS[found.protocol]
        self._held = list(found.symbols)
        for name in only:
            if name not in self._held:
                raise UsageError(f"holds no {name}", where=self.where, do=f"use {', '.join(self._held)}")
        self.symbols = self._settings(found, list(only) or self._held)
        self.snapshots: dict[str, str] = {}
        for book in self._books.values():
            self.snapshots.setdefault(self.symbol_of(book), book.data.decode())

    def _watch(self) -> None:
        """Reads the whole session for the facts needed before it is served."""
        for record in self.session:
            self.first_ns = self.first_ns or record.ns
            if record.kind == Kind.SNAPSHOT:
                self._books.setdefault(record.symbol, record)

    def _settings(self, found: Probe, names: list[str]) -> dict[str, SymbolSettings]:
        """Tick and step of each symbol, from the same sources as in every command (SEMANTICS 28); there are no fees here."""
        resolved = resolve(names, self.protocol.name, fees=("0", "0"), exchange_info=found.exchange_info, printed=found.printed)
        return {
            spec.name: SymbolSettings(
                name=spec.name, base=spec.name.partition("_")[0].removesuffix(spec.quote), quote=spec.quote,
                tick=f"{spec.tick:f}", step=f"{spec.step:f}", start_price=f"{spec.tick:f}", min_notional=f"{spec.min_notional:f}",
            )
            for spec in (each.spec for each in resolved)
        }

    def symbol_of(self, record: Record) -> str:
        """The symbol of a snapshot; a bare one belongs to the only symbol."""
        if record.symbol:
            return record.symbol
        if len(self._held) > 1:
            raise DamagedData("a REST snapshot does not name which of several symbols it belongs to", where=self.where,
                              do="serve a capture of one symbol")
        return self._held[0]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.session)


class _Symbol:
    """The served state of one symbol's book.

    Attributes
    ----------
    reached, requested : Event
        Set when the stream has reached the first recorded book, and when a client has requested it.
    book : RecordedBook
    depth : bool
        Whether a depth update was sent.
    early : list of str, optional
        Updates sent before the book was requested that it does not contain; None once the book follows the stream.
    """

    def __init__(self, body: str) -> None:
        self.reached, self.requested = asyncio.Event(), asyncio.Event()
        self.book = RecordedBook(body)
        self.depth = False
        self.early: list[str] | None = []

    def recorded(self, body: str) -> None:
        """The stream has reached a recorded book: the first, or a later one, perhaps after a gap."""
        if self.reached.is_set():
            self.book.renew(body)
        self.reached.set()

    def updated(self, body: str) -> None:
        """A depth update was sent."""
        self.depth = True
        if self.early is None:
            self.book.apply(body)
        elif self.book.precedes(body):
            self.early.append(body)

    @property
    def held(self) -> bool:
        """Whether the stream waits for a request of the book."""
        return self.early is not None and self.depth and self.reached.is_set()

    def follow(self) -> None:
        """From here on updates are applied to the book."""
        for update in self.early or ():
            self.book.apply(update)
        self.early = None


class Replay:
    """A recorded session as a venue.

    `speed` multiplies the recorded pace; 0: as fast as clients take it. It waits for slow clients at any speed, so that no
    message of the recording is dropped.
    """

    def __init__(self, path: Path, *, only: Sequence[str] = (), speed: float, queue: int) -> None:
        self.contents = Contents(path, only)
        self.protocol = self.contents.protocol
        self.symbols = self.contents.symbols
        self.speed = speed
        self.hub = Hub(self.protocol, partial(channel_of, protocol=self.protocol, any_cadence=True), limit=queue, patient=True)
        self._now_ns = self.contents.first_ns
        self._started = False
        self._books = {symbol: _Symbol(body) for symbol, body in self.contents.snapshots.items()}

    def now_ns(self) -> int:
        """The stamp of the newest message served, which is the exchange's time."""
        return self._now_ns

    async def depth(self, symbol: str, limit: int) -> str:
        """The book: as recorded and whole, whatever the limit; after updates, up to the limit."""
        if symbol not in self._books:
            raise RequestRefused(503, -1008, "the capture holds no REST snapshot of this symbol")
        of = self._books[symbol]
        if self._started:
            await of.reached.wait()
        of.requested.set()
        return of.book.body(limit)

    async def run(self) -> None:
        """Waits for a subscriber, then serves the session to its end."""
        await self.hub.subscribed.wait()
        while time.monotonic() - self.hub.subscribed_at < SETTLE_S:
            await asyncio.sleep(SETTLE_S / 5)
        self._started = True
        first_ns, start = self._now_ns, time.monotonic()
        for n, record in enumerate(self.contents):
            if self.speed > 0:
                ahead = (record.ns - first_ns) / 1e9 / self.speed - (time.monotonic() - start)
                if ahead > 0:
                    await asyncio.sleep(ahead)
            if n % BATCH == 0:
                await asyncio.sleep(0)
            await self.hub.drained()
            self._now_ns = max(self._now_ns, record.ns)
            of = self._serve(record)
            if of is not None and of.held:
                start += await self._hold(of)

    def _serve(self, record: Record) -> _Symbol | None:
        """Publishes a record; returns its symbol's book, if one is recorded."""
        if record.kind == Kind.SNAPSHOT:
            of = self._books.get(self.contents.symbol_of(record))
            if of is not None:
                of.recorded(record.data.decode())
            return of
        if record.kind != Kind.FRAME or (routed := route(record.data)) is None:
            return None
        channel, body = routed
        self.hub.publish(channel, partial(_as_recorded, body))
        of = self._books.get(channel.partition("@")[0].upper())
        if of is not None and channel.endswith("@depth"):
            of.updated(body)
        return of

    async def _hold(self, of: _Symbol) -> float:
        """Waits until the book of a symbol was requested; returns the seconds waited."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(HOLD_S):
                await of.requested.wait()
        except TimeoutError:
            pass  # a client of trades or bookTickers alone does not need the book
        of.follow()
        return time.monotonic() - began
