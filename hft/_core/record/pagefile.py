"""The file of a state page: owned by one engine at a time, private, and never a file of another kind."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import time

SETTING_UP = b"HFTPAGE\x01"
MAGICS = (b"HFTPAGE\x00", SETTING_UP)
"""First bytes of a page's file: complete, and while it is being set up (PAGE_MAGIC and PAGE_SETUP of page.pxd)."""


TRIES, PAUSE_S = 10, 0.01
"""Number of tries for the lock, and the pause between them."""


class PageError(ValueError):
    """A file that is not a state page readable by this version, or one that another engine uses."""


class PageInSetup(PageError):
    """A page that a starting engine is setting up; it will be ready soon."""


def own_file(path: str, size: int) -> tuple[int, mmap.mmap]:
    """Opens and locks the file at `path`, with at least `size` bytes allocated on disk: its descriptor and its mapping."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PageError(f"{path}: is a symbolic link, whose target may belong to another program; remove it") from None
        raise
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise PageError(f"{path}: is not a regular file")
        if not _lock(fd):
            raise PageError(f"{path}: another engine is running on it")
        head = os.pread(fd, 8, 0)
        if head not in (b"", *MAGICS) and (info.st_size > size or any(os.pread(fd, size, 0))):
            raise PageError(f"{path}: not a state page of hft; move it away or name another file")
        if hasattr(os, "posix_fallocate"):  # a sparse file on a full disk would cause a SIGBUS later
            os.posix_fallocate(fd, 0, size)
        elif info.st_size < size:
            os.pwrite(fd, bytes(size - info.st_size), info.st_size)
        os.fchmod(fd, 0o600)
        return fd, mmap.mmap(fd, size)
    except BaseException:
        os.close(fd)
        raise


def _lock(fd: int) -> bool:
    """Takes the lock. It ends with the process, however that dies; a pid in the file would outlive it.

    `is_owned` may hold it briefly, so there are several tries.
    """
    for _ in range(TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE_S)
        else:
            return True
    return False


def is_owned(path: str | os.PathLike[str]) -> bool:
    """Whether a process, even a stopped or hanging one, owns the page at `path`. Raises `OSError` if it can't be read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
