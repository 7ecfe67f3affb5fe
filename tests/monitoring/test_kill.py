"""`hft kill`: one atomic write, and a line that says what came of it."""

import subprocess
import sys
import threading

import pytest

from hft._core.record.pagefile import SETTING_UP
from hft.errors import Unanswered, UsageError
from hft.monitoring import kill
from hft.monitoring.kill import trip
from hft.monitoring.page import open_page
from tests.monitoring.conftest import BTC, Engine

KILL = "import sys; from hft.monitoring.kill import trip; print(trip(sys.argv[1], release='release' in sys.argv, wait_s=30))"


def outside(path, *options):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", KILL, str(path), *options], capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_a_running_engine_answers(engine, path):
    stop = threading.Event()

    def run():  # the engine's 10 ms timer
        while not stop.wait(0.01):
            engine.beat()
            request = engine.page.kill_poll()
            if request:
                engine.page.kill_set(request == 1, 32, engine.now())

    timer = threading.Thread(target=run)
    timer.start()
    try:
        assert "tripped; the engine" in (message := outside(path))
        assert "has it on" in message
        assert engine.page.read()["header"]["kill_on"] is True
        assert "has it off" in outside(path, "release")
        assert engine.page.read()["header"]["kill_on"] is False
    finally:
        stop.set()
        timer.join()


def test_without_an_engine_the_next_one_begins_with_it(engine, path):
    engine.page.flag("running", False)
    engine.page.close()
    assert "no engine is running" in trip(path)
    successor = Engine(path, [BTC])
    assert successor.page.kill_poll() == 1
    successor.page.close()


@pytest.mark.parametrize("ago_s", [0, 60])
def test_an_engine_that_does_not_answer_is_no_success(engine, path, ago_s):
    """Running by its heartbeat or not: its process has the page."""
    engine.beat(ago_s=ago_s)
    with pytest.raises(Unanswered, match=r"has not answered within 0.1 s.*kill -CONT"):
        trip(path, wait_s=0.1)
    assert engine.page.kill_poll() == 1


def test_no_page_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match=r"none: no such state page; start `hft live`, or name .*--config"):
        trip(tmp_path / "none")


def test_a_page_that_an_engine_is_setting_up_is_no_answer(engine, path, monkeypatch):
    """It has neither a request nor an answer yet, which are then equal."""

    class TakenOver:
        """The page, on which a new engine begins as soon as the request was written."""

        def __init__(self, *arguments, **options):
            self.page = open_page(*arguments, **options)

        def request_kill(self, on, now_ns):
            self.page.request_kill(on, now_ns)
            with open(path, "r+b") as file:
                file.write(SETTING_UP + bytes(504))

        def __getattr__(self, name):
            return getattr(self.page, name)

    monkeypatch.setattr(kill, "open_page", TakenOver)
    with pytest.raises(Unanswered):
        trip(path, wait_s=0.1)
