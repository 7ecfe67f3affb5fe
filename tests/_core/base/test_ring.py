"""The ring is a bounded first-in first-out queue, whoever is at its two ends."""

import mmap
import multiprocessing
import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.ring import _TRACED, Ring, _spin_pop, _spin_push

WORDS = 1_000 if _TRACED else 50_000


def word(n):
    return n.to_bytes(8, "little")


@given(st.integers(1, 9), st.lists(st.booleans(), max_size=200))
def test_it_behaves_as_a_bounded_deque(capacity, pushes):
    ring, model = Ring(capacity, 8), deque()
    for n, is_push in enumerate(pushes):
        if is_push:
            assert ring.push(word(n)) == (len(model) < capacity)
            if len(model) < capacity:
                model.append(word(n))
        else:
            assert ring.pop() == (model.popleft() if model else None)
        assert len(ring) == len(model)


@pytest.mark.parametrize(("capacity", "slot_size"), [(1, 8), (3, 24), (10_000, 64), (16_384, 8)])
def test_capacity_is_exact_though_slots_are_a_power_of_two(capacity, slot_size):
    ring = Ring(capacity, slot_size)
    assert sum(ring.push(bytes(slot_size)) for _ in range(capacity + 5)) == capacity


@pytest.mark.parametrize("capacity", [1, 2, 7, 1000])
def test_two_threads_without_the_gil_lose_and_reorder_nothing(capacity):
    ring, n = Ring(capacity, 8), min(WORDS, 2_000 * capacity)      # a small ring hands the processor over for every word
    producer = threading.Thread(target=_spin_push, args=(ring, 10, n))
    producer.start()
    assert _spin_pop(ring, 10, n) == 0
    producer.join()
    assert (len(ring), ring.pop()) == (0, None)


def mapped(path):
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def _produce(path, n):
    _spin_push(Ring(100, 8, memory=mapped(path)), 0, n)


def test_two_processes_share_one_through_mapped_memory(tmp_path):
    path, n = tmp_path / "ring", WORDS
    path.write_bytes(bytes(Ring.size(100, 8)))
    ring = Ring(100, 8, memory=mapped(path))
    producer = multiprocessing.get_context("spawn").Process(target=_produce, args=(path, n))
    producer.start()
    assert _spin_pop(ring, 0, n) == 0
    producer.join()
    assert producer.exitcode == 0


def test_a_ring_is_found_again_in_its_memory():
    memory = mmap.mmap(-1, Ring.size(4, 8))
    Ring(4, 8, memory=memory).push(b"left me.")
    assert Ring(4, 8, memory=memory).pop() == b"left me."


@pytest.mark.parametrize(
    ("make", "states"),
    [
        (lambda: Ring(0, 8), "capacity"),
        (lambda: Ring(4, 12), "slot_size"),
        (lambda: Ring(4, 8, memory=mmap.mmap(-1, 64)), "are needed"),
        (lambda: Ring(4, 8, memory=bytes(4096)), "writable"),
        (lambda: Ring(4, 8).push(b"short"), "a slot has 8 bytes"),
    ],
)
def test_what_can_not_be_is_refused(make, states):
    with pytest.raises(ValueError, match=states):
        make()


def test_memory_of_something_else_is_refused():
    memory = mmap.mmap(-1, Ring.size(8, 8))
    Ring(4, 8, memory=memory)
    with pytest.raises(ValueError, match="holds a ring of 4 slots of 8 bytes"):
        Ring(8, 8, memory=memory)
    memory[0:8] = b"whatever"
    with pytest.raises(ValueError, match="neither zeroed nor a ring"):
        Ring(4, 8, memory=memory)
