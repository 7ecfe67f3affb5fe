from array import array

from hft._core.base.histogram import Histogram
from hft._core.engine.engine import Engine

KINDS: dict[str, int]

def replay(
    engine: Engine,
    frames: list[bytes],
    stamps: array[int] | memoryview,
    *,
    start: int = 0,
    stop: int | None = None,
    until_ns: int | None = None,
    room: int = 0,
    histogram: Histogram | None = None,
    by_kind: dict[str, Histogram] | None = None,
) -> int: ...
