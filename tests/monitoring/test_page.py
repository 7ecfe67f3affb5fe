"""The page as people read it: exact decimals, names for codes, ages on the engine's clock."""

from decimal import Decimal

import pytest

from hft.errors import UsageError
from hft.monitoring.page import PageReader, open_page, view
from tests.monitoring.conftest import BTC, Engine, busy


def test_prices_quantities_and_money_are_exact_decimals(engine, path):
    busy(engine)
    state = PageReader(path).read()
    btc, eth = state.symbols
    assert [(str(b.price), str(b.qty)) for b in btc.bids] == [("61800.1", "2.500"), ("61800.0", "1.000")]
    assert (btc.mid, btc.mark, btc.position) == (Decimal("61800.15"), Decimal("61800.15"), Decimal("0.25"))
    assert (btc.pnl.realised, btc.pnl.fees, btc.pnl.total) == (Decimal("-1.5"), Decimal(1), Decimal("-2.25"))
    assert (state.pnl.total, state.exposure) == (Decimal("-2.25"), Decimal(10_000))
    assert (eth.bids, eth.mid, eth.signal, eth.position) == ([], None, None, 0)


def test_features_come_in_the_symbols_own_units_and_only_where_valid(engine, path):
    busy(engine)
    features = PageReader(path).read().symbols[0].features
    assert features["mid"] == pytest.approx(61800.15)
    assert features["ofi"] == pytest.approx(0.00025)
    assert features["momentum"] == 0.25
    assert features["intensity"] is None  # the flow bit is not set
    assert features["spread_bps"] == 0.016


def test_recent_orders_and_fills_have_words(engine, path):
    busy(engine)
    rejected, fill, sent = PageReader(path).read().recent
    assert (rejected.status, rejected.reason, rejected.side) == ("rejected", "rate_limit", "sell")
    assert (fill.kind, fill.price, fill.qty, fill.maker, fill.status) == ("fill", Decimal("61800.2"), Decimal("0.25"), False, "")
    assert (sent.kind, sent.status, sent.order_id) == ("order", "pending_new", (7 << 32) + 41)


def test_ages_are_reported_on_the_engines_clock(engine):
    """The reader's wall clock plays no part: only the monotonic one that both processes share."""
    raw = engine.page.read()
    start = raw["header"]["start_ns"]
    raw["header"].update(heartbeat_ns=start + 2_000_000_000)
    raw["symbols"][0]["view"].update(last_update_ns=start + 1_000_000_000)
    state = view(raw, engine.monotonic_ns + 2_500_000_000)
    assert (state.heartbeat_age_ns, state.symbols[0].update_age_ns, state.uptime_ns) == (
        500_000_000,
        1_500_000_000,
        2_000_000_000,
    )


@pytest.mark.parametrize(
    ("ago_s", "flags", "life"),
    [
        (0, {"running"}, "running"),
        (5, {"running"}, "silent"),
        (-3600, {"running"}, "silent"),
        (0, {"running", "stopping"}, "stopping"),
        (5, {"stopping"}, "silent"),
        (0, set(), "stopped"),
        (3600, set(), "stopped"),
    ],
)
def test_what_an_engine_is_up_to(engine, path, ago_s, flags, life):
    for name in ("running", "stopping"):
        engine.page.flag(name, name in flags)
    engine.beat(ago_s)
    assert PageReader(path).read().life == life


@pytest.mark.parametrize("ago_s", [0, 60])
@pytest.mark.parametrize(("flag", "life"), [("running", "gone"), ("stopping", "gone"), (None, "stopped")])
def test_an_engine_whose_process_has_ended_without_a_word_is_gone(engine, path, ago_s, flag, life):
    engine.page.flag("running", False)
    if flag is not None:
        engine.page.flag(flag)
    engine.beat(ago_s)
    engine.page.close()         # with it goes the lock, as with a process that was killed
    assert PageReader(path).read().life == life


def test_a_reader_follows_the_next_engine_on_the_file(engine, path):
    reader = PageReader(path)
    assert len(reader.read().symbols) == 2
    engine.page.close()
    second = Engine(path, [BTC], start_ns=engine.start_ns + 1)
    assert len(reader.read().symbols) == 1
    second.page.close()


def test_failures_are_one_line_with_the_way_out(tmp_path):
    with pytest.raises(UsageError, match="no such state page; start `hft live`, or name"):
        open_page(tmp_path / "none.state")
    (tmp_path / "notes").write_text("x" * 100_000)
    with pytest.raises(UsageError, match="not a state page"):
        open_page(tmp_path / "notes")


def test_a_page_that_is_being_set_up_is_an_error_that_passes(engine, path):
    reader = PageReader(path)
    whole = path.read_bytes()[:8]

    def begin_with(magic):
        with open(path, "r+b") as file:
            file.write(magic)

    begin_with(b"HFTPAGE\x01")
    for _ in range(2):
        with pytest.raises(UsageError, match="being set up"):
            reader.read()
    begin_with(whole)
    assert reader.read().run == 7
