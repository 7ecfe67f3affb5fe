"""The run log: entries in, lines out, in order, whatever the sizes; without room counted and said, never waited for."""

from __future__ import annotations

import base64
import threading
import time
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft._core.record.runlog import KINDS, RunLog

SYMBOLS = Symbols([Spec("BTCUSDT", tick="0.1", step="0.001"), Spec("ETHUSDT", tick="0.01", step="0.001")])


def ours(name: str, value: bytes) -> bytes:
    return b'{"hft":{"%b":%b}}' % (name.encode(), value)


def verbatim(frame: bytes) -> bool:
    """Whether a frame may stand in a line as it is: the rule of the format, in other words than the code's."""
    return frame[:1] == b"{" and b"\n" not in frame and frame[-1] > 0x20 and not frame.startswith(b'{"hft"')


def body_of(frame: bytes) -> bytes:
    return frame if verbatim(frame) else ours("raw", b'"%b"' % base64.b64encode(frame))


def naive(kind: str, now: int, body: bytes, arg: int) -> list[bytes]:
    """The lines of one entry."""
    names = [spec.name.encode() for spec in SYMBOLS]
    if kind == "frame":
        bodies = [body_of(body)]
    elif kind == "depth":
        bodies = [ours("rest", b'{"path":"depth","symbol":"%b"}' % names[arg]), body_of(body)]
    elif kind == "exchange_info":
        bodies = [ours("rest", b'{"path":"exchangeInfo"}'), body_of(body)]
    elif kind in ("connect", "disconnect", "resync"):
        bodies = [ours(kind, b'"%b"' % names[arg])]
    elif kind == "kill" and arg == 2:
        bodies = [ours(kind, b'"kill_files_gone"')]
    elif kind in ("kill", "journal_full"):
        bodies = [ours(kind, b"true" if arg else b"false")]
    else:
        bodies = [ours(kind, b"true")]
    return [b"%d %b\n" % (now, each) for each in bodies]


FRAMES = st.one_of(
    st.binary(max_size=400), st.binary(max_size=40).map(lambda raw: b"{" + raw),
    st.sampled_from([b"", b"{}", b'{"hft":1}', b'{"e":"trade"} ', b'{"a":1}\n{"b":2}', b"\x00\xff", b'{"s":"\xc3\xa9"}']),
)
ENTRIES = st.tuples(
    st.sampled_from([kind for kind in KINDS if kind != "mark"]),
    st.integers(-(2**63), 2**63 - 2), FRAMES, st.integers(0, 1),
)


def test_a_kill_says_why_where_no_user_did_it() -> None:
    log = RunLog(4096)
    log.bind(SYMBOLS)
    for arg in (1, 0, 2):
        log.push("kill", 5, b"", arg)
    assert log.take(5000) == b"".join(
        b"%d %b\n" % (5, ours("kill", value)) for value in (b"true", b"false", b'"kill_files_gone"')
    )


@given(st.lists(st.one_of(ENTRIES, st.integers(1, 5000)), max_size=120))
def test_a_log_agrees_with_a_list(moves: list) -> None:
    """Entries and takes in any mixture; a body only where the kind has one."""
    log = RunLog(4096)
    log.bind(SYMBOLS)
    waiting: deque[bytes] = deque()
    lost = pushed = 0
    for move in moves:
        if isinstance(move, int):
            text = log.take(move)
            assert (text == b"") == (not waiting)
            while text:
                assert text.startswith(waiting[0])
                text = text[len(waiting.popleft()):]
            continue
        kind, now, body, arg = move
        body = body if kind in ("frame", "depth", "exchange_info") else b""
        missing = log.lost
        if log.push(kind, now, body, arg):
            if lost:
                waiting.append(b"%d %b\n" % (now, ours("broken", b'{"lost":%d}' % lost)))
                lost = 0
            waiting.append(b"".join(naive(kind, now, body, arg)))
            pushed += 1
        else:
            assert log.lost == missing + 1
            assert log.used > 0
            lost += 1
        assert log.entries == pushed
    text = b""
    while more := log.take(1):      # one entry at a time, however large
        text += more
    assert text == b"".join(waiting)
    assert log.used == 0


def test_an_entry_that_finds_no_room_is_reported_where_it_is_missing() -> None:
    log = RunLog(4096)
    pushed = 0
    while log.push("frame", pushed, b"{%0110d}" % pushed):
        pushed += 1
    for _ in range(6):
        assert not log.push("timer", 99)
    assert log.lost == 7
    assert log.take().count(b"\n") == pushed
    assert log.push("stop", 100)
    assert log.take() == b'100 {"hft":{"broken":{"lost":7}}}\n100 {"hft":{"stop":true}}\n'
    assert (log.entries, log.lost) == (pushed + 1, 7)


def test_a_body_that_can_never_fit_is_lost_and_what_follows_is_not() -> None:
    log = RunLog(4096)
    assert not log.push("exchange_info", 1, bytes(5000))
    assert log.push("timer", 2)
    assert log.take() == b'2 {"hft":{"broken":{"lost":1}}}\n2 {"hft":{"timer":true}}\n'


def test_what_is_taken_ends_before_a_time() -> None:
    log = RunLog(4096)
    for now in (10, 20, 20, 30):
        log.push("timer", now)
    assert log.next_ns == 10
    assert log.take(until_ns=20).count(b"\n") == 1
    assert log.take(until_ns=20) == b""
    assert log.next_ns == 20
    assert log.take(until_ns=31).count(b"\n") == 3
    assert log.next_ns is None


def test_a_mark_is_json_of_its_own() -> None:
    log = RunLog(4096)
    assert log.mark("state", b'{"BTCUSDT":"00ff"}', 5)
    assert log.take() == b'5 {"hft":{"state":{"BTCUSDT":"00ff"}}}\n'


def test_two_threads_lose_and_reorder_nothing() -> None:
    """Frames of every length around the wrap, taken while they are pushed; what finds no room is pushed again."""
    log, n = RunLog(8192), 10_000
    frames = [b'{"n":%d,"pad":"%b"}' % (i, b"x" * (i * 7919 % 900)) for i in range(n)]

    def produce() -> None:
        for i, frame in enumerate(frames):
            while log.capacity - log.used < 2200:       # there is room for it: nothing is lost
                time.sleep(0)
            log.push("frame", i, frame)

    producer = threading.Thread(target=produce)
    producer.start()
    text = bytearray()
    while producer.is_alive() or log.used:
        text += log.take(3000)
    producer.join()
    assert bytes(text) == b"".join(b"%d %b\n" % (i, frame) for i, frame in enumerate(frames))
    assert (log.lost, log.entries) == (0, n)


@pytest.mark.parametrize("capacity", [0, 4095, 2**31])
def test_a_capacity_out_of_range_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        RunLog(capacity)


def test_what_can_not_be_is_refused() -> None:
    log = RunLog(5000)
    assert log.capacity == 8192
    with pytest.raises(KeyError):
        log.push("broken", 1)       # type: ignore[arg-type]
    log.bind(SYMBOLS)
    with pytest.raises(ValueError, match=f"arg {len(SYMBOLS)} of connect"):
        log.push("connect", 1, arg=len(SYMBOLS))
    with pytest.raises(ValueError, match="arg 3 of kill"):
        log.push("kill", 1, arg=3)
    with pytest.raises(ValueError, match="already"):
        log.bind(SYMBOLS)
    with pytest.raises(ValueError, match="limit 0"):
        log.take(0)
