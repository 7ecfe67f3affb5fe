from typing import Final, Literal

from hft._core.base.symbols import Symbols

KINDS: Final[dict[str, int]]

_Kind = Literal[
    "frame", "depth", "exchange_info", "connect", "disconnect", "timer", "kill", "journal_full", "resync", "stop", "mark"
]

class RunLog:
    def __new__(cls, capacity: int) -> RunLog: ...
    def bind(self, symbols: Symbols) -> None: ...
    def push(self, kind: _Kind, now_ns: int, body: bytes = b"", arg: int = 0) -> bool: ...
    def mark(self, name: str, value: bytes, now_ns: int) -> bool: ...
    lost: Final[int]
    entries: Final[int]
    def take(self, limit: int = ..., until_ns: int = ...) -> bytes: ...
    next_ns: Final[int | None]
    capacity: Final[int]
    used: Final[int]
