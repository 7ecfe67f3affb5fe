"""The log's warnings in the terminal view."""

import json

from hft.monitoring.page import PageReader
from hft.monitoring.view import View
from hft.monitoring.warned import MOST, Warned

BEFORE, AFTER = "2026-09-21T13:00:00.000000Z", "2026-09-21T14:30:00.000000Z"       # the engine of the tests starts at 14:13:20


def line(level, event, timestamp=AFTER, **fields):
    return json.dumps({"timestamp": timestamp, "level": level, "event": event, "logger": "hft.trading.session", **fields},
                      separators=(",", ":")) + "\n"


def shown(view, path):
    return "\n".join(each.plain for each in view.lines(PageReader(path).read(), 80, 24))


def test_the_number_and_the_last_of_the_run_s_warnings_are_shown(engine, path):
    log = path.with_suffix(".log")
    log.write_text(line("warning", "of the run before", BEFORE) + line("info", "connected"))
    view = View()
    assert "warning" not in shown(view, path)
    with log.open("a") as file:
        file.write(line("warning", "not trading", text="the venue says BREAK"))
    assert "1 warning in strategy.log: 14:30:00 not trading text=the venue says BREAK" in shown(view, path)
    with log.open("a") as file:
        file.write(line("error", "up\x1b[2J") + line("warning", "half a line")[:30])
    text = shown(view, path)
    assert "2 warnings, the last in strategy.log: 14:30:00 up" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_log_that_was_rotated_is_followed(tmp_path):
    path = tmp_path / "a.log"
    warned = Warned(path, 0)
    warned.check()       # there is none yet
    path.write_text(line("warning", "one"))
    warned.check()
    path.rename(tmp_path / "a.log.1")
    path.write_text(line("warning", "two"))
    warned.check()
    warned.check()
    assert (warned.count, warned.last) == (2, "14:30:00 two")


def test_a_long_log_is_read_from_its_end(tmp_path):
    path = tmp_path / "a.log"
    one = line("warning", "again")
    path.write_text(one * (2 * MOST // len(one)) + "no JSON\n" + line("error", "the end"))
    warned = Warned(path, 0)
    warned.check()
    assert 0 < warned.count <= MOST // len(one) + 1
    assert warned.last == "14:30:00 the end"
