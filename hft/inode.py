"""Checks that an open file is still the one at its path, since writing to a deleted file gives no error."""

from __future__ import annotations

import os

Identity = tuple[int, int]
"""Device and inode."""


def identity(path: str | os.PathLike[str]) -> Identity | None:
    """Identity of the file at this path, or of a link's target; None if there is none.

    Raises other errors of stat (EACCES, EIO, ESTALE).
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def is_at(path: str | os.PathLike[str], file: Identity | None) -> bool:
    """Whether that file is at the path; also True if that is unknown, since an error of the file system shows nothing about an
    open file."""
    try:
        return identity(path) == file
    except OSError:
        return True


def is_open_at(path: str | os.PathLike[str], descriptor: int) -> bool:
    """Identity of an open file."""
    found = os.fstat(descriptor)
    return is_at(path, (found.st_dev, found.st_ino))
