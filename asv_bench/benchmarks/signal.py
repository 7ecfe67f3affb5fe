"""From the book's imbalance to a signal, and on to an order."""

from array import array

from hft._core.base.intent import OrderIntent
from hft._core.trade.imbalance import ImbalanceDecision
from hft._core.trade.orders import OrderManager
from hft._core.trade.position import PositionManager
from hft._core.trade.risk import RiskValidator
from hft._core.trade.signal import ImbalanceSignal
from hft.bench import loops

from .common import OnSessions, best_ns

N = 100_000


class Signal(OnSessions):
    def setup(self, name):
        super().setup(name)
        values, now = array("d", bytes(8 * len(self.stream))), array("q", bytes(8 * len(self.stream)))
        n = loops.imbalances(self.book, self.stream, values, now)
        self.values, self.now = values[:n], now[:n]
        self.model = ImbalanceSignal()

    def track_update(self, name):
        standing = loops.signal(self.model, self.values, self.now)
        assert 0 < standing < len(self.values)
        return best_ns(lambda: loops.signal(self.model, self.values, self.now), len(self.values), standing)


class Order(OnSessions):
    def setup(self, name):
        super().setup(name)
        self.orders = OrderManager([self.spec], capacity=256)
        self.risk = RiskValidator(
            self.orders, PositionManager([self.spec]), max_position_size="1", max_order_size="0.5", price_collar_bps=100,
            max_notional_exposure="100000", max_orders_per_second=10, max_loss="10000", max_drawdown="10000", stale_ms=60_000,
        )  # fmt: skip
        self.bid, self.ask = self.spec.ticks(self.book.best_bid), self.spec.ticks(self.book.best_ask)

    def track_risk_and_order(self, name):
        """Every limit is on; the figure includes the removal of the order."""
        intent = OrderIntent(self.spec, "buy", "0.5", self.spec.price(self.ask + 1), tif="IOC")
        return best_ns(lambda: loops.orders(self.risk, intent, self.bid + self.ask, N), N, N)

    def track_signal_to_order(self, name):
        """Signal, decision, risk, order and its removal; the imbalance is always on the buying side."""
        window_ns = 1_000_000_000
        now = array("q", range(window_ns, window_ns + N * 100_000_000, 100_000_000))
        strategy = ImbalanceDecision(self.spec, max_position_size="1", order_size_fraction="0.5", max_order_size="0.5")

        def run():
            risk = RiskValidator(self.orders, PositionManager([self.spec]), max_position_size="1", max_order_size="0.5",
                                 price_collar_bps=100, max_notional_exposure="100000", max_orders_per_second=10)  # fmt: skip
            return loops.decisions(ImbalanceSignal(), strategy, risk, array("d", [0.6]) * N, now, self.bid, self.ask)

        return best_ns(run, N, N - 10)      # no signal before the first window is over

    def track_report(self, name):
        """An order's life is three reports; its creation is in the figure."""
        intent = OrderIntent(self.spec, "buy", "0.5", self.spec.price(self.ask))
        return best_ns(lambda: loops.reports(self.orders, intent, N), 3 * N, N)
