"""Whether a file that is open is still the one at its path: writing to a deleted file gives no error."""

from __future__ import annotations

import os

Identity = tuple[int, int]
"""Device and inode."""


def identity(path: str | os.PathLike[str]) -> Identity | None:
    """Of the file at this path, or the one that a link there leads to; None where there is none.

    Raises the other errors of a look at it (EACCES, EIO, ESTALE).
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def is_at(path: str | os.PathLike[str], file: Identity | None) -> bool:
    """Whether that file is at the path; True where that can't be told: a file system that does not answer says nothing about a
    file that is open."""
    try:
        return identity(path) == file
    except OSError:
        return True


def is_open_at(path: str | os.PathLike[str], descriptor: int) -> bool:
    """The same of a file that is open."""
    found = os.fstat(descriptor)
    return is_at(path, (found.st_dev, found.st_ino))
