"""Recorded files that were once read wrongly, one test a folder of `cases/`, and others of their kinds made by editing."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import hft
from hft.config import Config
from hft.config.sections import FeedSettings, SymbolRules
from hft.errors import NotBuiltError
from tests import data
from tests.backtesting.case_runs import alike, command, converted, edited, summary

# -- protocols ------------------------------------------------------------------------------------------------------------


def test_01_ps_is_not_coinm(tmp_path: Path) -> None:
    case = data.find("cases/01_ps_is_not_coinm/usdm_2026.txt.gz")
    found = summary(case)
    assert (found["venue"], found["symbols"], found["quote"]) == ("recorded binance-usdm", ["BTCUSDT"], "USDT")
    assert (found["gaps"], found["rejected_messages"]) == (0, 0)
    assert found["orders"] == found["fills"] == 3
    # Without the new fields, as it was printed before: nothing else changes.
    before = edited(case, tmp_path / "before", (b',"ps":"BTCUSDT"', b""), (b',"st":1', b""))
    alike(hft.backtest(case), hft.backtest(before))


def test_a_delivery_contract_of_usdm_is_not_coinm(tmp_path: Path) -> None:
    """Its `ps` is the symbol less its date; so is COIN-M's, whose pair ends in USD."""
    case = data.find("cases/01_ps_is_not_coinm/usdm_2026.txt.gz")
    delivery = edited(case, tmp_path / "delivery", (b'"s":"BTCUSDT"', b'"s":"BTCUSDT_261225"'), (b"btcusdt@", b"btcusdt_261225@"))
    assert summary(delivery)["venue"] == "recorded binance-usdm"
    for symbol in (b"BTCUSD_PERP", b"BTCUSD_261225"):
        coinm = edited(case, tmp_path / "binance-coinm", (b'"s":"BTCUSDT"', b'"s":"%s"' % symbol),
                       (b'"ps":"BTCUSDT"', b'"ps":"BTCUSD"'))
        with pytest.raises(NotBuiltError, match="inverse contracts"):
            hft.backtest(coinm)
        # Also where no message has a pair: the symbol's name is enough.
        with pytest.raises(NotBuiltError, match="inverse contracts"):
            hft.backtest(edited(case, tmp_path / "bare", (b'"s":"BTCUSDT"', b'"s":"%s"' % symbol), (b',"ps":"BTCUSDT"', b"")))


def test_fields_that_spot_may_add_do_not_make_it_futures(tmp_path: Path) -> None:
    case = data.find("cases/03_spot_prints_eight_decimals/solusdt.txt.gz")
    more = edited(
        case, tmp_path / "more", (b'"data":{"u":', b'"data":{"e":"bookTicker","E":1723161255308,"st":1,"ps":"SOLUSDT","u":'),
        (b'"data":{"e":"depthUpdate",', b'"data":{"e":"depthUpdate","T":1723161255308,"st":1,'),
    )
    assert summary(more)["venue"] == "recorded binance-spot"


def test_a_file_of_two_venues_is_refused(tmp_path: Path) -> None:
    """Spot and USD-M have symbols of one name: they are never one book."""
    spot = data.find("cases/03_spot_prints_eight_decimals/solusdt.txt.gz")
    usdm = data.find("cases/01_ps_is_not_coinm/usdm_2026.txt.gz")
    for name in (b"BTCUSDT", b"SOLUSDT"):
        mixed = edited(spot, tmp_path / "mixed", (b"SOLUSDT", name))
        lines = (mixed.read_bytes() + gzip.decompress(usdm.read_bytes())).splitlines(keepends=True)
        mixed.write_bytes(b"".join(line for line in lines if b"lastUpdateId" not in line))  # a book does not say whose it is
        done = command("backtest", mixed)
        assert done.returncode == 2
        assert "holds messages of the binance-spot and of the binance-usdm protocol" in done.stderr
    # Without their books they are never in sync, which is exit 4.
    assert summary(mixed, "--symbols", "SOLUSDT", code=4)["venue"] == "recorded binance-spot"
    assert summary(mixed, "--symbols", "BTCUSDT", code=4)["venue"] == "recorded binance-usdm"


