"""The files of a run: a database with one engine at a time, and files that must stay in place while it runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from hft.errors import TradingHalted, UsageError
from hft.inode import identity, is_at

LOCKED_BYTE = 1 << 62
"""Far beyond the bytes that SQLite itself locks, so that the locks never conflict."""

_FLOCK = "@hhqqi4x"
"""`struct flock`: type, whence, start, length, pid."""


class DatabaseLock:
    """Marks this database as written by an engine, while it is held and the process lives.

    The lock is on the database itself, besides the state page's, so that deleting the page does not admit a second engine.

    Raises `UsageError` if another engine holds it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            _lock(self._file)
        except BlockingIOError:
            os.close(self._file)
            raise UsageError(
                "another engine is running on it", where=self.path,
                do="stop the other engine, or change [strategy.persistence] database_path",
            ) from None

    def close(self) -> None:
        """Releases the lock. Close the database before, since closing any descriptor of a file drops SQLite's own locks on it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_locked(path: str | os.PathLike[str]) -> bool:
    """Whether an engine writes the database at `path`; False if there is no database."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except PermissionError as error:
            raise UsageError(f"can't be opened: {error.strerror}", where=os.fspath(path), do="check its permissions") from None
        try:
            return _is_locked(file)
        finally:
            os.close(file)
    return False


if hasattr(fcntl, "F_OFD_SETLK"):       # Linux: the lock belongs to the descriptor, whoever else closes the file

    def _lock(file: int) -> None:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, LOCKED_BYTE, 1, 0))

    def _is_locked(file: int) -> bool:
        wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, LOCKED_BYTE, 1, 0)
        return bool(struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_OFD_GETLK, wanted))[0] != fcntl.F_UNLCK)

else:

    def _lock(file: int) -> None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, LOCKED_BYTE)
        except PermissionError:
            raise BlockingIOError from None

    def _is_locked(file: int) -> bool:
        try:
            _lock(file)
        except BlockingIOError:
            return True
        return False


class FilesInPlace:
    """Open files of a process that must stay at their paths while it runs.

    A process can go on writing to a file that was deleted or replaced; the data is lost without an error.

    Parameters
    ----------
    paths : iterable of path
        Existing files.
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        self._files = {os.fspath(path): identity(path) for path in paths}

    def missing(self) -> list[str]:
        """The paths that no longer have the same file. A file that can't be checked now is not missing."""
        return [path for path, file in self._files.items() if not is_at(path, file)]


class RunFiles:
    """A run's database and state page: locked for this engine, and watched.

    Parameters
    ----------
    database : path
        It must exist; the lock on it is held until `close`.
    """

    def __init__(self, database: str | os.PathLike[str]) -> None:
        self.database = os.fspath(database)
        self.gone: list[str] = []
        """The last result of `missing`."""
        self._of_database = (self.database, f"{self.database}-wal", f"{self.database}-shm")
        self._lock = DatabaseLock(database)
        self._in_place: FilesInPlace | None = None

    def watch(self, page: str | os.PathLike[str]) -> None:
        """Watches the database, SQLite's files beside it, and the page from now on."""
        self._in_place = FilesInPlace(path for path in (*self._of_database, os.fspath(page)) if os.path.exists(path))

    def missing(self) -> list[str]:
        """The paths that no longer have the run's file."""
        self.gone = self._in_place.missing() if self._in_place is not None else []
        return self.gone

    @property
    def database_gone(self) -> bool:
        """Whether the last `missing` found the database, or a file that belongs to it."""
        return any(path in self._of_database for path in self.gone)

    def close(self) -> None:
        """Releases the database to the next engine. Close it before, see `DatabaseLock.close`."""
        self._lock.close()


def deleted(path: str) -> TradingHalted:
    """The failure of a run with a deleted or replaced file."""
    return TradingHalted(
        "deleted or replaced while the engine ran, which halted", where=path,
        do="leave the files of a run where they are; `hft kill --release` turns off a kill switch that is left on",
    )


def rescue_path(database: str | os.PathLike[str], run_id: str) -> Path:
    """The path of the copy of a run's records if its database was deleted: beside it, with another name.

    >>> rescue_path("data/strategy.db", "20260921T141320Z-7").name
    'strategy.rescued-20260921T141320Z-7.db'
    """
    path = Path(database)
    return path.with_name(f"{path.stem}.rescued-{run_id}{path.suffix}")


def private_file(path: Path) -> None:
    """Makes an empty file that only its owner can read, and its folder if missing. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
