"""The recorder: a run log on disk, whole as long as disk and packing keep up, and honest where they do not."""

from __future__ import annotations

import gzip
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.config import Recording
from hft.data import recorder as module
from hft.data.captures import Capture
from hft.data.record import Kind
from hft.data.recorder import DAY_NS, GONE, Recorder
from hft.data.recording import mark
from hft.errors import UsageError
from hft.run.feed_event import FeedEvent

NS = 20_000 * DAY_NS + 5 * 10**9
NAMES = ["r.gz", "r.zst", "r.jsonl"]


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert true()


def frames(path: Path) -> list[bytes]:
    return [record.data for record in Capture(path) if record.kind is Kind.FRAME]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(bodies=st.lists(st.binary(max_size=500), max_size=200))
def test_what_was_pushed_is_in_the_file(tmp_path_factory: pytest.TempPathFactory, name: str, bodies: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("r") / "sub" / name
    recorder = Recorder(path, Recording(), NS)
    for body in bodies:
        recorder.log.push("frame", NS, body)
    recorder.close(NS)
    recorder.close(NS)
    capture = Capture(path)
    records = list(capture)
    assert [record.data for record in records if record.kind is Kind.FRAME] == bodies
    assert (capture.torn, mark(records[-1])) == ("", ("end", True))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    result = recorder.result
    assert (result.path, result.parts, result.bytes, result.lost, result.failed) == (str(path), 1, path.stat().st_size, 0, None)
    assert result.entries == len(bodies) + 1


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_read_while_it_is_written(tmp_path: Path, name: str) -> None:
    """Flushed all the time: what a killed process leaves is such a file."""
    recorder = Recorder(tmp_path / name, Recording(), NS)
    for n in range(3):
        recorder.log.push("frame", NS + n, b'{"n":%d}' % n)
        eventually(lambda n=n: len(frames(tmp_path / name)) == n + 1)     # type: ignore[misc]
    capture = Capture(tmp_path / name)
    list(capture)
    assert str(tmp_path / name) in capture.torn
    recorder.close(NS)


def test_marks(tmp_path: Path) -> None:
    engine = Engine(Spec("BTCUSDT", tick="0.1", step="0.001"))
    recorder = Recorder(tmp_path / "r", Recording(), NS)
    recorder.exchange_info(b'{"symbols":[]}', NS)
    recorder.mark("run", {"run": 7}, NS)
    recorder.event(FeedEvent("connected", "ws://x", NS + 1, "public-1", ("BTCUSDT",)))
    recorder.state(engine, NS + 2)
    recorder.close(NS + 3)
    records = list(Capture(tmp_path / "r"))
    assert [record.ns for record in records] == [NS, NS, NS, NS + 1, NS + 2, NS + 3]
    assert records[1].kind is Kind.EXCHANGE_INFO
    assert [mark(record) for record in records[2:]] == [
        ("run", {"run": 7}),
        ("link", {"kind": "connected", "text": "ws://x", "connection": "public-1", "symbols": ["BTCUSDT"]}),
        ("state", {"BTCUSDT": engine.digest_texts("BTCUSDT")}),
        ("end", True),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_parts_by_size(tmp_path: Path, name: str) -> None:
    """Noise, which does not pack: the sizes are those on the disk."""
    recorder = Recorder(tmp_path / name, Recording(rotate_mb=1), NS)
    bodies = [os.urandom(20_000) for _ in range(250)]
    for n, body in enumerate(bodies):
        recorder.log.push("frame", NS + n, body)
        eventually(lambda: recorder.log.used < 1_000_000)
    recorder.close(NS + 300)
    parts = sorted(tmp_path.iterdir())
    assert len(parts) == recorder.result.parts > 3
    assert sum(part.stat().st_size for part in parts) == recorder.result.bytes
    assert all(1_000_000 <= part.stat().st_size < 1_500_000 for part in parts[:-1])
    assert frames(tmp_path / name) == frames(parts[0]) == bodies
    opened = [mark(next(iter(Capture(part))))[1]["session"] for part in parts]
    assert len(set(opened)) == 1


def test_parts_by_size_of_a_quiet_feed_and_what_is_left_without_the_first(tmp_path: Path) -> None:
    """Everything is written before the next entry comes: that one begins the next part."""
    recorder = Recorder(tmp_path / "r.jsonl", Recording(rotate_mb=1), NS)
    bodies = [b"{%b}" % (b"x" * 700_000) for _ in range(6)]
    for n, body in enumerate(bodies):
        recorder.log.push("frame", NS + n, body)
        eventually(lambda: recorder.log.used == 0)
        time.sleep(0.2)         # a look that finds nothing
    recorder.close(NS + 6)
    parts = sorted(tmp_path.iterdir())
    assert [len(frames(part)) for part in parts] == [6, 6, 6, 6]       # any part names them all; the last one has the end alone
    parts[0].unlink()
    capture = Capture(tmp_path / "r.jsonl")
    assert len([record for record in capture if record.kind is Kind.FRAME]) == 4
    assert "is part 2; without those before it there is no book" in capture.headless


def test_parts_by_day_break_at_midnight_exactly(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r.gz", Recording(rotate_daily=True), NS)
    midnight = (NS // DAY_NS + 1) * DAY_NS
    stamps = [NS, midnight - 1, midnight, midnight + 1, midnight + 3 * DAY_NS]
    for ns in stamps:
        recorder.log.push("frame", ns, b"{}")
    recorder.close(stamps[-1])
    parts = sorted(tmp_path.iterdir())
    texts = [gzip.decompress(part.read_bytes()).splitlines() for part in parts]
    days = [[int(line.split()[0]) for line in text if line.endswith(b" {}")] for text in texts]
    assert days == [stamps[:2], stamps[2:4], stamps[4:]]
    assert len(frames(tmp_path / "r.gz")) == 5


@pytest.mark.parametrize("how", [Recording(buffer_mb=1), Recording(buffer_mb=1, rotate_daily=True)])
def test_a_message_that_finds_no_room_before_the_buffer_s_end(tmp_path: Path, how: Recording) -> None:
    """It begins anew at the start of the buffer; what is passed over there, more than is taken at a time, is no entry."""
    recorder = Recorder(tmp_path / "r", how, NS)
    sizes = [700_000, 400_000, 400_000, 700_000]
    for n, size in enumerate(sizes):
        recorder.log.push("frame", NS, b"{%b}" % (b"%d" % n * size))
        eventually(lambda: recorder.log.used == 0)
    recorder.close(NS)
    assert (recorder.result.failed, recorder.result.lost, recorder.result.parts) == (None, 0, 1)
    assert [len(frame) - 2 for frame in frames(tmp_path / "r")] == sizes


def test_one_that_can_t_keep_up_says_what_is_missing_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing for a while: entries are lost, counted, and the rest is whole."""
    write, slow = os.write, {"held": True}

    def held(file: int, data: bytes) -> int:
        while slow["held"]:
            time.sleep(0.01)
        return write(file, data)

    recorder = Recorder(tmp_path / "r", Recording(buffer_mb=1), NS)
    monkeypatch.setattr(module.os, "write", held)
    body = b'{"pad":"%b"}' % (b"x" * 1000)
    pushed = [recorder.log.push("frame", NS + n, body) for n in range(3000)]
    assert not all(pushed)
    assert recorder.broken
    slow["held"] = False
    eventually(lambda: recorder.log.used == 0)
    recorder.log.push("frame", NS + 3000, b"{}")
    recorder.close(NS + 3001)
    capture = Capture(tmp_path / "r")
    kept = [record for record in capture if record.kind is Kind.FRAME]
    assert capture.lost == recorder.result.lost == pushed.count(False)
    assert len(kept) == sum(pushed) + 1
    assert [record.ns - NS for record in kept] == [n for n, there in enumerate(pushed) if there] + [3000]
    assert capture.torn == ""


def test_a_disk_that_fails_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    """A device that is always full."""
    recorder = Recorder(tmp_path / "r", Recording(buffer_mb=1), NS)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, recorder._file)
    os.close(full)
    recorder.log.push("frame", NS, b"{}")
    eventually(lambda: recorder.failed is not None)
    assert recorder.broken
    for n in range(20_000):
        recorder.log.push("frame", NS + n, b"{}" * 50)      # its memory fills up; nobody waits
    recorder.mark("state", {}, NS)
    recorder.close(NS)
    assert recorder.result.failed == "No space left on device"
    assert recorder.result.lost > 0


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    Recorder(tmp_path / "r.gz", Recording(), NS).close(NS)
    before = (tmp_path / "r.gz").read_bytes()
    for how in (Recording(), Recording(rotate_mb=1)):
        with pytest.raises(UsageError, match="the file exists already"):
            Recorder(tmp_path / "r.gz", how, NS)
    assert (tmp_path / "r.gz").read_bytes() == before
    Recorder(tmp_path / "p", Recording(rotate_mb=1), NS).close(NS)
    with pytest.raises(UsageError, match=r"p\.part0001"):
        Recorder(tmp_path / "p", Recording(), NS)


def test_a_file_that_can_t_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="can't be written"):
        Recorder(tmp_path / "file" / "r", Recording(), NS)
    with pytest.raises(UsageError, match="gzip has no level 15"):
        Recorder(tmp_path / "r.gz", Recording(level=15), NS)


def test_what_never_began_leaves_no_file(tmp_path: Path) -> None:
    Recorder(tmp_path / "r", Recording(), NS).discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rotate_daily", [False, True])
def test_what_comes_just_after_the_last_poll_starts_no_new_part(
    rotate_daily: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class JustAfter(module.RunLog):
        """An entry comes between the look that found none and whatever is done about that."""

        message = 0

        def take(self, *limits: int) -> bytes:
            lines = super().take(*limits)
            if not lines and self.message < 5:
                self.message += 1
                self.push("frame", NS + self.message, b'{"n":%d}' % self.message)
            return lines

    monkeypatch.setattr(module, "RunLog", JustAfter)
    recorder = Recorder(tmp_path / "r.zst", Recording(rotate_daily=rotate_daily), NS)
    eventually(lambda: recorder.log.message == 5)
    recorder.close(NS + 6)
    assert (recorder.result.failed, recorder.result.parts) == (None, 1)
    assert frames(tmp_path / "r.zst") == [b'{"n":%d}' % n for n in range(1, 6)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("closing", [False, True])
def test_a_recording_that_is_deleted_or_replaced_has_failed(tmp_path: Path, name: str, closing: bool) -> None:
    recorder = Recorder(tmp_path / name, Recording(), NS)
    recorder.log.push("frame", NS, b"{}")
    eventually(lambda: recorder.log.used == 0)
    (tmp_path / "other").write_bytes(b"")
    (tmp_path / "other").rename(tmp_path / name)
    if not closing:
        eventually(lambda: recorder.failed is not None)
    recorder.close(NS + 1)
    assert recorder.failed == GONE
    assert recorder.broken


def test_parts_that_are_done_may_be_moved_away(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "r.jsonl", Recording(rotate_mb=1), NS)
    for n in range(3):
        recorder.log.push("frame", NS + n, b"{%b}" % (b"x" * 1_100_000))
        eventually(lambda: recorder.log.used == 0)
    eventually(lambda: recorder.result.parts > 1)
    sorted(tmp_path.iterdir())[0].unlink()
    recorder.close(NS + 3)
    assert recorder.failed is None
