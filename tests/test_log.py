"""Structured logging: complete, ordered, off the caller's thread, and without rich."""

import json
import logging
import os
import stat
import subprocess
import sys
import threading
from io import StringIO

import pytest

from hft.config import Logging
from hft.errors import UsageError
from hft.log import close_log, get_logger, open_log


@pytest.fixture(autouse=True)
def closed():
    yield
    close_log()


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_line_has_time_level_event_logger_and_fields(tmp_path):
    path, stream = tmp_path / "data" / "strategy.log", StringIO()
    open_log(path, stream=stream)
    get_logger("hft.feed").bind(symbol="BTCUSDT").warning("resync", gap=3)
    close_log()

    (event,) = lines(path)
    assert list(event) == ["timestamp", "level", "event", "logger", "symbol", "gap"]
    assert (event["level"], event["event"], event["logger"], event["gap"]) == ("warning", "resync", "hft.feed", 3)
    assert stream.getvalue() == f"{event['timestamp'][11:23]} warning  resync symbol=BTCUSDT gap=3\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_events_keep_their_order_and_none_is_lost(tmp_path):
    path = tmp_path / "strategy.log"
    open_log(path, stream=None)
    log = get_logger("hft")
    for n in range(2000):
        log.info("n", n=n)
    close_log()
    assert [event["n"] for event in lines(path)] == list(range(2000))


def test_levels_are_chosen_per_destination(tmp_path):
    path, stream = tmp_path / "strategy.log", StringIO()
    open_log(path, Logging(level="warning", console_level="error"), stream)
    log = get_logger("hft")
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level)
    close_log()
    assert [event["event"] for event in lines(path)] == ["warning", "error"]
    assert [line.split()[2] for line in stream.getvalue().splitlines()] == ["error"]


def test_a_slow_disk_holds_up_nobody_and_dropped_lines_are_counted(tmp_path):
    """The disk is a pipe that nobody reads: the writer stands still, the caller does not."""
    path = tmp_path / "strategy.log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = open_log(path, Logging(queue_size=64), stream=None)
    log = get_logger("hft")
    for n in range(1000):
        log.info("x" * 4000, n=n)  # a pipe holds 64 KB: the writer is stuck after 16 lines
    assert writer.dropped >= 1000 - 64 - 32

    text = bytearray()
    os.set_blocking(reader, True)
    closer = threading.Thread(target=close_log)
    closer.start()
    while chunk := os.read(reader, 1 << 16):
        text += chunk
    closer.join()
    os.close(reader)
    last = json.loads(text.splitlines()[-1])
    assert (last["event"], last["count"]) == ("log lines dropped", writer.dropped)
    assert len(text.splitlines()) + writer.dropped == 1001


def test_a_full_disk_is_said_once_and_trading_goes_on(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    path, stream = tmp_path / "strategy.log", StringIO()
    path.symlink_to("/dev/full")
    writer = open_log(path, Logging(console_level="error"), stream)
    get_logger("hft").info("one")
    get_logger("hft").info("two")
    close_log()
    assert writer.failed == 2
    assert stream.getvalue() == "log file: can't be written: No space left on device; trading goes on without it\n"


def test_an_exception_is_kept_with_its_traceback(tmp_path):
    path = tmp_path / "strategy.log"
    open_log(path, stream=None)
    try:
        raise KeyError("BTCUSDT")
    except KeyError:
        get_logger("hft").exception("strategy raised")
    close_log()
    (event,) = lines(path)
    assert event["exception"].endswith("KeyError: 'BTCUSDT'")


def test_other_libraries_write_to_the_same_file(tmp_path):
    path = tmp_path / "strategy.log"
    open_log(path, stream=None)
    logging.getLogger("websockets").warning("closed with %d", 1006)
    close_log()
    (event,) = lines(path)
    assert (event["logger"], event["event"]) == ("websockets", "closed with 1006")


def test_without_a_log_events_go_to_the_standard_library(caplog):
    get_logger("hft.feed").warning("resync", gap=3)
    assert caplog.record_tuples == [("hft.feed", logging.WARNING, "resync gap=3")]


def test_a_log_that_can_t_be_opened_is_a_usage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="the log can't be written"):
        open_log(tmp_path / "file" / "strategy.log")


@pytest.mark.parametrize("first", ["", "import rich;"])
def test_structlog_comes_without_rich_and_rich_stays_importable(first):
    code = (
        f"import sys; {first} import hft.log; before = 'rich' in sys.modules;"
        "import rich.console; print(before, rich.console.Console is not None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{bool(first)} True\n"
