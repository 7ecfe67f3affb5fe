from typing import Any

from picows import WSFrame, WSListener, WSTransport

from hft._core.runclock import RunClock
from hft._core.sink import FrameSink

MAX_MESSAGE: int

class Listener(WSListener):
    sink: FrameSink
    clock: RunClock
    owner: Any
    transport: WSTransport | None
    now_ns: int
    frames: int
    reads: int
    handed_on: int
    last_ns: int
    max_message: int
    def __init__(self, sink: FrameSink, clock: RunClock, owner: Any, max_message: int = ...) -> None: ...
    def on_ws_connected(self, transport: WSTransport) -> None: ...
    def on_ws_disconnected(self, transport: WSTransport) -> None: ...
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None: ...
    def opened(self) -> None: ...
    def closed(self, why: str) -> None: ...
    def pong(self) -> None: ...
    def feed(self, message: bytes) -> None: ...
