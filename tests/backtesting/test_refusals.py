"""What can't be run is refused: one line that says what is wrong, and of which file."""

from decimal import Decimal

import msgspec
import pytest

import hft
from hft.backtesting.settings import settled
from hft.errors import DamagedData, NotBuiltError, UsageError
from tests import data
from tests.backtesting.sessions import converted, written


def test_a_damaged_event_file_is_named_with_the_record(capture, tmp_path):
    path = converted(tmp_path / "bad.events", capture)
    content = bytearray(path.read_bytes())
    content[4096 + 64 * 3_000 + 58] = 77                    # a kind that there is not
    path.write_bytes(content)
    for also in ([], [written(tmp_path / "e", symbol="ETHUSDT")]):
        with pytest.raises(DamagedData, match=r"no message") as damage:
            hft.backtest([path, *also])
        assert str(path) in str(damage.value)


@pytest.mark.parametrize("record", [0, 3_000, -1])
@pytest.mark.parametrize("ns", [4_102_444_800 * 10**9, 2**63 - 1, -(2**63), 0])
def test_an_event_files_times_are_of_this_century(capture, tmp_path, record, ns):
    path = converted(tmp_path / "bad.events", capture)
    content = bytearray(path.read_bytes())
    at = 4096 + 64 * record if record >= 0 else len(content) - 64
    content[at : at + 8] = ns.to_bytes(8, "little", signed=True)
    path.write_bytes(content)
    with pytest.raises(DamagedData, match=r"its time|no message|goes back in time") as damage:
        hft.backtest(path, series_ms=4_102_444_800_000)
    assert str(path) in str(damage.value)


@pytest.mark.parametrize("series_ms", [0, -1, 4_102_444_800_001, 2**63, 0.5, "x"])
def test_the_length_of_an_interval_is_checked(capture, series_ms):
    with pytest.raises(ValueError, match="series_ms"):
        hft.backtest(capture, series_ms=series_ms)


def test_data_that_does_not_go_together_is_refused(capture, tmp_path):
    spot = written(tmp_path / "binance-spot", protocol="binance-spot")
    events = converted(tmp_path / "spot.events", spot)
    for other in (spot, events):
        with pytest.raises(UsageError, match=r"is of the binance-spot protocol, .* of binance-usdm"):
            hft.backtest([capture, other])
    with pytest.raises(UsageError, match="no data named"):
        hft.backtest([])
    with pytest.raises(UsageError, match="No such file"):
        hft.backtest(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"quoted in BTC and ETH and EUR and USDT.*choose some with --symbols"):
        hft.backtest(data.find(data.SPOT_FOUR))


def test_a_file_that_is_named_twice_is_refused(capture, tmp_path):
    """By whatever names: run once it would be silent, run twice its volume would count twice."""
    link, events = tmp_path / "link", converted(tmp_path / "a.events", capture)
    link.symlink_to(capture)
    for named in ([capture, capture], [events, events], [capture, capture.parent / "." / capture.name]):
        with pytest.raises(UsageError, match="is named twice; name each file once"):
            hft.backtest(named)
    with pytest.raises(UsageError, match=rf"{link}: is read twice: it is in {capture} too"):
        hft.backtest([capture, link])


def test_what_is_no_text_has_no_lines(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(DamagedData, match=r"x\.db: is a SQLite database"):
        hft.backtest(path)


def test_a_symbol_of_two_scales_is_refused(capture, tmp_path):
    one = converted(tmp_path / "one.events", capture)
    rules = {"BTCUSDT": {"tick": Decimal("0.01"), "step": Decimal("0.001")}}
    other = converted(tmp_path / "other.events", capture, config=settled(None, {"feed.symbols": rules}))
    with pytest.raises(UsageError, match="BTCUSDT has another tick or quantum") as mistake:
        hft.backtest([one, other])
    assert str(other) in str(mistake.value)


def test_inverse_contracts_are_not_built_yet(tmp_path):
    message = {"e": "depthUpdate", "E": 1, "T": 1, "s": "BTCUSD_PERP", "ps": "BTCUSD", "U": 1, "u": 2, "pu": 0, "b": [], "a": []}
    (tmp_path / "c").write_bytes(b"1723161253937085768 " + msgspec.json.encode(message) + b"\n")
    with pytest.raises(NotBuiltError, match="inverse contracts"):
        hft.backtest(tmp_path / "c")
