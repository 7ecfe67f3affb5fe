"""All features after every message, over windows of 0.1 s to a minute, whose length must not matter."""

from hft._core.market.features import FeatureBuffer
from hft.bench import loops

from .common import OnSessions, best_ns


class Features(OnSessions):
    params = (*OnSessions.params, [100, 1_000, 60_000])
    param_names = (*OnSessions.param_names, "window_ms")

    def setup(self, name, window_ms):
        super().setup(name)

    def track_message(self, name, window_ms):
        """Update and evaluation for a message, without the book's share."""
        n = len(self.stream)

        def run():
            return loops.features(self.book, FeatureBuffer(self.spec, window_ms=window_ms, capacity=65_536), self.stream)

        valid = run()
        assert 0 < valid < n
        book = best_ns(lambda: loops.book(self.book, self.stream), n, loops.book(self.book, self.stream))
        return best_ns(run, n, valid) - book
