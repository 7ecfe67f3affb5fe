"""Reads hftbacktest's events, ``.npz`` and ``.npy``: rows of flags, two stamps, price and quantity as floats, of one symbol.

The format: https://hftbacktest.readthedocs.io/en/latest/data.html. docs/formats.md defines how rows become messages.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hft._core.base.types import Spec
from hft.data.events import Events
from hft.data.identify import RECORD, identify
from hft.data.npz_rows import BBO, BEST_ASK, BEST_BID, CLEAR, DEPTH, KIND, ROW, SNAPSHOT, TRADE, Messages, Rows
from hft.data.probe import Probe
from hft.data.source import Source
from hft.errors import DamagedData, UsageError
from hft.run.specs import Printed
from hft.venues.foreign import dump_of, venue_of

_LARGEST_HEADER = 1 << 16
_CHUNK = 1 << 17
_MOST_DECIMALS = 12
_NUMBERED = (DEPTH, TRADE, SNAPSHOT, BBO, BEST_BID, BEST_ASK)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array's elements, from its header. Raises `ValueError`."""
    layout: Any = np.lib.format         # not typed
    bounded = _Bounded(file)
    old = layout.read_magic(bounded) == (1, 0)
    try:
        shape, _, dtype = (layout.read_array_header_1_0 if old else layout.read_array_header_2_0)(bounded)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError):
        raise
    except Exception as error:      # the header is Python text, and numpy passes on any error of evaluating it
        raise ValueError(f"its header can't be read: {' '.join(str(error).split())[:80]}") from None
    return shape, dtype


