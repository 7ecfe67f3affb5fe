"""How recordings lie on a disk: plain or packed, in one file or in parts.

The name says how a file is packed: ``.gz`` gzip, ``.zst`` zstandard, else plain. A reader goes by the first bytes instead. Parts
of one recording lie side by side, numbered before the ending, ``btc.part0001.zst``, ``btc.part0002.zst`` and so on; ``btc.zst``
names them all.
"""

from __future__ import annotations

import codecs
import glob
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from hft.errors import UsageError

READ = 1 << 16
"""Bytes of a packed file that are read at a time."""
UNPACKED = 1 << 20
"""Bytes that are unpacked at a time, at most: of zeros a thousandth is read."""
_ZSTANDARD_READ = 1 << 10
"""zstandard gives all that its input holds, at most 128 KiB for every 4 bytes."""
MAX_LINE = 65 << 20
"""Bytes of the longest line that is read: REST bodies, of which there is one a line, have 64 MiB at most."""
GUNZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading from `gunzipped` raises where the file breaks off, or is damaged."""
_TOO_LONG = f"a line of more than {MAX_LINE >> 20} MiB: not a capture"
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ENDING = re.compile(r"(.*?)((?:\.[A-Za-z]\w*){0,2})")
_PART = re.compile(r"(.+)\.part(\d{4,})((?:\.\w+)*)")


class Torn(Exception):
    """A packed file breaks off; everything before the tear was given out."""


# -- packing -----------------------------------------------------------------------------------------------------------


class Packer:
    """Packs one file. What `flush` returned can be read back whatever happens later.

    Parameters
    ----------
    path : Path
        Its ending decides.
    level : int
        Of compression; 0 for the format's own, gzip 6, zstandard 3.

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
            import zstandard  # here: a session that does not record is spared it

            zstd = zstandard.ZstdCompressor(level or 3, write_checksum=True).compressobj()
            self.pack = zstd.compress
            self.flush = lambda: zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            self.finish = zstd.flush
        else:
            self.pack = bytes
            self.flush = self.finish = bytes


def lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, unpacked, each with its newline; the last one may be without.

    Raises `Torn` after the last whole line of a packed file that breaks off, `ValueError` for one that can't be unpacked, and for
    a line of more than `MAX_LINE` bytes.
    """
    if _begins(file, _GZIP):
        return _split(_gunzip(file))
    if _begins(file, _ZSTANDARD):
        return _split(_unzstd(file))
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
    """The same file, or what gzip packed in it. Reading raises `GUNZIP_ERRORS`."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if _begins(file, _GZIP) else file


def _begins(file: BinaryIO, magic: bytes) -> bool:
    """Whether a file that was not read yet begins with these bytes."""
    found = file.read(len(magic))
    file.seek(0)
    return found == magic


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    """A packed file may be several, one after the other."""
    unpacker = zlib.decompressobj(31)
    try:
        while data := file.read(READ):
            while data:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(31)
                yield unpacker.decompress(data, UNPACKED)
                data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
        while not unpacker.eof and (rest := unpacker.decompress(b"", UNPACKED)):    # what did not fit the last time
            yield rest
    except zlib.error as error:
        raise ValueError(f"can't be unpacked: {error}") from None
    if not unpacker.eof:
        raise Torn


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    """As `_gunzip`."""
    import zstandard

    unpacker = zstandard.ZstdDecompressor().decompressobj()
    try:
        while data := file.read(_ZSTANDARD_READ):
            while data:
                if unpacker.eof:
                    unpacker = zstandard.ZstdDecompressor().decompressobj()
                unpacked = unpacker.decompress(data)
                for at in range(0, len(unpacked), UNPACKED):
                    yield unpacked[at : at + UNPACKED]
                data = unpacker.unused_data if unpacker.eof else b""
    except zstandard.ZstdError as error:
        raise ValueError(f"can't be unpacked: {error}") from None
    if not unpacker.eof:
        raise Torn


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    pieces: list[bytes] = []        # of a line that is longer than a chunk
    size = 0
    for chunk in chunks:
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
    """The file of a part of a recording; they sort by name.

    >>> part_path(Path("data/btc.jsonl.zst"), 12).name
    'btc.part0012.jsonl.zst'
    """
    stem, ending = _cut(path)
    return path.with_name(f"{stem}.part{part:04d}{ending}")


def parts(path: Path) -> list[Path]:
    """The files of a recording, in order, named by any of its parts or by the name that it was given; else the path itself."""
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


def _cut(path: Path) -> tuple[str, str]:
    """A name and its ending, up to two of the kind of ``.jsonl.gz``."""
    match = _ENDING.fullmatch(path.name)
    assert match is not None        # it matches anything
    return match[1], match[2]
