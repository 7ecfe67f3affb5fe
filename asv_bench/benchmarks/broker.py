"""The paper broker, with nothing resting and with two orders on each side."""

from hft._core.base.types import Spec
from hft._core.execution.broker import PaperBroker
from hft._core.market.book import OrderBook

from .common import best_ns

N = 100_000


class Broker:
    params = ([0, 4],)
    param_names = ("resting",)
    unit = "ns"

    def setup(self, resting):
        spec = Spec("BTCUSDT", tick="0.10", step="0.001")
        self.book = OrderBook(spec)
        bids, asks = [("61800.0", "900000"), ("61799.9", "5")], [("61800.2", "900000"), ("61800.3", "5")]
        self.book.snapshot(bids, asks, 1)
        self.broker = PaperBroker(spec, self.book, entry_latency_ms=0)
        for side, prices in (("buy", ("61800.0", "61799.9")), ("sell", ("61800.2", "61800.3"))):
            for price in prices[: resting // 2]:
                self.broker.submit(side, "1", price, sent_ns=0)
        self.broker.arrivals(1)
        assert len(self.broker.open_orders) == resting
        self.now = 1

    def _later(self):
        self.now += N
        return self.now

    def track_trade(self, resting):
        """A trade at the touch, behind a long queue, so that nothing fills."""
        return best_ns(
            lambda: self.broker.drive_trades("61800.0", "0.001", N, buyer_is_maker=True, v_ns=self._later()), N, 0
        )

    def track_book(self, resting):
        """A bookTicker that shows another quantity; the book's share is subtracted."""

        def run(match):
            return self.broker.drive_book_tickers("61800.0", "61800.2", "900000", N, v_ns=self._later(), match=match)

        return best_ns(lambda: run(True), N, 0) - best_ns(lambda: run(False), N, 0)
