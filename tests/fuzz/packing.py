"""Inputs as files: the bytes that libFuzzer changes are those inside, since what is packed does not bear a change."""

from __future__ import annotations

import gzip
import io
import zipfile

import zstandard

from hft.data.events import _FIXED, EVENT, MAGIC, VERSION
from hft.errors import HftError

PAGE = 4096


def held(data: bytes) -> bytes:
    """What the file of an input holds, unpacked and whole."""
    return data[2:] if data[:1] == b"t" else data[1:]


def packed(data: bytes) -> bytes:
    """An input as a file. Its first byte says how the rest lies in it:

    == ==========================================================================================================
    g  gzip
    t  gzip, torn after so many 256ths as the second byte says
    z  zstandard
    n  the member `data.npy` of a zip archive
    e  an event file: header JSON, a zero, records
    == ==========================================================================================================

    Anything else: as it is.
    """
    how, content = data[:1], held(data)
    if how == b"g":
        return gzip.compress(content, 1, mtime=0)
    if how == b"t":
        whole = gzip.compress(content, 1, mtime=0)
        return whole[: len(whole) * sum(data[1:2]) // 256]
    if how == b"z":
        return zstandard.compress(content, 1)
    if how == b"n":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(zipfile.ZipInfo("data.npy"), content)
        return archive.getvalue()
    if how == b"e":
        header, _, records = content.partition(b"\0")
        size = -(-(_FIXED.size + len(header)) // PAGE) * PAGE
        start = _FIXED.pack(MAGIC, VERSION, size, len(records) // EVENT.itemsize) + header
        return start.ljust(size, b"\0") + records[: len(records) // EVENT.itemsize * EVENT.itemsize]
    return content


def line(error: HftError) -> None:
    """What a user is told is one line that can be printed."""
    text = str(error)
    assert text
    assert len(text.splitlines()) == 1, text
    text.encode()