class _Bounded:
    """Limits the header that numpy reads: the file states its length, up to 4 GiB, and numpy would read all of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        if size > _LARGEST_HEADER:
            raise ValueError(f"{size} bytes")
        return self._file.read(size)


class NpzFile(Source):
    """One file of hftbacktest's events.

    Parameters
    ----------
    path : str or Path

    Raises `UsageError` if the file does not exist or its symbol is unknown; `DamagedData`, with the row's index from 0, for a
    file of another format, a number off tick or quantum, and rows that go back in local time.
    """

    names_protocol = False

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        super().__init__([self.path])
        self._progress = 0.0
        self._rows_done = 0
        self._updated = True
        self._messages: Messages | None = None
        with ExitStack() as stack:
            self._data(stack)

    # -- the file

    def _data(self, stack: ExitStack) -> tuple[IO[bytes], int]:
        """The array's bytes, unpacked as they are read, and how many rows there are."""
        try:
            file: IO[bytes] = stack.enter_context(self.path.open("rb"))
            if file.read(2) == b"PK":
                archive = stack.enter_context(zipfile.ZipFile(file))
                names = archive.namelist()
                name = "data.npy" if "data.npy" in names or len(names) != 1 else names[0]
                self._refuse_others(archive, names, name)
                file = stack.enter_context(archive.open(name))
            else:
                file.seek(0)
            shape, dtype = _header(file)
        except OSError as error:
            raise UsageError(f"can't be read: {error.strerror}", where=self.where, do="name an existing file") from None
        except (ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise self._damaged(f"is not a file of events, .npz or .npy: {error}") from None
        if dtype != ROW or len(shape) != 1:
            raise self._damaged("has other fields than hftbacktest's events (version 2): ev, exch_ts, local_ts, px, qty, …")
        return file, shape[0]

    def _refuse_others(self, archive: zipfile.ZipFile, names: list[str], name: str) -> None:
        """Raises `DamagedData` for an archive without arrays, and says what it holds."""
        if not names:
            raise self._damaged("is an empty ZIP archive", RECORD)
        if name in names and name.endswith(".npy"):
            return
        inner = names[0]
        with archive.open(inner) as file:
            head = file.readline(4096)
        what = dump_of(self.path.name, head.decode("utf-8", "replace")) or dump_of(inner)
        if not what and (venue := venue_of(head.strip())):
            what = f"is a ZIP archive of {inner}, messages of {venue}"
        if not what:
            known = identify(head.strip(), inner)
            what = f"is a ZIP archive of {inner}, which {known[0]}" if known else f"is a ZIP archive of {inner}, without an .npy"
        raise self._damaged(what, RECORD)

    def _chunks(self) -> Iterator[tuple[int, Rows]]:
        """All rows, in parts, each with the index of its first."""
        with ExitStack() as stack:
            file, count = self._data(stack)
            at = 0
            while at < count:
                n = min(_CHUNK, count - at)
                try:
                    data = file.read(n * ROW.itemsize)
                except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                    raise self._damaged(f"can't be unpacked after row {at}: {error}") from None
                if len(data) < n * ROW.itemsize:
                    raise self._damaged(f"breaks off after row {at + len(data) // ROW.itemsize} of {count}")
                yield at, np.frombuffer(data, ROW)
                at += n
                self._progress = at / count

    def _damaged(self, what: str, do: str = "make it again with its converter") -> DamagedData:
        return DamagedData(what, where=self.where, do=do)

    # -- what it holds

    @property
    def progress(self) -> float:
        return self._progress

    @property
    def rejects(self) -> dict[str, int]:
        dropped = self._messages.dropped if self._messages is not None else 0
        return {"level_dropped": dropped} if dropped else {}

    def probe(self, wanted: Sequence[str]) -> Probe:
        """Its decimals, and its symbol: the only one of `wanted`, or the one in the file's name."""
        name = self._symbol(wanted)
        seen, opened = Printed(), set[str]()
        updated, stamps = False, set[int]()
        for at, rows in self._chunks():
            updated |= bool(np.any(rows["ev"] & KIND == DEPTH))
            if not updated:
                stamps.update(np.unique(rows["local_ts"][np.isin(rows["ev"] & KIND, (CLEAR, SNAPSHOT))])[:2].tolist())
            if np.any(np.isin(rows["ev"] & KIND, (CLEAR, SNAPSHOT))):
                opened = {name}
            rows = rows[np.isin(rows["ev"] & KIND, _NUMBERED)]
            seen.price = self._decimals(rows["px"], seen.price, at)
            seen.qty = self._decimals(rows["qty"], seen.qty, at)
        self._updated = updated or len(stamps) < 2      # a single one is the start for updates in another file
        return Probe("", [name], {name: seen}, [], {"trade"}, opened)

    def _symbol(self, wanted: Sequence[str]) -> str:
        named = [name for name in wanted if name in self.path.name.upper()]
        longest = [name for name in named if not any(name != other and name in other for other in named)]
        if len(longest) == 1:
            return longest[0]
        if len(wanted) == 1:
            return wanted[0]
        symbols = f"none of {', '.join(wanted)}" if wanted else "none"
        raise UsageError(
            f"does not say which symbol it holds: its name has {symbols}", where=self.where,
            do="name the symbol with --symbols; with several files, put each symbol's name into its file's name",
        )

    def _decimals(self, values: NDArray[np.float64], least: int, at: int) -> int:
        """The number of decimals of the texts that these floats stand for."""
        values = values[np.isfinite(values)]
        for decimals in range(least, _MOST_DECIMALS + 1):
            if np.allclose(np.round(values, decimals), values, rtol=1e-14, atol=0):
                return decimals
        raise self._damaged(
            f"has numbers of more than {_MOST_DECIMALS} decimals from row {at} on", "set [feed.symbols.<symbol>] tick and step"
        )

    # -- rows to records

    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        """Records, in parts of whole messages; a record's `symbol` is an index into `specs`. Ids are 0: the format has none."""
        name = self._symbol([spec.name for spec in specs])
        symbol = next(i for i, spec in enumerate(specs) if spec.name == name)
        messages = self._messages = Messages(symbol, specs[symbol], self.where, whole=not self._updated)
        for at, rows in self._chunks():
            yield messages.take(rows, at)
        yield messages.finish()
