"""The journal drops nothing, numbers and seals each record, and gives a slot back only when told."""

import gc
import mmap
import multiprocessing
import os
import signal
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.record.journal import Journal, _checksum_soft, checksum, records, sound


def drained(journal, limit=1 << 20):
    return records(journal.drain(limit))


@given(st.integers(1, 7), st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=100))
def test_what_goes_in_comes_out_once_in_order(capacity, steps):
    journal, expected, committed, sent = Journal(capacity, run=3), [], 0, 0
    for is_append, n in steps:
        if is_append:
            ok = journal.append_fill(price=n, ts_ns=sent)
            assert ok == (len(expected) - committed < capacity)
            if ok:
                expected.append((len(expected) + 1, sent, n))
            sent += 1
        else:
            batch = drained(journal, n)
            assert [(r["seq"], r["ts_ns"], r["price"]) for r in batch] == expected[committed : committed + n]
            journal.commit(len(batch))
            committed += len(batch)
        assert journal.used == len(expected) - committed == capacity - journal.room


def test_draining_takes_nothing_away_until_the_commit():
    journal = Journal(4, run=1)
    for price in (1, 2, 3):
        journal.append_fill(price=price)
    assert journal.drain(2) == journal.drain(2)
    journal.commit(2)
    assert [r["price"] for r in drained(journal)] == [3]


def test_fields_come_back_as_they_went_in():
    fields = {
        "ts_ns": 2**62, "exch_ns": -1, "order_id": (7 << 32) + 1, "price": 618002, "qty": 500, "leaves": 3, "fee": -12,
        "cash": -(2**63), "cost": 5, "realised": 6, "due_ns": 7, "sent_ns": 8, "symbol": 2, "reason": 37, "side": -1, "type": 1,
        "tif": 2, "flags": 1, "status": 4, "maker": 1, "book_status": 1,
    }  # fmt: skip
    journal = Journal(2, run=7)
    journal.append_order(**fields)
    (record,) = drained(journal)
    crc = record.pop("crc")
    assert record == fields | {"seq": 1, "run": 7, "kind": 1}
    assert crc == checksum(journal.drain(1)[:124])


def test_a_new_run_numbers_from_one():
    journal = Journal(4, run=1)
    journal.append_kill(status=1)
    journal.begin(2)
    journal.append_kill(status=0)
    assert [(r["run"], r["seq"], r["symbol"]) for r in drained(journal)] == [(1, 1, -1), (2, 1, -1)]


@given(st.integers(0, 128 * 3 - 1), st.integers(1, 255))
def test_one_changed_byte_is_found(place, change):
    journal = Journal(3, run=1)
    for price in (1, 2, 3):
        journal.append_fill(price=price)
    batch = bytearray(journal.drain(3))
    assert sound(batch) == 3
    batch[place] ^= change
    assert sound(batch) == place // 128


