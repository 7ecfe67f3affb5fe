class FrameSink:
    NEEDS_PYTHON: int
    ATTENTION: int
    def on_other(self, frame: bytes, now_ns: int) -> int: ...
    def on_attention(self) -> None: ...

class FrameCounter(FrameSink):
    frames: int
    bytes: int
    first_ns: int
    last_ns: int

def deliver(sink: FrameSink, frame: bytes, now_ns: int, cycles: int = 0) -> int: ...
