"""Files of recordings: plain or packed, in one file or in parts.

The name decides how a file is packed: ``.gz`` gzip, ``.zst`` zstandard, else plain. A reader goes by the first bytes instead.
Parts of one recording have a number before the ending, ``btc.part0001.zst``, ``btc.part0002.zst`` and so on; ``btc.zst`` names
them all.
"""

from __future__ import annotations

import codecs
import glob
import gzip
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from hft.data.members import GZIP, READ, Torn, unpacked, zstandard_packing
from hft.errors import UsageError

__all__ = ["GUNZIP_ERRORS", "READ", "Packer", "Torn", "gunzipped", "lines", "part_path", "parts", "unmarked"]

MAX_LINE = 65 << 20
"""Bytes of the longest line that is read; a line holds at most one REST body of 64 MiB."""
GUNZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)
"""Errors of reading from `gunzipped` if the file breaks off or is damaged."""
_TOO_LONG = f"a line of more than {MAX_LINE >> 20} MiB: not a capture"
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ENDING = re.compile(r"(.*?)((?:\.[A-Za-z]\w*){0,2})", re.DOTALL)        # a name may hold a newline
_PART = re.compile(r"(.+)\.part(\d{4,})((?:\.\w+)*)", re.DOTALL)


# -- packing -----------------------------------------------------------------------------------------------------------


class Packer:
    """Packs one file. Bytes that `flush` returned can be read back whatever happens later.

    Parameters
    ----------
    path : Path
        Its ending decides.
    level : int
        Compression level; 0 for the format's default, gzip 6, zstandard 3.

    Raises `UsageError` for a level that the format does not have.
    """

    def __init__(self, path: Path, level: int = 0) -> None:
        if path.suffix == ".gz":
            if level > 9:
                raise UsageError(f"gzip has no level {level}", where="[recording] level", do="take 1 to 9, or a .zst file")
            deflate = zlib.compressobj(level or -1, zlib.DEFLATED, 31)
            self.pack: Callable[[bytes], bytes] = deflate.compress
            self.flush: Callable[[], bytes] = lambda: deflate.flush(zlib.Z_SYNC_FLUSH)
            self.finish: Callable[[], bytes] = deflate.flush
        elif path.suffix == ".zst":
            import zstandard  # imported here, since only recording needs it

            zstd = zstandard.ZstdCompressor(level or 3, write_checksum=True).compressobj()
            self.pack = zstd.compress
            self.flush = lambda: zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            self.finish = zstd.flush
        else:
            self.pack = bytes
            self.flush = self.finish = bytes


def lines(file: BinaryIO, on_tear: Callable[[], None] | None = None) -> Iterator[bytes]:
    """The lines of a file, unpacked, each with its newline; the last one may be without.

    If a packed file breaks off and continues with another member, `on_tear` is called, the part of a line at the tear is left
    out, and the next line is the first of that member. Raises `Torn` after the last whole line of a packed file that breaks off
    at its end, `ValueError` for a file that can't be unpacked, and for a line of more than `MAX_LINE` bytes.
    """
    if _begins(file, _GZIP):
        return _split(unpacked(file, GZIP), on_tear)
    if _begins(file, _ZSTANDARD):
        return _split(unpacked(file, zstandard_packing()), on_tear)
    return _plain(file)


def _plain(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise ValueError(_TOO_LONG)
        yield line


def unmarked(head: bytes) -> bytes:
    """The beginning of a file without the byte order mark that some programs put before UTF-8 text."""
    return head.removeprefix(codecs.BOM_UTF8)


def gunzipped(file: BinaryIO) -> BinaryIO:
    """The same file, or its gunzipped contents. Reading raises `GUNZIP_ERRORS`."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if _begins(file, _GZIP) else file


def _begins(file: BinaryIO, magic: bytes) -> bool:
    """Whether an unread file begins with these bytes."""
    found = file.read(len(magic))
    file.seek(0)
    return found == magic


def _split(chunks: Iterator[bytes | None], on_tear: Callable[[], None] | None) -> Iterator[bytes]:
    pieces: list[bytes] = []        # of a line that is longer than a chunk
    size = 0
    for chunk in chunks:
        if chunk is None:
            pieces, size = [], 0
            if on_tear is not None:
                on_tear()
            continue
        head, newline, tail = chunk.partition(b"\n")
        pieces.append(head)
        size += len(head)
        if size > MAX_LINE:
            raise ValueError(_TOO_LONG)
        if newline:
            yield b"".join(pieces) + b"\n"
            *whole, rest = tail.split(b"\n")
            for line in whole:
                yield line + b"\n"
            pieces, size = [rest], len(rest)
    if rest := b"".join(pieces):
        yield rest


# -- parts -------------------------------------------------------------------------------------------------------------


def part_path(path: Path, part: int) -> Path:
    """The file of a part of a recording; parts sort by name.

    >>> part_path(Path("data/btc.jsonl.zst"), 12).name
    'btc.part0012.jsonl.zst'
    """
    stem, ending = _cut(path)
    return path.with_name(f"{stem}.part{part:04d}{ending}")


def parts(path: Path) -> list[Path]:
    """The files named like parts of one recording, in order, found by any of them or by the name given to the recorder; else the
    path itself. Other programs name files so too: `hft.data.captures.files_of` checks their contents."""
    match = _PART.fullmatch(path.name)
    if match is None and path.exists():
        return [path]
    whole = path.with_name(match[1] + match[3]) if match else path
    stem, ending = map(glob.escape, _cut(whole))
    found = {}
    for each in path.parent.glob(f"{stem}.part*{ending}"):
        if (part := _PART.fullmatch(each.name)) and part_path(whole, int(part[2])) == each:
            found[int(part[2])] = each
    return [found[n] for n in sorted(found)] or [path]


def require_no_pipe(path: Path) -> None:
    """Raises `UsageError` for a pipe, socket or device, which can be read only once. Other errors appear when it is opened."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    if kind := kinds.get(stat.S_IFMT(mode)):
        do = "write it to a file, and name that; .gz and .zst are read as they are"
        raise UsageError(f"is {kind}, and recorded data is read more than once", where=str(path), do=do)


def _cut(path: Path) -> tuple[str, str]:
    """A name and its ending, up to two of the kind of ``.jsonl.gz``."""
    match = _ENDING.fullmatch(path.name)
    assert match is not None        # the pattern matches any text
    return match[1], match[2]
