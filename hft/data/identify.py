"""Identifies an unreadable file by its first bytes, first row or first message, for the error that refuses it.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from hft.errors import NOT_JSON
from hft.venues.foreign import dump_of, foreign

RECORD = "record one with `hft record`, or take one of the formats in docs/formats.md"


class _Binary(NamedTuple):
    begins: bytes
    what: str
    do: str


_BINARIES = (
    _Binary(b"SQLite format 3", "is a SQLite database, as `hft live` writes one of each run",
            "name the recording made by the same run"),
    _Binary(b"PAR1", "is a Parquet file", "write its rows as one of the formats in docs/formats.md"),
    _Binary(b"ARROW1", "is an Arrow (Feather) file", "write its rows as one of the formats in docs/formats.md"),
    _Binary(b"\x89HDF\r\n", "is an HDF5 file", "write its rows as one of the formats in docs/formats.md"),
    _Binary(b"\x93NUMPY", "is a NumPy array", "name it without packing it, as .npy or .npz"),
    _Binary(b"PK", "is a ZIP archive", "unpack it, and name what is in it"),
    _Binary(b"HFTEVNT1", "is an event file that was packed", "unpack it"),
    _Binary(b"BZh", "is packed with bzip2", "unpack it, or pack it with gzip or zstandard"),
    _Binary(b"\xfd7zXZ", "is packed with xz", "unpack it, or pack it with gzip or zstandard"),
    _Binary(b"\x04\x22\x4d\x18", "is packed with lz4", "unpack it, or pack it with gzip or zstandard"),
    _Binary(b"7z\xbc\xaf", "is a 7-Zip archive", "unpack it, and name what is in it"),
    _Binary(b"\x1f\x8b", "is packed twice with gzip", "unpack it once"),
    _Binary(b"\x28\xb5\x2f\xfd", "is packed twice, the second time with zstandard", "unpack it once"),
    _Binary(b"\xff\xfe", "is text in UTF-16", "save it as UTF-8"),
    _Binary(b"\xfe\xff", "is text in UTF-16", "save it as UTF-8"),
)  # fmt: skip

_NO_STAMPS = (
    "holds messages without receive times, which a backtest needs",
    "record lines of `<nanoseconds> <message>`, as `hft record` does",
)


def identify(line: bytes, name: str = "") -> tuple[str, str] | None:
    """The kind of a file that begins with this line, and what to do with it; None if unknown.

    >>> identify(b"SQLite format 3\\0...")[0]
    'is a SQLite database, as `hft live` writes one of each run'
    >>> identify(b'{"stream":"btcusdt@trade","data":{"e":"trade"}}')[0]
    'holds messages without receive times, which a backtest needs'
    >>> identify(b"price,qty,when")[0]
    'is CSV of unknown columns: price,qty,when'
    """
    for binary in _BINARIES:
        if line.startswith(binary.begins):
            return binary.what, binary.do
    if dump := dump_of(name, line.decode("utf-8", "replace")):
        return dump, RECORD
    if line.startswith((b"{", b"[")):
        return _json(line)
    try:
        text = line.decode().strip()
    except UnicodeDecodeError:
        return "holds bytes of no known format", RECORD
    if not text.isprintable():
        return "holds bytes of no known format", RECORD
    shown = text if len(text) <= 60 else text[:57] + "..."
    if text.count(",") >= 2 and ", " not in text and "{" not in text:
        return f"is CSV of unknown columns: {shown}", RECORD
    if "{" in text:
        return f"begins without a stamp, or in the middle of a line: {shown}", (
            "cut files at the end of a line, each line `<stamp> <message>`")
    return f"is text: {shown}", RECORD


# -- JSON ----------------------------------------------------------------------------------------------------------------


def _json(line: bytes) -> tuple[str, str]:
    if other := foreign(line):
        return other
    if b'"event":' in line and b'"level":' in line:
        return "is a log of hft's", "name the recording made by the same run"
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except NOT_JSON:
        return "begins like JSON, but not with one message a line", RECORD
    return _NO_STAMPS
