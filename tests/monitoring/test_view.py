"""The terminal view fits whatever it is given, says what it leaves out, and shows all of it on some page."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from hft._core.base.types import Spec
from hft._core.record.journal import Journal
from hft.monitoring.layout import Block, pages
from hft.monitoring.orders import Orders
from hft.monitoring.page import PageReader
from hft.monitoring.view import View, line
from tests.monitoring.conftest import BTC, ETH, Engine, busy

SOL = Spec("SOLUSDT", tick="0.01", step="1")
SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(params=[1, 3], ids=["one symbol", "three symbols"])
def state(request, path):
    engine = Engine(path, [BTC, ETH, SOL][: request.param])
    busy(engine)
    yield PageReader(path).read()
    engine.page.close()


def drawn(view, state, width, height):
    return [each.plain for each in view.lines(state, width, height)]


def every_page(state, width, height):
    """What the pages show that the right-arrow key leads through, and how many there are."""
    view, seen = View(), []
    while True:
        shown = drawn(view, state, width, height)
        seen += shown
        found = re.match(r"page (\d+) of (\d+)", shown[-1])
        if found is None or found[1] == found[2]:
            return "\n".join(seen)
        view.press("right")


@pytest.mark.parametrize(("width", "height"), [*SIZES, (40, 10), (20, 5), (10, 2), (300, 100)])
def test_it_fits(state, width, height):
    shown = drawn(View(), state, width, height)
    assert len(shown) <= height
    assert max(map(len, shown)) <= width


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_everything_is_on_some_page(state, width, height):
    text = every_page(state, width, height)
    for word in (
        *("imbalance_v1", "running", "P&L -2.25", "kill switch off", "sim-usdm", "pid", "up "),
        *("BTCUSDT", "synced", "61,800.1", "2.500", "+0.62 at 80%", "+0.250", "open orders", "last update", "resyncs, gaps"),
        *("spread_bps", "momentum", "imbalance", "intensity", "tick to trade", "p99.9", "messages 9,802", "rate_limit 12"),
        *("overflow 1", "market channel", "time, UTC", "rejected"),
    ):
        assert word in text, word
    for symbol in state.symbols:
        assert symbol.name in text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_first_page_has_orders_latency_and_activity(state, width, height):
    text = "\n".join(drawn(View(), state, width, height))
    assert "tick to trade" in text
    assert "time, UTC" in text
    assert "messages 9,802" in text or "activity" in text.splitlines()[-1]


def test_a_foot_names_what_is_elsewhere(path):
    engine = Engine(path, [BTC, ETH, SOL])
    busy(engine)
    foot = drawn(View(), PageReader(path).read(), 80, 24)[-1]
    engine.page.close()
    assert foot.startswith("page 1 of ")
    assert "features" in foot


def test_keys(path):
    engine = Engine(path, [BTC, ETH, SOL])
    state = PageReader(path).read()
    engine.page.close()
    view = View()
    steps = [("up", "BTCUSDT"), ("2", "ETHUSDT"), ("tab", "SOLUSDT"), ("tab", "BTCUSDT"), ("p", "SOLUSDT"), ("9", "SOLUSDT")]
    drawn(view, state, 80, 24)
    for key, symbol in steps:
        assert view.press(key)
        assert any(f"── {symbol} " in each for each in drawn(view, state, 80, 24)), key
    assert not view.press("q")


def test_a_market_order_has_no_price_and_one_row(path):
    engine = Engine(path, [BTC])
    journal = Journal(8, run=7)
    order = (7 << 32) + 1
    at = 1_723_161_253_937_000_000
    fields = {"order_id": order, "side": -1, "type": 1, "tif": 1, "price": 611820, "qty": 250}
    journal.append_order(ts_ns=at, leaves=250, status=1, **fields)
    journal.append_fill(ts_ns=at + 10**6, order_id=order, side=-1, price=618002, qty=100, leaves=150, maker=0)
    journal.append_fill(ts_ns=at + 10**6, order_id=order, side=-1, price=618000, qty=150, leaves=0, maker=0)
    journal.append_order(ts_ns=at + 2 * 10**6, leaves=0, status=5, **fields)
    batch = journal.drain(8)
    view = View()
    for i in range(4):
        engine.page.recent(batch[128 * i : 128 * (i + 1)])
        shown = drawn(view, PageReader(path).read(), 120, 40)       # looked at in between: nothing is counted twice
    engine.page.close()
    (row,) = [each for each in shown if each.startswith("23:54:13")]
    assert row.split() == ["23:54:13.939", "7.1", "sell", "0.250", "market", "0.250", "61,800.08", "filled"]
    assert "61,182.0" not in "\n".join(shown)


def test_orders_are_kept_longer_than_the_page_does(path):
    engine = Engine(path, [BTC])
    reader, orders, journal = PageReader(path), Orders(), Journal(64, run=7)
    for n in range(100):
        journal.append_order(ts_ns=n, order_id=n + 1, side=1, type=0, tif=1, price=618003, qty=250, leaves=250, status=2)
        engine.page.recent(journal.drain(1))
        journal.commit(1)
        if n % 20 == 19:
            orders.add(reader.read().recent)
    engine.page.close()
    assert [row.order_id for row in orders] == list(range(100, 0, -1))


def test_a_line_for_a_pipe_is_one_plain_line(state):
    text = line(state)
    assert "\n" not in text
    assert "\x1b" not in text
    assert text.startswith("running, up ")
    assert "BTCUSDT synced mid 61800.15 position 0.250" in text


@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(0, 30), st.booleans(), st.booleans()), min_size=1, max_size=8),
    st.integers(1, 60),
)
def test_no_page_is_longer_than_its_height_and_no_section_is_lost(sizes, height):
    sections = [
        Block(str(i), least, least + more, lambda n, i=i: [Text(str(i))] * n, optional, scrolls)
        for i, (least, more, optional, scrolls) in enumerate(sizes)
    ]
    found = pages(sections, [str(i) for i in reversed(range(len(sizes)))], height)
    for page in found:
        assert sum(lines for _, lines in page.sections) <= height
    for section in sections:
        given_ = [lines for page in found for one, lines in page.sections if one.name == section.name]
        assert given_ or section.optional
        assert section.optional or section.scrolls or max(given_) == min(section.most, height)
