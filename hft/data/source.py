"""The interface of readers of recorded data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

from hft._core.base.types import Spec
from hft.config import Config
from hft.data.events import Events
from hft.data.probe import Probe
from hft.errors import UsageError
from hft.run.specs import ResolvedSpec


class Source(ABC):
    """A reader of recorded data: one file, or several that belong together.

    Parameters
    ----------
    paths : sequence of Path

    Attributes
    ----------
    where : str
        Its name in error messages: the first file.
    size : int
        Bytes on disk.
    protocol : str
        Its venue's protocol, once `Data` has found it.
    names_protocol : bool
        Whether files of this kind show their protocol; else the settings decide.
    """

    names_protocol = True
    protocol = ""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.where = str(paths[0])
        try:
            self.size = sum(path.stat().st_size for path in paths)
        except OSError as error:
            raise UsageError(f"can't be read: {error.strerror}", where=self.where, do="name an existing file") from None

    @property
    def progress(self) -> float:
        """Share of it that was read, 0 to 1, during iteration."""
        return 0.0

    @property
    def torn(self) -> list[str]:
        """After iteration: a line for each torn file, saying where it breaks off."""
        return []

    @property
    def notes(self) -> list[str]:
        """After iteration, as lines: where its clock was set (SEMANTICS 33), and which updates were taken as whole books (7c)."""
        return []

    @property
    def rejects(self) -> dict[str, int]:
        """After iteration: the number of frames that are no message, by reason."""
        return {}

    @abstractmethod
    def probe(self, wanted: Sequence[str]) -> Probe:
        """Its probe; `wanted` are the requested symbols, none for all."""

    def specs(self, config: Config) -> list[ResolvedSpec]:
        """The exact specifications that it contains; none if they must be found as for other data (SEMANTICS 28)."""
        return []

    @abstractmethod
    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        """Its records in bounded parts of whole messages, in order of `recv_ns`.

        A record's `symbol` is an index into `specs`; records of other symbols are left out. A message without an id in its
        format has `last_id` 0, and gets an id when sources are merged. Streams that the data does not open stay closed, since
        the session may start before this source.
        """
