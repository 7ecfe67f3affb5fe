"""The terminal view draws whatever the page holds, a dead engine's too."""

import io

import pytest
from rich.console import Console

from hft.errors import UsageError
from hft.monitoring.page import PageReader
from hft.monitoring.watch import render, watch
from tests.monitoring.conftest import busy


def drawn(path, width=150):
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(render(PageReader(path).read(), width))
    return console.export_text()


def test_everything_that_matters_is_in_the_picture(engine, path):
    busy(engine)
    text = drawn(path)
    for word in (
        *("imbalance_v1", "sim-usdm", "running", "kill switch off"),
        *("BTCUSDT", "synced", "61,800.1", "61,800.2", "2.500", "momentum"),
        *("+0.62 at 80%", "+0.250", "-2.25", "tick to trade", "market channel", "25%", "9,802"),
        *("7.41", "pending new", "rejected rate_limit", "rate_limit", "00:00:00.000"),
    ):
        assert word in text, word


def test_a_page_without_anything_on_it_is_drawn(engine, path):
    text = drawn(path)
    assert "flat" in text
    assert "running" in text


@pytest.mark.parametrize("width", [40, 80, 250])
def test_it_fits_the_terminal(engine, path, width):
    busy(engine)
    assert max(map(len, drawn(path, width).splitlines())) <= width


def test_a_dead_engine_is_shown_to_be_dead(engine, path):
    busy(engine)
    engine.beat(ago_s=90)
    text = drawn(path)
    assert "no heartbeat for 90 s" in text
    assert "heartbeat_stale" in text


def test_a_half_written_page_is_shown_to_be_one(engine, path):
    engine.totals(timestamp_ns=0x1122334455667788)
    words = (2).to_bytes(8, "little"), (4).to_bytes(8, "little")
    raw, stamp = path.read_bytes(), (0x1122334455667788).to_bytes(8, "little")
    place = raw.index(stamp) - 8
    assert raw[place : place + 8] in words
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(b"\x05")
    assert PageReader(path).read().torn
    assert "figures may be inconsistent" in drawn(path)


def test_what_is_wrong_is_in_plain_sight(engine, path):
    engine.view(0, sync_state=1, book_status=1)
    engine.page.kill_set(True, 39, 1)
    text = drawn(path)
    assert "kill switch ON" in text
    assert "the book of BTCUSDT is suspect (buffering)" in text


def test_once_prints_and_ends(engine, path, capsys):
    assert watch(path, once=True) == 0
    assert "BTCUSDT" in capsys.readouterr().out


def test_no_page_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match=r"none: no such state page; start `hft live`, or name .*--config"):
        watch(tmp_path / "none", once=True)


def test_the_view_exports_as_a_picture(engine, path):
    busy(engine)
    console = Console(width=150, file=io.StringIO(), record=True)
    console.print(render(PageReader(path).read(), 150))
    assert console.export_svg(title="hft").startswith("<svg")
