"""Healthy means all of it; each thing that can be wrong has its reason."""

import re

import pytest

from hft.monitoring.health import assess
from hft.monitoring.page import PageReader
from hft.monitoring.view import View, line


def test_a_healthy_engine_has_no_reason(engine, path):
    health = assess(PageReader(path).read())
    assert (health.status, health.reasons, health.ok) == ("ok", [], True)
    assert health.symbols == {"BTCUSDT": "synced", "ETHUSDT": "synced"}


def test_a_quiet_symbol_is_not_a_stale_one(engine, path):
    engine.view(1, last_update_ns=engine.now(ago_s=600))
    assert assess(PageReader(path).read()).ok


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda e: e.beat(ago_s=3), "heartbeat_stale"),
        (lambda e: e.page.flag("running", False), "stopped"),
        (lambda e: e.page.flag("stopping"), "stopping"),
        (lambda e: e.view(1, sync_state=1, book_status=1), r"not_synced: the book of ETHUSDT is suspect \(buffering\)"),
        (lambda e: e.view(1, sync_state=1, book_status=2), r"not_synced: the book of ETHUSDT is syncing \(buffering\)"),
        (lambda e: e.view(1, book_status=1), r"not_synced: the book of ETHUSDT is suspect \(synced\)"),     # a side is empty
        (lambda e: e.view(0, connected=0), "not_connected: BTCUSDT"),
        (lambda e: e.totals(writer_lag_ns=1_500_000_000), "writer_behind: a record has waited 1.5 s"),
        (lambda e: e.totals(journal_used=5001), "writer_behind: 5001 of 10000"),
        (lambda e: e.page.flag("writer_failed"), "writer_failed"),
        (lambda e: e.page.flag("log_failed"), "log_failed: the log can't be written"),
        (lambda e: e.page.flag("halted"), "halted"),
        (lambda e: e.page.kill_set(True, 39, 1), r"kill_switch: on \(loss_limit\)"),
        (lambda e: e.page.request_kill(True, 1), "kill_switch: requested"),
    ],
)
def test_each_thing_that_is_wrong_is_named(engine, path, harm, reason):
    harm(engine)
    health = assess(PageReader(path).read())
    assert (health.status, len(health.reasons)) == ("unhealthy", 1)
    assert re.match(reason, health.reasons[0])


def test_a_violation_of_a_limit_stands_there_and_is_no_illness(engine, path):
    engine.page.reject(36, 3)
    assert assess(PageReader(path).read()).reasons == []
    engine.page.flag("risk_alert")
    health = assess(PageReader(path).read())
    assert (health.status, health.ok) == ("ok", True)
    assert health.reasons == [
        "risk_alert: orders were refused by a limit within the last minute (in this run: position_limit 3)"
    ]


def test_a_symbol_that_the_venue_does_not_trade_is_an_alert_and_in_the_view(engine, path):
    """The engine does what it should: it refuses orders."""
    engine.view(1, closed=1)
    state = PageReader(path).read()
    health = assess(state)
    assert health.ok
    assert health.reasons == ["not_trading: the venue does not trade ETHUSDT now; orders are refused"]
    shown = "\n".join(each.plain for each in View().lines(state, 80, 24))
    assert "not_trading: the venue does not trade ETHUSDT now" in shown
    assert "synced, not traded" in shown
    assert "not_trading: the venue does not trade ETHUSDT now" in line(state)