# -- scales --------------------------------------------------------------------------------------------------------------


def test_02_decimals_of_mark_price(tmp_path: Path) -> None:
    cases = [data.find(f"cases/02_decimals_of_mark_price/{name}_mark_price.txt.gz") for name in ("with", "without")]
    first, second = (converted(case, tmp_path / "x.events")["symbols"] for case in cases)
    assert first == second == {"BTCUSDT": {"tick": "0.1", "quantum": "0.001", "source": "table of 2024-08-08"}}
    alike(*(hft.backtest(case) for case in cases))
    # The same of a symbol that no table knows.
    new = [edited(case, tmp_path / str(n), (b"BTCUSDT", b"NEWUSDT"), (b"btcusdt", b"newusdt")) for n, case in enumerate(cases)]
    first, second = (converted(case, tmp_path / "x.events")["symbols"] for case in new)
    assert first == second == {"NEWUSDT": {"tick": "0.1", "quantum": "0.001", "source": "printed decimals"}}
    alike(*(hft.backtest(case) for case in new))


@pytest.mark.parametrize("line", [
    b'{"e":"kline","E":1,"s":"NEWUSDT","k":{"o":"1.00000001"},"p":"0.00000001","q":"0.0000001"}',
    b'{"e":"24hrTicker","E":1,"s":"NEWUSDT","p":"-0.1234567","b":"1.1234567","B":"1.12345","a":"1.1234567","A":"1.12345"}',
    b'{"e":"forceOrder","E":1,"o":{"s":"NEWUSDT","p":"1.1234567","q":"1.12345"}}',
    b'{"e":"trade","E":1,"s":"NEWUSDT","t":1,"p":"1.1234567","q":"1.12345","X":"INSURANCE_FUND","T":1723161255030,"m":false}',
    b'{"e":"somethingNew","s":"NEWUSDT","b":[["1.1234567","1.12345"]],"p":"1.1234567"}',
])  # fmt: skip
def test_what_is_not_traded_on_gives_no_scale(tmp_path: Path, line: bytes) -> None:
    case = data.find("cases/02_decimals_of_mark_price/without_mark_price.txt.gz")
    path = edited(case, tmp_path / "x", (b"BTCUSDT", b"NEWUSDT"))
    path.write_bytes(path.read_bytes() + b"1723161299030314667 " + line + b"\n")
    assert converted(path, tmp_path / "x.events")["symbols"]["NEWUSDT"]["tick"] == "0.1"


def test_03_spot_prints_eight_decimals(tmp_path: Path) -> None:
    case = data.find("cases/03_spot_prints_eight_decimals/solusdt.txt.gz")
    found = summary(case)
    assert (found["fault"], found["spec_sources"]) == (None, {"SOLUSDT": "printed decimals"})
    assert "tick and step  SOLUSDT from printed decimals" in command("backtest", case).stdout
    assert converted(case, tmp_path / "x.events")["symbols"]["SOLUSDT"]["tick"] == "0.01"
    # The session was one of ETHUSDT, whose true tick the shipped table has.
    true = hft.backtest(edited(case, tmp_path / "eth", (b"SOLUSDT", b"ETHUSDT"), (b"solusdt", b"ethusdt")))
    guessed = hft.backtest(case)
    for column in ("price", "qty"):
        assert np.array_equal(guessed.fills[column], true.fills[column])


def test_an_overflow_says_what_to_set(tmp_path: Path) -> None:
    case = data.find("cases/03_spot_prints_eight_decimals/solusdt.txt.gz")
    finest = ("--set", "feed.symbols.SOLUSDT.tick=0.00000001", "--set", "feed.symbols.SOLUSDT.step=0.00001")
    done = command("backtest", case, *finest)
    assert done.returncode == 6
    assert "halted" in done.stdout
    assert "set [feed.symbols.SOLUSDT] tick and step" in done.stderr
    assert json.loads(command("backtest", case, *finest, "--json").stdout)["fault"] == "overflow"


