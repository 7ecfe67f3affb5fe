"""Several captures as one session: merged in receive order, each book given to its symbol, streams opened."""

import gzip

import msgspec
import pytest

from hft.config import Config
from hft.data.record import Kind
from hft.data.sessions import RecordedSession
from hft.errors import DamagedData, UsageError
from tests import data

NS = 1_723_161_253_937_085_768
FRAMES = [b'{"stream":"btcusdt@trade","data":{"e":"trade","n":%d}}' % n for n in range(200)]
BOOK = b'{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}'


def test_a_pair_is_found_by_either_of_its_files_and_merged_by_stamp(tmp_path):
    rest, ws = tmp_path / "V.http.0.0", tmp_path / "V.ws.1.0"
    rest.write_bytes(b"https://fapi.example/fapi/v1/depth?symbol=AUSDT&limit=1000 -> 1626992741.301402: " + BOOK + b"\n\n")
    ws.write_bytes(
        b"wss://f.example/stream?streams=ausdt@aggTrade <-> 1626992740.179554\n"
        b"1626992741.301401: " + FRAMES[0] + b"\n1626992741.301402: " + FRAMES[1] + b"\n"
    )
    (tmp_path / "V_OTHER.ws.1.0").write_bytes(b"1626992741.0: {}\n")
    for named in ([rest], [ws], [ws, rest]):
        records = list(RecordedSession(named))
        assert [record.data for record in records] == [FRAMES[0], BOOK, FRAMES[1]]      # equal stamps: file, then line
        assert records[1].symbol == "AUSDT"


def test_files_are_merged_by_stamp_then_file_then_line(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"".join(b"%d %s\n" % (NS + at, frame) for at, frame in zip((0, 5, 5), FRAMES, strict=False)))
    b.write_bytes(b"".join(b"%d %s\n" % (NS + at, frame) for at, frame in zip((5, 5, 9), FRAMES[10:], strict=False)))
    assert [record.data for record in RecordedSession([a, b])] == [FRAMES[n] for n in (0, 1, 2, 10, 11, 12)]
    assert [record.data for record in RecordedSession([b, a])] == [FRAMES[n] for n in (0, 10, 11, 1, 2, 12)]


def test_a_torn_file_is_reported_once_it_was_read(tmp_path):
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d %s\n" % (NS + n, frame) for n, frame in enumerate(FRAMES)))[:-50])
    session = RecordedSession([path])
    assert session.torn == []
    list(session)
    assert session.torn == [session.captures[0].torn]
    assert str(path) in session.torn[0]


def test_a_session_needs_a_file():
    with pytest.raises(UsageError, match="no capture named"):
        RecordedSession([])


# -- what several files hold ---------------------------------------------------------------------------------------------


def capture(path, *messages, every=10):
    path.write_bytes(b"".join(b"%d %s\n" % (NS + n * every, message) for n, message in enumerate(messages)))
    return path


def trade(symbol, n=1, price="1.00", event="trade"):
    return msgspec.json.encode({
        "e": event, "E": 1, "T": 1, "s": symbol, "t" if event == "trade" else "a": n, "p": price, "q": "2", "m": True
    })


USDM = b'{"e":"bookTicker","u":7,"s":"DUSDT","b":"1.0","B":"2","a":"1.1","A":"3","T":5,"E":6}'
SPOT = b'{"u":7,"s":"EUSDT","b":"1.0","B":"2","a":"1.1","A":"3"}'


def test_a_bare_book_is_of_its_own_files_only_symbol(tmp_path):
    session = RecordedSession([
        capture(tmp_path / "a", trade("AUSDT"), BOOK, trade("AUSDT")), capture(tmp_path / "b", BOOK, trade("BUSDT")),
    ])
    books = [(record.symbol, record.ns) for record in session if record.kind is Kind.SNAPSHOT]
    assert books == [("BUSDT", NS), ("AUSDT", NS + 10)]


def test_a_bare_book_that_could_be_of_several_is_refused(tmp_path):
    session = RecordedSession([capture(tmp_path / "a", trade("AUSDT"), trade("BUSDT"), BOOK)])
    with pytest.raises(DamagedData, match="has no symbol") as damage:
        list(session.inputs())
    assert str(tmp_path / "a") in str(damage.value)


def test_the_probe_is_of_all_files(tmp_path):
    session = RecordedSession([
        capture(tmp_path / "a", trade("AUSDT", price="1.001"), trade("BUSDT")),
        capture(tmp_path / "b", trade("BUSDT", price="1.0001"), trade("CUSDT", price="1.0100"), USDM),
    ])
    assert (session.probe.protocol, session.probe.symbols) == ("binance-usdm", ["AUSDT", "BUSDT", "CUSDT", "DUSDT"])
    assert [session.probe.printed[name].price for name in ("AUSDT", "BUSDT", "CUSDT")] == [3, 4, 2]


