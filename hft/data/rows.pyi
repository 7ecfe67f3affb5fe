from collections.abc import Mapping, Set
from typing import Final

from hft._core.base.types import Spec

class RowReader:
    line: Final[int]
    dropped: Final[int]
    def __new__(
        cls, layout: str, fields: int, symbols: Mapping[str, tuple[int, Spec]], integer_ids: bool, whole: Set[str] = ...,
        apart: Set[str] = ...,
    ) -> RowReader: ...
    def feed(self, rows: bytes) -> None: ...
    def finish(self) -> None: ...
    def take(self) -> bytes: ...