def test_09_the_scale_is_that_of_the_whole_input() -> None:
    case = data.find("cases/09_tick_changes/finer_after_10500_records.txt.gz")
    found = hft.backtest(case)
    assert (found.summary.rejected_messages, found.summary.gaps) == (0, 0)
    # As it is with the finer scale from the start, to the last order: 31, 13 of them not filled whole.
    finer = SymbolRules(tick=Decimal("0.01"), step=Decimal("0.001"), quote="USDT")
    settings = Config(feed=FeedSettings(symbols={"SOLUSDT": finer}))
    alike(found, hft.backtest(case, settings))
    ends = Counter((row["status"], row["reason"]) for row in found.orders)
    assert ends == {("filled", ""): 18, ("expired", "ioc_rest"): 13}
    assert set(found.summary.in_sync["SOLUSDT"].causes) == {"no_rest_book"}     # before its snapshot; never again


# -- currencies ----------------------------------------------------------------------------------------------------------


def named(case: Path, target: Path, symbol: bytes) -> Path:
    return edited(case, target, (b'"s":"BTCUSD1"', b'"s":"%s"' % symbol))


def test_18_quote_assets(tmp_path: Path) -> None:
    case = data.find("cases/18_quote_assets/btcusd1.txt.gz")
    assert summary(case)["quote"] == "USD1"
    for symbol, quote in (("BTCU", "U"), ("BTCEURI", "EURI"), ("BTCXUSD", "XUSD"), ("BTCRLUSD", "RLUSD"), ("BTCFDUSD", "FDUSD"),
                          ("ADAEUR", "EUR"), ("BTCUSDC_261225", "USDC"), ("NEWCOINUSDT", "USDT")):  # fmt: skip
        assert hft.backtest(named(case, tmp_path / "x", symbol.encode())).summary.quote == quote


def test_amounts_of_two_currencies_are_never_added(tmp_path: Path) -> None:
    case = data.find("cases/18_quote_assets/btcusd1.txt.gz")
    two = [named(case, tmp_path / symbol, symbol.encode()) for symbol in ("BTCXUSD", "BTCRLUSD")]
    done = command("backtest", *two)
    assert done.returncode == 2
    assert "symbols quoted in RLUSD and XUSD" in done.stderr


@pytest.mark.parametrize("symbol", ["BTCPYUSD", "BTCUSDX", "ZZZAEUR", "NOPE", "BTCGYEN"])
def test_a_quote_asset_that_no_data_gives_is_an_error_that_names_it(tmp_path: Path, symbol: str) -> None:
    case = named(data.find("cases/18_quote_assets/btcusd1.txt.gz"), tmp_path / "x", symbol.encode())
    done = command("backtest", case)
    assert done.returncode == 2
    assert f"{symbol}: its quote asset does not follow from its name" in done.stderr
    assert f"set [feed.symbols.{symbol}] tick, step and quote" in done.stderr
    key = f"feed.symbols.{symbol}"
    given = summary(case, "--set", f"{key}.tick=0.1", "--set", f"{key}.step=0.001", "--set", f"{key}.quote=GYEN")
    assert (given["quote"], given["spec_sources"]) == ("GYEN", {symbol: "settings"})
    # Tick and step alone do not make it dollars.
    assert command("backtest", case, "--set", f"{key}.tick=0.1", "--set", f"{key}.step=0.001").returncode == 2


# -- Tardis ----------------------------------------------------------------------------------------------------------------


