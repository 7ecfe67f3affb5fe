"""Unpacks gzip and zstandard files member by member: a file may hold several, one after the other, and any may be torn.

A killed recorder leaves a member without an end; if its next run appends to the same file, another member follows inside
it. The data before and after such a tear is sound.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

READ = 1 << 16
"""Bytes of a packed file that are read at a time."""
UNPACKED = 1 << 20
"""Most bytes that are unpacked at a time: a run of zeros unpacks to a thousand times its size."""
_ZSTANDARD_READ = 1 << 10
"""Input bytes at a time for zstandard, which unpacks its whole input at once, at most 128 KiB for every 4 bytes."""
_HEADER = 10
"""Bytes needed to recognise the beginning of a member."""
_PADDING = 16
"""This many zero bytes are not part of a member: a system that lost power had written the file's length without its contents."""
_TRAILER_ZEROS = 12
"""The last bytes of a member, such as its length, may be zero: at most this many."""
_MOST_ZEROS = 1 << 20
_GZIP_SYSTEMS = frozenset((*range(14), 255))


class Torn(Exception):
    """A packed file breaks off; everything before the tear was returned."""


class _Member(Protocol):
    """One member, unpacked as its bytes arrive."""

    eof: bool
    unused: int
    """How many of the bytes fed last lie behind its end."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The unpacked contents of these bytes, in pieces of at most `UNPACKED`."""


class _GzipMember:
    def __init__(self) -> None:
        self.eof, self.unused = False, 0
        self._unpacker = zlib.decompressobj(31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        unpacker = self._unpacker
        while data:
            yield unpacker.decompress(data, UNPACKED)
            if unpacker.eof:
                self.eof, self.unused = True, len(unpacker.unused_data)
                return
            data = unpacker.unconsumed_tail
        while rest := unpacker.decompress(b"", UNPACKED):      # the rest that did not fit before
            yield rest
        self.eof = unpacker.eof


class _ZstandardMember:
    def __init__(self) -> None:
        import zstandard

        self.eof, self.unused = False, 0
        self._unpacker = zstandard.ZstdDecompressor().decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _ZSTANDARD_READ):
            out = self._unpacker.decompress(data[at : at + _ZSTANDARD_READ])
            for start in range(0, len(out), UNPACKED):
                yield out[start : start + UNPACKED]
            if self._unpacker.eof:
                behind = len(data) - at - _ZSTANDARD_READ
                self.eof, self.unused = True, len(self._unpacker.unused_data) + max(behind, 0)
                return


class Packing(NamedTuple):
    """A format of packed files."""

    magic: bytes
    begins: Callable[[bytes, int], bool]
    """Whether a member may begin at this place, where `magic` was found."""
    new: Callable[[], _Member]
    failure: type[Exception]


def _gzip_begins(data: bytes, at: int) -> bool:
    return data[at + 3] < 0x20 and data[at + 8] in (0, 2, 4) and data[at + 9] in _GZIP_SYSTEMS and not _stored(data, at)


def _stored(data: bytes, at: int) -> bool:
    """Whether the header of a stored deflate block lies before this place. Then the bytes are contents, for example of a twice
    packed file."""
    if at < 5:
        return False
    length, inverted = int.from_bytes(data[at - 4:at - 2], "little"), int.from_bytes(data[at - 2:at], "little")
    return length ^ inverted == 0xFFFF


GZIP = Packing(b"\x1f\x8b\x08", _gzip_begins, _GzipMember, zlib.error)


def zstandard_packing() -> Packing:
    """Zstandard's; the library is imported only when such a file is read."""
    import zstandard

    return Packing(b"\x28\xb5\x2f\xfd", lambda data, at: True, _ZstandardMember, zstandard.ZstdError)


def unpacked(file: BinaryIO, packing: Packing) -> Iterator[bytes | None]:
    """The unpacked contents of a file, in pieces; None where a member breaks off and another one follows.

    Zero bytes after the last member are skipped. Raises `Torn` at the end of a file whose last member breaks off, and
    `ValueError` for a file that can't be unpacked.
    """
    members = _Members(packing)
    zeros = 0
    try:
        while block := file.read(READ):
            body = block.rstrip(b"\0")
            if body:
                yield from members.take(bytes(min(zeros, _MOST_ZEROS)) + body)
                zeros = 0
            zeros += len(block) - len(body)
        yield from members.finish(zeros)
    except packing.failure as error:
        raise ValueError(f"can't be unpacked: {error}") from None
    if not members.member.eof:
        raise Torn


class _Members:
    """Unpacks bytes as they arrive, and detects a member that begins before the previous one has ended."""

    def __init__(self, packing: Packing) -> None:
        self.packing = packing
        self.member = packing.new()
        self._fed = False           # the member has begun
        self._held = b""            # read, and not unpacked: more bytes must show what it is

    def take(self, data: bytes, last: bool = False) -> Iterator[bytes | None]:
        """Takes the next bytes of the file."""
        data, self._held = self._held + data, b""
        at = 0
        while at < len(data):
            if self.member.eof:
                while at < len(data) and data[at] == 0:     # padding between members
                    at += 1
                if at == len(data):
                    return
                self.member, self._fed = self.packing.new(), False
            following = self._following(data, at if self._fed else at + 1)
            if following < 0:
                end = len(data) if last else max(len(data) - _HEADER + 1, at)
                yield from self._feed(data[at:end])
                at = end - self.member.unused if self.member.eof else end
                if not self.member.eof:
                    break
                continue
            yield from self._up_to(data[at:following])
            if self.member.eof:
                at = following - self.member.unused
                continue
            at = following
            if len(data) - at < READ and not last:
                break
            if self._is_member(data, at):
                yield None
                self.member, self._fed = self.packing.new(), False
            else:
                yield from self._feed(data[at:at + 1])           # it only looked like one
                at += 1
        self._held = data[at:]

    def finish(self, zeros: int) -> Iterator[bytes | None]:
        """Ends the file: no more bytes follow."""
        if zeros < _PADDING:
            yield from self.take(bytes(zeros), last=True)
            return
        yield from self.take(b"", last=True)
        if not self.member.eof:
            with contextlib.suppress(self.packing.failure):
                yield from self._feed(bytes(_TRAILER_ZEROS))

    def _feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        yield from self.member.feed(data)

    def _up_to(self, data: bytes) -> Iterator[bytes]:
        """Unpacks the bytes before a place where a member may begin: the end of this member, or of its part."""
        if not data:
            return
        body = data.rstrip(b"\0")
        if len(data) - len(body) < _PADDING:
            yield from self._feed(data)
            return
        yield from self._feed(body)
        if not self.member.eof:
            with contextlib.suppress(self.packing.failure):
                yield from self._feed(data[len(body):len(body) + _TRAILER_ZEROS])

    def _following(self, data: bytes, start: int) -> int:
        """Where a member with a whole header may begin; -1 if nowhere."""
        at = data.find(self.packing.magic, start)
        while at >= 0 and len(data) - at >= _HEADER:
            if self.packing.begins(data, at):
                return at
            at = data.find(self.packing.magic, at + 1)
        return -1

    def _is_member(self, data: bytes, at: int) -> bool:
        """Whether bytes that begin like a member unpack as one, up to the next such place; other bytes almost never do."""
        following = self._following(data, at + 1)
        body = data[at:following if following > 0 else at + READ]
        try:
            for _ in self.packing.new().feed(body.rstrip(b"\0") if body.endswith(bytes(_PADDING)) else body):
                pass
        except self.packing.failure:
            return False
        return True
