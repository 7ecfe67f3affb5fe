"""Event files: what is written is read, to the last scale, and what is damaged or foreign is refused in one line."""

import numpy as np
import pytest

from hft._core.base.types import Spec
from hft._core.engine.events import EventEncoder
from hft.data.events import EVENT, EventFile, EventWriter, as_events
from hft.errors import DamagedData, UsageError

NS = 1_700_000_000_000_000_000
SPECS = [
    Spec("NKNUSDT", tick="0.00000001", step="0.01", instrument="spot", min_qty="0.01", max_qty="90000", min_notional="5"),
    Spec("BTCUSDT", tick="0.01", step="0.00001", instrument="spot"),
]


@pytest.fixture
def records():
    encoder = EventEncoder(SPECS)
    for i in range(500):
        encoder.snapshot(SPECS[i % 2], i, [("10.00", "1")] * (i % 7), [("10.01", "2")], NS + i)
    return as_events(encoder.take())


@pytest.fixture
def path(tmp_path, records):
    path = tmp_path / "two.events"
    with EventWriter(path, SPECS, protocol="binance-spot", trades="aggTrade", sources=["a.gz", "b.gz"]) as writer:
        writer.append(records[:300])
        writer.append(records[300:300])
        writer.append(records[300:])
    return path


def test_what_is_written_is_read(path, records):
    file = EventFile(path)
    assert (file.records == records).all()
    assert (file.header.protocol, file.header.trades, file.header.sources) == ("binance-spot", "aggTrade", ("a.gz", "b.gz"))
    fees = ("-0.0001", "0.00075")
    for spec, again in zip(SPECS, file.specs(fees=fees, fee_asset="received"), strict=True):
        scales = ("tick", "step", "quantum", "lot", "min_qty", "max_qty", "min_notional", "contract")
        for scale in ("name", "quote", "instrument", *scales):
            assert getattr(again, scale) == getattr(spec, scale)
        assert (str(again.maker_fee), str(again.taker_fee), again.fee_asset) == ("-0.0001", "0.00075", "received")


def test_records_begin_on_a_page_and_end_the_file(path, records):
    size = path.stat().st_size - records.nbytes
    assert size % 4096 == 0
    assert path.read_bytes()[size:] == records.tobytes()
    assert path.read_bytes()[:8] == b"HFTEVNT1"


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_batches_are_of_whole_messages(path, records, size):
    parts = [part.copy() for part in EventFile(path).batches(size)]
    assert (np.concatenate(parts) == records).all()
    assert all(part["rest"][-1] == 0 for part in parts)
    assert all(len(part) <= size + 7 for part in parts)


def test_a_file_without_records(tmp_path):
    EventWriter(tmp_path / "none.events", SPECS, protocol="binance-spot").close()
    file = EventFile(tmp_path / "none.events")
    assert len(file.records) == 0
    assert list(file.batches()) == []


def test_a_file_is_there_when_it_is_whole(tmp_path, records):
    path = tmp_path / "late.events"
    writer = EventWriter(path, SPECS, protocol="binance-spot")
    writer.append(records)
    assert not path.exists()
    writer.close()
    writer.close()
    assert len(EventFile(path).records) == len(records)
    out = tmp_path / "never.events"
    with pytest.raises(RuntimeError, match="in the middle"), EventWriter(out, SPECS, protocol="binance-spot"):
        raise RuntimeError("in the middle")
    assert [each.name for each in tmp_path.iterdir()] == ["late.events"]


def test_the_writer_refuses_what_a_reader_would(tmp_path, records):
    with EventWriter(tmp_path / "x.events", SPECS[:1], protocol="binance-spot") as writer:
        with pytest.raises(ValueError, match="symbol 1 is not one of the file's 1"):
            writer.append(records)
        with pytest.raises(ValueError, match="flat array of EVENT"):
            writer.append(np.zeros(3))
        with pytest.raises(ValueError, match="back in time"):
            writer.append(records[records["symbol"] == 0][::-1])
        writer.append(records[records["symbol"] == 0][5:])
        with pytest.raises(ValueError, match="back in time"):
            writer.append(records[:1])
    with pytest.raises(ValueError, match="symbols of binance-usdm are not spot"):
        EventWriter(tmp_path / "y.events", SPECS, protocol="binance-usdm")
    with pytest.raises(UsageError, match="No such file"):
        EventWriter(tmp_path / "nowhere" / "y.events", SPECS, protocol="binance-spot")


# -- damage ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 64, 100, 4096, 10_000])
def test_a_file_that_is_cut_short_is_refused(path, cut):
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DamagedData, match="should hold 1994 records"):
        EventFile(path)


@pytest.mark.parametrize("keep", [8, 20, 24, 300, 4095])
def test_a_torn_header_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedData, match="breaks off within its header"):
        EventFile(path)


@pytest.mark.parametrize("content", [b"", b"HFT", b"{}", b"1723161253937085768 {}\n" * 1000, b"\x1f\x8b\x08" * 2000])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign.events"
    path.write_bytes(content)
    with pytest.raises(DamagedData, match="is no event file") as damage:
        EventFile(path)
    assert str(path) in str(damage.value)
    assert "\n" not in str(damage.value)


@pytest.mark.parametrize(
    ("at", "value", "states"),
    [
        (8, b"\x02", "version 2"), (12, b"\x01", "within its header"), (15, b"\xff", "within its header"),
        (16, b"\x00", "should hold"), (24, b"[", "header that can't be read"),
        (24, b'{"protocol":7,  ', "header that can't be read"),
    ],
)
def test_a_header_that_was_changed_is_refused(path, at, value, states):
    content = bytearray(path.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(content)
    with pytest.raises(DamagedData, match=states):
        EventFile(path)


@pytest.mark.parametrize(("right", "wrong"), [
    (b'"trades":"aggTrade"', b'"trades":"AggTrade"'), (b'"protocol":"binance-spot"', b'"protocol":"binance-spit"'),
    (b'"tick":"0.01"', b'"tick":"\xff.01"'),
])  # fmt: skip
def test_a_header_of_what_there_is_not_is_refused(path, right, wrong):
    content = path.read_bytes()
    assert right in content
    path.write_bytes(content.replace(right, wrong))
    with pytest.raises(DamagedData, match="has a header"):
        EventFile(path)


def test_an_older_file_is_read_under_the_name_that_its_protocol_has_now(path, records):
    old, new = b'"dialect":"spot"', b'"protocol":"binance-spot"'
    content = path.read_bytes()
    assert new in content
    path.write_bytes(content.replace(new, old + b" " * (len(new) - len(old))))
    file = EventFile(path)
    assert (file.header.protocol, [spec.instrument for spec in file.specs(fees=("0", "0"))]) == ("binance-spot", ["spot"] * 2)
    assert (file.records == records).all()


def test_scales_that_make_no_sense_are_refused(path):
    path.write_bytes(path.read_bytes().replace(b'"tick":"0.01"', b'"tick":"-.01"'))
    with pytest.raises(DamagedData, match="has an invalid header: tick"):
        EventFile(path).specs(fees=("0", "0"))


def test_time_that_goes_back_is_found_where_it_is_read(path, records):
    content = bytearray(path.read_bytes())
    content[len(content) - 64 : len(content) - 56] = (NS).to_bytes(8, "little")
    path.write_bytes(content)
    parts = EventFile(path).batches(100)
    with pytest.raises(DamagedData, match="goes back in time between record"):
        list(parts)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        EventFile(tmp_path / "nowhere.events")
    assert EVENT.itemsize == 64
