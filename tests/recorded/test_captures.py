"""Recorded sessions: the three kinds of file, torn ends, damage, and what a look at the first messages tells."""

import contextlib
import gzip

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft.data.captures import MOST_WAITING, Capture, stamp_ns
from hft.data.probe import probe
from hft.data.record import Kind, Record
from hft.data.sessions import RecordedSession
from hft.errors import DamagedData, UsageError
from tests import data

NS = 1_723_161_253_937_085_768
FRAMES = [b'{"stream":"btcusdt@trade","data":{"e":"trade","n":%d}}' % n for n in range(200)]
BOOK = b'{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}'


def stamped(frames, first_ns=NS):
    return b"".join(b"%d %s\n" % (first_ns + n, frame) for n, frame in enumerate(frames))


def write(path, content, packed):
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def packed(request):
    return request.param


# -- stamps ------------------------------------------------------------------------------------------------------------


@given(st.integers(946_684_800 * 10**9, 4_102_444_799 * 10**9))
def test_a_stamp_is_exact_in_every_unit_that_it_is_printed_in(ns):
    seconds, rest = divmod(ns, 10**9)
    assert stamp_ns(str(ns)) == ns
    assert stamp_ns(f"{seconds}.{rest:09d}".encode()) == ns
    assert stamp_ns(str(ns // 10**3)) == ns // 10**3 * 10**3
    assert stamp_ns(str(ns // 10**6)) == ns // 10**6 * 10**6


@pytest.mark.parametrize("text", ["", "x", "-1", "1e18", "0", "12345", "9" * 30, "1723161253.9.1", "1723161253.x", "١٧٢٣١٦١٢٥٣"])
def test_what_is_no_stamp_is_refused(text):
    with pytest.raises(ValueError, match="stamp"):
        stamp_ns(text)


# -- kinds -------------------------------------------------------------------------------------------------------------


def test_stamped_lines(tmp_path, packed):
    lines = [FRAMES[0], BOOK, b'{"symbols":[]}', b'{"hft":"connected"}', b'{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}']
    records = list(Capture(write(tmp_path / "any.name", stamped(lines), packed)))
    assert [record.data for record in records] == lines
    assert [record.ns for record in records] == [NS + n for n in range(5)]
    assert [record.kind for record in records] == [Kind.FRAME, Kind.SNAPSHOT, Kind.EXCHANGE_INFO, Kind.LOG, Kind.FRAME]


@pytest.mark.parametrize("stamp", [b"1721749182850494", b"1721749182.850494", b"1721749182850.494"])
def test_stamps_of_any_unit_become_nanoseconds(tmp_path, stamp):
    path = write(tmp_path / "us", stamp + b" " + BOOK + b"\n", False)
    assert [record.ns for record in Capture(path)] == [1_721_749_182_850_494_000]


def test_wrapped_lines_put_rest_answers_where_their_stamps_belong(tmp_path, packed):
    def line(stamp, kind, body):
        return b'{"ts_local":%s,"symbol":"btcusdt","type":"%s","data":%s}\n' % (stamp, kind, body)

    content = line(b"1772633474.2278602", b"snapshot", BOOK) + b"".join(
        line(b"17726334%02d.861" % (73 + n), b"aggTrade", FRAMES[n]) for n in range(3)
    )
    records = list(Capture(write(tmp_path / "x.ndjson", content, packed)))
    assert [record.data for record in records] == [FRAMES[0], BOOK, FRAMES[1], FRAMES[2]]
    assert [record.ns for record in records] == sorted(record.ns for record in records)
    assert records[1] == (1_772_633_474_227_860_200, Kind.SNAPSHOT, BOOK, "BTCUSDT")


def test_the_answers_of_a_pair_do_not_wait_for_the_end_of_their_file(tmp_path):
    stamps = [1_700_000_000 + n for n in range(1000)]
    stamps[500], stamps[501] = stamps[501], stamps[500]
    lines = b"".join(b"https://api.binance.com/api/v3/depth?symbol=A -> %d.5: %s\n" % (stamp, BOOK) for stamp in stamps)
    capture = Capture(write(tmp_path / "A.http.0.0", lines, False))
    records = iter(capture)
    first = next(records)
    assert capture.lines <= MOST_WAITING
    assert [record.ns for record in (first, *records)] == [stamp * 10**9 + 500_000_000 for stamp in sorted(stamps)]


# -- torn and damaged --------------------------------------------------------------------------------------------------


@given(cut=st.integers(1, len(stamped(FRAMES)) - 1))
def test_a_torn_plain_file_is_read_up_to_the_tear(tmp_path_factory, cut):
    content = stamped(FRAMES)
    path = write(tmp_path_factory.mktemp("torn") / "t", content[:cut], False)
    whole, _, rest = content[:cut].rpartition(b"\n")
    lines = whole.count(b"\n") + 1 if whole else 0
    capture = Capture(path)
    if not lines and not rest[20:]:
        with pytest.raises(DamagedData):        # a stamp at most, and nothing behind it: no way to know it for a capture
            list(capture)
        return
    records = list(capture)
    complete = lines + (1 if rest and rest == b"%d %s" % (NS + lines, FRAMES[lines]) else 0)
    assert [record.data for record in records] == FRAMES[:complete]
    assert bool(capture.torn) == (complete == lines and bool(rest))


@given(cut=st.integers(200, len(gzip.compress(stamped(FRAMES))) - 1))
def test_a_torn_gzip_is_read_up_to_the_tear_and_says_so(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "t.gz"
    path.write_bytes(gzip.compress(stamped(FRAMES))[:cut])
    capture = Capture(path)
    records = list(capture)
    assert [record.data for record in records] == FRAMES[: len(records)]
    assert str(path) in capture.torn
    assert str(capture.lines) in capture.torn


def test_a_second_reading_starts_anew(tmp_path):
    capture = Capture(write(tmp_path / "t", stamped(FRAMES)[:-5], False))
    assert list(capture) == list(capture)
    assert capture.torn.endswith("line 200; read up to there")


@pytest.mark.parametrize(
    "bad",
    [
        b"garbage", b"%d" % NS, b"%d {broken" % NS, b"%d [1,2]" % NS, b'99 {"e":"trade"}', b'%d {"e":"trade"} tail' % NS,
        b"\x00\x01\xff", b"%d {" % NS + b'"data":' + b"[" * 5000,
    ],
)
def test_damage_names_file_and_line(tmp_path, packed, bad):
    lines = stamped(FRAMES[:5]).split(b"\n")
    lines[2] = bad
    path = write(tmp_path / "d", b"\n".join(lines), packed)
    records = []
    with pytest.raises(DamagedData) as damage:
        records.extend(Capture(path))
    assert f"{path}, line 3:" in str(damage.value)
    assert damage.value.exit_code == 4


def test_a_gzip_damaged_inside_is_no_torn_end(tmp_path):
    content = bytearray(gzip.compress(stamped(FRAMES)))
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "d.gz"
    path.write_bytes(content)
    with pytest.raises(DamagedData, match=r"d\.gz"):
        list(Capture(path))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"stamp,price,qty\n1,2,3\n", b"PK\x03\x04rest of an archive"])
def test_what_is_no_capture_is_refused(tmp_path, packed, content):
    with pytest.raises(DamagedData):
        list(Capture(write(tmp_path / "n", content, packed)))


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="No such file") as mistake:
        list(Capture(tmp_path / "nowhere"))
    assert mistake.value.exit_code == 2
    with pytest.raises(UsageError):
        list(Capture(tmp_path))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise_anything_else(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "f"
    path.write_bytes(content)
    with contextlib.suppress(DamagedData, UsageError):
        list(RecordedSession([path]))


# -- real ones ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "frames", "snapshots", "protocol", "symbols"),
    [
        (data.SPOT_BTC, data.figure(data.SPOT_BTC, 41_248, 2_147), 1, "binance-spot", {"BTCUSDT"}),
        (data.USDM_BTC, data.figure(data.USDM_BTC, 93_953, 3_449), 1, "binance-usdm", {"BTCUSDT"}),
        (data.SPOT_NEXO, 1_803, 1, "binance-spot", {"NEXOUSDT"}),
        (data.USDM_BTC_2026, 78, 1, "binance-usdm", {"BTCUSDT"}),
        (data.SPOT_FOUR, 265, 4, "binance-spot", {"NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"}),
        (
            data.USDM_FOUR_REST, data.figure(data.USDM_FOUR, 1_535, 399), 4, "binance-usdm",
            {"SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"},
        ),
    ],
)
def test_real_captures_are_read_whole_and_recognised(name, frames, snapshots, protocol, symbols):
    session = RecordedSession([data.find(name)])
    records = list(session)
    assert sum(record.kind == Kind.FRAME for record in records) == frames
    assert sum(record.kind == Kind.SNAPSHOT for record in records) == snapshots
    stamps = [record.ns for record in records]
    assert stamps == sorted(stamps)
    assert session.torn == []
    found = probe(records).require(name)
    assert (found.protocol, set(found.symbols)) == (protocol, symbols)


def test_the_reader_agrees_with_a_naive_one():
    naive = [bytes(frame) for frame in data.frames(data.SPOT_BTC)]
    assert [record.data for record in RecordedSession([data.find(data.SPOT_BTC)])] == naive


# -- probe ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "protocol"),
    [
        (b'{"e":"depthUpdate","E":1,"s":"A","U":1,"u":2,"b":[],"a":[]}', "binance-spot"),
        (b'{"e":"depthUpdate","E":1,"T":1,"s":"A","U":1,"u":2,"pu":0,"b":[],"a":[]}', "binance-usdm"),
        (b'{"e":"depthUpdate","E":1,"T":1,"s":"A","ps":"AB","U":1,"u":2,"pu":0,"b":[],"a":[]}', "binance-usdm"),
        (b'{"u":1,"s":"A","b":"1","B":"1","a":"2","A":"1"}', "binance-spot"),
        (b'{"stream":"a@bookTicker","data":{"e":"bookTicker","u":1,"s":"A","b":"1","B":"1","a":"2","A":"1","E":1}}',
         "binance-usdm"),
        (b'{"e":"trade","E":1,"s":"A","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}', "binance-spot"),
        (b'{"e":"depthUpdate","E":1,"s":"A","ps":"AB","T":1,"U":1,"u":2,"b":[],"a":[]}', "binance-spot"),
        (b'{"e":"depthUpdate","E":1,"T":1,"s":"AUSD_PERP","U":1,"u":2,"pu":0,"b":[],"a":[]}', "binance-coinm"),
        (b'{"e":"kline","s":"A"}', ""),
    ],
)
def test_a_message_gives_its_protocol(message, protocol):
    found = probe([record(message)])
    assert (found.protocol, len(found.symbols)) == (protocol, 1)


def record(message):
    return Record(NS, Kind.FRAME, message)


def test_a_session_that_does_not_show_its_protocol_says_what_to_set():
    with pytest.raises(DamagedData, match=r"no message shows the protocol; set it: --set feed\.protocol"):
        probe([record(b'{"e":"kline","s":"A"}')]).require("x")
    with pytest.raises(DamagedData, match="no message names a symbol"):
        probe([record(b'{"e":"kline"}')]).require("x", "binance-usdm")
    assert probe([record(b'{"e":"kline","s":"A"}')]).require("x", "binance-usdm").protocol == "binance-usdm"


def test_an_exchange_info_that_says_nothing_new_is_not_kept():
    def info(time, *listed):
        return b'{"serverTime":%d,"symbols":[%b]}' % (time, b",".join(b'{"symbol":"%b"}' % name for name in listed))

    bodies = [info(1, b"A"), info(2, b"A"), info(3, b"A", b"B"), info(4, b"A", b"B"), info(5, b"A")]
    short = [b'{"symbol":"A","tickSize":"0.1"}', b'{"symbol":"A","tickSize":"0.2"}']
    found = probe(Record(NS, Kind.EXCHANGE_INFO, body) for body in [*bodies, short[0], *short, b"[]"])
    assert found.exchange_info == [bodies[0], bodies[2], bodies[4], *short, b"[]"]


@given(st.decimals(0, 10**9, places=4), st.decimals(0, 10**9, places=3))
def test_decimals_are_counted_as_used(price, qty):
    message = msgspec.json.encode({"e": "trade", "s": "A", "p": f"{price:.8f}", "q": f"{qty:.8f}"})
    printed = probe([record(message)]).printed["A"]
    assert (printed.price, printed.qty) == (used(price), used(qty))


def used(number):
    return max(-int(number.normalize().as_tuple().exponent), 0)
