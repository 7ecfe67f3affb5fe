"""A loop's longest pause is measured; the garbage collector is off while it runs, and memory in cycles is freed all the same."""

import asyncio
import gc
import itertools
import time
import weakref

import pytest

from hft.system import pauses
from hft.system.pauses import Deadline, LoopPauses, timeout


@pytest.fixture(autouse=True)
def collector():
    yield
    gc.enable()
    gc.unfreeze()


async def test_the_longest_pause_is_that_of_a_loop_that_was_held_up():
    loop_pauses, longest_ns = LoopPauses(0.01), 0
    for n in range(20):
        longest_ns += loop_pauses.longer_ns()
        if n == 10:
            time.sleep(0.25)
        await asyncio.sleep(0.01)
    assert longest_ns >= 0.24e9


def test_the_collector_is_off_and_what_is_there_frozen():
    loop_pauses = LoopPauses(0.01)
    loop_pauses.begin()
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 10_000
    loop_pauses.end()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_cycles_are_collected_when_there_are_many(monkeypatch):
    class Cycle:
        def __init__(self):
            self.me = self

    monkeypatch.setattr(pauses, "GARBAGE", 5000)
    loop_pauses = LoopPauses(0.01)
    loop_pauses.begin()
    first = weakref.ref(Cycle())
    loop_pauses.tidy()
    assert first() is not None
    for _ in range(6000):
        Cycle()
    loop_pauses.tidy()
    assert first() is None


def test_a_deadline_counts_what_ran_and_leaves_time_to_read():
    steps = [0.4, 0.5, 100.0, 0.5, *[0.4] * 19, 3600.0, 0.5, 0.5]
    clock = itertools.accumulate(steps, initial=7.0)
    deadline = Deadline(10.0, lambda: next(clock))
    left = [deadline.left_s() for _ in steps]
    assert left[:4] == pytest.approx([9.6, 9.1, 8.6, 8.1])
    assert left[-4:] == pytest.approx([0.5, 1.0, 0.5, 0.0])


async def test_a_loop_that_was_held_up_for_longer_than_a_timeout_is_not_timed_out():
    async with timeout(1.0):
        time.sleep(2.0)
        for _ in range(5):
            await asyncio.sleep(0.1)
    with pytest.raises(TimeoutError):
        async with timeout(0.05):
            await asyncio.sleep(60)


async def test_a_timeout_lets_a_cancel_and_an_error_through():
    with pytest.raises(ZeroDivisionError):
        async with timeout(60):
            raise ZeroDivisionError
    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def waiting():
    async with timeout(60):
        await asyncio.sleep(60)
