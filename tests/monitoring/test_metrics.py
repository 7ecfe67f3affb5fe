"""The names are those of the design, the values those of the page."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hft.monitoring.metrics import BUCKETS_S, PageCollector
from hft.monitoring.page import PageReader
from tests.monitoring.conftest import busy


@pytest.fixture
def scrape(engine, path):
    """Samples by (name, labels), through the text format and back."""
    registry = CollectorRegistry()
    registry.register(PageCollector(PageReader(path).read))

    def scraped():
        families = list(text_string_to_metric_families(generate_latest(registry).decode()))
        scraped.types = {family.name: family.type for family in families}
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}

    return scraped


def test_the_names_of_the_design(engine, scrape):
    busy(engine)
    samples = scrape()
    assert samples[("strategy_market_updates_total",)] == 700 + 6800 + 2300 + 2
    assert samples[("strategy_signals_generated_total",)] == 120
    assert samples[("strategy_orders_submitted_total",)] == 40
    assert samples[("strategy_pnl_total",)] == -2.25
    assert samples[("strategy_position_size", "BTCUSDT")] == 0.25
    assert samples[("strategy_position_size", "ETHUSDT")] == 0
    assert samples[("strategy_channel_utilization_ratio", "market")] == 0.25
    assert samples[("strategy_feature_calculation_duration_seconds_count",)] == 1
    assert scrape.types["strategy_tick_to_trade_duration_seconds"] == "histogram"
    assert scrape.types["strategy_pnl_total"] == "gauge"


def test_the_histogram_is_cumulative_over_the_named_buckets(engine, scrape):
    busy(engine)
    samples = scrape()
    name = "strategy_tick_to_trade_duration_seconds"
    bounds = {float(key[1]): value for key, value in samples.items() if key[0] == f"{name}_bucket"}
    assert {1e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4} < bounds.keys()
    assert min(bounds) == 1e-7
    assert [bounds[b] for b in (1e-7, 2e-7, 5e-7, 1e-6, 2e-6, 5e-6, 2e-5, 5e-5, 1e-3, float("inf"))] == [
        1,
        2,
        3,
        4,
        5,
        6,
        6,
        7,
        7,
        8,
    ]
    assert samples[(f"{name}_count",)] == 8
    assert samples[(f"{name}_sum",)] == pytest.approx(2_036_440e-9)


@pytest.mark.parametrize("seconds", BUCKETS_S)
def test_a_bound_parts_what_is_three_percent_below_from_what_is_above(engine, scrape, seconds):
    histogram = engine.page.histogram("tick")
    histogram.add(round(seconds * 0.97e9))
    histogram.add(round(seconds * 1.03e9))
    samples = scrape()
    (value,) = [v for key, v in samples.items() if key[0] == "strategy_tick_duration_seconds_bucket" and float(key[1]) == seconds]
    assert value == 1


def test_rejects_go_by_reason(engine, scrape):
    busy(engine)
    samples = scrape()
    assert samples[("strategy_rejects_total", "rate_limit")] == 12
    assert samples[("strategy_rejects_total", "stale_update")] == 5
    assert samples[("strategy_faults_total", "overflow")] == 1
    assert (samples[("strategy_fills_total", "maker")], samples[("strategy_fills_total", "taker")]) == (4, 26)
    assert samples[("strategy_messages_total", "bookTicker")] == 6800


def test_a_book_in_sync_with_a_side_missing_is_not_trusted(engine, scrape):
    engine.view(1, book_status=1)
    samples = scrape()
    assert (samples[("strategy_book_synced", "ETHUSDT")], samples[("strategy_book_status_synced", "ETHUSDT")]) == (1, 0)
    assert samples[("strategy_book_status_synced", "BTCUSDT")] == 1


def test_a_dead_engine_is_down_and_its_last_figures_stay(engine, scrape):
    busy(engine)
    assert scrape()[("strategy_up",)] == 1
    engine.beat(ago_s=10)
    samples = scrape()
    assert samples[("strategy_up",)] == 0
    assert samples[("strategy_heartbeat_age_seconds",)] >= 10
    assert samples[("strategy_orders_submitted_total",)] == 40


def test_what_has_no_value_has_no_sample(engine, scrape):
    assert ("strategy_mid_price", "BTCUSDT") not in scrape()
    busy(engine)
    samples = scrape()
    assert samples[("strategy_mid_price", "BTCUSDT")] == 61800.15
    assert ("strategy_mid_price", "ETHUSDT") not in samples
