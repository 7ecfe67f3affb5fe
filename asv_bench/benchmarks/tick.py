"""The whole tick, from a frame's bytes to the end of its work: what `hft bench tick` reports."""

from hft.bench.tick import measure

from .common import SESSIONS, session


def _report(name):
    measured = session(name)
    report = measure(name, measured.tape, measured.engine, rounds=15)
    counters = measured.engine_after().counters()
    assert report.messages == len(measured.tape.frames)
    assert (report.orders, report.fills) == (counters["orders"], counters["fills"])
    return report


class Tick:
    params = (SESSIONS,)
    param_names = ("session",)
    unit = "ns"
    timeout = 300

    def setup_cache(self):
        """All figures of a session are from the same rounds."""
        return {name: _report(name) for name in SESSIONS}

    def track_p50(self, reports, name):
        return reports[name].p50_ns

    def track_p99(self, reports, name):
        return reports[name].p99_ns

    def track_p999(self, reports, name):
        return reports[name].p999_ns

    def track_depth_p50(self, reports, name):
        return reports[name].by_kind["depth"].p50_ns

    def track_depth_p99(self, reports, name):
        return reports[name].by_kind["depth"].p99_ns

    def track_messages_per_s(self, reports, name):
        return reports[name].messages_per_s

    def track_times_msgspec(self, reports, name):
        """Messages/s relative to those that msgspec only decodes in the same run."""
        return reports[name].messages_per_s / reports[name].msgspec_messages_per_s


Tick.track_messages_per_s.unit = "messages/s"
Tick.track_times_msgspec.unit = "times"
