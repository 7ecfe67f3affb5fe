"""The border that frames cross: bits of an answer, counts, and the counters behind the stamps."""

import pytest

from hft._core.base.cycles import cycles_per_ns
from hft._core.base.runclock import RunClock
from hft._core.wire.sink import FrameCounter, FrameSink, deliver


class Recorder(FrameSink):
    def __init__(self, answer=0):
        self.answer = answer
        self.seen = []

    def on_other(self, frame, now_ns):
        self.seen.append((frame, now_ns))
        return self.answer


def test_a_python_sink_gets_every_frame_with_its_stamp():
    sink = Recorder()
    assert [deliver(sink, frame, now_ns) for frame, now_ns in ((b"a", 1), (b"b", 2))] == [0, 0]
    assert sink.seen == [(b"a", 1), (b"b", 2)]


def test_what_python_asks_for_is_kept_and_the_fallback_bit_is_not():
    assert deliver(Recorder(FrameSink.CHECK), b"x", 1) == FrameSink.CHECK


def test_an_exception_of_the_sink_comes_out():
    class Broken(FrameSink):
        def on_other(self, frame, now_ns):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deliver(Broken(), b"x", 1)


def test_the_counter_counts_without_python():
    counter = FrameCounter()
    for n in range(1, 6):
        assert deliver(counter, b"x" * n, now_ns=n * 10) == 0
    assert (counter.frames, counter.bytes, counter.first_ns, counter.last_ns) == (5, 15, 10, 50)


def test_the_run_clock_starts_where_it_is_set_and_never_goes_back():
    clock = RunClock(start_ns=5_000)
    stamps = [clock.now() for _ in range(1000)]
    assert stamps == sorted(stamps)
    assert stamps[0] >= clock.start_ns == 5_000


def test_two_clocks_of_one_start_keep_their_distance():
    a = RunClock(start_ns=0)
    b = RunClock(start_ns=10**18)
    before = a.now()
    assert b.now() >= 10**18
    assert a.now() >= before


def test_cycles_have_a_rate_that_is_measured_once():
    assert cycles_per_ns() == cycles_per_ns() > 0
