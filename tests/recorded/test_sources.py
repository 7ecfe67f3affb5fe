"""Which kind a path is of, and sources of any kind as one stream of records."""

import gzip
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hft._core.engine.events import KINDS, LAST
from hft.config import Config, load
from hft.data.events import EVENT, EventFile, EventWriter
from hft.data.sources import Data, kind_of, merged
from hft.errors import DamagedData, UsageError
from tests.backtesting.sessions import converted, written


def test_a_kind_is_known_by_how_the_file_begins(capture, tmp_path):
    events = converted(tmp_path / "anything", capture)
    packed = tmp_path / "packed.events"
    packed.write_bytes(gzip.compress(capture.read_bytes()))
    assert [kind_of(path) for path in (capture, packed, events)] == ["captures", "captures", "events"]
    with pytest.raises(UsageError, match="No such file"):
        kind_of(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"\x00" * 100, b"HFTEVNT0" * 1000])
def test_a_file_of_no_kind_is_refused_by_name(tmp_path, content):
    path = tmp_path / "what"
    path.write_bytes(content)
    with pytest.raises(DamagedData) as damage:
        Data([path], Config())
    assert str(path) in str(damage.value)


def test_captures_give_the_records_that_an_event_file_holds(capture, tmp_path):
    events = converted(tmp_path / "one.events", capture)
    from_capture, from_file = (list(Data([path], Config()).batches()) for path in (capture, events))
    assert (np.concatenate(from_capture) == np.concatenate(from_file)).all()
    assert not np.isin(np.concatenate(from_file)["kind"], [KINDS["connect"]]).any()


def test_the_protocol_is_the_one_that_is_set(capture, tmp_path):
    spot = load(None, {"feed.protocol": "binance-spot"})
    data = Data([capture], spot)
    assert (data.protocol, [spec.instrument for spec in data.specs]) == ("binance-spot", ["spot"])
    assert str(data.specs[0].taker_fee) == "0.001"
    events = converted(tmp_path / "one.events", capture)
    with pytest.raises(UsageError, match="is an event file of binance-usdm, not of binance-spot; leave"):
        Data([events], spot)
    assert Data([events], load(None, {"feed.protocol": "binance-usdm"})).protocol == "binance-usdm"


def test_symbols_of_an_event_file_are_mapped_and_left_out(capture, tmp_path):
    both = converted(tmp_path / "both.events", capture, written(tmp_path / "e", symbol="ETHUSDT", messages=500))
    whole = EventFile(both).records
    for wanted, place in ((["ETHUSDT"], {1: 0}), (["ETHUSDT", "BTCUSDT"], {0: 1, 1: 0})):
        got = np.concatenate(list(Data([both], Config(), wanted).batches()))
        kept = whole[np.isin(whole["symbol"], list(place))]
        assert (got["symbol"] == [place[symbol] for symbol in kept["symbol"]]).all()
        for name in EVENT.names:
            assert name == "symbol" or (got[name] == kept[name]).all()


def test_a_record_of_a_symbol_that_the_header_does_not_name_is_damage(capture, tmp_path):
    path = converted(tmp_path / "one.events", capture)
    content = bytearray(path.read_bytes())
    content[4096 + 56] = 9
    path.write_bytes(content)
    with pytest.raises(DamagedData, match="symbol that its header does not name"):
        list(Data([path], Config(), ["BTCUSDT"]).batches())


def test_an_event_file_brings_its_scales_and_the_config_the_fees(capture, tmp_path):
    path = converted(tmp_path / "one.events", capture)
    (resolved,) = Data([path], Config()).resolved
    assert (str(resolved.spec.tick), resolved.source, str(resolved.spec.taker_fee)) == ("0.1", "event file", "0.0005")


# -- merging ---------------------------------------------------------------------------------------------------------------

MESSAGES = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=30)      # time to the next, records


def stream_of(messages, symbol, sizes):
    """Records of a source, in parts of whole messages; `qty` numbers its messages."""
    records, ends, now = [], [0], 0
    for n, (gap, count) in enumerate(messages):
        now += gap
        for i in range(count):
            records.append((now, 0, 0, 0, -1, 0, n, symbol, 1, LAST if i == count - 1 else 0, count - 1 - i))
        ends.append(len(records))
    array = np.array(records, EVENT)
    cuts = sorted({0, *(ends[size % len(ends)] for size in sizes), len(array)})
    parts = [array[a:b] for a, b in pairwise(cuts)]
    return array, iter([np.empty(0, EVENT), *parts])


@given(st.lists(st.tuples(MESSAGES, st.lists(st.integers(0, 30), max_size=5)), min_size=1, max_size=4))
def test_merging_is_by_stamp_then_source_then_place(sources):
    """As a plain sort of whole messages has it, however the sources are cut."""
    made = [stream_of(messages, symbol, sizes) for symbol, (messages, sizes) in enumerate(sources)]
    got = [tuple(record) for part in merged([stream for _, stream in made]) for record in part]
    expected = sorted((tuple(record) for array, _ in made for record in array), key=lambda r: (r[0], r[7], r[6], -int(r[10])))
    assert got == expected


def test_a_merge_holds_no_more_than_a_part_of_each(tmp_path, capture):
    """A source that is asked for its next part has had the last one used up, equal stamps at its end aside."""
    requests = []

    def parts(symbol):
        for n in range(50):
            requests.append((symbol, n))
            part = np.zeros(10, EVENT)
            part["recv_ns"] = n * 100 + np.arange(10)
            part["symbol"] = symbol
            yield part

    ahead = 0
    for part in merged([parts(0), parts(1), parts(2)]):
        newest = int(part["recv_ns"][-1]) // 100
        ahead = max(ahead, max(n for _, n in requests) - newest)
    assert len(requests) == 150
    assert ahead <= 2


def test_writing_and_merging_event_files_again_gives_the_same(tmp_path, capture):
    ether = written(tmp_path / "e", symbol="ETHUSDT", messages=500)
    direct = converted(tmp_path / "direct.events", capture, ether)
    one, other = converted(tmp_path / "one.events", capture), converted(tmp_path / "other.events", ether)
    again = converted(tmp_path / "again.events", one, other)
    assert (EventFile(direct).records == EventFile(again).records).all()
    assert EventFile(direct).symbols == EventFile(again).symbols
    with EventWriter(tmp_path / "x.events", EventFile(again).specs(fees=("0", "0")), protocol="binance-usdm") as writer:
        writer.append(EventFile(again).records)
    assert (EventFile(tmp_path / "x.events").records == EventFile(again).records).all()
