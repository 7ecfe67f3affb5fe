"""Reads a settings file, which may be a pipe, within limits of size and time."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from hft.errors import ConfigError

LIMIT = 1 << 20
"""Most bytes of a settings file; the commented template has about 20,000."""
PATIENCE_S = 10.0
"""Longest wait for the next bytes of a pipe."""


def read_limited(
    path: Path, *, limit: int = LIMIT, patience_s: float = PATIENCE_S, missing: str = "`hft config init` writes one"
) -> bytes:
    """The bytes of a file or pipe; ConfigError if it can't be read, is too long, or sends nothing."""
    try:
        # Without O_NONBLOCK, opening a pipe without a writer would block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read(descriptor, str(path), limit, patience_s)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise ConfigError("no such file", where=str(path), do=missing) from None
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", where=str(path)) from None
    except ValueError:
        raise ConfigError("is not a file name: it has a zero byte", where=str(path).replace("\0", "\\0")) from None


def _read(descriptor: int, name: str, limit: int, patience_s: float) -> bytes:
    found = bytearray()
    while len(found) <= limit:
        try:
            part = os.read(descriptor, limit + 1 - len(found))
        except BlockingIOError:
            if not select.select([descriptor], [], [], patience_s)[0]:
                raise ConfigError(f"sends nothing within {patience_s:g} s", where=name, do="name a file") from None
            continue
        if not part:
            break
        found += part
    if len(found) > limit:
        raise ConfigError(f"is longer than {limit >> 20} MiB", where=name, do="a settings file is far shorter")
    if not found and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        raise ConfigError("is a pipe that sends nothing", where=name, do="name a file")
    return bytes(found)