@given(st.binary(max_size=300))
def test_both_ways_to_the_checksum_agree_with_the_polynomial(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    assert checksum(data) == _checksum_soft(data) == crc ^ 0xFFFFFFFF


def test_published_checksums():
    """RFC 3720, B.4; and it is not the CRC-32 of zlib."""
    assert checksum(bytes(32)) == 0x8A9136AA
    assert checksum(b"\xff" * 32) == 0x62A8AB43
    assert checksum(bytes(range(32))) == 0x46DD794E
    assert checksum(b"123456789") != zlib.crc32(b"123456789")


def test_lag_is_the_age_of_the_oldest_record_left():
    journal = Journal(4, run=1)
    assert journal.lag_ns(99) == 0
    journal.append_fill(ts_ns=10)
    journal.append_fill(ts_ns=20)
    assert journal.lag_ns(100) == 90
    journal.commit(1)
    assert journal.lag_ns(100) == 80


# --- memory that was left in the middle of an append


def image(journal_memory):
    """A copy of a journal's memory, as another process finds it."""
    copy = mmap.mmap(-1, len(journal_memory))
    copy[:] = journal_memory[:]
    return copy


def fills(n, first=0):
    return [{"ts_ns": i, "price": 1000 + i, "qty": i % 7 + 1, "order_id": (9 << 32) + i} for i in range(first, first + n)]


@given(
    capacity=st.integers(1, 6), appended=st.integers(0, 15), left=st.integers(0, 6), begun=st.integers(0, 3), data=st.data()
)
def test_memory_torn_anywhere_in_an_append_opens_as_before_or_after_it(capacity, appended, left, begun, data):
    """Any of the words that an append changes may be there and any may be missing: more than a killed process can leave, and all
    that a machine can whose pages reach the disk as they like."""
    memory = mmap.mmap(-1, Journal.size(capacity))
    journal = Journal(capacity, run=8, memory=memory)
    for i, fields in enumerate(fills(appended)):
        if i == begun:
            journal.begin(9)
        if journal.room <= (0 if left == 0 else max(0, capacity - left)):
            journal.commit(journal.used)
        journal.append_fill(**fields)
    if journal.room == 0:
        journal.commit(1)
    before, records_before = image(memory), drained(journal)
    journal.append_fill(**fills(1, appended)[0])
    after, records_after = image(memory), drained(journal)

    words = [at for at in range(0, len(before), 8) if before[at : at + 8] != after[at : at + 8]]
    for at in data.draw(st.sets(st.sampled_from(words))):
        before[at : at + 8] = after[at : at + 8]
    counted = before[64:72] == after[64:72]
    opened = Journal(capacity, memory=before)
    assert drained(opened) in (records_before, records_after)
    assert opened.left_out == (counted and drained(opened) == records_before)

    # And it goes on from there: the next record follows, in its own slot, and nothing before it is lost.
    was = drained(opened)
    if opened.room == 0:
        opened.commit(1)
        was = was[1:]
    assert opened.append_fill(price=7)
    assert drained(opened)[:-1] == was
    if was:
        assert drained(opened)[-1]["seq"] == was[-1]["seq"] + 1
    assert sound(opened.drain(100)) == opened.used


def test_slot_and_number_are_computed_anew_on_opening():
    """A process that dies between the store of head and what follows it leaves them behind."""
    memory = mmap.mmap(-1, Journal.size(4))
    journal = Journal(4, run=9, memory=memory)
    for fields in fills(3):
        journal.append_fill(**fields)
    torn = image(memory)
    journal.append_fill(**fills(1, 3)[0])
    torn[64:72] = memory[64:72]                     # head is past the record …
    torn[192 + 3 * 128 : 192 + 4 * 128] = memory[192 + 3 * 128 : 192 + 4 * 128]     # … which is whole; all else is as it was
    opened = Journal(4, memory=torn)
    assert [r["seq"] for r in drained(opened)] == [1, 2, 3, 4]
    opened.commit(2)
    assert opened.append_fill(price=5)
    assert [(r["seq"], r["price"]) for r in drained(opened)] == [(3, 1002), (4, 1003), (5, 5)]


def test_a_record_that_head_counts_and_the_disk_never_got_is_left_out_and_reported():
    memory = mmap.mmap(-1, Journal.size(4))
    journal = Journal(4, run=9, memory=memory)
    for fields in fills(6):                         # the second lap: an old record that is whole lies in every slot
        if not journal.room:
            journal.commit(2)
        journal.append_fill(**fields)
    torn = image(memory)
    journal.commit(1)
    journal.append_fill(**fills(1, 6)[0])
    torn[64:72] = memory[64:72]
    torn[128:136] = memory[128:136]
    opened = Journal(4, memory=torn)
    assert (opened.left_out, [r["seq"] for r in drained(opened)]) == (1, [4, 5, 6])


def test_memory_whose_head_and_tail_can_not_be_is_refused():
    memory = mmap.mmap(-1, Journal.size(4))
    Journal(4, run=9, memory=memory)
    memory[64] = 200
    with pytest.raises(ValueError, match="head and tail"):
        Journal(4, memory=memory)


def mapped(path):
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def _append_until_killed(path):
    journal, n = Journal(64, memory=mapped(path)), 0
    while True:
        n += journal.append_fill(ts_ns=n, price=n)


@pytest.mark.parametrize("more", [1, 77, 4096])
def test_records_of_a_killed_process_are_whole_and_in_order(tmp_path, more):
    path = tmp_path / "journal"
    path.write_bytes(bytes(Journal.size(64)))
    journal = Journal(64, run=9, memory=mapped(path))
    child = multiprocessing.get_context("spawn").Process(target=_append_until_killed, args=(path,))
    child.start()
    seen = 0

    def take(limit):
        nonlocal seen
        batch = journal.drain(limit)
        assert sound(batch) == len(batch) // 128
        for r in records(batch):
            seen += 1
            assert (r["run"], r["seq"], r["price"]) == (9, seen, seen - 1)
        journal.commit(len(batch) // 128)

    while seen < more:
        take(16)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    take(64)
    assert seen >= more
    assert journal.used == 0


@pytest.mark.parametrize(
    ("make", "states"),
    [
        (lambda: Journal(0), "capacity"),
        (lambda: Journal(8, memory=mmap.mmap(-1, 128)), "are needed"),
        (lambda: Journal(8).commit(1), "the journal holds 0"),
        (lambda: Journal(8).drain(-1), "negative"),
        (lambda: records(bytes(100)), "whole records"),
    ],
)
def test_what_can_not_be_is_refused(make, states):
    with pytest.raises(ValueError, match=states):
        make()


def test_a_field_that_does_not_exist_or_is_sealed_is_named():
    with pytest.raises(TypeError, match="prise"):
        Journal(2).append_fill(prise=1)
    with pytest.raises(TypeError, match="seq"):
        Journal(2).append_fill(seq=1)


def test_memory_with_another_journal_is_refused():
    memory = mmap.mmap(-1, Journal.size(8))
    Journal(4, memory=memory)
    with pytest.raises(ValueError, match="version 2 with 4 records"):
        Journal(8, memory=memory)


def test_a_mapped_journal_in_a_garbage_cycle_frees_nothing_that_is_not_its_own():
    cycle = [Journal(4, memory=mmap.mmap(-1, Journal.size(4)))]
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 2
