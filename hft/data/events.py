"""Event files: a session's messages as fixed-width records, memory-mapped, so that a backtest reads them without decoding.

::

    0          8         12             16        24                    header bytes (a multiple of 4096)
    +----------+---------+--------------+---------+---------------------+----------+----------+--
    | HFTEVNT1 | version | header bytes | records | JSON, padded with 0 | record 0 | record 1 | …
    +----------+---------+--------------+---------+---------------------+----------+----------+--

All numbers are little endian. The JSON is a `Header`; a record is an `EVENT` of 64 bytes. `hft/_core/engine/events.pxd` defines
the records of a message: one a level for a depth update or a REST book, bids first; two for a bookTicker; one for a trade.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import asdict, replace
from numpy.typing import NDArray

from hft._core.base.types import Spec
from hft.data.output_file import OutputFile
from hft.errors import NOT_JSON, DamagedData, UsageError
from hft.venues.registry import protocol_named

EVENT = np.dtype([
    ("recv_ns", "<i8"),
    ("venue_ns", "<i8"),
    ("first_id", "<i8"),
    ("last_id", "<i8"),
    ("prev_id", "<i8"),
    ("price", "<i8"),
    ("qty", "<i8"),
    ("symbol", "<u2"),
    ("kind", "u1"),
    ("flags", "u1"),
    ("rest", "<u4"),
])
"""One record: prices in ticks, quantities in quanta, times in nanoseconds; `hft._core.engine.events` has the values of `kind` and
the bits of `flags`."""

Events = NDArray[np.void]

SUFFIX = ".events"
MAGIC = b"HFTEVNT1"
VERSION = 1
BATCH = 1 << 16

_FIXED = struct.Struct("<8sIIQ")
_PAGE = 4096
_LARGEST_HEADER = 1 << 24


class Scales(msgspec.Struct, frozen=True):
    """One symbol of an event file: its tick and quantum as exact decimal text, and the venue's rules for orders."""

    name: str
    tick: str
    step: str
    quantum: str
    quote: str
    min_qty: str = "0"
    max_qty: str = "0"
    min_notional: str = "0"
    contract: int = 1
    price_unit: str | None = None
    """The unit of a record's prices, if finer than the tick at the file's beginning."""

    @staticmethod
    def of(spec: Spec) -> Scales:
        """The scales of a specification."""
        decimals = (spec.tick, spec.step, spec.quantum, spec.min_qty, spec.max_qty, spec.min_notional)
        tick, step, quantum, min_qty, max_qty, min_notional = (format(each, "f") for each in decimals)
        unit = format(spec.price_unit, "f") if spec.price_unit != spec.tick else None
        return Scales(spec.name, tick, step, quantum, spec.quote, min_qty, max_qty, min_notional, spec.contract, unit)


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The header of an event file."""

    trades: str
    """The stream of traded volume: `trade` or `aggTrade`."""
    symbols: tuple[Scales, ...]
    """A record's `symbol` is an index into these."""
    protocol: str = ""
    """Name of the venue's protocol."""
    sources: tuple[str, ...] = ()
    """Names of its source files."""
    exchange: str = ""
    """The exchange, by Tardis' name for it; empty if unknown."""
    formerly: str = msgspec.field(name="dialect", default="")
    """The protocol's place in older files."""


class EventWriter(OutputFile):
    """Writes an event file, see `OutputFile`.

    Parameters
    ----------
    path : str or Path
    symbols : sequence of Spec
        Symbols of one venue; a record's `symbol` is an index into them.
    protocol : str
        Name of the venue's protocol.
    trades : ``"trade"`` or ``"aggTrade"``
        The only stream of traded volume (SEMANTICS 10).
    sources : sequence of str
        Names of its source files.
    exchange : str
        The exchange, by Tardis' name for it.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "one.events")
    >>> with EventWriter(path, [Spec("BTCUSDT", tick="0.10", step="0.001")], protocol="binance-usdm") as writer:
    ...     writer.append(np.zeros(1, EVENT))
    >>> file = EventFile(path)
    >>> len(file.records), file.symbols[0].tick, file.header.protocol
    (1, '0.1', 'binance-usdm')
    """

    def __init__(
        self, path: str | Path, symbols: Sequence[Spec], *, protocol: str, trades: str = "trade", sources: Sequence[str] = (),
        exchange: str = "",
    ) -> None:
        self.count = 0
        instruments = {spec.instrument for spec in symbols}
        if instruments != {protocol_named(protocol).instrument}:
            raise ValueError(f"symbols of {protocol} are not {' and '.join(sorted(instruments)) or 'none'}")
        header = Header(trades, tuple(map(Scales.of, symbols)), protocol, tuple(sources), exchange)
        self._symbols = len(header.symbols)
        self._last_ns = 0
        self._header = _packed(header)
        super().__init__(path)
        with self._on_disk():
            self._file.write(self._header)

    def append(self, records: Events) -> None:
        """Appends whole messages. ValueError for records that are no `EVENT`, go back in time, or name no symbol of the file."""
        if records.dtype != EVENT or records.ndim != 1:
            raise ValueError(f"records are a flat array of EVENT, not of {records.dtype}")
        if not len(records):
            return
        times = records["recv_ns"]
        if times[0] < self._last_ns or np.any(times[1:] < times[:-1]):
            raise ValueError("the records go back in time")
        if int(records["symbol"].max()) >= self._symbols:
            raise ValueError(f"symbol {int(records['symbol'].max())} is not one of the file's {self._symbols}")
        with self._on_disk():
            self._file.write(np.ascontiguousarray(records).data)
        self._last_ns = int(times[-1])
        self.count += len(records)

    def _finish(self) -> None:
        """The number of records."""
        self._file.seek(0)
        self._file.write(_FIXED.pack(MAGIC, VERSION, len(self._header), self.count))


