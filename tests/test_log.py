"""Structured logging: complete, ordered, off the caller's thread, and without rich."""

import contextlib
import json
import logging
import os
import select
import stat
import subprocess
import sys
import threading
import time
import tty
from io import StringIO
from pathlib import Path

import pytest

from hft import logfile
from hft.config import Logging
from hft.errors import UsageError, VenueUnreachable
from hft.log import close_log, get_logger, log_trouble, open_log


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
    open_log(path, Logging(event_limit=0), stream=None)
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


def test_a_slow_disk_holds_up_nobody_and_dropped_lines_are_counted():
    """The disk is a terminal that nobody reads: the writer stands still, the caller does not."""
    reader, terminal = os.openpty()
    tty.setraw(terminal)
    writer = open_log(Path(os.ttyname(terminal)), Logging(queue_size=64, event_limit=0), stream=None)
    log = get_logger("hft")
    for n in range(1000):
        log.info("x" * 1000, n=n)       # a terminal holds some KB: the writer is stuck after a few lines
    assert writer.dropped >= 1000 - 64 - 32

    text = bytearray()
    closer = threading.Thread(target=close_log)
    closer.start()
    os.set_blocking(reader, False)
    while closer.is_alive() or select.select([reader], [], [], 0.1)[0]:
        with contextlib.suppress(BlockingIOError):
            text += os.read(reader, 1 << 16)
    closer.join()
    os.close(terminal)
    os.close(reader)
    last = json.loads(text.splitlines()[-1])
    assert (last["event"], last["count"]) == ("log lines dropped", writer.dropped)
    assert len(text.splitlines()) + writer.dropped == 1001


def test_a_full_disk_is_reported_once_and_trading_goes_on():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    stream = StringIO()
    writer = open_log(Path("/dev/full"), Logging(console_level="error"), stream)
    get_logger("hft").info("one")
    get_logger("hft").info("two")
    close_log()
    assert writer.failed == 2
    assert stream.getvalue() == "log file: can't be written: No space left on device; trading goes on without it\n"


HOSTILE = "gone\x1b[2J\x9b1m\r\n2026-01-01 12:00:00.000 info     all is well\u2028\u202e\udc80"


def test_a_text_of_somebody_else_s_stays_one_printable_line(tmp_path):
    """No escape reaches the terminal, no line of it looks like one of ours, and a text that has no end is cut."""
    path, stream = tmp_path / "strategy.log", StringIO()
    open_log(path, stream=stream)
    log = get_logger("hft.feed")
    log.warning("refused", text=HOSTILE, symbols=[HOSTILE], more={HOSTILE: HOSTILE}, long="x" * 10_000, number=1 << 70)
    log.warning(HOSTILE)
    logging.getLogger("picows").warning("closed: %s", HOSTILE[:-1])      # pytest, too, keeps it, and takes no half of a pair
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("strategy raised")
    close_log()
    shown = stream.getvalue()
    assert all(each.isprintable() for each in shown.replace("\n", ""))
    assert sum(not line.startswith("    ") for line in shown.splitlines()) == 4
    events = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert len(events) == 4
    assert events[0]["long"] == "x" * 2000 + "… (8000 more)"
    assert events[0]["text"].startswith(r"gone\x1b[2J\x9b1m\r\n2026")
    assert all(each.isprintable() for each in path.read_text("utf-8").replace("\n", ""))


def test_an_error_of_the_venue_s_words_is_one_printable_line():
    message = str(VenueUnreachable(f"answers 400: {HOSTILE}", where="ws://x\x07", do="y" * 10_000))
    assert message.isprintable()
    assert len(message) < 2100


def test_of_a_flood_a_limited_number_of_lines_is_written_and_the_others_are_counted(tmp_path):
    path, stream = tmp_path / "strategy.log", StringIO()
    open_log(path, Logging(event_limit=50, queue_size=10_000), stream=stream)
    log = get_logger("hft.feed")
    for n in range(5000):
        log.warning("snapshot failed", n=n)
    log.warning("another")
    close_log()
    events = lines(path)
    assert [event["n"] for event in events if event["event"] == "snapshot failed"] == list(range(50))
    (left_out,) = [event for event in events if event["event"] == "log lines left out"]
    assert (left_out["of"], left_out["count"]) == ("hft.feed: snapshot failed", 4950)
    assert sum(event["event"] == "another" for event in events) == 1
    assert len(stream.getvalue().splitlines()) == 52


