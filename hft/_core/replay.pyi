from array import array

from hft._core.engine import Engine
from hft._core.histogram import Histogram

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
