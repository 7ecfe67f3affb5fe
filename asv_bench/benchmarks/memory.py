"""Memory of an engine with one symbol at default capacities: its own, fixed from the start, and the process's peak."""

from hft._core.base.types import Spec
from hft.config import Config
from hft.run.wiring import build_engine
from hft.venues.registry import DEFAULT, PROTOCOLS


class Memory:
    unit = "bytes"

    def setup(self):
        self.spec = Spec("BTCUSDT", tick="0.10", step="0.001")

    def track_engine_own(self):
        return build_engine(Config(), [self.spec], PROTOCOLS[DEFAULT]).memory_bytes

    def peakmem_engine(self):
        return build_engine(Config(), [self.spec], PROTOCOLS[DEFAULT])
