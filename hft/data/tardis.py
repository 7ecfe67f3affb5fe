"""Reads Tardis CSV files: incremental_book_L2, trades, quotes, book_snapshot_N, plain or gzipped, recognised by their first row.

docs/formats.md says how columns become messages. Rows are read in compiled code, block by block. A file is read twice, since
its symbols and the decimals of its numbers are known only at its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from hft._core.base.types import Spec
from hft.data.events import Events, as_events
from hft.data.files import GUNZIP_ERRORS, gunzipped, unmarked
from hft.data.probe import Probe
from hft.data.row_probe import OffGridError, RowError, RowProbe
from hft.data.rows import RowReader
from hft.data.source import Source
from hft.errors import DamagedData, UsageError
from hft.run.specs import Printed
from hft.venues.registry import is_known, protocol_of

_BLOCK = 1 << 22
_HEADER = 1 << 16
_KEYS = "exchange,symbol,timestamp,local_timestamp,"
_HEADERS = {
    _KEYS + "is_snapshot,side,price,amount": "incremental_book_L2",
    _KEYS + "id,side,price,amount": "trades",
    _KEYS + "ask_amount,ask_price,bid_price,bid_amount": "quotes",
}
_OTHERS = {
    _KEYS + "funding_timestamp,funding_rate,": "derivative_ticker",
    _KEYS + "type,strike_price,expiration,": "options_chain",
}
_NOT_READ = {
    "liquidations": ("forced orders, which the trades contain already", "leave it out, and name the trades file"),
    "derivative_ticker": ("funding, open interest and mark prices, which are not traded on", "leave it out"),
    "options_chain": ("tickers of options and no book", "leave it out, and name incremental_book_L2 or quotes"),
}
"""Tardis' data types that are not read: contents of each, and what to do."""
_LEVEL = "asks[{0}].price,asks[{0}].amount,bids[{0}].price,bids[{0}].amount"
_MOST_LEVELS = 100

_WAY_OUT = "copy it again from its source, or cut it before that line"
_OFF_GRID = "set [feed.symbols.<symbol>] tick and step if these are wrong"


def layout_of(header: bytes) -> str | None:
    """The layout of the rows below a header; None if it is not Tardis'.

    >>> layout_of(b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\\n")
    'trades'
    """
    text = header.decode("ascii", "replace").strip()
    if text in _HEADERS:
        return _HEADERS[text]
    levels = text.count("asks[") // 2
    shallow = _KEYS + ",".join(_LEVEL.format(level) for level in range(levels))
    return "book_snapshot" if 0 < levels <= _MOST_LEVELS and text == shallow else None


def type_of(path: Path, header: bytes) -> str | None:
    """Tardis' name of a data type that is not read, from the header or from Tardis' file name; None for others.

    Liquidations have the header of trades and are recognised by Tardis' file name,
    ``bitmex_liquidations_2020-04-01_XBTUSD.csv.gz``, or its folders, ``bitmex/liquidations/2020/04/01/XBTUSD.csv.gz``.

    >>> header = b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
    >>> type_of(Path("bitmex_liquidations_2020-04-01_XBTUSD.csv.gz"), header)
    'liquidations'
    >>> type_of(Path("trades.csv"), header) is None
    True
    """
    text = header.decode("utf-8", "replace").strip()
    for begins, name in _OTHERS.items():
        if text.startswith(begins):
            return name
    if layout_of(header) != "trades":
        return None
    own = re.search(r"(?:^|[_.-])(trades|liquidations)(?:[_.-]|$)", path.name.lower())
    if own is not None:
        return "liquidations" if own[1] == "liquidations" else None
    folders = [part.lower() for part in path.absolute().parent.parts[-5:] if part.lower() in ("trades", "liquidations")]
    return "liquidations" if folders[-1:] == ["liquidations"] else None


