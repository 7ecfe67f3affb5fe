"""Reading recordings: nothing is judged, everything is given back as it came, up to the tear."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft._core.record.runlog import RunLog
from hft.data.captures import Capture
from hft.data.record import Kind, Record
from hft.data.recording import mark, opening
from hft.data.sessions import RecordedSession
from hft.errors import DamagedData

NS = 1_795_618_775_000_000_000
SYMBOLS = Symbols([Spec("BTCUSDT", tick="0.1", step="0.001"), Spec("ETHUSDT", tick="0.01", step="0.001")])
BOOK = b'{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}'
END = b'%d {"hft":{"end":true}}\n' % NS


def line(body: bytes, ns: int = NS) -> bytes:
    return b"%d %b\n" % (ns, body)


def recording(tmp_path: Path, *lines: bytes, name: str = "r", part: int = 1, session: str = "s", end: bytes = END) -> Path:
    path = tmp_path / name
    path.write_bytes(opening(part, session, "0", NS) + b"".join(lines) + end)
    return path


FRAMES = st.one_of(
    st.binary(max_size=200), st.binary(max_size=40).map(lambda raw: b"{" + raw),
    st.sampled_from([b"", b"{}", b"{", b'{"hft":1}', b'{"hft":{"rest":{"path":"depth"}}}', b'{"e":"trade"}\r', b"\n\n", b"1 {}"]),
)


@given(st.lists(st.tuples(st.sampled_from(["frame", "depth"]), FRAMES), max_size=40))
def test_what_the_run_log_was_given_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, given_: list[tuple[str, bytes]]
) -> None:
    """Frames and books with newlines, of no bytes, of any bytes, or made to look like lines of ours."""
    log = RunLog(1 << 16)
    log.bind(SYMBOLS)
    for n, (kind, body) in enumerate(given_):
        assert log.push(kind, NS + n, body, 1)
    capture = Capture(recording(tmp_path_factory.mktemp("r"), log.take(1 << 20)))
    records = [record for record in capture if record.kind is not Kind.LOG]
    kinds = {"frame": (Kind.FRAME, ""), "depth": (Kind.SNAPSHOT, "ETHUSDT")}
    assert records == [Record(NS + n, kinds[kind][0], body, kinds[kind][1]) for n, (kind, body) in enumerate(given_)]
    assert (capture.torn, capture.lost) == ("", 0)


def test_order_and_marks(tmp_path: Path) -> None:
    """Lines stay in their order: the engine was given them in it, whatever their stamps say."""
    path = recording(
        tmp_path, line(b'{"hft":{"rest":{"path":"exchangeInfo"}}}'), line(b'{"symbols":[]}'),
        line(b'{"hft":{"connect":"BTCUSDT"}}', NS + 9),
        line(b'{"hft":{"rest":{"path":"depth","symbol":"BTCUSDT"}}}', NS + 5), line(BOOK, NS + 5), line(b'{"e":"kline"}', NS + 3),
        line(b'{"hft":{"broken":{"lost":3}}}'), line(b'{"hft":{"broken":{"lost":4}}}'),
    )
    capture = Capture(path)
    records = list(capture)
    assert [(record.kind.name, record.symbol) for record in records] == [
        ("LOG", ""), ("EXCHANGE_INFO", ""), ("LOG", ""), ("SNAPSHOT", "BTCUSDT"), ("FRAME", ""), *[("LOG", "")] * 3,
    ]
    assert mark(records[2]) == ("connect", "BTCUSDT")
    assert mark(records[0])[1]["session"] == "s"
    assert capture.lost == 7


@given(st.data())
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress], ids=["plain", "gzip", "zstd"])
def test_a_torn_end_is_read_up_to_the_last_whole_line(
    tmp_path_factory: pytest.TempPathFactory, pack: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    frames = [b'{"n":%d}' % n for n in range(50)]
    whole = opening(1, "s", "0", NS) + b"".join(map(line, frames)) + END
    path = tmp_path_factory.mktemp("torn") / "r"
    cut = data.draw(st.integers(len(opening(1, "s", "0", NS)) if pack is bytes else 60, len(pack(whole)) - 1))
    path.write_bytes(pack(whole)[:cut])
    capture = Capture(path)
    try:
        found = [record.data for record in capture if record.kind is Kind.FRAME]
    except DamagedData:
        assert pack is not bytes        # not even one line is there
        return
    assert found == frames[:len(found)]
    if pack is bytes:
        assert len(found) == min(50, whole[:cut].count(b"\n") - 1)
    assert str(path) in capture.torn


def test_a_recording_that_ends_with_a_line_but_was_not_closed_says_so(tmp_path: Path) -> None:
    capture = Capture(recording(tmp_path, line(b"{}"), end=b""))
    assert len(list(capture)) == 2
    assert "has no end: its recorder was killed after line 2" in capture.torn


def test_a_closed_one_is_whole(tmp_path: Path) -> None:
    capture = Capture(recording(tmp_path, line(b"{}")))
    assert len(list(capture)) == 3
    assert capture.torn == ""


@pytest.mark.parametrize(
    ("bad", "states"),
    [
        (b"garbage\n", "not `<ns> <body>`"), (b"1.5 {}\n", "not `<ns> <body>`"),
        (line(b'{"hft":{"a":1,"b":2}}'), "2 names in one line"),
        (line(b'{"hft":broken'), "malformed|invalid"), (line(b'{"hft":{"raw":"%%%"}}'), "base64|padding"),
        (line(b'{"hft":{"rest":{"path":"account"}}}'), "a REST body of 'account'"),
        (opening(2, "other", "0", NS), "a part of another recording"),
        (opening(7, "s", "0", NS), "part 7 found in place of part 2"),
        (line(b'{"hft":{"connect":5}}'), "Expected `str`"), (line(b'{"hft":{"kill":"yes"}}'), "Invalid enum value 'yes'"),
        (line(b'{"hft":{"kill":5}}'), "Expected `bool | str`"),
        (line(b'{"hft":{"connect":"\xff"}}'), "utf-8"), (line(b'{"hft":{"x":' + b"[" * 100_000), "recursion"),
        (b"9223372036854775808 {}\n", "not `<ns> <body>`"),
        (line(b'{"hft":{"recording":{"format":2}}}'), "a recording of format 2; this version reads 1"),
    ],
)
def test_damage_names_file_and_line(tmp_path: Path, bad: bytes, states: str) -> None:
    path = recording(tmp_path, line(b"{}"), bad)
    with pytest.raises(DamagedData, match=states) as damage:
        list(Capture(path))
    assert f"{path}, line 3:" in str(damage.value)


def test_parts_are_one_recording_by_whatever_name(tmp_path: Path) -> None:
    made = [
        recording(tmp_path, line(b'{"n":%d}' % n), name=f"r.part{n:04d}.gz", part=n, end=END if n == 3 else b"")
        for n in (1, 2, 3)
    ]
    for named in (tmp_path / "r.gz", *made):
        capture = Capture(named)
        assert [record.data for record in capture if record.kind is Kind.FRAME] == [b'{"n":%d}' % n for n in (1, 2, 3)]
        assert (capture.torn, capture.path) == ("", made[0])
        assert capture.position == capture.size == sum(each.stat().st_size for each in made)
    assert len(list(RecordedSession(made))) == len(list(RecordedSession([made[1]]))) == 7
    made[1].unlink()
    with pytest.raises(DamagedData, match="part 3 found in place of part 2"):
        list(Capture(made[0]))
    made[0].unlink()
    assert len(list(Capture(made[2]))) == 3         # the oldest may be gone


def test_a_tear_within_is_damage(tmp_path: Path) -> None:
    for n in (1, 2):
        recording(tmp_path, line(b"{}"), name=f"r.part{n:04d}", part=n, end=b"1795" if n == 1 else END)
    with pytest.raises(DamagedData, match=r"r\.part0001 breaks off within line 3.*r\.part0002 goes on"):
        list(Capture(tmp_path / "r"))


def test_a_frame_is_what_base64_says(tmp_path: Path) -> None:
    raw = bytes(range(256))
    capture = Capture(recording(tmp_path, line(b'{"hft":{"raw":"%b"}}' % base64.b64encode(raw))))
    assert [record.data for record in capture if record.kind is Kind.FRAME] == [raw]
