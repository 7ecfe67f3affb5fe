from hft._core.base.types import Spec
from hft._core.market.sync import SyncRules
from hft.data.tape import Tape

KINDS: dict[str, int]

class Stream:
    spec: Spec
    count: int
    level_count: int
    def __init__(self, spec: Spec) -> None: ...
    def only(self, *kinds: str) -> Stream: ...
    def __len__(self) -> int: ...

def record(spec: Spec, tape: Tape, rules: SyncRules) -> Stream: ...
