"""A trader's orders, positions and risk together, for tests."""

from hft._core.base.intent import OrderIntent
from hft._core.base.types import Spec
from hft._core.trade.orders import OrderManager
from hft._core.trade.position import PositionManager
from hft._core.trade.risk import RiskValidator

S = 1_000_000_000
USDM = Spec("BTCUSDT", tick="0.10", step="0.001", min_qty="0.002", max_qty="50", min_notional="5")
SPOT = Spec("ETHUSDT", tick="0.01", step="0.0001", instrument="spot", min_notional="5")


class TraderFixture:
    """Orders, positions and risk together, at one touch: 100.0 / 100.2, so that the mid is 100.1."""

    def __init__(self, *specs, **limits):
        self.specs = specs or (USDM,)
        self.orders, self.positions = OrderManager(self.specs), PositionManager(self.specs)
        self.risk = RiskValidator(self.orders, self.positions, **limits)

    def check(self, side="buy", qty="1", price="100.0", *, spec=None, reduce_only=False, **at):
        intent = OrderIntent(spec or self.specs[0], side, qty, price, reduce_only=reduce_only)
        return self.risk.check(intent, **{"bid": "100.0", "ask": "100.2", "now": 0, **at})

    def send(self, side="buy", qty="1", price="100.0", *, spec=None, now=0):
        order = self.orders.create(OrderIntent(spec or self.specs[0], side, qty, price), now=now)
        self.risk.sent(now=now)
        return order

    def hold(self, side, qty, price="100.1", spec=None):
        self.positions.fill(spec or self.specs[0], side, qty, price)
