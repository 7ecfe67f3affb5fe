from typing import Final

LAYOUTS: dict[str, int]

class RowError(ValueError):
    line: int
    def __init__(self, line: int, what: str) -> None: ...

class OffGridError(RowError): ...

class RowProbe:
    line: Final[int]
    exchange: Final[str]
    symbols: Final[dict[str, tuple[int, int]]]
    opened: Final[set[str]]
    times: Final[dict[str, tuple[int, int]]]
    whole: Final[set[str]]
    apart: Final[set[str]]
    def __new__(cls, layout: str, fields: int) -> RowProbe: ...
    def feed(self, rows: bytes) -> None: ...