def test_kinds_of_events_without_end_are_limited_together(tmp_path):
    """A library that puts its text into the message is one flood, whatever it says."""
    path = tmp_path / "strategy.log"
    open_log(path, Logging(event_limit=50), stream=None)
    for n in range(9000):
        logging.getLogger("library").warning(f"message {n}")
    close_log()
    events = lines(path)
    assert len(events) == logfile.MOST_EVENTS + 50 + 1
    assert (events[-1]["of"], events[-1]["count"]) == ("of other kinds", 9000 - logfile.MOST_EVENTS - 50)


def test_the_file_is_rotated_by_its_size_and_so_many_are_kept(tmp_path):
    path = tmp_path / "strategy.log"
    path.write_text('{"n":-1}\n' * 100_000)
    open_log(path, Logging(event_limit=0, rotate_mb=1, keep=2, queue_size=100_000), stream=None)
    log = get_logger("hft")
    for n in range(40_000):
        log.info("n", n=n)
    close_log()
    files = sorted(tmp_path.iterdir())
    assert [each.name for each in files] == ["strategy.log", "strategy.log.1", "strategy.log.2"]
    assert all(each.stat().st_size <= 1_000_000 and stat.S_IMODE(each.stat().st_mode) == 0o600 for each in files)
    kept = [event["n"] for each in reversed(files) for event in lines(each)]
    assert kept == list(range(kept[0], 40_000))
    assert kept[0] > 0


def test_a_link_or_a_pipe_in_the_place_of_the_log_is_refused(tmp_path):
    """What a link leads to is another's; a pipe that nobody reads would hold up the run."""
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    victim.chmod(0o644)
    (tmp_path / "link").symlink_to(victim)
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("link", "a symbolic link"), ("pipe", "No such device|a pipe")):
        with pytest.raises(UsageError, match=f"the log can't be written: .*({why})"):
            open_log(tmp_path / name)
    assert victim.read_text() == "mine\n"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o644


def test_a_log_that_can_t_be_rotated_says_so_and_goes_on(tmp_path):
    path = tmp_path / "strategy.log"
    (tmp_path / "strategy.log.1" / "in the way").mkdir(parents=True)
    open_log(path, Logging(event_limit=0, rotate_mb=1, keep=1, queue_size=100_000), stream=None)
    for n in range(15_000):
        get_logger("hft").info("n", n=n)
    close_log()
    events = lines(path)
    assert [event["n"] for event in events if event["event"] == "n"] == list(range(15_000))
    assert [event["why"] for event in events if event["event"] == "the log can't be rotated"] == ["Is a directory"]


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


def test_the_log_lives_on_where_file_and_stream_both_fail_and_says_why():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    reading, writing = os.pipe()
    os.close(reading)
    with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "w") as stream:
        writer = open_log(Path("/dev/full"), Logging(), stream)
        get_logger("hft").error("one")
        get_logger("hft").error("two")
        assert log_trouble() in ("", "No space left on device")     # it may not have come to it yet
        close_log()
    assert (writer.failed, writer.trouble) == (2, "No space left on device")
    assert log_trouble() == ""


class Unshown:
    def __str__(self):
        raise RecursionError


def test_a_value_that_can_not_be_shown_costs_its_own_line_alone(tmp_path):
    path = tmp_path / "strategy.log"
    open_log(path, stream=None)
    get_logger("hft").error("one", value=Unshown())
    get_logger("hft").error("two")
    close_log()
    assert [(event["event"], event.get("of")) for event in lines(path)] == [("a log line can't be written", "one"), ("two", None)]


@pytest.mark.parametrize("folder", [False, True])
def test_a_log_that_is_deleted_goes_on_in_a_new_file(tmp_path, folder):
    path = tmp_path / "data" / "strategy.log"
    writer = open_log(path, stream=None)
    get_logger("hft").info("one")
    give_up = time.monotonic() + 60
    while not path.read_text("utf-8"):
        assert time.monotonic() < give_up
        time.sleep(0.005)
    path.unlink()
    if folder:
        path.parent.rmdir()
    get_logger("hft").info("two")
    get_logger("hft").info("three")
    close_log()
    assert [event["event"] for event in lines(path)] == [
        "two", "the log was deleted or replaced; it continues in a new file", "three",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert writer.failed == 0