def _packed(header: Header) -> bytes:
    """A header for no records yet, padded to a page."""
    text = msgspec.json.encode(header)
    size = -(-(_FIXED.size + len(text)) // _PAGE) * _PAGE
    return (_FIXED.pack(MAGIC, VERSION, size, 0) + text).ljust(size, b"\0")


class EventFile:
    """An event file, mapped into memory; its pages belong to the page cache, not to this process.

    Attributes
    ----------
    header : Header
    symbols : tuple of Scales
    records : array of EVENT
        All records, read-only.

    Raises `UsageError` if the file does not exist, and `DamagedData` if it is not an event file, or incomplete. Records are
    checked when they are run (`batches`, `hft._core.engine.engine.replay_events`).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                fixed = file.read(_FIXED.size)
                self.header, at, count = self._read_header(fixed, file.read(min(size, _LARGEST_HEADER) - len(fixed)), size)
                self._map = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise UsageError(f"can't be read: {error.strerror}", where=str(path), do="name an existing event file") from None
        self._at = at
        self.records: Events = np.frombuffer(self._map, EVENT, count, at)

    @property
    def symbols(self) -> tuple[Scales, ...]:
        return self.header.symbols

    def specs(self, *, fees: tuple[str | Decimal, str | Decimal], fee_asset: str = "quote") -> list[Spec]:
        """The symbols as an engine takes them, in the file's order; `fees` are the maker's and the taker's rate.

        Raises `DamagedData` if the header's scales are invalid.
        """
        instrument = protocol_named(self.header.protocol).instrument
        try:
            return [
                Spec(instrument=instrument, maker_fee=fees[0], taker_fee=fees[1], fee_asset=fee_asset, **asdict(scales))
                for scales in self.symbols
            ]
        except ValueError as error:
            raise self._damaged(f"has an invalid header: {error}") from None

    def _read_header(self, fixed: bytes, rest: bytes, size: int) -> tuple[Header, int, int]:
        """The header, where the records begin, and how many there are."""
        if not fixed.startswith(MAGIC):
            raise self._damaged("is no event file", "name one that `hft convert` wrote")
        if len(fixed) < _FIXED.size:
            raise self._damaged("breaks off within its header")
        _, version, length, count = _FIXED.unpack(fixed)
        if version != VERSION:
            raise self._damaged(f"is of version {version}; this hft reads {VERSION}")
        if length % _PAGE or not _FIXED.size < length <= min(size, _LARGEST_HEADER):
            raise self._damaged("breaks off within its header")
        if size != length + count * EVENT.itemsize:
            there = (size - length) / EVENT.itemsize
            raise self._damaged(f"should hold {count} records and holds {there:g}")
        try:
            header = msgspec.json.decode(rest[: length - _FIXED.size].rstrip(b"\0"), type=Header)
        except NOT_JSON as error:
            raise self._damaged(f"has a header that can't be read: {error}") from None
        try:
            header = replace(header, protocol=protocol_named(header.protocol or header.formerly).name, formerly="")
        except UsageError:
            raise self._damaged(f"has a header of a protocol {header.protocol or header.formerly!r}") from None
        if header.trades not in ("trade", "aggTrade"):
            raise self._damaged(f"has a header of a stream of trades {header.trades!r}")
        return header, length, count

    def _damaged(self, what: str, do: str = "make it again with `hft convert`") -> DamagedData:
        return DamagedData(what, where=str(self.path), do=do)

    def batches(self, size: int = BATCH) -> Iterator[Events]:
        """The records in parts of about `size`, each of whole messages; a part may be freed when the next one is requested.

        Raises `DamagedData` where the records go back in time.
        """
        at, last_ns = 0, 0
        while at < len(self.records):
            end = min(at + size, len(self.records))
            end = min(end + int(self.records["rest"][end - 1]), len(self.records))
            part = self.records[at:end]
            times = part["recv_ns"]
            if times[0] < last_ns or np.any(times[1:] < times[:-1]):
                raise self._damaged(f"goes back in time between record {at} and {end}")
            last_ns = int(times[-1])
            yield part
            self._forget(at, end)
            at = end

    def _forget(self, at: int, end: int) -> None:
        """These pages are not needed again; the page cache keeps them as long as it likes."""
        if hasattr(mmap, "MADV_DONTNEED"):      # not everywhere
            first = (self._at + at * EVENT.itemsize) // mmap.PAGESIZE * mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, first, self._at + end * EVENT.itemsize - first)


def as_events(records: Any) -> Events:
    """Bytes of records as an array of them, for instance what `hft._core.engine.events.EventEncoder.take` gives."""
    return np.frombuffer(records, EVENT)
