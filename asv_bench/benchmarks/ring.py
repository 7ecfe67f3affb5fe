"""The queue between threads, both ends on one: what it costs beside the wait for a cache line."""

from hft._core.base.ring import Ring, _spin_pop, _spin_push

from .common import best_ns

N = 1_024


class RingHop:
    unit = "ns"

    def track_push_and_pop(self):
        """A slot of 64 bytes."""
        ring = Ring(N, 64)

        def run():
            for _ in range(64):
                _spin_push(ring, 0, N)
                if _spin_pop(ring, 0, N):
                    return "words out of order"
            return len(ring)

        return best_ns(run, 64 * N, 0)
