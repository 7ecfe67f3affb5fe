"""The state page: the 10 ms timer's data for an engine with one symbol."""

from hft.bench import loops

from .common import OnSessions, best_ns

N = 100


class Panel(OnSessions):
    def track_show(self, name):
        engine = self.session.engine_after()
        return best_ns(lambda: loops.panels(engine, N), N, engine.now_ns)
