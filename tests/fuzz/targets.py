"""What is fuzzed: each decoder and reader with its check, where it begins, and its part of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from hft._core.base.types import Spec
from hft._core.wire.decode import Decoder
from tests.fuzz import decoders, files, readers, seeds

LINE = 640      # a frame of some ten levels, or several frames: what follows is more of the same, and slow


class Target(NamedTuple):
    """One thing that is fuzzed."""

    check: Callable[[bytes], int]
    """Takes any bytes; how much of them was taken. It raises where something is wrong."""
    seeds: Callable[[], Iterable[bytes]]
    share: float
    """Of a run's inputs. A reader of files is some hundred times slower than the scanner."""
    what: str
    longest: int = 4096
    """Bytes of an input."""


def targets(
    folder: Path, make: Callable[[list[Spec]], Decoder] = Decoder, walk: Callable[[bytes], int] = files.walk
) -> dict[str, Target]:
    """Every target by its name.

    Parameters
    ----------
    folder : Path
        Where the files lie that the readers are given.
    make : callable
        The kind of Decoder whose scanner is fuzzed.
    walk : callable
        Reads event records, message by message, and says how many there were.

    >>> check = targets(Path("/tmp"))["stamp"].check
    >>> check(b"1723161253937085768"), check(b"soon")
    (1, 0)
    """
    return {
        "scanner": Target(decoders.Frames(make, thorough=False), seeds.frames, 0.598,
                          "the compiled scanner, under sanitizers; what it takes, against msgspec's path and plain JSON", LINE),
        "portable": Target(decoders.Frames(make, thorough=False), seeds.frames, 0.2,
                           "the same without vector instructions, as on other machines", LINE),
        "frames": Target(decoders.Frames(make), seeds.frames, 0.05,
                         "the scanner, msgspec's path and plain JSON, all on every frame", LINE),
        "messages": Target(decoders.Messages(), seeds.replies, 0.04, "`messages.decode`, and books against plain JSON"),
        "captures": Target(readers.Captures(folder), seeds.captures, 0.015, "capture files of every kind, packed and torn"),
        "sessions": Target(files.Sessions(folder), files.every, 0.01,
                           "files of any kind as a backtest reads them: captures, recordings, event files, Tardis, npz"),
        "records": Target(walk, lambda: [files.records()], 0.05, "event records, under sanitizers, written and read again"),
        "backtests": Target(files.Backtests(folder), files.every, 0.002, "backtests of them, through the engine"),
        "rules": Target(readers.rules, seeds.exchange_infos, 0.01, "exchangeInfo bodies, and the specifications of them"),
        "stamp": Target(readers.stamp, seeds.stamps, 0.005, "printed stamps"),
        "control": Target(decoders.control, seeds.requests, 0.02, "control frames, as the embedded exchange answers them"),
    }  # fmt: skip
