"""Counts a latency."""

from hft._core.base.histogram import Histogram, _add_range

from .common import best_ns

N = 100_000


class Add:
    unit = "ns"

    def track_value(self):
        """Values from 0 to 0.7 ms: every width of bucket that a tick meets."""

        def run():
            histogram = Histogram()
            _add_range(histogram, 0, 7, N)
            return histogram.count, histogram.max

        return best_ns(run, N, (N, 7 * (N - 1)))
