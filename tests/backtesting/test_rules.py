"""Files whose symbols' rules change on the way (SEMANTICS 28)."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

import hft
from hft.data.convert import convert
from tests import data
from tests._core.leaning import START_NS, Leaning
from tests.net.ruled_venue import info

CASE = "cases/09_tick_changes"


def lines(market, steps):
    out = []
    for n in range(steps):
        out.append(b"%d %b\n" % (market.now_ns, market.step()))
        if n % 7 == 0:
            out.append(b"%d %b\n" % (market.now_ns, market.trade()))
    return out


def begun(market, tick="0.10"):
    return [b"%d %b\n" % (START_NS, info(tick)), b"%d %b\n" % (START_NS, market.snapshot()[1])]


def written(folder, name, found):
    path = folder / name
    path.write_bytes(b"".join(found))
    return path


def test_a_later_exchange_info_applies_from_its_place_on(tmp_path):
    market = Leaning()
    first = begun(market) + lines(market, 800)
    second = [b"%d %b\n" % (market.now_ns, info("0.50")), *lines(market, 800)]
    alone = hft.backtest(written(tmp_path, "one.txt", first))
    both = hft.backtest([written(tmp_path, "one.txt", first), written(tmp_path, "two.txt", second)])
    assert both.summary.rejected_messages == 0
    assert len(both.fills) > len(alone.fills) > 0
    early = both.fills[both.fills["local_ts_ns"] < market.now_ns - 8_200_000_000]
    known = alone.fills[: len(early)]
    assert np.array_equal(early["price"], known["price"])
    assert np.array_equal(early["exch_ts_ns"], known["exch_ts_ns"])
    late = both.orders[(both.orders["created_ns"] > START_NS + 8_100_000_000) & (both.orders["type"] == "limit")]
    assert len(late)
    assert np.all(late["price"] * 2 == np.round(late["price"] * 2))
    assert np.any(both.orders["price"] * 2 != np.round(both.orders["price"] * 2))


def test_a_tick_that_becomes_finer_loses_no_message_and_no_book(tmp_path):
    market = Leaning()
    found = begun(market) + lines(market, 500)
    market.decimals = 2
    found += [b"%d %b\n" % (market.now_ns, info("0.01")), *lines(market, 500)]
    result = hft.backtest(written(tmp_path, "one.txt", found))
    assert (result.summary.rejected_messages, result.summary.gaps, result.summary.resyncs) == (0, 0, 0)
    assert bool(result.series["synced"].all())
    assert len(result.fills)


def test_event_files_carry_the_change(tmp_path):
    market = Leaning()
    found = begun(market) + lines(market, 500)
    found += [b"%d %b\n" % (market.now_ns, info("0.50", status="BREAK")), *lines(market, 300)]
    found += [b"%d %b\n" % (market.now_ns, info("0.05")), *lines(market, 500)]
    path = written(tmp_path, "one.txt", found)
    config = hft.Config()
    assert convert(config, [path], tmp_path / "one.events") == 0
    direct, events = hft.backtest(path), hft.backtest(tmp_path / "one.events")
    assert len(direct.fills)
    assert np.array_equal(direct.fills, events.fills)
    assert np.array_equal(direct.orders, events.orders)
    assert direct.summary.state_hash == events.summary.state_hash
    assert direct.summary.rejects == events.summary.rejects
    assert direct.summary.rejects["not_trading"] > 0


def test_settings_win_over_every_exchange_info(tmp_path):
    market = Leaning()
    found = begun(market) + lines(market, 300) + [b"%d %b\n" % (market.now_ns, info("0.50")), *lines(market, 300)]
    rules = msgspec.convert({"tick": "0.1", "step": "0.001"}, hft.config.SymbolRules)
    config = msgspec.structs.replace(hft.Config(), feed=msgspec.structs.replace(hft.Config().feed, symbols={"BTCUSDT": rules}))
    result = hft.backtest(written(tmp_path, "one.txt", found), config)
    limits = result.orders[result.orders["type"] == "limit"]
    assert np.any(limits["price"] * 2 != np.round(limits["price"] * 2))


def test_case_09_the_later_coarser_exchange_info_does_not_spoil_day_1():
    first, second = (data.find(f"{CASE}/{name}") for name in ("day1.txt.gz", "day2_coarser_exchangeInfo.txt.gz"))
    alone, both = hft.backtest(Path(first)), hft.backtest([Path(first), Path(second)])
    assert len(alone.fills)
    assert np.array_equal(alone.fills["price"], both.fills["price"])
    assert alone.summary.rejected_messages == both.summary.rejected_messages == 0


@pytest.mark.parametrize("name", ["finer_after_10500_records.txt.gz"])
def test_case_09_a_tick_that_becomes_finer_within_a_file(name):
    result = hft.backtest(Path(data.find(f"{CASE}/{name}")))
    assert (result.summary.rejected_messages, result.summary.gaps) == (0, 0)
