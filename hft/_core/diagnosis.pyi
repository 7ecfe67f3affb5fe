from hft._core.engine import Engine
from hft._core.types import Spec

CAUSES: dict[int, str]

def sync_times(engine: Engine, symbol: str | Spec) -> tuple[int, int, dict[str, tuple[int, int, int]]]: ...
def signal_reach(engine: Engine, symbol: str | Spec) -> tuple[float, float, float, float, int, int]: ...
