from collections.abc import Sequence

from typing_extensions import Buffer

LARGEST_MESSAGE: int

class Numbering:
    def __new__(cls, chained: Sequence[bool]) -> Numbering: ...
    def number(self, records: Buffer) -> None: ...

def joined_order(
    exch_ts: Buffer, local_ts: Buffer, by_exch: Buffer, by_local: Buffer, index: Buffer, which: Buffer
) -> int: ...