def test_11_tardis_grouped_symbols(tmp_path: Path) -> None:
    case = data.find("cases/11_tardis_grouped_symbols/binance-futures_trades_2024-07-03_PERPETUALS.csv")
    rows = [row.split(",") for row in case.read_text().splitlines()[1:]]
    found = converted(case, tmp_path / "x.events", "--symbols", "BTCUSDT")
    assert found["messages"] == {"trade": sum(row[1] == "BTCUSDT" for row in rows)}
    last = rows[-1][1]
    assert converted(case, tmp_path / "x.events", "--symbols", f"{last},BTCUSDT")["symbols"].keys() == {last, "BTCUSDT"}
    assert len(converted(case, tmp_path / "y.events")["symbols"]) == len({row[1] for row in rows}) > 64


def test_what_is_wrong_with_other_symbols_is_none_of_ours(tmp_path: Path) -> None:
    case = data.find("cases/11_tardis_grouped_symbols/binance-futures_trades_2024-07-03_PERPETUALS.csv")
    path = tmp_path / "x.csv"
    path.write_text(case.read_text() + f"binance-futures,{'X' * 80},never,ever,,,zero,none\n")
    assert converted(path, tmp_path / "x.events", "--symbols", "BTCUSDT")["messages"] == {"trade": 1}


def test_a_capture_of_many_symbols_gives_those_requested(tmp_path: Path) -> None:
    case = data.find("cases/01_ps_is_not_coinm/usdm_2026.txt.gz")
    book_ticker = (
        b'1680652700423000 {"e":"bookTicker","u":1,"s":"A%dUSDT","b":"1.1","B":"1","a":"1.2","A":"1",'
        b'"T":1680652700430,"E":1}\n'
    )
    path = tmp_path / "many"
    lines = [book_ticker % n for n in range(300)] + gzip.decompress(case.read_bytes()).splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b"lastUpdateId" not in line))     # a book does not say whose it is
    assert command("backtest", path).returncode == 2
    found = converted(path, tmp_path / "x.events", "--symbols", "BTCUSDT")
    assert found["symbols"].keys() == {"BTCUSDT"}
    assert found["rejects"] == {}


def test_13_two_exchanges_one_book(tmp_path: Path) -> None:
    bitget, bybit = (data.find(f"cases/13_two_exchanges_one_book/{name}_book.csv") for name in ("bitget", "bybit"))
    done = command("backtest", bitget, bybit)
    assert done.returncode == 2
    assert f"{bybit}: is data of bybit, {bitget} of bitget-futures; run files of one exchange at a time" in done.stderr
    for each in (bitget, bybit):
        assert summary(each)["symbols"] == ["BTCUSDT"]
    # An event file remembers; a setting that says how to read both does not make them one.
    converted(bitget, tmp_path / "bitget.events")
    for settings in ((), ("--set", "feed.protocol=binance-usdm")):
        done = command("backtest", tmp_path / "bitget.events", bybit, *settings)
        assert done.returncode == 2
        assert "run files of one exchange at a time" in done.stderr
    # Nor is a capture of Binance data of Bybit.
    done = command("backtest", data.find("cases/01_ps_is_not_coinm/usdm_2026.txt.gz"), bybit)
    assert done.returncode == 2
    assert "is data of bybit" in done.stderr


def test_14_liquidations_read_as_trades(tmp_path: Path) -> None:
    case = data.find("cases/14_liquidations_read_as_trades/bitmex_liquidations_2020-04-01_XBTUSD.csv")
    folder = tmp_path / "bitmex" / "liquidations" / "2020" / "04" / "01"
    folder.mkdir(parents=True)
    (folder / "XBTUSD.csv").write_bytes(case.read_bytes())
    for path in (case, folder / "XBTUSD.csv"):
        done = command("convert", path, tmp_path / "x.events")
        assert done.returncode == 4
        assert f"{path}: holds Tardis' liquidations" in done.stderr
        assert not (tmp_path / "x.events").exists()
    # By another name nothing tells them from trades; beside the trades their volume would count twice, which is told.
    trades, other = tmp_path / "bitmex_trades_2020-04-01_XBTUSD.csv", tmp_path / "other.csv"
    for path in (trades, other):
        path.write_bytes(case.read_bytes())
    done = command("convert", trades, other, tmp_path / "x.events")
    assert done.returncode == 0
    no_book = (
        "hft: the book of XBTUSD was never in sync, and there are no orders without it: no snapshot of the book yet "
        "(once, 10.00 s)\n"
    )
    assert done.stderr == (
        f"{other}: trades of XBTUSD from the same time as in {trades}: their volume counts twice; leave out liquidations, whose "
        f"rows look like trades, and copies\n{no_book}"
    )
    assert command("convert", trades, tmp_path / "y.events").stderr == no_book


