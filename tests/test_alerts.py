"""What is rejected is logged by reason, now and then; a limit that refuses is an alert for a minute."""

import pytest

from hft._core.base import status
from hft.alerts import LIMITS, REPEAT_S, STANDS_S, Alerts


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, event, **values):
        self.lines.append(("warning", event, values))

    def info(self, event, **values):
        self.lines.append(("info", event, values))


@pytest.fixture
def log():
    return Log()


def test_a_reason_is_one_line_with_its_count_and_not_one_a_message(log):
    now = 0.0
    alerts = Alerts(log, lambda: now)
    for n in range(1, 101):
        now += 0.5
        alerts.check({"bad_json": n * 1000})
    assert len(log.lines) == 50 / REPEAT_S
    assert {(level, event, values["reason"]) for level, event, values in log.lines} == {
        ("warning", "messages were skipped", "bad_json")
    }
    alerts.check({"bad_json": 100_000}, end=True)
    assert sum(values["count"] for _, _, values in log.lines) == 100_000
    assert log.lines[-1][2]["in_all"] == 100_000


@pytest.mark.parametrize(
    ("reason", "level", "event"),
    [("bad_json", "warning", "messages were skipped"), ("sequence_gap", "warning", "updates were out of sequence"),
     ("bad_price", "info", "orders were rejected"), ("position_limit", "warning", "a risk limit refused orders"),
     ("clock_outliers", "warning", "stamps of the venue were ignored; their messages were applied")],
)
def test_each_kind_has_its_words(log, reason, level, event):
    Alerts(log, lambda: 0.0).check({reason: 3})
    assert log.lines == [(level, event, {"reason": reason, "count": 3, "in_all": 3})]


def test_what_is_every_day_is_no_line(log):
    Alerts(log, lambda: 0.0).check({"stale_update": 9, "ioc_rest": 9, "buffered": 9, "decode_fallback": 9, "user_cancel": 1})
    assert log.lines == []


@pytest.mark.parametrize("reason", LIMITS)
def test_a_limit_that_refuses_is_an_alert_for_a_minute(log, reason):
    now = 0.0
    alerts = Alerts(log, lambda: now)
    alerts.check({"not_synced": 5})
    assert not alerts.risk
    alerts.check({"not_synced": 5, reason: 1})
    assert alerts.risk
    now = STANDS_S - 1
    alerts.check({"not_synced": 5, reason: 1})
    assert alerts.risk
    now = STANDS_S + 1
    alerts.check({"not_synced": 5, reason: 1})
    assert not alerts.risk


def test_every_reason_is_a_status_code():
    from hft.alerts import _EVENTS

    assert set(_EVENTS) - {"clock_outliers"} <= {status.name(code) for code in range(96)}     # that one is a counter of its own
