"""An output file that is either complete or absent."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from hft.errors import UsageError


class OutputFile(ABC):
    """The writer of one file. The file is complete once `close` returns; until then its name ends in ``.part``.

    Parameters
    ----------
    path : str or Path

    As a context manager it closes at the end, and leaves nothing behind after an exception. Raises `UsageError` if the file
    can't be made or the disk is full.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._part = self.path.with_name(self.path.name + ".part")
        with self._on_disk():
            self._part.unlink(missing_ok=True)      # left by a killed writer; removes a link, not its target
            self._file = self._part.open("xb")

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[None]:
        """Wraps every operation that the disk may refuse."""
        try:
            yield
        except OSError as error:
            what = f"can't be written: {error.strerror or error}"
            raise UsageError(what, where=str(self.path), do="name another file, where there is room") from None

    @abstractmethod
    def _finish(self) -> None:
        """Writes the rest."""

    def close(self) -> None:
        """Writes the rest and gives the file its name."""
        if self._file.closed:
            return
        with self._on_disk():
            self._finish()
            self._file.close()
            os.replace(self._part, self.path)

    def discard(self) -> None:
        """Removes the unfinished file."""
        with contextlib.suppress(OSError):      # the rest of the buffer may find no room
            self._file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self.discard()
            return
        try:
            self.close()
        except BaseException:
            self.discard()
            raise
