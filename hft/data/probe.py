"""Reads the messages of a recorded session to find its protocol, its symbols, and how numbers are printed."""

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
from hft.venues.recorded import CALLED, certain, protocol_by_hints, scan, whole_books
from hft.venues.registry import PROTOCOLS


class Probe(msgspec.Struct):
    """The properties of a session."""

    protocol: str = ""
    """The protocol's name; empty if no message shows it."""
    symbols: list[str] = []
    """In the order of their first message."""
    printed: dict[str, Printed] = {}
    exchange_info: list[bytes] = []
    """Bodies of exchangeInfo, oldest first, without repetitions."""
    traded: set[str] = set()
    """Streams of trades seen: `trade`, `aggTrade`."""
    opened: set[str] = set()
    """Symbols whose stream the files open, by a run log's line or, in formats without such lines, by a snapshot."""
    exchange: str = ""
    """The exchange, by Tardis' name for it; empty if unknown."""
    hints: dict[str, int] = {}
    """Bits of `hft.venues.binance.scan` by symbol, from which the protocol follows; bits of no symbol are under ""."""
    spoken: dict[str, str] = {}
    """Protocols of symbols, by name, whose frames have a shape that only one venue uses (`VenueProtocol.facts`)."""
    sample: bytes = b""
    """The first message that does not show a protocol, for the error about a file where none does."""
    info_leads: bool = False
    """The first exchangeInfo comes before all market data."""
    updated: set[str] = set()
    """Symbols with a stream of updates."""
    whole: set[str] = set()
    """Symbols with a stream of whole books."""
    unnamed: dict[str, int] = {}
    """Symbols with an unmarked stream of whole books (`<symbol>@depth20`), and its levels."""
    snapshots: dict[str, int] = {}
    """REST books, by symbol."""

    @property
    def trades(self) -> str:
        """The stream of traded volume (SEMANTICS 10): `trade` if there is one."""
        return "aggTrade" if self.traded == {"aggTrade"} else "trade"

    def of(self, wanted: Sequence[str]) -> Probe:
        """The same, with the protocol of the `wanted` symbols' messages, if it holds any."""
        bits = [bits for name, bits in self.hints.items() if name in wanted]
        return replace(self, protocol=_protocol(self, wanted)) if bits else self

    def require(self, where: str, protocol: str = "") -> Probe:
        """Itself, with this `protocol` if no message shows one. DamagedData if protocol or symbols are unknown."""
        if not (self.symbols and self.protocol) and self.sample and (other := foreign(self.sample)):
            raise DamagedData(other[0], where=where, do=other[1])
        self.protocol = self.protocol or protocol
        if not self.protocol:
            raise DamagedData("no message shows the protocol", where=where, do=f"set it: --set feed.protocol={DEFAULT}")
        if not self.symbols:
            raise DamagedData("no message names a symbol", where=where, do="name files with market data")
        return self


def combined(parts: Iterable[tuple[str, Probe]], protocol: str = "", wanted: Sequence[str] = ()) -> Probe:
    """Combines several files or sources, each with its name for error messages, into one session. A given `protocol` is used
    whatever their messages show.

    Raises `UsageError` if the messages of the `wanted` symbols (default: all) show different protocols and none is given, and
    for data of different exchanges, which never make one book.
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
    """Raises `UsageError` for a file that holds messages of two venues, since their symbols have the same names."""
    names = [name for name in part.hints if not wanted or name in wanted or not name]
    spoken = {part.spoken[name] for name in names if name in part.spoken}
    found = sorted(spoken.union(*(certain(name, part.hints[name]) for name in names)))
    if len(found) > 1:
        raise UsageError(
            f"holds messages of the {' and of the '.join(found)} protocol", where=where,
            do="choose symbols of one protocol with --symbols, set it with --set feed.protocol, or split the file by venue",
        )


# -- probing -----------------------------------------------------------------------------------------------------------


class _Data(msgspec.Struct):
    """The fields of any message that show its protocol."""

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
    """The fields of a run log's line that matter here."""

    hft: _Opening


