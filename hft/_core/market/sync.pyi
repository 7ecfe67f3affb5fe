from dataclasses import dataclass
from typing import Final, Self

from hft._core.wire.decode import Decoder

STATES: dict[int, str]

@dataclass(frozen=True, slots=True)
class SyncRules:
    chained: bool = True
    step: int = 0
    in_band: bool = False

class Synchronizer:
    def __new__(cls, rules: SyncRules = ..., capacity_levels: int = 65536) -> Self: ...
    def connected(self) -> None: ...
    def disconnected(self) -> None: ...
    def lost(self) -> None: ...
    def on_depth(self, decoder: Decoder) -> int: ...
    def on_snapshot(self, last_update_id: int) -> int: ...
    def take(self, decoder: Decoder) -> bool: ...
    def refresh(self) -> None: ...
    state: Final[str]
    ready: Final[bool]
    wants_snapshot: Final[bool]
    refreshing: Final[bool]
    update_id: Final[int]
    buffered: Final[int]
    generation: Final[int]
    resyncs: Final[int]
    gaps: Final[int]
    stale: Final[int]
    too_old: Final[int]
    overflows: Final[int]
    refreshes_dropped: Final[int]