@pytest.mark.parametrize(("header", "name"), [
    ("exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,"
     "index_price,mark_price", "derivative_ticker"),
    ("exchange,symbol,timestamp,local_timestamp,type,strike_price,expiration,open_interest,last_price,bid_price,bid_amount,bid_iv",
     "options_chain"),
])  # fmt: skip
def test_other_types_of_tardis_are_answered_by_name(tmp_path: Path, header: str, name: str) -> None:
    (tmp_path / "x.csv").write_text(header + "\n")
    done = command("backtest", tmp_path / "x.csv")
    assert done.returncode == 4
    assert f"holds Tardis' {name}: " in done.stderr


# -- names -----------------------------------------------------------------------------------------------------------------


def test_12_non_ascii_symbol(tmp_path: Path) -> None:
    case = data.find("cases/12_non_ascii_symbol/zh.txt.gz")
    name = "币安人生USDT"
    found = summary(case)
    assert (found["symbols"], found["quote"], found["rejected_messages"]) == ([name], "USDT", 0)
    easy = {"min_confidence": 0.0, "imbalance_threshold": 0.05}
    latin = hft.backtest(edited(case, tmp_path / "latin", (name.encode(), b"NEWUSDT")), **easy)
    same = hft.backtest(case, **easy)
    assert np.array_equal(same.fills[["price", "qty"]], latin.fills[["price", "qty"]])
    assert same.summary.pnl == latin.summary.pnl
    assert same.summary.orders > 0
    # As JSON may print it, too; through an event file; and chosen, and set, by name.
    escaped = edited(case, tmp_path / "escaped", (name.encode(), json.dumps(name)[1:-1].encode()))
    assert hft.backtest(escaped, symbols=name, **easy).summary.pnl == same.summary.pnl
    assert converted(case, tmp_path / "zh.events", "--symbols", name)["symbols"].keys() == {name}
    assert hft.backtest(tmp_path / "zh.events", **easy).summary.pnl == same.summary.pnl
    key = f"feed.symbols.{name}"
    assert summary(case, "--set", f"{key}.tick=0.1", "--set", f"{key}.step=0.001")["spec_sources"] == {name: "settings"}


def test_a_name_of_25_letters(tmp_path: Path) -> None:
    case = data.find("cases/12_non_ascii_symbol/bybit_option_of_25_letters.csv")
    found = converted(case, tmp_path / "x.events")
    assert found["symbols"].keys() == {"BTC-27DEC24-100000-C-USDT"}
    assert converted(tmp_path / "x.events", tmp_path / "y.events")["symbols"] == found["symbols"] | {
        "BTC-27DEC24-100000-C-USDT": {**found["symbols"]["BTC-27DEC24-100000-C-USDT"], "source": "event file"}
    }


def test_a_name_beyond_the_limit_is_refused_with_a_true_line(tmp_path: Path) -> None:
    case = data.find("cases/12_non_ascii_symbol/zh.txt.gz")
    longest = "币" * 19 + "AAUSDT"             # 63 bytes
    path = edited(case, tmp_path / "longest", ("币安人生USDT".encode(), longest.encode()))
    assert summary(path)["symbols"] == [longest]
    path = edited(case, tmp_path / "longer", ("币安人生USDT".encode(), b"A" + longest.encode()))
    done = command("backtest", path)
    assert done.returncode == 2
    assert "has 64 bytes of UTF-8; 63 is the most" in done.stderr
    assert "tick and step" not in done.stderr
