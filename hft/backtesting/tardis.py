"""Reads Tardis CSV files: incremental_book_L2, trades, quotes, book_snapshot_N, plain or gzipped, known by their first row.

What becomes of which column is told in docs/formats.md. Rows are read in compiled code, block by block; a file is read twice,
since the decimals that its numbers are printed with, and its symbols, are known only at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from hft._core.types import Spec
from hft.backtesting.events import Events, as_events
from hft.backtesting.row_survey import RowError, RowSurvey
from hft.backtesting.rows import RowReader
from hft.backtesting.source import Source
from hft.errors import DamagedData, UsageError
from hft.feed.files import GUNZIP_ERRORS, gunzipped
from hft.feed.survey import Printed, Survey

_BLOCK = 1 << 22
_HEADER = 1 << 16
_KEYS = "exchange,symbol,timestamp,local_timestamp,"
_HEADERS = {
    _KEYS + "is_snapshot,side,price,amount": "incremental_book_L2",
    _KEYS + "id,side,price,amount": "trades",
    _KEYS + "ask_amount,ask_price,bid_price,bid_amount": "quotes",
}
_LEVEL = "asks[{0}].price,asks[{0}].amount,bids[{0}].price,bids[{0}].amount"
_MOST_LEVELS = 100

DIALECTS = {"binance": "spot", "binance-us": "spot", "binance-futures": "usdm", "binance-delivery": "coinm"}
"""What an exchange's name, as Tardis has it, says of the dialect; every other one is read as ``usdm``."""

_WAY_OUT = "copy it again from where it came from, or cut it before that line"
_OFF_GRID = "set [feed.symbols.<symbol>] tick and step where these are what is wrong"


def layout_of(header: bytes) -> str | None:
    """What the rows below a header are, or None where it is not Tardis'.

    >>> layout_of(b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\\n")
    'trades'
    """
    text = header.decode("ascii", "replace").strip()
    if text in _HEADERS:
        return _HEADERS[text]
    levels = text.count("asks[") // 2
    shallow = _KEYS + ",".join(_LEVEL.format(level) for level in range(levels))
    return "book_snapshot" if 0 < levels <= _MOST_LEVELS and text == shallow else None


class TardisFile(Source):
    """One CSV file.

    Parameters
    ----------
    path : str or Path

    Raises `UsageError` where there is no such file; `DamagedData`, with the line, for a file that is not one of Tardis', a row
    that can't be read, and a file that breaks off.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        super().__init__([self.path])
        self._progress = 0.0
        self._line = 1
        self._seen: RowSurvey | None = None
        with self._open() as raw, gunzipped(raw) as file:
            header = self._guarded(lambda: file.readline(_HEADER))
        self.layout = layout_of(header) or ""
        if not self.layout:
            raise self._damaged("is no header of Tardis'", "name a file of incremental_book_L2, trades, quotes or book_snapshot")
        self._fields = header.count(b",") + 1

    @property
    def progress(self) -> float:
        return self._progress

    def survey(self, wanted: Sequence[str]) -> Survey:
        """Dialect, symbols and decimals, from a look at every row."""
        rows = self._seen = RowSurvey(self.layout, self._fields)
        for block in self._blocks():
            self._take(rows, block)
        if not rows.symbols:
            raise self._damaged("holds no row")
        printed = {
            name.upper(): Printed(price, qty) for name, (price, qty) in rows.symbols.items()
        }
        return Survey(
            DIALECTS.get(rows.exchange, "usdm"), list(printed), printed, [], {"trade"}, {name.upper() for name in rows.opened},
            exchange=rows.exchange,
        )

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        """Records, in parts of whole messages; a record's `symbol` is an index into `specs`, an id that is not there is 0."""
        if self._seen is None:
            self.survey(())
        seen = cast(RowSurvey, self._seen)
        index = {spec.name: (i, spec) for i, spec in enumerate(specs)}
        symbols = {name: index[name.upper()] for name in seen.symbols if name.upper() in index}
        reader = RowReader(self.layout, self._fields, symbols, seen.exchange in DIALECTS)
        for block in self._blocks():
            self._take(reader, block)
            yield as_events(reader.take())
        reader.finish()
        yield as_events(reader.take())

    def _take(self, rows: RowSurvey | RowReader, block: bytes) -> None:
        try:
            rows.feed(block)
        except RowError as error:
            self._line = error.line
            raise self._damaged(str(error), f"{_WAY_OUT}; {_OFF_GRID}" if "on the" in str(error) else _WAY_OUT) from None

    # -- the file

    def _blocks(self) -> Iterator[bytes]:
        """The rows below the header, in blocks of whole ones."""
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
                    raise self._damaged("is a row without an end")
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
