"""Whether an update may be applied, and the venue's time."""

from hft._core.market.clock import VenueClock
from hft._core.market.sync import Synchronizer
from hft.bench import loops

from .common import OnSessions, best_ns


class Sync(OnSessions):
    def track_update(self, name):
        updates = self.stream.only("snapshot", "depth")
        return best_ns(lambda: loops.sync(Synchronizer(self.rules), updates), len(updates), len(updates))


class Clock(OnSessions):
    def track_message(self, name):
        last = loops.clock(VenueClock(), self.stream)
        assert abs(last - self.tape.stamps[-1]) < 1_000_000_000
        return best_ns(lambda: loops.clock(VenueClock(), self.stream), len(self.stream), last)