class _List(msgspec.Struct):
    """exchangeInfo's list of symbols, not decoded."""

    symbols: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Frame).decode
_list = msgspec.json.Decoder(_List).decode
_decode_line = msgspec.json.Decoder(_Line).decode
_NUMBER = re.compile(rb'"(\d+(?:\.\d+)?)"')
_TRADES = {"trade": scan.TRADES, "aggTrade": scan.AGG_TRADES}
_UPDATES = scan.SPOT_DEPTH | scan.CHAINED_DEPTH | scan.FUTURES_DEPTH
_TRADED_ON = ("depthUpdate", "bookTicker", "trade", "aggTrade", "")


def _bits(data: _Data) -> int:
    """The bits of a message, like those of `hft.venues.binance.scan` for the shapes that a venue prints."""
    bits = CALLED.get(data.venue, 0) | CALLED.get(data.futuresType, 0) | _TRADES.get(data.e, 0)
    if data.e == "depthUpdate":
        if data.pu is None:
            return bits | scan.SPOT_DEPTH
        return bits | (scan.FUTURES_DEPTH if data.pu + 1 == data.U else scan.CHAINED_DEPTH)
    if data.e == "bookTicker":
        return bits | (scan.FUTURES_BOOK_TICKER if data.E is not None else 0)
    if data.e in _TRADES:
        return bits | (scan.SPOT_TRADE if data.M is not None else 0)
    if not data.e and data.s and data.B and data.u is not None:
        return bits | scan.SPOT_BOOK_TICKER
    return bits | (scan.FUTURES_BOOK if data.lastUpdateId is not None and data.E is not None else 0)


def _whole_bits(data: _Data) -> int:
    """The bits of a message of a stream of whole books; only spot's has no `e`."""
    return scan.WHOLE_BOOKS | (scan.FUTURES_BOOK if data.e else scan.SPOT_BOOK_TICKER)


def probe(records: Iterable[Record]) -> Probe:
    """Reads all records, since a symbol may begin late and a finer price may come last.

    Messages that are not a venue's JSON are skipped.

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
    if len(found.printed) == 1:     # then a book without a name is of this symbol
        bare = seen.symbol("")
        found.printed[found.symbols[0]].add(Printed(bare.price, bare.qty))
    found.traded = {name for name, bit in _TRADES.items() if every & bit}
    found.updated |= {name for name, bits in found.hints.items() if bits & _UPDATES}
    found.unnamed = {name: each.levels for name, each in seen.symbols.items() if _always_whole(each)}
    found.whole = {name for name, bits in found.hints.items() if bits & scan.WHOLE_BOOKS} | set(found.unnamed)
    found.updated -= set(found.unnamed)
    if found.opened:        # in a recording, data of other symbols was not requested
        found.symbols = [name for name in found.symbols if name in found.opened]
    found.protocol = _protocol(found, found.hints)
    return found


def _protocol(found: Probe, names: Iterable[str]) -> str:
    """The protocol that the messages of these symbols show; empty if none does."""
    return next((found.spoken[name] for name in names if name in found.spoken), "") or protocol_by_hints(names, found.hints)


def _always_whole(symbol: scan.Seen) -> bool:
    """Whether each depth update is the top of the book: it has as many levels a side as a stream of whole books, and deletes
    none. No stream of changes has 20 such updates in a row."""
    return symbol.levels in (5, 10, 20) and symbol.unnamed >= 20


def _spoken(found: Probe, seen: scan.Scan, frame: bytes) -> bool:
    """A frame of a shape that only one venue uses."""
    for protocol in PROTOCOLS.values():
        try:
            facts = list(protocol.facts(frame)) if protocol.facts is not None else []
        except NOT_JSON:        # not of this protocol; another may know it
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
    """A message that the scan does not know: REST answers, and frames printed in another way."""
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
    """The list of symbols in an exchangeInfo, as printed, since the rest differs each time; the whole body if it has no list."""
    try:
        return bytes(_list(info).symbols) or info
    except NOT_JSON:
        return info             # the reader of the rules reports it


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
