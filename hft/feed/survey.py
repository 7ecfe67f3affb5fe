"""Looks at the first messages of a recorded session and says what it is: dialect, symbols, and how numbers are printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from hft.errors import NOT_JSON, DamagedData, UsageError
from hft.feed.captures import Kind, Record


class Printed(msgspec.Struct):
    """The most decimals that a symbol's numbers were printed with."""

    price: int = 0
    qty: int = 0
    price_used: int = 0
    """The same, zeros at the end aside: what a tick must have to hold these prices."""
    qty_used: int = 0

    def see(self, prices: Sequence[bytes], quantities: Sequence[bytes]) -> None:
        self.price = max(self.price, *map(_decimals, prices), 0)
        self.qty = max(self.qty, *map(_decimals, quantities), 0)
        self.price_used = max(self.price_used, *map(_used, prices), 0)
        self.qty_used = max(self.qty_used, *map(_used, quantities), 0)

    def add(self, other: Printed) -> None:
        """See what another one saw."""
        self.price, self.qty = max(self.price, other.price), max(self.qty, other.qty)
        self.price_used, self.qty_used = max(self.price_used, other.price_used), max(self.qty_used, other.qty_used)


class Survey(msgspec.Struct):
    """What a session holds, as far as it was looked at."""

    dialect: str = ""
    """`spot`, `usdm` or `coinm`; empty where no message told."""
    symbols: list[str] = []
    """In the order of their first message."""
    printed: dict[str, Printed] = {}
    exchange_info: list[bytes] = []
    """Bodies, oldest first."""
    traded: set[str] = set()
    """Of `trade` and `aggTrade`, those that were seen."""
    opened: set[str] = set()
    """Symbols whose stream the files themselves open: a line of a run log, a snapshot of a format that has no such lines."""

    @property
    def trades(self) -> str:
        """The stream that volume is told by (SEMANTICS 10): `trade` where there is one."""
        return "aggTrade" if self.traded == {"aggTrade"} else "trade"

    def require(self, where: str, dialect: str = "") -> Survey:
        """Itself, of this `dialect` where no message tells one. DamagedData when dialect or symbols can't be told."""
        self.dialect = self.dialect or dialect
        if not self.dialect:
            raise DamagedData("no message tells the dialect", where=where, do="name it, --set feed.dialect=usdm say")
        if not self.symbols:
            raise DamagedData("no message tells the symbol", where=where, do="name data that has messages of a market")
        return self


def together(parts: Iterable[tuple[str, Survey]], dialect: str = "") -> Survey:
    """What several files or sources hold as one session, each with what to call it in a message; of this `dialect`, whatever
    their messages tell.

    Raises `UsageError` where they tell different ones and none is given.
    """
    whole = Survey(dialect, symbols=[], printed={}, exchange_info=[], traded=set(), opened=set())
    told_by = ""
    for where, part in parts:
        if not dialect and part.dialect and whole.dialect and part.dialect != whole.dialect:
            what = f"is of the {part.dialect} dialect, {told_by} of {whole.dialect}"
            raise UsageError(what, where=where, do="run files of one venue at a time")
        told_by = told_by or (where if part.dialect else "")
        whole.dialect = whole.dialect or part.dialect
        whole.symbols += [name for name in part.symbols if name not in whole.symbols]
        for name, printed in part.printed.items():
            whole.printed.setdefault(name, Printed()).add(printed)
        whole.exchange_info += part.exchange_info
        whole.traded |= part.traded
        whole.opened |= part.opened
    return whole


class _Data(msgspec.Struct):
    """The fields that tell, of any message."""

    s: str = ""
    symbol: str = ""
    e: str = ""
    pu: int | None = None
    ps: str | None = None
    E: int | None = None
    M: bool | None = None
    lastUpdateId: int | None = None
    venue: str = ""
    p: msgspec.Raw = msgspec.Raw()
    q: msgspec.Raw = msgspec.Raw()
    b: msgspec.Raw = msgspec.Raw()
    a: msgspec.Raw = msgspec.Raw()
    B: msgspec.Raw = msgspec.Raw()
    A: msgspec.Raw = msgspec.Raw()
    bids: msgspec.Raw = msgspec.Raw()
    asks: msgspec.Raw = msgspec.Raw()


