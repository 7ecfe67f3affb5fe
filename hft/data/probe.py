"""Looks at the messages of a recorded session and says what it is: protocol, symbols, and how numbers are printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from hft.data.record import Kind, Record
from hft.errors import NOT_JSON, DamagedData, UsageError
from hft.run.specs import Printed
from hft.venues.catalogue import DEFAULT
from hft.venues.foreign import foreign
from hft.venues.recorded import CALLED, certain, scan, told_by, whole_books
from hft.venues.registry import PROTOCOLS


class Probe(msgspec.Struct):
    """What a session holds."""

    protocol: str = ""
    """By name; empty where no message told."""
    symbols: list[str] = []
    """In the order of their first message."""
    printed: dict[str, Printed] = {}
    exchange_info: list[bytes] = []
    """Bodies, oldest first; those that list what the one before lists are left out."""
    traded: set[str] = set()
    """Of `trade` and `aggTrade`, those that were seen."""
    opened: set[str] = set()
    """Symbols whose stream the files themselves open: a line of a run log, a snapshot of a format that has no such lines."""
    exchange: str = ""
    """Whose data it is, as Tardis names exchanges; empty where that is not known."""
    hints: dict[str, int] = {}
    """Bits of `hft.venues.binance.scan` by symbol, those of no symbol under an empty name: what tells their protocol."""
    spoken: dict[str, str] = {}
    """Protocols of symbols, by name, where their frames are of a form that one venue alone has (`VenueProtocol.facts`)."""
    sample: bytes = b""
    """The first message that tells nothing of a protocol, for what is said of a file where none does."""
    info_leads: bool = False
    """The first exchangeInfo stands before all messages of a market."""
    updated: set[str] = set()
    """Symbols of which there is a stream of updates."""
    whole: set[str] = set()
    """Symbols of which there is a stream of whole books."""
    unnamed: dict[str, int] = {}
    """Symbols whose stream of whole books (`<symbol>@depth20`) does not say that it is one, and its levels."""
    snapshots: dict[str, int] = {}
    """REST books, by symbol."""

    @property
    def trades(self) -> str:
        """The stream that volume is told by (SEMANTICS 10): `trade` where there is one."""
        return "aggTrade" if self.traded == {"aggTrade"} else "trade"

    def of(self, wanted: Sequence[str]) -> Probe:
        """The same, its protocol told by the messages of the `wanted` symbols alone, where some are named and it holds them."""
        bits = [bits for name, bits in self.hints.items() if name in wanted]
        return replace(self, protocol=_protocol(self, wanted)) if bits else self

    def require(self, where: str, protocol: str = "") -> Probe:
        """Itself, of this `protocol` where no message tells one. DamagedData when protocol or symbols can't be told."""
        if not (self.symbols and self.protocol) and self.sample and (other := foreign(self.sample)):
            raise DamagedData(other[0], where=where, do=other[1])
        self.protocol = self.protocol or protocol
        if not self.protocol:
            raise DamagedData("no message tells the protocol", where=where, do=f"name it, --set feed.protocol={DEFAULT} say")
        if not self.symbols:
            raise DamagedData("no message tells the symbol", where=where, do="name data that has messages of a market")
        return self


def combined(parts: Iterable[tuple[str, Probe]], protocol: str = "", wanted: Sequence[str] = ()) -> Probe:
    """What several files or sources hold as one session, each with what to call it in a message; of this `protocol`, whatever
    their messages tell.

    Raises `UsageError` where the messages of the `wanted` symbols (none: of all) tell different protocols and none is given, and
    for data of different exchanges: two of them are never one book.
    """
    whole = Probe(protocol)
    first_protocol = first_exchange = ""
    for where, each in parts:
        part = each.of(wanted)
        if not protocol:
            _one_protocol(where, part, wanted)
        if not protocol and part.protocol and whole.protocol and part.protocol != whole.protocol:
            what = f"is of the {part.protocol} protocol, {first_protocol} of {whole.protocol}"
            raise UsageError(what, where=where, do="run files of one venue at a time")
        if part.exchange and whole.exchange and part.exchange != whole.exchange:
            what = f"is data of {part.exchange}, {first_exchange} of {whole.exchange}"
            raise UsageError(what, where=where, do="run files of one exchange at a time")
        first_protocol = first_protocol or (where if part.protocol else "")
        first_exchange = first_exchange or (where if part.exchange else "")
        whole.protocol = whole.protocol or part.protocol
        whole.exchange = whole.exchange or part.exchange
        whole.symbols += [name for name in part.symbols if name not in whole.symbols]
        whole.info_leads |= part.info_leads and not whole.exchange_info and not whole.printed
        for name, printed in part.printed.items():
            whole.printed.setdefault(name, Printed()).add(printed)
        whole.exchange_info += part.exchange_info
        whole.traded |= part.traded
        whole.opened |= part.opened
        whole.sample = whole.sample or part.sample
        whole.updated |= part.updated
        whole.whole |= part.whole
        for name, count in part.snapshots.items():
            whole.snapshots[name] = whole.snapshots.get(name, 0) + count
    return whole


