"""The file behind a state page: owned by one engine at a time, private, and never anything else's."""

from __future__ import annotations

import fcntl
import mmap
import os
import stat

MAGICS = (b"HFTPAGE\x00", b"HFTPAGE\x01")
"""How a page's file begins: complete, and while it is being set up (PAGE_MAGIC and PAGE_SETUP of page.pxd)."""


class PageError(ValueError):
    """A file that is not a state page this version can read, or one that another engine uses."""


def own_file(path: str, size: int) -> tuple[int, mmap.mmap]:
    """The file at `path`, locked, at least `size` bytes long and really there on the disk: its descriptor and its mapping."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise PageError(f"{path}: not a plain file")
        # The lock goes with the process, however it dies; a pid in the file would outlive it.
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PageError(f"{path}: another engine is running on it") from None
        head = os.pread(fd, 8, 0)
        if head not in (b"", *MAGICS) and any(os.pread(fd, info.st_size, 0)):
            raise PageError(f"{path}: not a state page of hft; move it away or name another file")
        if hasattr(os, "posix_fallocate"):  # a sparse file on a full disk is a SIGBUS later
            os.posix_fallocate(fd, 0, size)
        elif info.st_size < size:
            os.pwrite(fd, bytes(size - info.st_size), info.st_size)
        os.fchmod(fd, 0o600)
        return fd, mmap.mmap(fd, size)
    except BaseException:
        os.close(fd)
        raise