class _Frame(_Data):
    data: _Data | None = None


class _Opening(msgspec.Struct):
    connect: str = ""


class _Line(msgspec.Struct):
    """A line of a run log, as far as it matters here."""

    hft: _Opening


_decode = msgspec.json.Decoder(_Frame).decode
_decode_line = msgspec.json.Decoder(_Line).decode
_NUMBER = re.compile(rb'"(\d+(?:\.\d+)?)"')


def _decimals(number: bytes) -> int:
    return len(number.partition(b".")[2])


def _used(number: bytes) -> int:
    return len(number.partition(b".")[2].rstrip(b"0"))


def _dialect(data: _Data) -> str:
    """Which dialect a message is of; empty where it could be several."""
    if data.ps is not None:
        return "coinm"
    if data.pu is not None or (data.e == "bookTicker" and data.E is not None) or data.venue == "BINANCE_USDM":
        return "usdm"
    if data.e == "depthUpdate" or data.M is not None or (not data.e and data.s and data.B):
        return "spot"
    if data.lastUpdateId is not None and data.E is not None:
        return "coinm" if data.symbol else "usdm"       # spot's books carry no time, and only COIN-M's their symbol
    return ""


def survey(records: Iterable[Record], limit: int = 10_000) -> Survey:
    """Looks at the first `limit` records.

    A symbol that stays silent for longer is not found: `hft.feed.sessions.Session.seek` looks further for those that were named.
    Messages that are no JSON of a venue's are passed over.

    >>> frame = b'{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"61800.30","q":"0.006","X":"MARKET","m":false}'
    >>> book = b'{"lastUpdateId":1,"E":1,"T":1,"bids":[["61800.20","1.5"]],"asks":[]}'
    >>> found = survey([Record(1, Kind.FRAME, frame), Record(2, Kind.SNAPSHOT, book)])
    >>> found.dialect, found.symbols, found.printed["BTCUSDT"]
    ('usdm', ['BTCUSDT'], Printed(price=2, qty=3, price_used=1, qty_used=3))
    """
    found = Survey(symbols=[], printed={}, exchange_info=[], traded=set(), opened=set())
    for record in islice(records, limit):
        if record.kind == Kind.LOG:
            _see_line(found, record.data)
            continue
        if record.kind == Kind.EXCHANGE_INFO:
            found.exchange_info.append(record.data)
        try:
            frame = _decode(record.data)
        except NOT_JSON:
            continue
        data = frame.data or frame
        dialect = _dialect(data)
        if not found.dialect or dialect == "coinm":
            found.dialect = dialect or found.dialect    # COIN-M's tickers look like USD-M's until a `ps` is seen
        if data.e in ("trade", "aggTrade"):
            found.traded.add(data.e)
        symbol = (data.s or record.symbol or data.symbol).upper()
        if symbol and symbol not in found.printed:
            found.symbols.append(symbol)
            found.printed[symbol] = Printed()
        if symbol:
            _see(found.printed[symbol], data)
    if found.opened:        # a recording: whatever else was heard, nobody had asked for it
        found.symbols = [name for name in found.symbols if name in found.opened]
    return found


def _see_line(found: Survey, line: bytes) -> None:
    try:
        symbol = _decode_line(line).hft.connect
    except NOT_JSON:
        return
    if symbol:
        found.opened.add(symbol)
        if symbol not in found.printed:
            found.symbols.append(symbol)
            found.printed[symbol] = Printed()


def _see(printed: Printed, data: _Data) -> None:
    pairs = [bytes(data.bids), bytes(data.asks), bytes(data.p) + bytes(data.q)]
    # A bookTicker has one price and one quantity a side; in a depth update `b` and `a` are whole sides.
    pairs += [bytes(data.b) + bytes(data.B), bytes(data.a) + bytes(data.A)]
    for pair in pairs:
        numbers = _NUMBER.findall(pair)
        printed.see(numbers[0::2], numbers[1::2])