# -- which protocol -----------------------------------------------------------------------------------------------------

def _one_protocol(where: str, part: Probe, wanted: Sequence[str]) -> None:
    """Raise `UsageError` for a file that holds messages of two venues: their symbols have the same names."""
    names = [name for name in part.hints if not wanted or name in wanted or not name]
    spoken = {part.spoken[name] for name in names if name in part.spoken}
    found = sorted(spoken.union(*(certain(name, part.hints[name]) for name in names)))
    if len(found) > 1:
        raise UsageError(
            f"holds messages of the {' and of the '.join(found)} protocol", where=where,
            do="choose symbols of one with --symbols, say which it is with --set feed.protocol, or cut the file by venue",
        )


# -- looking -----------------------------------------------------------------------------------------------------------


class _Data(msgspec.Struct):
    """The fields that tell, of any message."""

    s: str = ""
    symbol: str = ""
    e: str = ""
    u: int | None = None
    U: int | None = None
    pu: int | None = None
    E: int | None = None
    M: bool | None = None
    X: str = "MARKET"
    lastUpdateId: int | None = None
    venue: str = ""
    futuresType: str = ""
    p: msgspec.Raw = msgspec.Raw()
    q: msgspec.Raw = msgspec.Raw()
    b: msgspec.Raw = msgspec.Raw()
    a: msgspec.Raw = msgspec.Raw()
    B: msgspec.Raw = msgspec.Raw()
    A: msgspec.Raw = msgspec.Raw()
    bids: msgspec.Raw = msgspec.Raw()
    asks: msgspec.Raw = msgspec.Raw()


class _Frame(_Data):
    stream: str = ""
    data: _Data | None = None


class _Opening(msgspec.Struct):
    connect: str = ""


class _Line(msgspec.Struct):
    """A line of a run log, as far as it matters here."""

    hft: _Opening


class _List(msgspec.Struct):
    """exchangeInfo's list of symbols, unread."""

    symbols: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Frame).decode
_list = msgspec.json.Decoder(_List).decode
_decode_line = msgspec.json.Decoder(_Line).decode
_NUMBER = re.compile(rb'"(\d+(?:\.\d+)?)"')
_TRADES = {"trade": scan.TRADES, "aggTrade": scan.AGG_TRADES}
_UPDATES = scan.SPOT_DEPTH | scan.CHAINED_DEPTH | scan.FUTURES_DEPTH
_TRADED_ON = ("depthUpdate", "bookTicker", "trade", "aggTrade", "")


def _bits(data: _Data) -> int:
    """What a message tells: see `hft.venues.binance.scan`, which does the same for the shapes that a venue prints."""
    bits = CALLED.get(data.venue, 0) | CALLED.get(data.futuresType, 0) | _TRADES.get(data.e, 0)
    if data.e == "depthUpdate":
        if data.pu is None:
            return bits | scan.SPOT_DEPTH
        return bits | (scan.FUTURES_DEPTH if data.pu + 1 == data.U else scan.CHAINED_DEPTH)
    if data.e == "bookTicker":
        return bits | (scan.FUTURES_TICKER if data.E is not None else 0)
    if data.e in _TRADES:
        return bits | (scan.SPOT_TRADE if data.M is not None else 0)
    if not data.e and data.s and data.B and data.u is not None:
        return bits | scan.SPOT_TICKER
    return bits | (scan.FUTURES_BOOK if data.lastUpdateId is not None and data.E is not None else 0)


def _whole_bits(data: _Data) -> int:
    """What a message of a stream of whole books tells: only spot's has no `e`."""
    return scan.WHOLE_BOOKS | (scan.FUTURES_BOOK if data.e else scan.SPOT_TICKER)


