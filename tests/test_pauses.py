"""A loop's longest pause is measured; the garbage collector is off while it runs, and memory in cycles is freed all the same."""

import asyncio
import gc
import time
import weakref

import pytest

from hft import pauses
from hft.pauses import LoopPauses


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