class TardisFile(Source):
    """One CSV file.

    Parameters
    ----------
    path : str or Path

    Raises `UsageError` if the file does not exist; `DamagedData`, with the line, for a file of another format, a row that can't
    be read, and a file that breaks off.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        super().__init__([self.path])
        self._progress = 0.0
        self._line = 1
        self._seen: RowProbe | None = None
        self._reader: RowReader | None = None
        with self._open() as raw, gunzipped(raw) as file:
            header = unmarked(self._guarded(lambda: file.readline(_HEADER)))
        if other := type_of(self.path, header):
            what, do = _NOT_READ[other]
            raise DamagedData(f"holds Tardis' {other}: {what}", where=self.where, do=do)
        self.layout = layout_of(header) or ""
        if not self.layout:
            shown = header.decode("utf-8", "replace").strip()[:80]
            what = f"is a header of no known data type: {shown}"
            raise self._damaged(what, "name a file of incremental_book_L2, trades, quotes or book_snapshot")
        self._fields = header.count(b",") + 1

    @property
    def progress(self) -> float:
        return self._progress

    @property
    def rejects(self) -> dict[str, int]:
        dropped = self._reader.dropped if self._reader is not None else 0
        return {"level_dropped": dropped} if dropped else {}

    @property
    def trades(self) -> dict[str, tuple[int, int]]:
        """For a file of trades, after `probe`: receive times of the first and last row, by symbol."""
        return self._seen.times if self.layout == "trades" and self._seen is not None else {}

    def probe(self, wanted: Sequence[str]) -> Probe:
        """Protocol, symbols and decimals, from every row."""
        rows = self._seen = RowProbe(self.layout, self._fields)
        for block in self._blocks():
            self._take(rows, block)
        if not rows.symbols:
            raise self._damaged("holds no row")
        printed = {
            name.upper(): Printed(price, qty) for name, (price, qty) in rows.symbols.items()
        }
        return Probe(
            protocol_of(rows.exchange).name, list(printed), printed, [], {"trade"}, {name.upper() for name in rows.opened},
            exchange=rows.exchange,
        )

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        """Records, in parts of whole messages; a record's `symbol` is an index into `specs`, a missing id is 0."""
        if self._seen is None:
            self.probe(())
        seen = cast(RowProbe, self._seen)
        index = {spec.name: (i, spec) for i, spec in enumerate(specs)}
        symbols = {name: index[name.upper()] for name in seen.symbols if name.upper() in index}
        reader = RowReader(self.layout, self._fields, symbols, is_known(seen.exchange), seen.whole, seen.apart)
        self._reader = reader
        for block in self._blocks():
            self._take(reader, block)
            yield as_events(reader.take())
        reader.finish()
        yield as_events(reader.take())

    def _take(self, rows: RowProbe | RowReader, block: bytes) -> None:
        try:
            rows.feed(block)
        except RowError as error:
            self._line = error.line
            do = f"{_WAY_OUT}; {_OFF_GRID}" if isinstance(error, OffGridError) else _WAY_OUT
            raise self._damaged(str(error), do) from None

    # -- the file

    def _blocks(self) -> Iterator[bytes]:
        """The rows below the header, in blocks of whole rows."""
        size = max(self.path.stat().st_size, 1)
        with self._open() as raw, gunzipped(raw) as file:
            self._line = 1
            self._guarded(file.readline)
            tail = b""
            while block := self._guarded(lambda: file.read(_BLOCK)):
                end = block.rfind(b"\n") + 1
                if end:
                    rows, tail = tail + block[:end], block[end:]
                    self._line += rows.count(b"\n")
                    yield rows
                else:
                    tail += block
                if len(tail) > _BLOCK:
                    raise self._damaged("is an incomplete row")
                self._progress = raw.tell() / size
        if tail.strip():
            yield tail

    def _open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise UsageError(f"can't be read: {error.strerror}", where=self.where, do="name an existing file") from None

    def _guarded(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except EOFError:
            raise self._damaged("breaks off") from None
        except GUNZIP_ERRORS as error:
            raise self._damaged(f"can't be unpacked: {error}") from None

    def _damaged(self, what: str, do: str = _WAY_OUT) -> DamagedData:
        return DamagedData(what, where=f"{self.where}, line {self._line}", do=do)
