"""The market in one cache line: publishing it, and reading it back."""

from hft._core.market.snapshot import MarketSnapshot
from hft.bench import loops

from .common import OnSessions, best_ns

N = 100_000


class Snapshot(OnSessions):
    def track_write(self, name):
        return best_ns(lambda: loops.snapshot_writes(MarketSnapshot(), self.book, N), N, N)

    def track_read(self, name):
        shared = MarketSnapshot()
        loops.snapshot_writes(shared, self.book, 1)
        mid2 = self.spec.ticks(self.book.best_bid) + self.spec.ticks(self.book.best_ask)
        return best_ns(lambda: loops.snapshot_reads(shared, N), N, N * mid2)
