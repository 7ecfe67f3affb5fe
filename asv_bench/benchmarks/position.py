"""Fills booked and positions valued, exactly."""

from array import array

from hft._core.base.types import Spec
from hft._core.trade.position import PositionManager
from hft.bench import loops

from .common import best_ns

N = 100_000


class Position:
    unit = "ns"

    def setup(self):
        self.spec = Spec("BTCUSDT", tick="0.10", step="0.001")
        self.price = array("q", (618_000 + 7 * i % 11 for i in range(N)))
        self.qty = array("q", (500 if i % 3 else -1_000 for i in range(N)))

    def track_fill(self):
        """Two bought, one sold of twice the size: opened, enlarged, closed."""
        return best_ns(lambda: loops.fills(PositionManager([self.spec]), self.price, self.qty), N, N)

    def track_mark(self):
        positions = PositionManager([self.spec])
        loops.fills(positions, self.price[:2], array("q", [500, 500]))
        mid2 = array("q", (1_236_000 + i % 7 for i in range(N)))
        assert positions["BTCUSDT"].qty == 1
        return best_ns(lambda: loops.marks(positions, mid2), N, N)
