"""What a reader of a kind of recorded data gives."""

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
    """What a reader of a kind of file gives: one file, or several that belong together.

    Parameters
    ----------
    paths : sequence of Path

    Attributes
    ----------
    where : str
        What to call it in a message: its first file.
    size : int
        Bytes on the disk.
    protocol : str
        That of its venue, once `Data` has found it.
    tells_protocol : bool
        Whether files of this kind say of what protocol they are; where none does, the settings do.
    """

    tells_protocol = True
    protocol = ""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.where = str(paths[0])
        try:
            self.size = sum(path.stat().st_size for path in paths)
        except OSError as error:
            raise UsageError(f"can't be read: {error.strerror}", where=self.where, do="name an existing file") from None

    @property
    def progress(self) -> float:
        """Share of it that was read, 0 to 1, while it is iterated over."""
        return 0.0

    @property
    def torn(self) -> list[str]:
        """After iteration: where each torn file of it breaks off, as a line."""
        return []

    @property
    def notes(self) -> list[str]:
        """After iteration, as lines: where the clock that stamped it was set (SEMANTICS 33), and which updates were taken for
        whole books (7c)."""
        return []

    @property
    def rejects(self) -> dict[str, int]:
        """After iteration: how many frames of it were no message, by reason."""
        return {}

    @abstractmethod
    def probe(self, wanted: Sequence[str]) -> Probe:
        """What it holds; `wanted` are the symbols asked for, none for all."""

    def specs(self, config: Config) -> list[ResolvedSpec]:
        """The specifications that it brings along, exact; none where they are found as for any other data (SEMANTICS 28)."""
        return []

    @abstractmethod
    def batches(self, specs: Sequence[Spec]) -> Iterator[Events]:
        """Its records in bounded parts of whole messages, in order of `recv_ns`.

        A record's `symbol` is an index into `specs`; what is of other symbols is left out. A message whose format has no ids has
        0 for `last_id`, and gets one where sources are merged. Streams that the data does not say to be opened are not opened:
        the session's start is not always this source's.
        """