def probe(records: Iterable[Record]) -> Probe:
    """Looks at all records: a symbol may speak late, and a finer price may come last.

    Messages that are no JSON of a venue's are passed over.

    >>> frame = b'{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"61800.30","q":"0.006","X":"MARKET","m":false}'
    >>> book = b'{"lastUpdateId":1,"E":1,"T":1,"bids":[["61800.20","1.5"]],"asks":[]}'
    >>> found = probe([Record(1, Kind.FRAME, frame), Record(2, Kind.SNAPSHOT, book)])
    >>> found.protocol, found.symbols, found.printed["BTCUSDT"]
    ('binance-usdm', ['BTCUSDT'], Printed(price=1, qty=3))
    """
    found = Probe()
    seen = scan.Scan()
    for record in records:
        try:
            if record.kind == Kind.FRAME and (seen.frame(record.data) or _spoken(found, seen, record.data)):
                continue
            if record.kind == Kind.LOG:
                _see_line(found, seen, record.data)
            else:
                _see(found, seen, record)
        except NOT_JSON:
            found.sample = found.sample or (record.data if record.kind == Kind.FRAME else b"")
    every = 0
    for name, symbol in seen.symbols.items():
        found.hints[name] = symbol.bits
        every |= symbol.bits
        if name:
            found.symbols.append(name)
            found.printed[name] = Printed(symbol.price, symbol.qty)
    if len(found.printed) == 1:     # then a book that does not say whose it is is of this one
        bare = seen.symbol("")
        found.printed[found.symbols[0]].add(Printed(bare.price, bare.qty))
    found.traded = {name for name, bit in _TRADES.items() if every & bit}
    found.updated |= {name for name, bits in found.hints.items() if bits & _UPDATES}
    found.unnamed = {name: each.levels for name, each in seen.symbols.items() if _always_whole(each)}
    found.whole = {name for name, bits in found.hints.items() if bits & scan.WHOLE_BOOKS} | set(found.unnamed)
    found.updated -= set(found.unnamed)
    if found.opened:        # a recording: whatever else was heard, nobody had asked for it
        found.symbols = [name for name in found.symbols if name in found.opened]
    found.protocol = _protocol(found, found.hints)
    return found


def _protocol(found: Probe, names: Iterable[str]) -> str:
    """What the messages of these symbols tell; empty where none does."""
    return next((found.spoken[name] for name in names if name in found.spoken), "") or told_by(names, found.hints)


def _always_whole(symbol: scan.Seen) -> bool:
    """Whether each depth update is the top of the book: as many levels a side as a stream of whole books has, none of which goes.
    No stream of changes has 20 such in a row."""
    return symbol.levels in (5, 10, 20) and symbol.unnamed >= 20


def _spoken(found: Probe, seen: scan.Scan, frame: bytes) -> bool:
    """A frame of a form that one venue alone has."""
    for protocol in PROTOCOLS.values():
        try:
            facts = list(protocol.facts(frame)) if protocol.facts is not None else []
        except NOT_JSON:        # not one of this protocol: another may know it
            facts = []
        for symbol, kind, prices, quantities in facts:
            found.spoken[symbol] = protocol.name
            of = seen.symbol(symbol)
            of.bits |= _TRADES.get(kind, 0)
            of.price = max(of.price, *(_decimals(number.encode()) for number in prices), 0)
            of.qty = max(of.qty, *(_decimals(number.encode()) for number in quantities), 0)
            if kind == "depth":
                found.updated.add(symbol)
        if facts:
            return True
    return False


def _see_line(found: Probe, seen: scan.Scan, line: bytes) -> None:
    symbol = _decode_line(line).hft.connect
    if symbol:
        found.opened.add(symbol)
        seen.symbol(symbol)


def _see(found: Probe, seen: scan.Scan, record: Record) -> None:
    """A message that the scan left alone: REST answers, and frames that are printed otherwise."""
    if record.kind == Kind.EXCHANGE_INFO:
        found.info_leads |= not found.exchange_info and not seen.symbols
        if not found.exchange_info or _listed(found.exchange_info[-1]) != _listed(record.data):
            found.exchange_info.append(record.data)
    frame = _decode(record.data)
    data = frame.data or frame
    whole = frame.data is not None and whole_books(frame.stream) is not None
    bits = _whole_bits(data) if whole else _bits(data)
    book = data.lastUpdateId is not None
    name = (data.s or record.symbol or data.symbol or (frame.stream.partition("@")[0] if book else "")).upper()
    if not bits and not book and not data.e and not found.sample and record.kind == Kind.FRAME:
        found.sample = record.data
    symbol = seen.symbol(name) if name or bits or book else scan.Seen()
    symbol.bits |= bits
    if record.kind == Kind.SNAPSHOT:
        found.snapshots[name] = found.snapshots.get(name, 0) + 1
    if data.e in _TRADED_ON and data.X == "MARKET":
        _numbers(symbol, data)


def _listed(info: bytes) -> bytes:
    """The list of symbols in an exchangeInfo, as it is printed; the whole body where it has none. The rest differs each time."""
    try:
        return bytes(_list(info).symbols) or info
    except NOT_JSON:
        return info             # the reader of the rules says so


def _numbers(symbol: scan.Seen, data: _Data) -> None:
    pairs = [bytes(data.bids), bytes(data.asks), bytes(data.p) + bytes(data.q)]
    # A bookTicker has one price and one quantity a side; in a depth update `b` and `a` are whole sides.
    pairs += [bytes(data.b) + bytes(data.B), bytes(data.a) + bytes(data.A)]
    for pair in pairs:
        numbers = _NUMBER.findall(pair)
        symbol.price = max(symbol.price, *map(_decimals, numbers[0::2]), 0)
        symbol.qty = max(symbol.qty, *map(_decimals, numbers[1::2]), 0)


def _decimals(number: bytes) -> int:
    return len(number.partition(b".")[2].rstrip(b"0"))