@pytest.mark.parametrize(("events", "source"), [
    (["trade"], "trade"), (["aggTrade"], "aggTrade"), (["aggTrade", "trade"], "trade"), ([], "trade"),
])  # fmt: skip
def test_the_source_of_volume_is_the_trade_stream_where_there_is_one(tmp_path, events, source):
    paths = [capture(tmp_path / event, trade("AUSDT", event=event)) for event in events]
    assert RecordedSession([*paths, capture(tmp_path / "t", USDM)]).probe.trades == source


def test_files_of_different_protocols_are_refused_in_one_line(tmp_path):
    session = RecordedSession([capture(tmp_path / "one", USDM), capture(tmp_path / "two", SPOT)])
    with pytest.raises(UsageError) as mistake:
        session.specs(Config())
    assert str(mistake.value) == (
        f"{tmp_path}/two: is of the binance-spot protocol, {tmp_path}/one of binance-usdm; run files of one venue at a time"
    )


def test_the_protocol_that_is_set_is_that_of_all_files(tmp_path):
    session = RecordedSession([capture(tmp_path / "one", USDM), capture(tmp_path / "two", SPOT)], "binance-coinm")
    assert {each.spec.instrument for each in session.specs(Config())} == {"inverse"}


def test_fees_are_those_of_the_sessions_venue(tmp_path):
    (spot,) = RecordedSession([capture(tmp_path / "s", SPOT)]).specs(Config())
    (usdm,) = RecordedSession([capture(tmp_path / "u", USDM)]).specs(Config())
    assert (str(spot.spec.taker_fee), str(usdm.spec.taker_fee)) == ("0.001", "0.0005")


# -- what an engine is given ---------------------------------------------------------------------------------------------


def marked(session, symbols=None):
    return [msgspec.json.decode(record.data) for record in session.inputs(symbols)]


def connected(name):
    return {"hft": {"connect": name}}


def test_streams_that_nothing_opens_are_open_from_the_start(tmp_path):
    session = RecordedSession([capture(tmp_path / "a", trade("AUSDT")), capture(tmp_path / "b", trade("BUSDT"))])
    assert marked(session)[:2] == [connected("AUSDT"), connected("BUSDT")]
    assert next(session.inputs()).ns == NS


def test_a_recording_opens_its_own(tmp_path):
    line = b'{"hft":{"connect":"AUSDT"}}'
    session = RecordedSession([
        capture(tmp_path / "a", b'{"hft":{"recording":{"format":1}}}', line, trade("AUSDT")),
        capture(tmp_path / "b", trade("BUSDT"), every=1),
    ])
    assert [line["hft"] for line in marked(session) if "hft" in line] == [
        {"connect": "BUSDT"}, {"recording": {"format": 1}}, {"connect": "AUSDT"}
    ]


def test_connections_of_other_symbols_are_left_out(tmp_path):
    names = (b"connect", b"resync", b"disconnect")
    lines = [b'{"hft":{"%s":"%s"}}' % (name, symbol) for name in names for symbol in (b"A", b"B")]
    path = tmp_path / "r"
    path.write_bytes(b"".join(b"%d %s\n" % (NS + n, body) for n, body in enumerate([*lines, b'{"hft":{"timer":true}}'])))
    kept = [record.data for record in RecordedSession([path]).inputs(["A"])]
    assert kept == [*lines[::2], b'{"hft":{"timer":true}}']


def test_what_is_of_other_symbols_is_left_out(tmp_path):
    session = RecordedSession([
        capture(tmp_path / "a", trade("AUSDT"), BOOK), capture(tmp_path / "b", BOOK, trade("BUSDT"), trade("BUSDT")),
    ])
    assert [line.get("s", line.get("hft")) for line in marked(session, ["AUSDT"])] == [{"connect": "AUSDT"}, "AUSDT", None]


@pytest.mark.parametrize("name", [data.SPOT_FOUR, data.USDM_FOUR])
def test_every_symbol_of_a_real_pair_gets_its_book(name):
    session = RecordedSession([data.find(name)])
    books = [record.symbol for record in session.inputs() if record.kind is Kind.SNAPSHOT]
    assert sorted(books) == sorted(session.probe.symbols)
    two = session.probe.symbols[:2]
    assert {record.symbol for record in session.inputs(two) if record.kind is Kind.SNAPSHOT} == set(two)
