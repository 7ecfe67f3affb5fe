from typing import Final

class FrameSink:
    NEEDS_PYTHON: int
    CHECK: int
    HELD: int
    def on_other(self, frame: bytes, now_ns: int) -> int: ...
    def on_check(self) -> None: ...

class FrameCounter(FrameSink):
    frames: Final[int]
    bytes: Final[int]
    first_ns: Final[int]
    last_ns: Final[int]

def deliver(sink: FrameSink, frame: bytes, now_ns: int, cycles: int = 0) -> int: ...
